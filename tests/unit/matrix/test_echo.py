"""What we have sent as a real user is known again by its mark, and nothing else is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.matrix.appservice import ECHO, Reader
from bridge.matrix.echo import MARK, is_marked, mark
from bridge.matrix.names import Names
from tests.unit.matrix.books import CONFIG, NOW

Json = dict[str, Any]

ANNA, ROOM, AT = UserId("@anna:example.org"), RoomId("!room:example.org"), 1_700_000_000_000
READER = Reader(Names.of(CONFIG))


def said(**changes: object) -> Json:
    content = {"msgtype": "m.text", "body": "hello", **mark(ANNA, ROOM, AT)}
    event: Json = {
        "type": "m.room.message", "event_id": "$event", "room_id": ROOM, "sender": ANNA,
        "origin_server_ts": AT, "content": content,
    }  # fmt: skip
    return event | changes


def taken_back(**changes: object) -> Json:
    content = {"redacts": "$target", **mark(ANNA, ROOM, MessageRef("$target"))}
    return said(type="m.room.redaction", content=content, origin_server_ts=AT + 5) | changes


def is_stored(event: Json) -> bool:
    """Tell whether both ways in take an event for new, pushed and found."""
    pushed, ignored, _ = READER.entries_of(orjson.dumps({"events": [event]}), NOW)
    found, _, _ = READER.found([event], NOW)
    assert len(pushed) == len(found) == 1 - ignored[ECHO]
    return bool(pushed)


@pytest.mark.parametrize(
    "event",
    [
        said(),
        said(type="m.reaction"),
        taken_back(),
        taken_back(redacts="$target", content=mark(ANNA, ROOM, MessageRef("$target"))),
    ],
)
def test_what_we_sent_as_a_person_is_an_echo(event: Json) -> None:
    assert is_marked(event)
    assert not is_stored(event)


@pytest.mark.parametrize(
    "event",
    [
        said(sender="@bob:example.org"),  # Somebody else copies the mark.
        said(room_id="!other:example.org"),  # Forwarded elsewhere.
        said(origin_server_ts=AT + 1),  # Forwarded into the same room, by the same person.
        said(content={"msgtype": "m.text", "body": "hello"}),
        said(content={"msgtype": "m.text", "body": "hello", MARK: "nonsense"}),
        said(content={"msgtype": "m.text", "body": "hello", MARK: {"as": ANNA, "in": ROOM}}),
        taken_back(content={"redacts": "$other", **mark(ANNA, ROOM, MessageRef("$target"))}),
        taken_back(content={"redacts": "$target", **mark(ANNA, ROOM, AT + 5)}),
        said(origin_server_ts=True, content={"body": "x", **mark(ANNA, ROOM, 1)}),
    ],
)
def test_a_mark_that_does_not_fit_says_nothing(event: Json) -> None:
    assert not is_marked(event)
    assert is_stored(event)


def test_a_person_s_own_words_are_no_echo_with_the_mark_of_other_bridges() -> None:
    event = said(content={"body": "x", "fi.mau.double_puppet_source": "mautrix-signal"})

    assert is_stored(event)
