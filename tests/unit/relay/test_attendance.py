"""Who is shown to be there, how often that is said, and when it is left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from bridge.domain.content import from_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TeamsUserId,
    TenantId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.domain.presence import Availability, Presence
from bridge.errors import Rejected, RemoteError, Unauthorized, Unavailable
from bridge.ports import Delivery, PresenceBoard, PresenceSource
from bridge.relay import attendance
from bridge.relay.attendance import ALIVE_FOR, ASK_EVERY, BEAT, OFF_FOR, Attendance
from bridge.telemetry import Watch
from tests.kit.fake_store import FakeClock

ANNA, BOB = (TeamsUserId(f"8ea0e38b-efb3-4757-924a-5f94061cf8c{n}") for n in (2, 3))
ROOM = RoomId("!room:fake.test")
HERE = Presence(availability=Availability.ONLINE, number="2")
BUSY = Presence(availability=Availability.ONLINE, message="In a call", number="3")
GONE = Presence(availability=Availability.OFFLINE, number="4")


@dataclass
class Source(PresenceSource):
    """Teams, as far as presence goes."""

    now: dict[TeamsUserId, Presence] = field(default_factory=dict)
    asked: list[tuple[TeamsUserId, ...]] = field(default_factory=list)
    error: RemoteError | None = None

    @override
    async def presences(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, Presence]:
        self.asked.append(tuple(people))
        if self.error is not None:
            raise self.error
        return {person: self.now[person] for person in people if person in self.now}


@dataclass
class Board(PresenceBoard):
    """The homeserver, as far as presence goes."""

    rooms: dict[RoomId, list[TeamsUserId]] = field(default_factory=dict)
    shown: list[tuple[TeamsUserId, Presence]] = field(default_factory=list)
    is_on: bool = True
    refused: set[TeamsUserId] = field(default_factory=set)

    @override
    async def people_in(self, room: RoomId) -> Sequence[TeamsUserId]:
        return self.rooms.get(room, [])

    @override
    async def show(self, person: TeamsUserId, presence: Presence) -> None:
        if person in self.refused:
            raise Rejected("deactivated")
        self.shown.append((person, presence))

    @override
    async def shows(self, person: TeamsUserId) -> bool:
        return self.is_on


class World:
    """Somebody who shows who is there; steps take no time, beats are the tests' to make."""

    def __init__(self) -> None:
        self.clock, self.source, self.board = FakeClock(), Source(), Board()
        self.watch = Watch()
        self.loop = Attendance(self.source, self.board, self.clock, watch=self.watch)

    def said(self, who: str = ANNA, *, room: RoomId | None = ROOM, to: Side = Side.MATRIX) -> None:
        place = Place(tenant=TenantId("t"), conversation=ConversationId("c"))
        event = MessageSent(
            author=Person(id=who),
            version=Version("1"),
            sent_at=self.clock.now(),
            body=from_text("x"),
        )
        self.loop.note(
            Delivery(
                id=DeliveryId(1),
                portal=Portal(id=PortalId(1), place=place, room=room),
                target=to,
                source=MessageRef("1"),
                speaker=who,
                event=event,
                attempts=1,
                resumed=False,
                created_at=self.clock.now(),
            )
        )

    async def beat(self, times: int = 1) -> list[tuple[TeamsUserId, Presence]]:
        """Let beats pass; return what was shown in them."""
        before = len(self.board.shown)
        for _ in range(times):
            await self.loop.step()
            self.clock.advance(BEAT)
        return self.board.shown[before:]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    async def at_once(*_: object) -> None:
        return None

    monkeypatch.setattr(attendance, "wait_for", at_once)
    return World()


BEATS_TO_ASK = ASK_EVERY // BEAT


async def test_nobody_is_asked_for_while_nothing_happens(world: World) -> None:
    assert await world.beat(5) == []
    assert world.source.asked == []


async def test_who_spoke_is_shown_to_be_there(world: World) -> None:
    world.source.now[ANNA] = HERE
    world.said()

    assert await world.beat() == [(ANNA, HERE)]


async def test_who_is_there_is_shown_again_so_that_it_lasts(world: World) -> None:
    world.source.now[ANNA] = HERE
    world.said()

    assert await world.beat(BEATS_TO_ASK) == [(ANNA, HERE)] * BEATS_TO_ASK
    assert world.source.asked == [(ANNA,)]


async def test_who_is_new_is_looked_at_at_once_but_not_more_often_than_there_are_beats(
    world: World,
) -> None:
    world.source.now = {ANNA: HERE, BOB: HERE}
    world.said()
    assert world.loop.bell.is_set(), "nobody was asked for yet"
    await world.loop.step()
    world.loop.bell.clear()

    world.clock.advance(BEAT / 2)
    world.said(BOB)
    assert not world.loop.bell.is_set()
    await world.loop.step()
    assert world.source.asked == [(ANNA,)]
    world.clock.advance(BEAT / 2)
    assert (BOB, HERE) in await world.beat()
    assert world.source.asked == [(ANNA,), (ANNA, BOB)]

    world.said()
    assert not world.loop.bell.is_set(), "who is known waits for the minute"
    other = RoomId("!other:fake.test")
    world.said(room=other)
    assert world.loop.bell.is_set(), "others may be there"


