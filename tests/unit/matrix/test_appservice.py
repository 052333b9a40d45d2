"""A transaction of the homeserver."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import Side
from bridge.errors import Unconvertible
from bridge.matrix.appservice import EVENT_BYTES_MAX, Reader
from bridge.matrix.names import Names
from bridge.matrix.wishes import is_beside
from tests.unit.matrix.books import CONFIG, NOW

READER = Reader(Names.of(CONFIG))
GHOST = Names.of(CONFIG).ghost("3f2504e0-4f89-41d3-9a0c-0305e82c3301")


def event(**fields: object) -> dict[str, Any]:
    return {
        "event_id": "$one",
        "room_id": "!room",
        "sender": "@anna:example.org",
        "type": "m.room.message",
        "origin_server_ts": 1,
        "content": {"msgtype": "m.text", "body": "hi"},
    } | fields


def transaction(*events: object) -> bytes:
    return orjson.dumps({"events": events, "ephemeral": [{"type": "m.typing"}]})


def test_a_message_becomes_an_entry_as_it_came() -> None:
    [entry], ignored, refused = READER.entries_of(transaction(event()), NOW)

    assert (entry.side, entry.key, entry.conversation) == (Side.MATRIX, "$one", "!room")
    assert (entry.position, entry.received_at, entry.found) == (1, NOW, False)  # As it was sent.
    assert entry.due_at < NOW - timedelta(days=365)
    assert orjson.loads(entry.raw) == event()
    assert not ignored
    assert not refused


def test_an_invitation_of_one_of_ours_becomes_an_entry_and_no_other_membership_does() -> None:
    invite = event(
        type="m.room.member", state_key="@teamsbot:example.org", content={"membership": "invite"}
    )
    entries, ignored, _ = READER.entries_of(
        transaction(
            invite,
            invite | {"event_id": "$two", "state_key": GHOST},
            invite | {"state_key": "@someone:example.org"},
            invite | {"content": {"membership": "join"}},
            invite | {"content": {"membership": ["invite"]}},
        ),
        NOW,
    )

    keys = [entry.key for entry in entries if not is_beside(entry.conversation)]
    assert keys == ["$one", "$two"]
    assert ignored == {"not_relayed:m.room.member": 2}


def test_what_may_be_wanted_of_teams_is_read_apart_from_its_room() -> None:
    name = event(type="m.room.name", state_key="", content={"name": "Tea"})
    kick = {"type": "m.room.member", "content": {"membership": "leave"}}
    entries, ignored, _ = READER.entries_of(
        transaction(
            name,
            name | {"event_id": "$two", "sender": GHOST},
            event(event_id="$three", state_key=GHOST, **kick),
            event(event_id="$four", state_key="@teamsbot:example.org", **kick),
            name | {"event_id": "$five", "state_key": "x"},
        ),
        NOW,
    )

    assert [(entry.key, entry.conversation) for entry in entries] == [
        ("$one wish", f"{name['room_id']}/wishes"),
        ("$three wish", f"{name['room_id']}/wishes"),
    ]
    assert ignored == {"echo": 1, "not_relayed:m.room.member": 1, "not_relayed:m.room.name": 1}


@pytest.mark.parametrize("kind", ["m.reaction", "m.room.redaction"])
def test_reactions_and_redactions_become_entries(kind: str) -> None:
    entries, ignored, _ = READER.entries_of(
        transaction(event(type=kind, content={}, redacts="$x")), NOW
    )

    assert (len(entries), ignored.total()) == (1, 0)
    assert orjson.loads(entries[0].raw)["redacts"] == "$x"


def test_what_was_found_becomes_the_same_entries_and_says_so() -> None:
    events = [event(), event(event_id="$two", sender=GHOST), 7, event(event_id="$three")]

    entries, ignored, refused = READER.found(events, NOW)

    assert [(entry.key, entry.found) for entry in entries] == [("$one", True), ("$three", True)]
    pushed, _, _ = READER.entries_of(transaction(event()), NOW)
    assert replace(entries[0], found=False) == pushed[0]
    assert (ignored, refused) == ({"echo": 1}, {"malformed": 1})


@pytest.mark.parametrize("sender", [GHOST, "@teamsbot:example.org"])
def test_what_we_said_ourselves_is_an_echo(sender: str) -> None:
    entries, ignored, _ = READER.entries_of(transaction(event(sender=sender)), NOW)

    assert (entries, ignored) == ([], {"echo": 1})


def test_other_events_are_counted_under_few_names() -> None:
    types = (
        "m.room.avatar",
        "m.room.encrypted",
        "com.example.a",
        "com.example.b",
        "m.room.message",
    )
    events = [event(type=kind, state_key="") for kind in types]

    _, ignored, _ = READER.entries_of(transaction(*events), NOW)

    assert ignored == {
        "not_relayed:m.room.avatar": 1,
        "not_relayed:m.room.encrypted": 1,
        "not_relayed:other": 3,
    }


@pytest.mark.parametrize(
    "broken",
    [
        None, [], "event", {}, event(event_id=1), event(event_id="one"), event(room_id="room"),
        event(room_id="!a\x00b"), event(sender="anna"), event(type=7), event(content="hi"),
        event(event_id="$" + "é" * 200),
    ],
)  # fmt: skip
def test_a_malformed_event_is_turned_away_alone(broken: object) -> None:
    entries, _, refused = READER.entries_of(transaction(broken, event(event_id="$good")), NOW)

    assert [entry.key for entry in entries] == ["$good"]
    assert refused == {"malformed": 1}


def test_an_event_that_is_too_large_is_turned_away_alone() -> None:
    large = event(content={"body": "x" * EVENT_BYTES_MAX})

    entries, _, refused = READER.entries_of(transaction(large, event()), NOW)

    assert (len(entries), refused) == (1, {"too_large": 1})


def test_half_a_surrogate_pair_does_not_stop_the_transaction() -> None:
    body = transaction(event(content={"body": "?"})).replace(b'"?"', rb'"a\ud800b"')

    [entry], _, _ = READER.entries_of(body, NOW)

    assert orjson.loads(entry.raw)["content"]["body"].startswith("a")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"null", b'{"events": {}}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_transaction_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Unconvertible):
        READER.entries_of(body, NOW)


def test_a_transaction_without_events_is_empty() -> None:
    assert READER.entries_of(b"{}", NOW)[0] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(["event_id", "room_id", "sender", "type", "content", "state_key"])


@given(
    changes=st.lists(
        st.dictionaries(FIELDS, JSON | st.sampled_from([GHOST, "$x", "m.room.member"]))
    )
)
def test_hostile_events_are_counted_and_never_raise(changes: list[dict[str, object]]) -> None:
    events = [event() | change for change in changes]
    body = json.dumps({"events": events}).encode()
    try:
        entries, ignored, refused = READER.entries_of(body, NOW)
    except Unconvertible:
        assert b"NaN" in body or b"Infinity" in body
        return

    assert len(entries) + ignored.total() + refused.total() == len(events)
    assert all(
        entry.key.startswith("$") and entry.conversation.startswith("!") for entry in entries
    )


@given(body=st.binary())
def test_hostile_bytes_are_a_transaction_or_refused(body: bytes) -> None:
    with suppress(Unconvertible):
        READER.entries_of(body, NOW)
