"""How the notices of the bot look."""

from __future__ import annotations

from bridge.domain.ids import UserId
from bridge.matrix.bot import NOTICE_KEY, notice_content


def test_a_notice_shows_code_and_links_and_nothing_else() -> None:
    content = notice_content("Write `<b>` to\nhttps://x.test/?a=1&b=2 <i>", key="k")

    assert content["formatted_body"] == (
        "Write <code>&lt;b&gt;</code> to<br/>"
        '<a href="https://x.test/?a=1&amp;b=2">https://x.test/?a=1&amp;b=2</a> &lt;i&gt;'
    )
    assert content["body"] == "Write `<b>` to\nhttps://x.test/?a=1&b=2 <i>"
    assert content["msgtype"] == "m.notice"
    assert content["m.mentions"] == {}
    assert content[NOTICE_KEY] == "k"


def test_a_notice_mentions_only_whom_it_means_to() -> None:
    anna = UserId("@anna:example.org")

    assert notice_content("x", key="k", mentions=[anna])["m.mentions"] == {"user_ids": [anna]}
