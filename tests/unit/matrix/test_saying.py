"""What an event of the relay looks like in Matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.convert.cards import RAW_BYTES_MAX
from bridge.domain.content import (
    Body,
    Card,
    CodeBlock,
    Paragraph,
    Quote,
    Text,
    from_text,
    plain_text,
)
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MessageRef,
    Place,
    PortalId,
    Side,
    TenantId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.matrix import saying
from bridge.matrix.reading import bare_key
from bridge.matrix.saying import CARD, MARKER
from bridge.ports import Delivery, Far, FarPart, FarThread
from tests.unit.matrix.books import NOW

ANNA = Person(id="p")
TARGET = MessageRef("1")


def sent(text: str, *, part: int = 0, reply_to: str | None = None) -> MessageSent:
    return MessageSent(
        author=ANNA,
        version=Version("2"),
        sent_at=NOW,
        body=from_text(text),
        part=part,
        reply_to=None if reply_to is None else MessageRef(reply_to),
    )


def edited(text: str, *, part: int = 0, parts: int = 1, version: str = "3") -> MessageEdited:
    return MessageEdited(
        target=TARGET,
        author=ANNA,
        version=Version(version),
        sent_at=NOW,
        body=from_text(text),
        part=part,
        parts=parts,
    )


def added(key: str = "👍", *, who: str = "p") -> ReactionAdded:
    return ReactionAdded(
        target=TARGET, author=Person(id=who), key=key, version=Version("3"), sent_at=NOW
    )


def delivery(event: Event, *, source: str = "1", far: Far | None = None) -> Delivery:
    place = Place(tenant=TenantId("t"), conversation=ConversationId("c"))
    return Delivery(
        id=DeliveryId(1),
        portal=Portal(id=PortalId(1), place=place, room=None),
        target=Side.MATRIX,
        source=MessageRef(source),
        speaker="p",
        event=event,
        attempts=1,
        resumed=False,
        created_at=NOW,
        far=far or Far(),
    )


def far(*origins: Side) -> Far:
    return Far(
        parts=tuple(
            FarPart(part=number, ref=MessageRef(f"$far{number}"), origin=origin, author="p")
            for number, origin in enumerate(origins)
        )
    )


def content(event: MessageSent, *, source: str = "1") -> dict[str, object]:
    return saying.message(delivery(event, source=source), event.body)


def test_every_message_mentions_nobody_by_accident_and_carries_its_marker() -> None:
    assert content(sent("hello @room")) == {
        "msgtype": "m.text",
        "body": "hello @room",
        "m.mentions": {},
        MARKER: {"tenant": "t", "conversation": "c", "message": "1", "version": "2", "part": 0},
    }


def test_equal_texts_are_unequal_contents() -> None:
    contents = [
        content(sent("ok")),
        content(sent("ok", part=1)),
        content(sent("ok"), source="2"),
        content(replace(sent("ok"), again=True)),
    ]

    assert len({repr(one) for one in contents}) == 4


def test_no_two_events_about_a_message_share_a_marker_or_a_transaction() -> None:
    others = {"target": TARGET, "author": ANNA, "version": Version("3"), "sent_at": NOW}
    events: list[Event] = [
        sent("x"),
        sent("x", part=1),
        replace(sent("x"), again=True),
        edited("x"),
        edited("x", part=1),
        edited("x", version="4"),
        MessageDeleted(target=TARGET, author=ANNA, version=Version("3"), sent_at=NOW),
        added(),
        added("❤"),
        added(who="q"),
        ReactionRemoved(key="👍", **others),  # type: ignore[arg-type]
    ]
    deliveries = [delivery(event) for event in events]

    assert len({repr(saying.marker_of(one)) for one in deliveries}) == len(events)
    for kind in ("message", "redact $1 as @bot"):
        assert len({saying.transaction_of(one, kind) for one in deliveries}) == len(events)
    assert saying.transaction_of(deliveries[0], "message") != saying.transaction_of(
        deliveries[0], "m.reaction"
    )


def test_an_answer_names_what_it_answers() -> None:
    made = saying.message(delivery(sent("x")), from_text("x"), reply_to=MessageRef("$asked"))

    assert made["m.relates_to"] == {"m.in_reply_to": {"event_id": "$asked"}}
    assert "m.relates_to" not in content(sent("x"))


def test_in_a_thread_who_knows_none_sees_an_answer_to_what_was_said_last() -> None:
    thread = Far(thread=FarThread(root=MessageRef("$root"), last=MessageRef("$last")))
    plain = saying.message(delivery(sent("x"), far=thread), from_text("x"))
    answer = saying.message(
        delivery(sent("x"), far=thread), from_text("x"), reply_to=MessageRef("$asked")
    )

    assert plain["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$root",
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": "$last"},
    }
    assert answer["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$root",
        "is_falling_back": False,
        "m.in_reply_to": {"event_id": "$asked"},
    }


def test_an_edit_in_a_thread_says_nothing_of_the_thread() -> None:
    thread = Far(thread=FarThread(root=MessageRef("$root"), last=MessageRef("$last")))
    made = saying.edit(delivery(edited("x"), far=thread), from_text("x"), of=MessageRef("$far"))

    assert made["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$far"}


def test_an_edit_says_everything_twice_and_what_it_replaces() -> None:
    event = replace(edited("x"), body=Body(blocks=(Quote(blocks=from_text("new").blocks),)))

    made = saying.edit(delivery(event), event.body, of=MessageRef("$far"))

    assert made["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$far"}
    assert made["m.new_content"] == {
        "msgtype": "m.text",
        "body": "> new",
        "format": "org.matrix.custom.html",
        "formatted_body": "<blockquote>new</blockquote>",
        "m.mentions": {},
    }
    assert made["body"] == "* > new"
    assert made["formatted_body"] == "* <blockquote>new</blockquote>"
    assert made[MARKER] == saying.marker_of(delivery(event))


def test_only_the_first_part_answers_and_only_what_is_there() -> None:
    there = far(Side.MATRIX)

    assert saying.answered(delivery(sent("x", reply_to="0"), far=there)) == "$far0"
    assert saying.answered(delivery(sent("x", reply_to="0", part=1), far=there)) is None
    assert saying.answered(delivery(sent("x", reply_to="0"))) is None
    assert saying.answered(delivery(sent("x"), far=there)) is None
    made = saying.message(delivery(sent("x")), from_text("x"), reply_to=MessageRef("$far0"))
    assert made["m.relates_to"] == {"m.in_reply_to": {"event_id": "$far0"}}


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (from_text("new"), "✎ new"),
        (Body(blocks=(CodeBlock(text="x = 1"),)), "✎\n\nx = 1"),
        (Body(), "✎"),
    ],
)
def test_what_somebody_else_cannot_edit_begins_with_a_pencil(body: Body, plain: str) -> None:
    event = replace(edited("x"), body=saying.pencilled(body))
    made = saying.message(delivery(event), event.body)

    assert plain_text(event.body) == plain
    assert str(made["body"]).startswith("✎")
    assert "✎" in str(made.get("formatted_body", "✎"))


def test_parts_that_are_left_over_go_with_the_last_part() -> None:
    three = far(Side.TEAMS, Side.TEAMS, Side.TEAMS).parts

    assert saying.surplus(edited("x", part=0, parts=1), three) == three[1:]
    assert saying.surplus(edited("x", part=0, parts=2), three) == ()
    assert saying.surplus(edited("x", part=1, parts=2), three) == three[2:]
    assert saying.part_of(three, 1) == three[1]
    assert saying.part_of(three, 3) is None
    assert not saying.is_theirs(three)
    assert saying.is_theirs(far(Side.MATRIX).parts)


def test_an_edit_is_cut_into_parts_half_as_large() -> None:
    long = "word " * 9_000

    assert len(saying.in_parts(sent(long))) == 1
    parts = saying.in_parts(edited(long))
    assert len(parts) == 2
    assert [(p.part, p.parts) for p in parts if isinstance(p, MessageEdited)] == [(0, 2), (1, 2)]
    assert saying.in_parts(added()) == (added(),)


def test_a_part_keeps_everything_but_its_words() -> None:
    event = replace(sent("word " * 30_000, reply_to="0"), again=True)

    for part in saying.in_parts(event):
        assert isinstance(part, MessageSent)
        assert replace(part, body=event.body, part=0, parts=1) == event


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("❤", "❤\ufe0f"),
        ("👍", "👍\ufe0f"),
        ("🧐", "🧐"),
        ("👩🏽‍🚀", "👩🏽‍🚀"),
        ("4⃣", "4\ufe0f⃣"),
        ("mxc://example.org/a1", "mxc://example.org/a1"),
        ("+1 again", "+1 again"),
    ],
)
def test_emoji_are_written_as_clients_write_them(key: str, shown: str) -> None:
    made = saying.reaction(delivery(added(key)), key, to=MessageRef("$far"))

    assert made["m.relates_to"] == {
        "rel_type": "m.annotation",
        "event_id": "$far",
        "key": shown,
    }
    assert made[MARKER] == saying.marker_of(delivery(added(key)))


@given(st.text(min_size=1, max_size=20))
def test_a_key_survives_being_shown(key: str) -> None:
    bare = bare_key(key)
    if bare is not None:
        assert bare_key(saying.shown_key(bare)) == bare


def test_what_was_said_anew_is_recognised_by_the_message_it_is_about() -> None:
    deletion = delivery(
        MessageDeleted(target=TARGET, author=ANNA, version=Version("9"), sent_at=NOW)
    )

    assert saying.said_anew(deletion, saying.marker_of(delivery(edited("x"))))
    assert not saying.said_anew(deletion, saying.marker_of(delivery(sent("x"))))
    assert not saying.said_anew(deletion, saying.marker_of(delivery(edited("x"), source="2")))
    assert not saying.said_anew(deletion, saying.marker_of(delivery(added())))
    for junk in (None, 7, {}, {"what": 1}):
        assert not saying.said_anew(deletion, junk)


def test_a_paragraph_that_is_pencilled_keeps_its_words() -> None:
    made = saying.pencilled(from_text("one\n\ntwo"))

    assert made.blocks[0] == Paragraph(content=(Text(text="✎ one"),))
    assert len(made.blocks) == 2


# --- notices and cards ---------------------------------------------------------------------------

RAW = '{"type":"AdaptiveCard","version":1.5}'


def with_card(event: MessageSent | MessageEdited, raw: str = RAW) -> MessageSent | MessageEdited:
    shown = from_text("what the card says").blocks
    cards = Card(blocks=shown, kind="application/vnd.microsoft.card.adaptive", raw=raw)
    return replace(event, body=Body(blocks=(cards,)))


def test_what_nobody_said_is_a_notice_and_stays_one() -> None:
    told = replace(sent("The call ended"), is_notice=True)
    assert content(told)["msgtype"] == "m.notice"
    changed = replace(edited("The recording is there"), is_notice=True)
    made = saying.edit(delivery(changed), changed.body, of=MessageRef("$far"))
    assert made["msgtype"] == "m.notice"
    assert cast(dict[str, object], made["m.new_content"])["msgtype"] == "m.notice"


def test_a_card_comes_with_its_own_json_as_text() -> None:
    event = with_card(sent("x"))
    made = saying.message(delivery(event), event.body)
    assert made[CARD] == [{"type": "application/vnd.microsoft.card.adaptive", "json": RAW}]
    assert made["body"] == "what the card says"
    quoted = Body(blocks=(Quote(blocks=event.body.blocks),))
    assert CARD in saying.message(delivery(event), quoted)


def test_a_message_without_cards_says_nothing_of_them() -> None:
    assert CARD not in content(sent("x"))
    bare = with_card(sent("x"), raw="")
    assert CARD not in saying.message(delivery(bare), bare.body)


@pytest.mark.parametrize("event", [sent("x"), edited("x")])
def test_a_message_with_the_largest_card_fits_into_events(
    event: MessageSent | MessageEdited,
) -> None:
    raw = "[" + '"",' * (RAW_BYTES_MAX // 4 - 1) + "0]"
    long = Paragraph(content=(Text(text="word " * 20_000),))
    whole = replace(event, body=Body(blocks=(*with_card(event, raw).body.blocks, long)))
    parts = saying.in_parts(whole)
    contents = [
        saying.edit(delivery(part), part.body, of=MessageRef("$far"))
        if isinstance(part, MessageEdited)
        else saying.message(delivery(part), part.body)
        for part in parts
        if isinstance(part, MessageSent | MessageEdited)
    ]
    assert len(contents) > 1
    assert [CARD in one for one in contents] == [True, *[False] * (len(contents) - 1)]
    assert max(len(orjson.dumps(one)) for one in contents) < 62_000
