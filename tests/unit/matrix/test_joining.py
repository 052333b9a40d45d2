"""What is in the way of joining a room to a conversation, and who would read along."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.ids import UserId
from bridge.matrix.joining import (
    ENCRYPTED,
    IS_REPLACED,
    IS_SPACE,
    MADE_BY_BOT,
    NO_RIGHT,
    exposure,
    obstacle,
)
from bridge.matrix.shaping import RoomState
from tests.unit.matrix.test_shaping import NAMES

ANNA, BOB = UserId("@anna:matrix.test"), UserId("@bob:matrix.test")
BOT = NAMES.bot
RIGHTS = {"users": {ANNA: 100, BOT: 50}}


def room(*, kind: str | None = None, joined: tuple[str, ...] = (), **state: Any) -> RoomState:
    creation = {"room_version": "11"} | ({} if kind is None else {"type": kind})
    events = [{"type": "m.room.create", "state_key": "", "sender": ANNA, "content": creation}]
    contents = {"power_levels": RIGHTS} | state
    events += [
        {"type": f"m.room.{name}", "state_key": "", "sender": ANNA, "content": content}
        for name, content in contents.items()
    ]
    events += [
        {"type": "m.room.member", "state_key": user, "content": {"membership": "join"}}
        for user in joined
    ]
    return RoomState.of(events)


def test_a_room_of_the_bots_own_is_for_what_it_was_made_for() -> None:
    creation = {"type": "m.room.create", "state_key": "", "sender": BOT, "content": {}}
    assert obstacle(RoomState.of([creation]), ANNA, BOT) == MADE_BY_BOT


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (room(), None),
        (room(encryption={"algorithm": "m.megolm.v1.aes-sha2"}), ENCRYPTED),
        (room(kind="m.space"), IS_SPACE),
        (room(tombstone={"replacement_room": "!new"}), IS_REPLACED),
        (room(power_levels={"users": {BOT: 100}}), NO_RIGHT),
    ],
)
def test_what_is_in_the_way_is_said(state: RoomState, why: str | None) -> None:
    assert obstacle(state, ANNA, BOT) == why


def test_the_power_that_is_missing_is_named() -> None:
    said = obstacle(room(power_levels={"users": {ANNA: 100}}), ANNA, BOT)
    assert said is not None
    assert "50" in said
    assert BOT in said


def test_who_reads_along_is_named_and_members_and_ghosts_are_not() -> None:
    ghost = NAMES.ghost("0f4ae3c2-91b2-4a4e-8a4c-5b1d2c3e4f50")
    state = room(
        joined=(ANNA, BOB, BOT, ghost), history_visibility={"history_visibility": "joined"}
    )

    assert exposure(state, NAMES, {ANNA, BOB}).is_none
    shown = exposure(state, NAMES, {ANNA})
    assert shown.outsiders == (BOB,)
    assert not shown.is_none
    assert BOB in shown.sentences()[0]


@pytest.mark.parametrize(
    "state",
    [
        room(join_rules={"join_rule": "public"}),
        room(join_rules={"join_rule": "knock"}),
        room(history_visibility={"history_visibility": "world_readable"}),
    ],
)
def test_a_room_that_is_open_is_never_joined_unasked(state: RoomState) -> None:
    shown = exposure(state, NAMES, {ANNA})
    assert not shown.is_none
    assert shown.sentences()


def test_a_crowd_is_counted() -> None:
    crowd = tuple(f"@user{number}:matrix.test" for number in range(9))
    assert exposure(room(joined=crowd), NAMES, ()).sentences()[0].endswith("and 4 more")
