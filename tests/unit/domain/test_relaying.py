"""How words are said for somebody who cannot say them in Teams."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from bridge.convert.teams import render_teams
from bridge.domain.content import (
    Attachment,
    Bold,
    CodeBlock,
    Paragraph,
    Text,
    from_text,
    normalise,
    plain_text,
)
from bridge.domain.content.nodes import Body
from bridge.domain.events import Person, Reacted, Redacted, Sighting
from bridge.domain.ids import MessageRef, RoomId, TeamsUserId, UserId, Version
from bridge.domain.relaying import FORM_DEFAULT, Form, StandIn, said_for

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ANNA = Person(id="@anna:example.org")
STAND_IN = StandIn(
    speaker=TeamsUserId("service"),
    user=UserId("@anna:example.org"),
    name="Anna",
    form=Form.of(FORM_DEFAULT),
)


def seen(body: Body) -> Sighting:
    return Sighting(
        origin=RoomId("!room"),
        ref=MessageRef("$one"),
        version=Version(""),
        author=ANNA,
        sent_at=NOW,
        body=body,
    )


def said(body: Body, stand_in: StandIn = STAND_IN) -> Body:
    made = said_for(seen(body), stand_in)
    assert isinstance(made, Sighting)
    return made.body


def test_words_begin_with_who_says_them() -> None:
    assert said(from_text("hello")).blocks == (
        Paragraph(content=(Bold(content=(Text(text="Anna"),)), Text(text=": hello"))),
    )


def test_what_is_no_paragraph_comes_after_who_says_it() -> None:
    code = CodeBlock(text="x = 1")

    assert said(Body(blocks=(code,))).blocks[-1] == code
    assert plain_text(said(Body(blocks=(code,)))).startswith("Anna:")


def test_the_caption_of_a_file_begins_with_who_says_it() -> None:
    file = Attachment(name="plan.pdf")
    caption = from_text("the plan").blocks

    with_caption = said(Body(blocks=(file, *caption)))
    assert with_caption.blocks[0] == file
    assert plain_text(Body(blocks=with_caption.blocks[1:])) == "Anna: the plan"
    assert plain_text(said(Body(blocks=(file,)))).startswith("Anna:")


def test_the_template_may_name_the_user_and_look_otherwise() -> None:
    form = Form.of("<i>{name}</i> ({user}) writes: {message}")

    assert plain_text(said(from_text("hi"), replace(STAND_IN, form=form))) == (
        "Anna (@anna:example.org) writes: hi"
    )


@pytest.mark.parametrize(
    "template",
    ["{name}", "{message}", "{name}: {message}!", "<u>{name}</u> {message}", "{name} {x} {message}",
     "<b>{name} {message}", "<b><i>{name}</i></b> {message}"],
)  # fmt: skip
def test_a_template_that_is_none_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Form.of(template)


def test_a_reaction_is_words_that_answer_what_it_is_about() -> None:
    reacted = Reacted(
        origin=RoomId("!room"),
        ref=MessageRef("$reaction"),
        target=MessageRef("$one"),
        author=ANNA,
        key="👍",
        sent_at=NOW,
    )

    made = said_for(reacted, STAND_IN)

    assert isinstance(made, Sighting)
    assert (made.ref, made.reply_to) == ("$reaction", "$one")
    assert plain_text(made.body) == "Anna: reacted with 👍"


def test_what_is_taken_back_is_taken_back_as_it_is() -> None:
    gone = Redacted(
        origin=RoomId("!room"),
        ref=MessageRef("$gone"),
        target=MessageRef("$one"),
        author=ANNA,
        sent_at=NOW,
    )

    assert said_for(gone, STAND_IN) is gone


@given(st.text(), st.text())
def test_a_name_is_one_line_of_text_whatever_it_holds(name: str, words: str) -> None:
    body = said(from_text(words), replace(STAND_IN, name=name))

    assert body == normalise(body)
    [bold] = [n for n in body.blocks[0].content if isinstance(n, Bold)][:1]  # type: ignore[union-attr]
    [text] = bold.content
    assert isinstance(text, Text)
    assert "\n" not in text.text
    assert text.text.strip()
    assert "<script" not in render_teams(body)
