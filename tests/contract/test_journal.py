"""One suite for both journals: what Postgres promises, the fake of the simulation promises too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

import pytest
from typing_extensions import override

from bridge.domain.changes import Known
from bridge.domain.content import from_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import (
    ConversationId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.ports import (
    AWAITED_FOR,
    AWAITING,
    ENTRIES_OF_ONE_MAX,
    Delivery,
    Entry,
    Journal,
    NewDelivery,
    NewEntry,
    NotNew,
    Remembered,
    Room,
    Run,
    TakenOver,
)
from bridge.store.database import Database
from bridge.store.journal import PostgresJournal
from bridge.store.leases import LEASE
from bridge.store.portals import PortalBook
from bridge.telemetry import Watch
from tests.kit import fake_journal
from tests.kit.fake_journal import FakeJournal
from tests.kit.fake_store import FakeClock, FakeStore

SECOND = timedelta(seconds=1)
TEAMS, MATRIX = Side.TEAMS, Side.MATRIX


class World(Protocol):
    """A store, as many processes as a test asks for, and their common time."""

    clock: FakeClock

    def process(self) -> Journal: ...

    async def set_room(self, portal: Portal, room: RoomId) -> None: ...


class FakeWorld(World):
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.processes = 0

    @override
    def process(self) -> Journal:
        self.processes += 1
        return FakeJournal(self.store, self.clock, owner=f"process {self.processes}")

    @override
    async def set_room(self, portal: Portal, room: RoomId) -> None:
        self.store.set_room(portal.id, room)


class PostgresWorld(World):
    def __init__(self, database: Database, tasks: asyncio.TaskGroup, clock: FakeClock) -> None:
        self.clock = clock
        self.database = database
        self.tasks = tasks
        self.writers: list[asyncio.Task[None]] = []

    @override
    def process(self) -> PostgresJournal:
        journal = PostgresJournal(self.database, self.clock, owner=uuid4())
        self.writers.append(self.tasks.create_task(journal.run()))
        return journal

    @override
    async def set_room(self, portal: Portal, room: RoomId) -> None:
        await PortalBook(self.database, self.clock).remember_room(portal, room, name="a room")


@pytest.fixture(params=["fake", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    dsn = request.getfixturevalue("database")
    database = await Database.open(dsn, connections_max=8, watch=Watch())
    async with asyncio.TaskGroup() as tasks:
        made = PostgresWorld(database, tasks, FakeClock())
        yield made
        for writer in made.writers:
            writer.cancel()
    await database.close()


@pytest.fixture
def journal(world: World) -> Journal:
    return world.process()


def entry(world: World, key: str, *, conversation: str = "chat", **facts: object) -> NewEntry:
    after = facts.get("after", timedelta())
    assert isinstance(after, timedelta)
    position = facts.get("position", 0)
    assert isinstance(position, int)
    return NewEntry(
        side=Side(str(facts.get("side", TEAMS))),
        key=key,
        conversation=conversation,
        position=position,
        raw=key.encode(),
        received_at=world.clock.now(),
        due_at=world.clock.now() + after,
    )


def raws(entries: Sequence[Entry]) -> list[str]:
    return [e.raw.decode() for e in entries]


def place(name: str = "chat") -> Place:
    return Place(tenant=TenantId("tenant"), conversation=ConversationId(f"19:{name}@thread.v2"))


async def make_portal(journal: Journal, name: str = "chat") -> Portal:
    async with journal.unit() as unit:
        return (await unit.portals([place(name)]))[place(name)]


def new(
    world: World, portal: Portal, source: str, *, target: Side = MATRIX, **facts: object
) -> NewDelivery:
    part = facts.get("part", 0)
    assert isinstance(part, int)
    return NewDelivery(
        portal=portal.id,
        target=target,
        source=MessageRef(source),
        speaker=str(facts.get("speaker", "@anna:matrix.test")),
        event=MessageSent(
            author=Person(id="anna", name="Anna"),
            version=Version(str(facts.get("version", "1"))),
            sent_at=world.clock.now(),
            body=from_text(f"text of {source}"),
            part=part,
            parts=part + 1,
        ),
    )


async def append(journal: Journal, *deliveries: NewDelivery, presumed: bool = False) -> None:
    async with journal.unit() as unit:
        await unit.append(deliveries, presumed=presumed)


async def claim(
    journal: Journal,
    target: Side = MATRIX,
    *,
    runs_max: int = 10,
    length_max: int = 10,
    fresh_max: int = 10,
    behind_max: int = 10,
) -> tuple[Run, ...]:
    room = Room(runs=runs_max, fresh=fresh_max, behind=behind_max)
    return await journal.claim_runs(target, room=room, length_max=length_max)


async def claim_one(journal: Journal, target: Side = MATRIX, *, length_max: int = 10) -> Run:
    (run,) = await claim(journal, target, length_max=length_max)
    return run


def sources(runs: Sequence[Run]) -> list[list[str]]:
    return [[d.source for d in run.deliveries] for run in runs]


async def known(journal: Journal, side: Side, portal: Portal, ref: str) -> Known | None:
    key = (portal.id, MessageRef(ref))
    async with journal.unit() as unit:
        return (await unit.known(side, [key])).get(key)


async def in_the_air(journal: Journal, portal: Portal, target: Side) -> set[tuple[PortalId, str]]:
    async with journal.unit() as unit:
        return await unit.in_the_air([portal.id], target)


async def retry(journal: Journal, delivery: Delivery, world: World, **facts: object) -> None:
    wait = facts.get("wait", timedelta())
    assert isinstance(wait, timedelta)
    await journal.retry(
        delivery,
        at=world.clock.now() + wait,
        error="no answer",
        spent=bool(facts.get("spent", True)),
        uncertain=bool(facts.get("uncertain", False)),
    )


def test_both_journals_lease_for_the_same_time() -> None:
    assert fake_journal.LEASE == LEASE


# --- entries ---


async def test_an_entry_that_is_pushed_twice_is_stored_once(world: World, journal: Journal) -> None:
    assert await journal.append_entries([entry(world, "a"), entry(world, "b")]) == 2
    assert await journal.append_entries([entry(world, "b"), entry(world, "c")]) == 1
    assert await journal.append_entries([entry(world, "d"), entry(world, "d")]) == 1

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a", "b", "c", "d"]


async def test_the_sides_have_keys_of_their_own(world: World, journal: Journal) -> None:
    both = [entry(world, "a"), entry(world, "a", side=MATRIX)]

    assert await journal.append_entries(both) == 2
    assert await journal.append_entries([]) == 0

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a"]
    (other,) = await journal.claim_entries(MATRIX, limit=10)
    assert (other.side, other.conversation, other.attempts) == (MATRIX, "chat", 1)
    assert other.received_at == world.clock.now()


async def test_entries_are_read_in_the_order_of_the_calls(world: World, journal: Journal) -> None:
    keys = [f"{number:03}" for number in range(ENTRIES_OF_ONE_MAX)]

    counts = await asyncio.gather(
        *(journal.append_entries([entry(world, key, side=MATRIX)]) for key in keys)
    )

    assert sum(counts) == len(keys)
    assert raws(await journal.claim_entries(MATRIX, limit=1000)) == keys


async def test_positions_order_a_conversation(world: World, journal: Journal) -> None:
    await journal.append_entries([entry(world, "late", position=9)])
    await journal.append_entries([entry(world, "early", position=3)])

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["early", "late"]


async def test_conversations_come_by_what_has_been_due_longest(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, "young", conversation="a", after=SECOND)])
    await journal.append_entries([entry(world, "old", conversation="b")])
    await journal.append_entries([entry(world, "younger", conversation="b", after=2 * SECOND)])
    world.clock.advance(3 * SECOND)

    claimed = await journal.claim_entries(TEAMS, limit=10)

    assert raws(claimed) == ["old", "younger", "young"]


async def test_what_is_pushed_does_not_wait_for_what_was_found(
    world: World, journal: Journal
) -> None:
    found = [
        replace(entry(world, f"{chat}{n}", conversation=f"found {chat}", position=n), found=True)
        for n in range(4)
        for chat in "ab"
    ]
    await journal.append_entries(found)
    world.clock.advance(SECOND)
    await journal.append_entries([entry(world, "new", conversation="quiet")])
    first = await journal.claim_entries(TEAMS, limit=4)
    assert raws(first) == ["new", "a0", "a1", "a2"]


async def test_a_quarter_is_for_what_was_found_whatever_is_pushed(
    world: World, journal: Journal
) -> None:
    pushed = [entry(world, f"p{n}", conversation=f"chat {n}") for n in range(8)]
    found = [
        replace(entry(world, f"f{n}", conversation=f"found {n}"), found=True) for n in range(8)
    ]
    await journal.append_entries([*pushed, *found])
    claimed = raws(await journal.claim_entries(TEAMS, limit=4))
    assert [key[0] for key in claimed] == ["p", "p", "p", "p", "f"]


async def test_what_is_pushed_brings_what_was_found_before_it_in_its_conversation(
    world: World, journal: Journal
) -> None:
    others = [replace(entry(world, f"o{n}", conversation="other"), found=True) for n in range(4)]
    missed = replace(entry(world, "missed", conversation="chat", position=1), found=True)
    await journal.append_entries([*others, missed])
    await journal.append_entries([entry(world, "new", conversation="chat", position=2)])
    claimed = raws(await journal.claim_entries(TEAMS, limit=3))
    assert claimed[:2] == ["missed", "new"]


async def test_a_hot_conversation_leaves_room_for_others(world: World, journal: Journal) -> None:
    hot = [entry(world, f"{n:02}", conversation="hot") for n in range(ENTRIES_OF_ONE_MAX + 5)]
    await journal.append_entries(hot)
    await journal.append_entries([entry(world, "quiet", conversation="quiet")])

    claimed = raws(await journal.claim_entries(TEAMS, limit=100))

    assert claimed == [*(f"{n:02}" for n in range(ENTRIES_OF_ONE_MAX)), "quiet"]


async def test_what_is_held_does_not_hide_what_is_due(world: World, journal: Journal) -> None:
    held = [entry(world, f"{n:03}", position=n, after=SECOND) for n in range(200)]
    await journal.append_entries([*held, entry(world, "due", position=200)])

    claimed = raws(await journal.claim_entries(TEAMS, limit=100))

    assert (len(claimed), claimed[-1]) == (201, "due")


async def test_an_entry_is_not_read_before_its_time(world: World, journal: Journal) -> None:
    await journal.append_entries([entry(world, "a", after=SECOND)])

    assert await journal.claim_entries(TEAMS, limit=10) == ()
    world.clock.advance(SECOND)
    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a"]


async def test_with_a_due_entry_comes_what_lies_before_it(world: World, journal: Journal) -> None:
    await journal.append_entries([entry(world, "due", position=5)])
    await journal.append_entries([entry(world, "before", position=4, after=SECOND)])
    await journal.append_entries([entry(world, "beside", position=5, after=SECOND)])
    await journal.append_entries([entry(world, "behind", position=6, after=SECOND)])

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["before", "due"]


async def test_a_conversation_has_one_reader(world: World, journal: Journal) -> None:
    other = world.process()
    await journal.append_entries([entry(world, "a1", conversation="a")])
    first = await journal.claim_entries(TEAMS, limit=10)
    await journal.append_entries([entry(world, "a2", conversation="a")])
    await journal.append_entries([entry(world, "b1", conversation="b")])

    assert raws(await other.claim_entries(TEAMS, limit=10)) == ["b1"]

    async with journal.unit() as unit:
        await unit.settle(first)
    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a2"]


async def test_a_claim_takes_no_more_than_its_limit_and_cuts_at_the_end(
    world: World, journal: Journal
) -> None:
    for position in (3, 1, 4, 2):
        await journal.append_entries([entry(world, str(position), position=position)])

    first = await journal.claim_entries(TEAMS, limit=3)
    async with journal.unit() as unit:
        await unit.settle(first)
    rest = await journal.claim_entries(TEAMS, limit=3)

    assert (raws(first), raws(rest)) == (["1", "2", "3"], ["4"])


async def test_what_a_dead_reader_had_falls_back_when_its_lease_ends(
    world: World, journal: Journal
) -> None:
    other = world.process()
    await journal.append_entries([entry(world, "a")])
    await journal.claim_entries(TEAMS, limit=10)

    assert await other.claim_entries(TEAMS, limit=10) == ()
    world.clock.advance(LEASE)
    assert raws(await other.claim_entries(TEAMS, limit=10)) == ["a"]


async def test_a_renewed_lease_does_not_end(world: World, journal: Journal) -> None:
    other = world.process()
    await journal.append_entries([entry(world, "a")])
    await journal.claim_entries(TEAMS, limit=10)
    world.clock.advance(LEASE - SECOND)
    await journal.renew_leases()
    world.clock.advance(LEASE - SECOND)

    assert await other.claim_entries(TEAMS, limit=10) == ()


async def test_a_reader_that_claims_again_has_let_go_of_what_it_had(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, "a")])

    await journal.claim_entries(TEAMS, limit=10)

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a"]


async def test_what_another_reader_of_this_process_has_is_not_let_go_of(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, "a")])
    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(journal.claim_entries(TEAMS, limit=10))

    assert raws(reader.result()) == ["a"]
    assert await journal.claim_entries(TEAMS, limit=10) == ()


async def test_a_held_entry_waits_and_comes_along_with_younger_ones(
    world: World, journal: Journal
) -> None:
    """So that nothing overtakes it without whoever reads them knowing."""
    await journal.append_entries([entry(world, "a", side=MATRIX), entry(world, "b", side=MATRIX)])
    first, second = await journal.claim_entries(MATRIX, limit=10)
    async with journal.unit() as unit:
        await unit.settle([second])
        await unit.hold(first, until=world.clock.now() + SECOND, error=None)
    assert await journal.claim_entries(MATRIX, limit=10) == ()
    await journal.append_entries([entry(world, "c", side=MATRIX)])

    both = await journal.claim_entries(MATRIX, limit=10)

    assert raws(both) == ["a", "c"]


async def test_an_error_costs_an_attempt(world: World, journal: Journal) -> None:
    await journal.append_entries([entry(world, "a")])
    (first,) = await journal.claim_entries(TEAMS, limit=10)
    async with journal.unit() as unit:
        await unit.hold(first, until=world.clock.now(), error="Graph is away")

    (second,) = await journal.claim_entries(TEAMS, limit=10)

    assert (first.attempts, second.attempts) == (1, 2)


async def test_a_parked_entry_is_not_read_again_and_blocks_nobody(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, "a"), entry(world, "b")])
    first, second = await journal.claim_entries(TEAMS, limit=10)
    async with journal.unit() as unit:
        await unit.park_entry(first, "makes no sense")
        await unit.hold(second, until=world.clock.now(), error=None)

    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["b"]
    assert await journal.append_entries([entry(world, "a")]) == 0


async def test_an_entry_that_awaits_a_sign_in_is_in_nobodys_way(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, name, side=MATRIX) for name in ("a", "b")])
    first, second = await journal.claim_entries(MATRIX, limit=10)
    async with journal.unit() as unit:
        await unit.settle([second])
        user = UserId("@anna:here")
        await unit.await_sign_in(first, user, reason="revoked", sign_in=None)
    await journal.append_entries([entry(world, "c", side=MATRIX)])

    assert raws(await journal.claim_entries(MATRIX, limit=10)) == ["c"]
    world.clock.advance(AWAITED_FOR)
    (late,) = [e for e in await journal.claim_entries(MATRIX, limit=10) if e.raw == b"a"]
    assert late.conversation == f"{first.conversation}{AWAITING}@anna:here"
    assert late.attempts == first.attempts, "it costs none"


async def test_a_late_reader_cannot_put_back_what_another_one_has(
    world: World, journal: Journal
) -> None:
    other = world.process()
    await journal.append_entries([entry(world, "a")])
    (late,) = await journal.claim_entries(TEAMS, limit=10)
    world.clock.advance(LEASE)
    await other.claim_entries(TEAMS, limit=10)

    async with journal.unit() as unit:
        await unit.hold(late, until=world.clock.now(), error=None)
        await unit.park_entry(late, "too late")

    assert await journal.claim_entries(TEAMS, limit=10) == ()
    world.clock.advance(LEASE)
    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a"]


@pytest.mark.parametrize("side", [TEAMS, MATRIX])
@pytest.mark.parametrize("kind", ["message", "message and more", "nothing", "more"])
async def test_who_was_overtaken_while_reading_writes_nothing(
    world: World, side: Side, kind: str
) -> None:
    """What they have decided may be of yesterday."""
    one, other = world.process(), world.process()
    portal = await make_portal(one)
    await one.append_entries([entry(world, name, side=side) for name in ("a", "b")])
    late = await one.claim_entries(side, limit=10)
    world.clock.advance(LEASE)
    first, _ = await other.claim_entries(side, limit=10)
    async with other.unit() as unit:
        await unit.settle([first])

    seen = Known(origin=side, version=Version("2"), author="anna", deleted=True)
    state = Remembered(portal=portal.id, side=side, ref=MessageRef("m"), known=seen)

    async def write_down() -> None:
        async with one.unit() as unit:
            await unit.settle(late)
            if "message" in kind:
                await unit.append([new(world, portal, "late", target=side.other)])
            if "more" in kind:
                await unit.remember([state])

    with pytest.raises(TakenOver):
        await write_down()

    assert await claim(one, side.other) == ()
    assert await known(one, side, portal, "m") is None
    world.clock.advance(LEASE)
    assert raws(await one.claim_entries(side, limit=10)) == ["b"]


# --- units ---


async def test_an_error_in_a_unit_undoes_all_of_it(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await journal.append_entries([entry(world, "a")])
    claimed = await journal.claim_entries(TEAMS, limit=10)

    async def fail() -> None:
        async with journal.unit() as unit:
            await unit.append([new(world, portal, "1")])
            await unit.settle(claimed)
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await fail()

    assert await claim(journal) == ()
    assert raws(await journal.claim_entries(TEAMS, limit=10)) == ["a"]


async def test_a_place_has_one_portal(world: World, journal: Journal) -> None:
    first = await make_portal(journal)
    async with journal.unit() as unit:
        both = await unit.portals([place(), place("other")])

    assert both[place()] == first
    assert first.room is None
    assert both[place("other")].id != first.id
    assert both[place("other")].place == place("other")


async def test_one_look_shows_what_is_known_and_what_is_in_the_air(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "$said", target=Side.TEAMS))
    await append(journal, new(world, portal, "seen", target=Side.MATRIX, version="7"))
    run = await claim_one(journal, Side.TEAMS)
    seen, strange = (portal.id, MessageRef("seen")), (portal.id, MessageRef("strange"))

    async with journal.unit() as unit:
        found, in_the_air = await unit.look(Side.TEAMS, [seen, strange], gate=True)
        assert await unit.look(Side.TEAMS, [seen], gate=False) == (found, set())

    assert found == {seen: Known(origin=Side.TEAMS, version=Version("7"), author="anna")}
    assert in_the_air == {(portal.id, run.deliveries[0].speaker)}


async def test_a_portal_is_found_by_its_room(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    room, strange = RoomId("!room:matrix.test"), RoomId("!strange:matrix.test")
    await world.set_room(portal, room)
    await append(journal, new(world, portal, "1"))

    async with journal.unit() as unit:
        found = await unit.portals_of([room, strange])
        again = await unit.portals([place()])
    run = await claim_one(journal)

    expected = Portal(id=portal.id, place=place(), room=room)
    assert found == {room: expected}
    assert again[place()].id == portal.id
    assert run.portal == expected


async def test_nothing_is_known_of_a_message_nobody_has_seen(journal: Journal) -> None:
    portal = await make_portal(journal)

    assert await known(journal, TEAMS, portal, "1") is None
    async with journal.unit() as unit:
        assert await unit.known(TEAMS, []) == {}
        assert await unit.in_the_air([], TEAMS) == set()


@pytest.mark.parametrize("target", [MATRIX, TEAMS])
async def test_a_message_is_known_from_its_appending_on(
    world: World, journal: Journal, target: Side
) -> None:
    portal, other = await make_portal(journal), await make_portal(journal, "other")
    source = target.other
    expected = Known(origin=source, version=Version("7"), author="anna")

    async with journal.unit() as unit:
        await unit.append([new(world, portal, "here", target=target, version="7")])
    assert await known(journal, source, portal, "here") == expected
    assert await known(journal, target, portal, "there") is None

    run = await claim_one(journal, target)
    assert await known(journal, source, portal, "here") == expected

    await journal.delivered(run.deliveries[0], MessageRef("there"))
    assert await known(journal, source, portal, "here") == expected
    assert await known(journal, target, portal, "there") == expected
    assert await known(journal, target, portal, "here") is None
    assert await known(journal, source, other, "here") is None


async def test_a_parked_message_stays_known(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await journal.park(run.deliveries[0], reason="forbidden")

    assert await known(journal, TEAMS, portal, "1") == Known(
        origin=TEAMS, version=Version("1"), author="anna"
    )


async def test_every_part_of_a_message_is_known_on_the_far_side(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    parts = [new(world, portal, "$long", target=TEAMS, part=part) for part in range(3)]
    await append(journal, *parts)
    run = await claim_one(journal, TEAMS)
    for number, delivery in enumerate(run.deliveries):
        await journal.delivered(delivery, MessageRef(f"message {number}"))

    for number in range(3):
        found = await known(journal, TEAMS, portal, f"message {number}")
        assert found == Known(origin=MATRIX, version=Version("1"), author="anna")


async def test_what_is_being_sent_is_in_the_air(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    air = {(portal.id, "anna")}
    await append(journal, new(world, portal, "$1", target=TEAMS, speaker="anna"))
    assert await in_the_air(journal, portal, TEAMS) == set()

    run = await claim_one(journal, TEAMS)
    assert await in_the_air(journal, portal, TEAMS) == air
    assert await in_the_air(journal, portal, MATRIX) == set()

    await retry(journal, run.deliveries[0], world, uncertain=True)
    assert await in_the_air(journal, portal, TEAMS) == air
    await journal.release(run)

    run = await claim_one(journal, TEAMS)
    await retry(journal, run.deliveries[0], world, uncertain=False)
    assert await in_the_air(journal, portal, TEAMS) == set()
    await journal.release(run)

    run = await claim_one(journal, TEAMS)
    await journal.delivered(run.deliveries[0], MessageRef("1"))
    assert await in_the_air(journal, portal, TEAMS) == set()


async def test_a_delivery_that_is_there_already_is_left_as_it_was(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1", version="old"))
    await append(journal, new(world, portal, "1", version="new"), new(world, portal, "2"))

    run = await claim_one(journal)

    assert [(d.source, d.event.version) for d in run.deliveries] == [("1", "old"), ("2", "1")]


async def test_a_message_that_was_delivered_in_the_meantime_is_not_appended_again(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    parts = [new(world, portal, "$1", target=TEAMS, part=part) for part in range(2)]
    async with journal.unit() as late:
        assert await late.known(MATRIX, [(portal.id, MessageRef("$1"))]) == {}
        await append(journal, *parts)
        run = await claim_one(journal, TEAMS)
        for delivery in run.deliveries:
            await journal.delivered(delivery, MessageRef(f"message {delivery.event.part}"))
        await journal.release(run)
        await late.append(parts)

    assert await claim(journal, TEAMS) == ()


async def test_an_echo_whose_link_came_in_the_meantime_is_not_appended(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, "$1", target=TEAMS, part=part) for part in (0, 1)))
    run = await claim_one(journal, TEAMS)
    async with journal.unit() as late:
        assert await late.known(TEAMS, [(portal.id, MessageRef("copy 1"))]) == {}
        for delivery in run.deliveries:
            await journal.delivered(delivery, MessageRef(f"copy {delivery.event.part}"))
        assert await late.in_the_air([portal.id], TEAMS) == set()
        await late.append([new(world, portal, "copy 1")])

    assert await claim(journal, MATRIX) == ()


# --- runs ---


async def test_a_run_is_the_head_of_a_stream_in_order(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, str(number)) for number in range(5)))

    first = await claim_one(journal, length_max=3)
    assert sources([first]) == [["0", "1", "2"]]
    assert [d.attempts for d in first.deliveries] == [1, 1, 1]
    assert not any(d.resumed for d in first.deliveries)
    assert first.deliveries[0].event == new(world, portal, "0").event
    assert first.deliveries[0].created_at == world.clock.now()
    assert first.deliveries[0].speaker == "@anna:matrix.test"
    assert await claim(journal) == ()

    for delivery in first.deliveries:
        await journal.delivered(delivery, MessageRef(f"${delivery.source}"))
    await journal.release(first)

    assert sources(await claim(journal)) == [["3", "4"]]


async def test_a_stream_has_one_worker(world: World, journal: Journal) -> None:
    other = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    await append(journal, new(world, portal, "$1", target=TEAMS))
    await claim_one(journal)

    await append(journal, new(world, portal, "2"))

    assert await claim(other) == ()
    assert sources(await claim(other, TEAMS)) == [["$1"]]


async def test_what_came_while_a_stream_was_leased_is_due_when_it_is_released(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await append(journal, new(world, portal, "2"))
    await journal.delivered(run.deliveries[0], MessageRef("$1"))
    journal.streams_bell(MATRIX).clear()

    await journal.release(run)

    assert journal.streams_bell(MATRIX).is_set()
    assert sources(await claim(journal)) == [["2"]]


async def test_streams_that_have_waited_longest_come_first_and_then_go_to_the_end(
    world: World, journal: Journal
) -> None:
    portals = [await make_portal(journal, name) for name in "abc"]
    for portal in reversed(portals):
        await append(journal, *(new(world, portal, f"{portal.id}/{n}") for n in range(2)))
        world.clock.advance(SECOND)
    a, b, c = (portal.id for portal in portals)

    (first,) = await claim(journal, runs_max=1, length_max=1)
    await journal.delivered(first.deliveries[0], MessageRef("$1"))
    await journal.release(first)
    runs = await claim(journal, runs_max=3, length_max=1)

    assert first.portal.id == c
    assert [run.portal.id for run in runs] == [b, a, c]


async def test_a_stream_that_was_quiet_comes_before_one_that_is_behind(
    world: World, journal: Journal
) -> None:
    hot, quiet = await make_portal(journal, "hot"), await make_portal(journal, "quiet")
    await append(journal, *(new(world, hot, f"h{number}") for number in range(3)))
    world.clock.advance(SECOND)
    await append(journal, new(world, quiet, "q"))

    (first,) = await claim(journal, runs_max=1)
    (second,) = await claim(journal, runs_max=1, length_max=1)

    assert (sources([first]), first.behind) == ([["q"]], False)
    assert (sources([second]), second.behind) == ([["h0"]], True)


async def test_a_stream_is_behind_until_nothing_is_left_in_it(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await append(journal, new(world, portal, "2"))
    assert not run.behind
    await journal.delivered(run.deliveries[0], MessageRef("$1"))
    await journal.release(run)

    late = await claim_one(journal)
    assert late.behind
    await journal.delivered(late.deliveries[0], MessageRef("$2"))
    await journal.release(late)
    await append(journal, new(world, portal, "3"))

    assert not (await claim_one(journal)).behind


async def test_each_kind_of_stream_has_room_of_its_own(world: World, journal: Journal) -> None:
    portals = [await make_portal(journal, name) for name in "abcdef"]
    for number, portal in enumerate(portals):
        await append(
            journal, *(new(world, portal, f"{portal.id}/{n}") for n in range(1 + number % 2))
        )

    some = await claim(journal, runs_max=5, fresh_max=1, behind_max=2)
    others = await claim(journal, runs_max=2, fresh_max=9, behind_max=9)

    assert [run.behind for run in some] == [False, True, True]
    assert [run.behind for run in others] == [False, False]
    assert await claim(journal, runs_max=5, fresh_max=5, behind_max=0) == ()


async def test_a_head_that_waits_makes_its_stream_wait(world: World, journal: Journal) -> None:
    portal, other = await make_portal(journal), await make_portal(journal, "other")
    await append(journal, new(world, portal, "1"), new(world, portal, "2"))
    run = await claim_one(journal)
    await retry(journal, run.deliveries[0], world, wait=2 * SECOND)
    await journal.release(run)
    await append(journal, new(world, portal, "3"), new(world, other, "4"))

    assert sources(await claim(journal)) == [["4"]]
    world.clock.advance(2 * SECOND)
    again = await claim_one(journal)

    assert [(d.source, d.attempts) for d in again.deliveries] == [("1", 2), ("2", 1), ("3", 1)]


async def test_a_run_ends_before_a_delivery_that_must_wait(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, str(number)) for number in range(3)))
    run = await claim_one(journal)
    await retry(journal, run.deliveries[1], world, wait=SECOND)
    await journal.release(run)

    assert sources(await claim(journal)) == [["0"]]


async def test_an_attempt_that_was_not_spent_does_not_count(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    for _ in range(3):
        run = await claim_one(journal)
        assert run.deliveries[0].attempts == 1
        for _ in range(2):  # The second is a repetition.
            await retry(journal, run.deliveries[0], world, spent=False)
        await journal.release(run)


async def test_what_was_not_attempted_is_queued_as_it_was(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"), new(world, portal, "2"))
    run = await claim_one(journal)
    await retry(journal, run.deliveries[0], world)
    await journal.release(run)
    assert await in_the_air(journal, portal, MATRIX) == set()

    again = await claim_one(journal)

    assert [(d.attempts, d.resumed) for d in again.deliveries] == [(2, False), (1, False)]


async def test_a_parked_delivery_lets_its_stream_go_on(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"), new(world, portal, "2"))
    run = await claim_one(journal, length_max=1)
    await journal.park(run.deliveries[0], reason="forbidden")
    await journal.release(run)

    assert sources(await claim(journal)) == [["2"]]


async def test_what_a_dead_worker_had_is_resumed_when_its_lease_ends(
    world: World, journal: Journal
) -> None:
    other = world.process()
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, f"${n}", target=TEAMS) for n in range(3)))
    await claim_one(journal, TEAMS, length_max=2)
    world.clock.advance(LEASE - SECOND)
    assert await claim(other, TEAMS) == ()
    world.clock.advance(SECOND)

    run = await claim_one(other, TEAMS)

    assert [(d.resumed, d.attempts) for d in run.deliveries] == [(True, 2), (True, 2), (False, 1)]


async def test_what_is_resumed_stays_so_until_its_fate_is_known(
    world: World, journal: Journal
) -> None:
    others = [world.process() for _ in range(3)]
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, f"${n}", target=TEAMS) for n in range(2)))
    await claim_one(journal, TEAMS)
    world.clock.advance(LEASE)

    short = await claim_one(others[0], TEAMS, length_max=1)
    await others[0].release(short)
    whole = await claim_one(others[1], TEAMS)
    await others[1].release(whole)
    last = await claim_one(others[2], TEAMS)

    assert [d.resumed for d in short.deliveries] == [True]
    assert [d.resumed for d in whole.deliveries] == [True, True]
    assert [d.resumed for d in last.deliveries] == [True, True]


async def test_an_uncertain_attempt_is_resumed_and_a_certain_one_is_not(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await retry(journal, run.deliveries[0], world, uncertain=True)
    await journal.release(run)

    second = await claim_one(journal)
    await retry(journal, second.deliveries[0], world, uncertain=False)
    await journal.release(second)
    third = await claim_one(journal)

    assert (second.deliveries[0].resumed, third.deliveries[0].resumed) == (True, False)


async def test_a_renewed_run_is_not_taken_over(world: World, journal: Journal) -> None:
    other = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    await claim_one(journal)
    world.clock.advance(LEASE - SECOND)
    await journal.renew_leases()
    world.clock.advance(LEASE - SECOND)

    assert await claim(other) == ()


async def test_a_worker_that_comes_back_late_changes_nothing_of_its_successors_run(
    world: World, journal: Journal
) -> None:
    other = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"), new(world, portal, "2"))
    late = await claim_one(journal)
    world.clock.advance(LEASE)
    await claim_one(other)

    await retry(journal, late.deliveries[0], world)
    await journal.park(late.deliveries[1], reason="too late")
    await journal.renew_leases()
    await journal.release(late)

    assert await claim(journal) == ()
    world.clock.advance(LEASE)
    again = await claim_one(journal)
    assert [(d.source, d.resumed) for d in again.deliveries] == [("1", True), ("2", True)]


async def test_an_old_run_cannot_release_a_new_one_of_the_same_process(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    old = await claim_one(journal)
    world.clock.advance(LEASE)
    await claim_one(journal)

    await journal.release(old)

    assert await claim(journal) == ()


async def test_delivering_and_releasing_twice_is_harmless(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    for _ in range(2):
        await journal.delivered(run.deliveries[0], MessageRef("$1"))
    for _ in range(2):
        await journal.release(run)

    assert await claim(journal) == ()
    found = await known(journal, MATRIX, portal, "$1")
    assert found == Known(origin=TEAMS, version=Version("1"), author="anna")


async def test_many_deliveries_may_be_ended_at_once(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, str(number)) for number in range(50)))
    run = await claim_one(journal, length_max=50)

    await asyncio.gather(
        *(journal.delivered(d, MessageRef(f"${d.source}")) for d in run.deliveries),
        journal.release(run),
    )

    assert await claim(journal) == ()
    assert await known(journal, MATRIX, portal, "$49") is not None


async def test_a_stream_in_which_nothing_is_open_is_not_held_by_who_looked(
    world: World, journal: Journal
) -> None:
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await journal.delivered(run.deliveries[0], MessageRef("$1"))
    await journal.release(run)
    await append(journal, new(world, portal, "1"))  # Known already: only the stream is woken.
    assert await claim(journal) == ()

    await append(journal, new(world, portal, "2"))

    assert sources(await claim(world.process())) == [["2"]]


async def test_a_head_that_waits_is_due_in_time_even_if_its_worker_has_died(
    world: World, journal: Journal
) -> None:
    other = world.process()
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, f"${n}", target=TEAMS) for n in range(2)))
    run = await claim_one(journal, TEAMS)
    await retry(journal, run.deliveries[0], world, wait=LEASE + SECOND)
    world.clock.advance(LEASE)

    assert await claim(other, TEAMS) == ()
    world.clock.advance(SECOND)
    again = await claim_one(other, TEAMS)

    assert [(d.source, d.resumed) for d in again.deliveries] == [("$0", False), ("$1", True)]


# --- bells ---


async def test_the_entries_bell_of_a_side_rings_when_something_new_came(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, "a")])
    assert journal.entries_bell(TEAMS).is_set()
    assert not journal.entries_bell(MATRIX).is_set()

    journal.entries_bell(TEAMS).clear()
    await journal.append_entries([entry(world, "a")])
    assert not journal.entries_bell(TEAMS).is_set()


async def test_the_entries_bell_rings_again_for_what_came_behind_a_reader(
    world: World, journal: Journal
) -> None:
    await journal.append_entries([entry(world, "a")])
    claimed = await journal.claim_entries(TEAMS, limit=10)
    await journal.append_entries([entry(world, "b")])
    journal.entries_bell(TEAMS).clear()

    async with journal.unit() as unit:
        await unit.settle(claimed)

    assert journal.entries_bell(TEAMS).is_set()


async def test_the_streams_bell_rings_after_the_commit(world: World, journal: Journal) -> None:
    portal = await make_portal(journal)
    async with journal.unit() as unit:
        await unit.append([new(world, portal, "1")])
        assert not journal.streams_bell(MATRIX).is_set()

    assert journal.streams_bell(MATRIX).is_set()
    assert not journal.streams_bell(TEAMS).is_set()


# --- what is presumed to be new ---


async def test_what_is_new_may_be_appended_without_a_look(world: World) -> None:
    journal = world.process()
    portal = await make_portal(journal)

    await append(journal, new(world, portal, "1"), new(world, portal, "2"), presumed=True)

    assert sources(await claim(journal)) == [["1", "2"]]


@pytest.mark.parametrize("target", Side)
async def test_what_is_under_way_is_not_new(world: World, target: Side) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1", target=target))

    with pytest.raises(NotNew):
        await append(journal, new(world, portal, "1", target=target), presumed=True)


@pytest.mark.parametrize("target", Side)
async def test_what_has_arrived_is_not_new_on_either_side(world: World, target: Side) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1", target=target))
    run = await claim_one(journal, target)
    await journal.delivered(run.deliveries[0], MessageRef("copy"))
    await journal.release(run)

    for again in (new(world, portal, "1", target=target), echo(world, portal, "copy", target)):
        with pytest.raises(NotNew):
            await append(journal, again, presumed=True)


def echo(world: World, portal: Portal, ref: str, target: Side) -> NewDelivery:
    """What came back as `ref` from the side that it was carried to."""
    return new(world, portal, ref, target=target.other)


async def test_what_may_be_the_echo_of_something_in_the_air_is_not_new(world: World) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "$1", target=TEAMS))
    run = await claim_one(journal, TEAMS)

    with pytest.raises(NotNew):
        await append(journal, new(world, portal, "123"), presumed=True)

    await journal.delivered(run.deliveries[0], MessageRef("122"))
    await journal.release(run)
    await append(journal, new(world, portal, "123"), presumed=True)
    assert sources(await claim(journal)) == [["123"]]


async def append_and_settle(
    journal: Journal, deliveries: Sequence[NewDelivery], claimed: Sequence[Entry]
) -> None:
    async with journal.unit() as unit:
        await unit.append(deliveries, presumed=True)
        await unit.settle(claimed)


async def test_where_one_is_not_new_nothing_is_written(world: World) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    await journal.append_entries([entry(world, "a")])
    claimed = await journal.claim_entries(TEAMS, limit=10)

    with pytest.raises(NotNew):
        await append_and_settle(
            journal, [new(world, portal, "2"), new(world, portal, "1")], claimed
        )

    assert sources(await claim(journal)) == [["1"]]
    async with journal.unit() as unit:
        await unit.settle(claimed)
    world.clock.advance(LEASE * 2)
    assert await journal.claim_entries(TEAMS, limit=10) == ()
