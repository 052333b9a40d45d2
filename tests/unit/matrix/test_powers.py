"""Who may do what in a room, in every version of rooms."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import UserId
from bridge.matrix.powers import (
    TOMBSTONE,
    creators,
    may_redact,
    may_set,
    missing_power,
    needed_to_send,
    power_of,
)
from bridge.matrix.shaping import CREATE, LEVELS, RoomState

ANNA, BOB, BOT = UserId("@anna:a.test"), UserId("@bob:a.test"), UserId("@bot:a.test")
KINDS = ("m.bridge",)


def room(
    levels: dict[str, Any] | None, *, version: str = "11", more: tuple[str, ...] = (), **state: Any
) -> RoomState:
    creation = {"room_version": version, "additional_creators": list(more)}
    events = [{"type": CREATE, "state_key": "", "sender": ANNA, "content": creation}]
    if levels is not None:
        events.append({"type": LEVELS, "state_key": "", "sender": ANNA, "content": levels})
    events += [
        {"type": f"m.room.{name}", "state_key": "", "content": content}
        for name, content in state.items()
    ]
    return RoomState.of(events)


@pytest.mark.parametrize(
    ("state", "power"),
    [
        (room({"users": {BOB: 50}}), 50),
        (room({"users_default": 10}), 10),
        (room({"users": {BOB: "50"}}), 50),
        (room({"users": {BOB: True}}), 0),
        (room({"users": {BOB: [1]}, "users_default": {}}), 0),
        (room({"users": "nonsense"}), 0),
        (room({}), 0),
        (room(None), 0),
        (room({"users": {BOB: 50}}, version="12", more=(BOB,)), inf),
        (room({}, version="11", more=(BOB,)), 0),
    ],
)
def test_a_user_has_the_power_that_the_levels_say(state: RoomState, power: float) -> None:
    assert power_of(BOB, state) == power


def test_creators_may_do_everything_since_version_12() -> None:
    assert power_of(ANNA, room({"users": {ANNA: 0}}, version="12")) == inf
    assert power_of(ANNA, room({"users": {ANNA: 0}}, version="11")) == 0
    assert power_of(ANNA, room(None, version="11")) == 100
    assert creators(room({}, version="12", more=(BOB,))) == {ANNA, BOB}


@pytest.mark.parametrize(
    ("levels", "needed"),
    [
        (None, 0),
        ({}, 50),
        ({"state_default": 70}, 70),
        ({"events": {TOMBSTONE: 150}}, 150),
        ({"events": {TOMBSTONE: None}}, 50),
    ],
)
def test_a_tombstone_takes_the_power_that_the_levels_say(
    levels: dict[str, Any] | None, needed: int
) -> None:
    assert needed_to_send(TOMBSTONE, room(levels), is_state=True) == needed


def test_only_who_has_the_power_may_close_a_room() -> None:
    state = room({"users": {ANNA: 100, BOB: 99}, "events": {TOMBSTONE: 100}})
    assert may_set(ANNA, TOMBSTONE, state)
    assert not may_set(BOB, TOMBSTONE, state)
    above = room({"events": {TOMBSTONE: 150}, "users": {BOB: 100}}, version="12")
    assert may_set(ANNA, TOMBSTONE, above)
    assert not may_set(BOB, TOMBSTONE, above)


@pytest.mark.parametrize(
    ("levels", "missing"),
    [
        ({}, 50),
        ({"users": {BOT: 50}}, None),
        ({"users": {BOT: 50}, "invite": 60}, 60),
        ({"users": {BOT: 50}, "events": {"m.bridge": 75}}, 75),
        ({"users": {BOT: 50}, "events_default": 20}, None),
        ({"users": {BOT: 50}, "events_default": 20, "events": {LEVELS: 100}}, 100),
    ],
)
def test_the_bot_says_which_power_it_needs(levels: dict[str, Any], missing: int | None) -> None:
    assert missing_power(BOT, room(levels), KINDS) == missing


def test_where_everybody_may_come_in_nobody_need_be_invited() -> None:
    levels = {"users": {BOT: 50}, "invite": 60}
    assert missing_power(BOT, room(levels, join_rules={"join_rule": "public"}), KINDS) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    levels=st.dictionaries(st.sampled_from(["users", "events", "invite", "users_default"]), JSON)
)
def test_whatever_strangers_write_there_has_an_answer(levels: dict[str, Any]) -> None:
    state = room(levels)
    assert isinstance(may_set(BOB, TOMBSTONE, state), bool)
    assert missing_power(BOT, state, KINDS) is None or power_of(BOT, state) < inf


def test_who_may_take_back_what_others_say_is_as_the_levels_say_and_creators_may() -> None:
    assert may_redact(BOB, room({"users": {BOB: 50}}))
    assert not may_redact(BOB, room({"users": {BOB: 50}, "redact": 60}))
    assert not may_redact(ANNA, room({}, version="11"))
    assert may_redact(ANNA, room({"redact": 100}, version="12"))
    assert may_redact(BOB, room({"redact": 100}, version="12", more=(BOB,)))
