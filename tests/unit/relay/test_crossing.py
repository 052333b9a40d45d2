"""What a portal lets cross, decided before anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.domain.events import OneWay, Seen
from bridge.domain.ids import (
    ConversationId,
    EntryId,
    Place,
    PortalId,
    RoomId,
    Side,
    TenantId,
    UserId,
)
from bridge.domain.portal import Direction, Portal
from bridge.ports import Entry
from bridge.relay.crossing import (
    MIRROR_TO_MATRIX,
    MIRROR_TO_TEAMS,
    ROOM_REPLACED,
    hint_of,
    kept_out,
)
from bridge.relay.items import Item
from bridge.relay.plan import Plan, Planner, World
from tests.kit.fake_endpoint import FakeEndpoint
from tests.kit.fake_store import FakeClock
from tests.kit.relay_world import RelayWorld

PORTAL = Portal(
    id=PortalId(1),
    place=Place(tenant=TenantId("t"), conversation=ConversationId("c")),
    room=RoomId("!room"),
)


@pytest.mark.parametrize(
    ("direction", "source", "reason"),
    [
        (Direction.BOTH, Side.TEAMS, None),
        (Direction.BOTH, Side.MATRIX, None),
        (Direction.TO_MATRIX, Side.TEAMS, None),
        (Direction.TO_MATRIX, Side.MATRIX, MIRROR_TO_MATRIX),
        (Direction.TO_TEAMS, Side.TEAMS, MIRROR_TO_TEAMS),
        (Direction.TO_TEAMS, Side.MATRIX, None),
    ],
)
def test_a_mirror_carries_one_way(direction: Direction, source: Side, reason: str | None) -> None:
    assert kept_out(replace(PORTAL, direction=direction), source) == reason


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("source", list(Side))
def test_nothing_crosses_from_a_room_that_was_replaced(direction: Direction, source: Side) -> None:
    assert kept_out(replace(PORTAL, direction=direction, replaced=True), source) == ROOM_REPLACED


def entry_of(side: Side) -> Entry:
    now = FakeClock().now()
    return Entry(
        id=EntryId(1),
        side=side,
        conversation="conversation",
        raw=b"",
        received_at=now,
        attempts=0,
    )


def planned(seen: Seen, portal: Portal, source: Side) -> Plan:
    planner = Planner(FakeEndpoint(source.other), World())
    planner.decide(Item(entry=entry_of(source), seen=seen, portal=portal, speaker="ada"))
    return planner.plan


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("source", list(Side))
def test_what_does_not_cross_is_ignored_by_a_name_and_nothing_else(
    direction: Direction, source: Side
) -> None:
    world, portal = RelayWorld(), replace(PORTAL, direction=direction)
    seen: Seen = world.seen_in_teams(1, "hello")
    if source is Side.MATRIX:
        seen = world.seen_in_matrix("$1", "hello")

    plan = planned(seen, portal, source)

    reason = kept_out(portal, source)
    assert plan.ignored == ([] if reason is None else [reason])
    assert len(plan.deliveries) == (1 if reason is None else 0)
    assert plan.remembered == {}
    assert plan.held == {}


def test_who_writes_where_teams_is_mirrored_is_told() -> None:
    seen = RelayWorld().seen_in_matrix("$1", "hello")
    plan = planned(seen, replace(PORTAL, direction=Direction.TO_MATRIX), Side.MATRIX)

    assert plan.unheard == [OneWay(room=RoomId(str(seen.origin)), sender=UserId("@ada:here"))]
    assert planned(seen, replace(PORTAL, replaced=True), Side.MATRIX).unheard == []
    assert hint_of(RelayWorld().seen_in_teams(1, "hello"), one_way=True) == ()