async def test_who_is_not_there_is_said_once(world: World) -> None:
    world.source.now[ANNA] = HERE
    world.said()
    await world.beat(BEATS_TO_ASK)
    world.source.now[ANNA] = GONE

    assert await world.beat(3 * BEATS_TO_ASK) == [(ANNA, GONE)]


async def test_who_never_was_there_is_not_worth_a_word(world: World) -> None:
    world.source.now[ANNA] = GONE
    world.said()

    assert await world.beat(BEATS_TO_ASK) == []


async def test_the_newest_presence_wins(world: World) -> None:
    world.source.now[ANNA] = BUSY
    world.said()
    await world.beat(BEATS_TO_ASK)
    world.source.now[ANNA] = HERE  # An answer that was long on its way.

    assert all(shown == (ANNA, BUSY) for shown in await world.beat(BEATS_TO_ASK))


async def test_the_others_of_a_small_room_are_shown_too(world: World) -> None:
    world.board.rooms[ROOM] = [ANNA, BOB]
    world.source.now = {BOB: HERE}
    world.said("@anna:fake.test", to=Side.TEAMS)

    assert await world.beat() == [(BOB, HERE)]


async def test_of_a_large_room_only_those_who_speak(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "PEOPLE_OF_A_ROOM_MAX", 1)
    world.board.rooms[ROOM] = [ANNA, BOB]
    world.said()
    await world.beat()

    assert world.source.asked == [(ANNA,)]


async def test_where_nothing_was_said_for_long_nobody_is_shown_any_more(world: World) -> None:
    world.source.now[ANNA] = HERE
    world.said()
    await world.beat(ALIVE_FOR // BEAT)
    asked = len(world.source.asked)

    late = await world.beat(3 * BEATS_TO_ASK)

    assert late[-1] == (ANNA, Presence(availability=Availability.OFFLINE, number="2"))
    assert len(world.source.asked) <= asked + 1
    assert await world.beat(BEATS_TO_ASK) == []


@pytest.mark.parametrize("who", ["app:1", "+4930123456", "@anna:fake.test"])
async def test_machines_and_strangers_have_no_presence(world: World, who: str) -> None:
    world.said(who)
    await world.beat()

    assert world.source.asked == []


async def test_no_more_people_are_shown_than_the_homeserver_can_bear(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "PEOPLE_MAX", 3)
    monkeypatch.setattr(attendance, "ROOMS_MAX", 2)
    people = [f"8ea0e38b-efb3-4757-924a-5f94061cf8{n:02}" for n in range(9)]
    for number, person in enumerate(people):
        world.said(person, room=RoomId(f"!{number}:fake.test"))
    await world.beat()

    assert [set(asked) for asked in world.source.asked] == [set(people[-3:])]
    assert len(world.loop._rooms) == 2


# --- left alone ---


@pytest.mark.parametrize("error", [Rejected("no"), Unauthorized("no consent", everyone=True)])
async def test_what_graph_refuses_is_left_alone_for_an_hour(
    world: World, error: RemoteError
) -> None:
    world.source.error = error
    world.said()
    for _ in range(OFF_FOR // BEAT):
        world.said()
        await world.beat()

    assert len(world.source.asked) == 1
    assert world.watch.is_away(attendance.PART)
    world.source.error, world.source.now[ANNA] = None, HERE
    assert await world.beat() == [(ANNA, HERE)]
    assert not world.watch.is_away(attendance.PART)


async def test_a_homeserver_that_keeps_no_presence_is_noticed(world: World) -> None:
    world.board.is_on = False
    world.source.now = {ANNA: HERE, BOB: HERE}
    world.said()
    world.said(BOB)

    assert len(await world.beat(BEATS_TO_ASK)) == 1
    assert world.watch.is_away(attendance.PART)


async def test_one_ghost_that_is_refused_is_not_everybody(world: World) -> None:
    world.source.now = {ANNA: HERE, BOB: HERE}
    world.said()
    await world.beat(BEATS_TO_ASK)
    world.board.refused = {BOB}
    world.said(BOB)

    assert await world.beat() == [(ANNA, HERE)]
    assert not world.watch.is_away(attendance.PART)


async def test_what_is_away_is_tried_again_a_minute_later(world: World) -> None:
    world.source.error = Unavailable("away")
    world.said()
    await world.beat(BEATS_TO_ASK)
    world.source.error, world.source.now[ANNA] = None, HERE

    assert await world.beat() == [(ANNA, HERE)]
