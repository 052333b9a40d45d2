"""What people write to the bot, and how its notices look."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import UserId
from bridge.matrix.bot import NOTICE_KEY, notice_content
from bridge.matrix.commands import HELP, command_of, unknown_command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("login", "login"),
        ("  Login.", "login"),
        ("!teams login", "login"),
        ("!login", "login"),
        ("`status`", "status"),
        ("help me please", "help"),
        ("", ""),
        ("!teams", ""),
    ],
)
def test_a_command_is_the_first_word_however_it_is_written(text: str, command: str) -> None:
    assert command_of(text) == command


@given(st.text())
def test_any_text_gets_a_short_answer(text: str) -> None:
    assert len(unknown_command(command_of(text))) < 120


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


def test_the_help_names_every_command() -> None:
    assert all(f"`{command}`" in HELP for command in ("login", "logout", "status", "help"))
