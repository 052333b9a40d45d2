"""An edit of one matrix event must not take from a message of Teams what the others show of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.convert.teams import render_teams
from bridge.domain.content import Attachment, Body, Image, Paragraph, Text, from_text
from bridge.domain.events import MessageEdited, Person
from bridge.domain.ids import MessageRef, Side, Version
from bridge.errors import Rejected
from bridge.ports import FarPart
from bridge.teams import outgoing
from bridge.teams.enclosing import kept
from bridge.teams.payloads import chat_message
from bridge.teams.rewording import reworded

PICTURE = "https://graph.microsoft.com/v1.0/chats/c/messages/1/hostedContents/aWQ=/$value"
SHOWN = f'<img src="{PICTURE}" alt="cup">'
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FILE = {
    "id": "00000000-0000-0000-0000-000000000001",
    "contentType": "reference",
    "contentUrl": "https://contoso.sharepoint.com/tea.pdf",
    "name": "tea.pdf",
}
CARD = {"id": "card", "contentType": "application/vnd.microsoft.card.thumbnail", "content": "{}"}
QUOTE = {"id": "1", "contentType": "messageReference", "content": '{"messageId":"1"}'}
PLACED = f'<attachment id="{FILE["id"]}"></attachment>'


def new(
    html: str, words: Body | str, *, part: int = 0, shown_in: int = 1, parts: int = 1, **more: Any
) -> str:
    """The new HTML of a message, as far as it comes from us."""
    before = {"id": "9", "body": {"contentType": "html", "content": html}, **more}
    event = MessageEdited(
        target=MessageRef("$e"),
        author=Person(id="@a:b"),
        version=Version("1"),
        sent_at=NOW,
        body=from_text(words) if isinstance(words, str) else words,
        parts=parts,
    )
    far = FarPart(part=part, ref=MessageRef("9"), origin=Side.TEAMS, author="a", shown_in=shown_in)
    hosted = outgoing.pictures_in(before)
    body = reworded(chat_message(before), event, far, hosted=len(hosted))
    return render_teams(kept(body, hosted, files=outgoing.files_in(before))[0])


def captioned(words: str, *, url: str = "mxc://h/1") -> Body:
    picture = Paragraph(content=(Image(alt="cup", url=url),))
    return Body(blocks=(picture, Paragraph(content=(Text(text=words),))))


def test_words_alone_are_replaced() -> None:
    assert new("<p>tea</p>", "coffee") == "coffee"
    assert new("<p>tea</p><p>and cake</p>", "coffee") == "coffee"
    answer = '<attachment id="1"></attachment><p>tea</p>'
    assert new(answer, "coffee", attachments=[QUOTE]) == "coffee", "it stays an answer"


def test_pictures_and_files_stay_around_the_words_that_are_replaced() -> None:
    line = f"<p>{SHOWN}</p>"
    assert new(f"<p>tea</p>{line}", "coffee", shown_in=2) == f"coffee<br>{SHOWN}"
    both = new(f"{line}<p>tea</p>{line}", "coffee", part=1, shown_in=3)
    assert both == f"{SHOWN}<br>coffee<br>{SHOWN}"
    with_file = new(f"<p>tea</p>{PLACED}", "coffee", shown_in=2, attachments=[FILE])
    assert with_file == "coffee", "what is attached is placed by whoever writes the request"


def test_a_caption_is_replaced_with_the_picture_that_it_stands_below() -> None:
    assert "coffee" in new(f"<p>{SHOWN}</p><p>tea</p>", captioned("coffee"))
    assert "coffee" in new(f"<p>{SHOWN}</p>", captioned("coffee"))


def test_a_subject_stays_what_it_is_if_the_words_still_begin_with_it() -> None:
    said = Body(blocks=(*from_text("Tea").blocks, *from_text("at five").blocks))
    assert new("<p>at four</p>", said, subject="Tea") == "at five"


@pytest.mark.parametrize(
    ("html", "words", "facts"),
    [
        pytest.param("<p>tea</p>", "part one", {"shown_in": 2}, id="cut into pieces"),
        pytest.param("<p>tea</p>", "long", {"parts": 2}, id="too long for one"),
        pytest.param(f"<p>tea</p>{SHOWN}", "not the picture", {"part": 1, "shown_in": 2}, id="not the words"),
        pytest.param(f"<p>tea</p>{SHOWN}", "coffee", {}, id="a picture that is not shown"),
        pytest.param(f"<p>a</p>{SHOWN}<p>b</p>", "c", {"shown_in": 3}, id="words around a picture"),
        pytest.param(f"<p>{SHOWN}</p>", "words", {}, id="nothing but a picture"),
        pytest.param(f"<ul><li>a {SHOWN}</li></ul>", "c", {"shown_in": 2}, id="within a list"),
        pytest.param("<p>a</p><img src='https://x.example/a.png'>", "c", {"shown_in": 2}, id="elsewhere"),
        pytest.param("<p>a</p>", "c", {"attachments": [CARD]}, id="a card"),
        pytest.param("<p>at four</p>", "at five", {"subject": "Tea"}, id="a subject that is gone"),
        pytest.param("<p>at four</p>", "Tea", {"subject": "Tea"}, id="nothing but the subject"),
        pytest.param("<p>a</p>", "c", {"importance": "urgent"}, id="urgency that is gone"),
        pytest.param("<p>a</p>", captioned("c"), {}, id="a picture instead of words"),
        pytest.param(f"<p>a</p>{SHOWN}{SHOWN}", captioned("c"), {"shown_in": 3}, id="several pictures"),
        pytest.param("<p>a</p><iframe src='https://x.example'></iframe>", "c", {}, id="not to be shown"),
    ],
)  # fmt: skip
def test_where_something_would_be_lost_nothing_is_changed(
    html: str, words: Body | str, facts: dict[str, Any]
) -> None:
    with pytest.raises(Rejected, match="would lose what else"):
        new(html, words, **facts)


def test_a_file_with_other_words_is_no_caption_of_it() -> None:
    file = Body(blocks=(Attachment(name="tea.pdf", url="mxc://h/1"), *from_text("x").blocks))
    assert "x" in new(PLACED, file, attachments=[FILE])
    with pytest.raises(Rejected):
        new(PLACED + "<p>a</p>", file, shown_in=2, attachments=[FILE])
