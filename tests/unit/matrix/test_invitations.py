"""What comes of inviting ghosts, decided from who is in the room."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.domain.ids import RoomId, UserId
from bridge.matrix.adopting import Scene
from bridge.matrix.invitations import (
    COMPLETE_WITHIN,
    SETTLED_AFTER,
    Gathering,
    Move,
    next_move,
)
from bridge.matrix.names import Names
from bridge.matrix.powers import power_of
from bridge.matrix.shaping import RoomState
from bridge.matrix.words import group_topic, link_to
from tests.unit.matrix.books import CONFIG, NOW

NAMES = Names.of(CONFIG)
ANNA = UserId(f"@anna:{NAMES.domain}")
BOB = UserId(f"@bob:{NAMES.domain}")
MARIA, JONAS = NAMES.ghost("maria"), NAMES.ghost("jonas")
JUST_NOW = NOW - timedelta(milliseconds=100)


def direct(*ghosts: UserId, **more: object) -> Gathering:
    facts: dict[str, object] = {"ghosts": frozenset(ghosts), "is_direct": True, "newest": JUST_NOW}
    return Gathering(**(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gathering", "move"),
    [
        (direct(MARIA, is_listed=True), Move.CHAT_OF_TWO),
        (direct(MARIA, JONAS, is_listed=True), Move.GROUP),
        (direct(MARIA, is_listed=True, awaited=frozenset({JONAS})), Move.WAIT),
        (direct(MARIA), Move.WAIT),
        (direct(MARIA, newest=NOW - SETTLED_AFTER), Move.CHAT_OF_TWO),
        (direct(MARIA, newest=None), Move.CHAT_OF_TWO),
        (direct(MARIA, newest=NOW + timedelta(seconds=1)), Move.WAIT),
        (direct(MARIA, newest=NOW + timedelta(hours=1)), Move.CHAT_OF_TWO),
        (
            direct(MARIA, awaited=frozenset({JONAS}), newest=NOW - COMPLETE_WITHIN),
            Move.CHAT_OF_TWO,
        ),
        (direct(MARIA, is_direct=False), Move.ASK),
        (direct(MARIA, others=frozenset({BOB})), Move.ASK),
        (direct(MARIA, is_theirs=False), Move.ASK),
    ],
)
def test_what_comes_of_an_invitation(gathering: Gathering, move: Move) -> None:
    assert next_move(gathering, NOW) is move


def member(user: str, membership: str, at: int, **content: object) -> dict[str, object]:
    return {
        "type": "m.room.member",
        "state_key": user,
        "origin_server_ts": at,
        "content": {"membership": membership, **content},
    }


@pytest.mark.parametrize("version", ["11", "12"])
def test_a_room_says_whom_it_was_made_for_whatever_its_version(version: str) -> None:
    creation = {"room_version": version, "additional_creators": [MARIA, JONAS]}
    levels = {"users": {ANNA: 100, MARIA: 100, JONAS: 100} if version == "11" else {}}
    joined = member(MARIA, "join", 3000) | {
        "unsigned": {"prev_content": {"membership": "invite", "is_direct": True}}
    }
    events: list[dict[str, object]] = [
        {"type": "m.room.create", "state_key": "", "sender": ANNA, "content": creation},
        {"type": "m.room.power_levels", "state_key": "", "content": levels},
        member(ANNA, "join", 1000),
        joined,
    ]
    scene = Scene(room=RoomId("!room"), ghost=MARIA, state=RoomState.of(events))

    gathering = Gathering.of(scene, NAMES, ANNA)

    assert gathering.ghosts == {MARIA}
    assert gathering.awaited == {JONAS}
    assert (gathering.is_direct, gathering.is_theirs, gathering.is_listed) == (True, True, True)
    assert gathering.others == set()
    assert power_of(MARIA, scene.state) >= 100


def test_a_topic_is_one_that_teams_takes() -> None:
    assert group_topic("Lunch: where?") == "Lunch - where?"
    assert group_topic(" \u202e ") is None
    assert len(group_topic("x" * 999) or "") == 250


def test_a_link_leads_to_a_room_by_way_of_our_server() -> None:
    assert link_to("!abc:d", "example.org") == "https://matrix.to/#/!abc:d?via=example.org"
    assert link_to("#teams_x:example.org", "example.org") == (
        "https://matrix.to/#/#teams_x:example.org"
    )
