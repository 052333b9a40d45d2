"""What people decide about portals: it holds at once, for every process, and is undone without a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.domain.ids import RoomId, Side
from bridge.domain.portal import Direction, Portal
from bridge.ports import Joined, Journal
from bridge.relay.decisions import DecisionsWatch
from bridge.store.database import Database
from bridge.store.plumbing import PlumbingBook
from bridge.store.portals import PortalBook
from bridge.store.shapes import ShapeBook
from tests.contract.test_journal import PostgresWorld, make_portal, place
from tests.integration.stores import opened, world_on

OLD, NEW, HAND_MADE = RoomId("!old"), RoomId("!new"), RoomId("!hand-made")


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def world(store: Database) -> AsyncIterator[PostgresWorld]:
    async with world_on(store) as made:
        yield made


def book_of(world: PostgresWorld, forget: list[str] | None = None) -> PlumbingBook:
    told = [] if forget is None else forget
    return PlumbingBook(world.database, world.clock, forget=lambda: told.append("forget"))


async def seen_in(journal: Journal, *rooms: RoomId) -> dict[RoomId, Portal]:
    async with journal.unit() as unit:
        return dict(await unit.portals_of(rooms))


async def join(book: PlumbingBook, room: RoomId, leaving: RoomId | None = None) -> Joined:
    return await book.join(place(), room, name="By hand", leaving=leaving)


async def test_a_room_is_joined_to_a_conversation_that_has_none(world: PostgresWorld) -> None:
    book, journal = book_of(world), world.process()

    assert await join(book, HAND_MADE) is Joined.DONE
    assert await join(book, HAND_MADE) is Joined.DONE, "the same again is fine"

    portal = await book.portal_in(HAND_MADE)
    assert portal is not None
    assert (portal.place, portal.plumbed) == (place(), True)
    assert await seen_in(journal, HAND_MADE) == {HAND_MADE: portal}
    due = await ShapeBook(world.database, world.clock).claim_rooms(
        limit=9, until=world.clock.now() + timedelta(minutes=1), newest_first=False
    )
    assert [(one.portal, one.name) for one in due] == [(portal, "By hand")]


async def test_one_room_has_one_conversation_and_the_other_way_round(world: PostgresWorld) -> None:
    book = book_of(world)
    await join(book, HAND_MADE)

    assert await join(book, NEW) is Joined.CONVERSATION_TAKEN
    other = await book.join(place("other"), HAND_MADE, name="", leaving=None)
    assert other is Joined.ROOM_TAKEN
    assert await book.portal_in(NEW) is None


async def test_a_conversation_leaves_its_room_for_one_made_by_hand(world: PostgresWorld) -> None:
    book, journal = book_of(world), world.process()
    portal = await make_portal(journal)
    await world.set_room(portal, OLD)

    assert await join(book, HAND_MADE) is Joined.CONVERSATION_TAKEN
    assert await join(book, HAND_MADE, leaving=OLD) is Joined.DONE

    found = await seen_in(journal, OLD, HAND_MADE)
    assert found[OLD].replaced
    assert not found[HAND_MADE].replaced
    assert await book.former_rooms() == {portal.id: (OLD,)}
    assert await book.portal_in(OLD) is None


async def test_a_room_that_is_made_meanwhile_does_not_take_the_place(world: PostgresWorld) -> None:
    book = book_of(world)
    portal = await make_portal(world.process())
    await join(book, HAND_MADE)

    await PortalBook(world.database, world.clock).remember_room(portal, NEW, name="made")

    assert await PortalBook(world.database, world.clock).room_of(portal.id) == HAND_MADE


async def test_who_is_parted_gets_another_room_and_the_old_one_is_nobodys(
    world: PostgresWorld,
) -> None:
    book, journal = book_of(world), world.process()
    await join(book, HAND_MADE)
    portal = await book.portal_in(HAND_MADE)
    assert portal is not None
    await book.direct(portal.id, Direction.TO_MATRIX)

    await book.part(portal)
    await book.part(portal)

    after = await book.portal_of(place())
    assert after is not None
    assert (after.room, after.plumbed, after.direction) == (None, False, Direction.BOTH)
    assert await seen_in(journal, HAND_MADE) == {}
    assert await book.former_rooms() == {portal.id: (HAND_MADE,)}, "what was said is there still"
    assert await join(book, HAND_MADE) is Joined.DONE
    assert await book.former_rooms() == {}


async def test_a_conversation_moves_once(world: PostgresWorld) -> None:
    book, journal = book_of(world), world.process()
    made = await make_portal(journal)
    await world.set_room(made, OLD)
    portal = await book.portal_in(OLD)
    assert portal is not None

    assert await book.move(portal, NEW)
    assert await book.move(portal, NEW), "the same again is fine"
    assert not await book.move(portal, RoomId("!a third")), "it is not there any more"
    await book.join(place("other"), HAND_MADE, name="", leaving=None)
    moved = await book.portal_in(NEW)
    assert moved is not None
    assert not await book.move(moved, HAND_MADE), "that is another's"


@pytest.mark.parametrize("direction", list(Direction))
async def test_a_direction_holds_at_once_though_the_portal_is_remembered(
    world: PostgresWorld, direction: Direction
) -> None:
    journal = world.process()
    book = PlumbingBook(world.database, world.clock, forget=journal.forget_portals)
    portal = await make_portal(journal)

    await book.direct(portal.id, direction)

    assert (await make_portal(journal)).direction is direction
    assert portal.direction.carries(Side.TEAMS)


async def test_other_processes_learn_of_a_decision(world: PostgresWorld) -> None:
    here, there = world.process(), world.process()
    portal = await make_portal(there)
    await world.set_room(portal, OLD)
    learned: list[object] = []
    watched = book_of(world)
    watch = DecisionsWatch(watched, world.clock, forget=there.forget_portals, learn=learned.append)
    watched.bell.set()
    await watch.step()
    assert learned == [{}]
    await make_portal(there)

    book = PlumbingBook(world.database, world.clock, forget=here.forget_portals)
    await book.direct(portal.id, Direction.TO_TEAMS)
    before = await book.portal_in(OLD)
    assert before is not None
    await book.move(before, NEW)
    assert (await make_portal(there)).direction is Direction.BOTH, "not yet"
    await watch.step()

    assert (await make_portal(there)).direction is Direction.TO_TEAMS
    assert learned == [{}, {portal.id: (OLD,)}]
