"""Many processes at once: one reader a conversation, one worker a stream, order, no lost work."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest

from bridge.domain.ids import MessageRef, Side
from bridge.domain.portal import Portal
from bridge.ports import Entry, Journal, NewDelivery, Run, Turn
from bridge.store.appending import Appending
from bridge.store.database import Row, Session
from bridge.store.deliveries import Deliveries
from bridge.store.leases import LEASE, Leases
from tests.contract.test_journal import (
    PostgresWorld,
    append,
    claim,
    claim_one,
    entry,
    known,
    make_portal,
    new,
    sources,
)
from tests.integration.stores import opened, world_on

CONVERSATIONS = 12
ENTRIES_OF_EACH = 25
PROCESSES = 4
STREAMS = 8
APPENDERS = 4
APPENDS = 25
PATIENCE_SECONDS = 30


@pytest.fixture
async def world(database: str) -> AsyncIterator[PostgresWorld]:
    async with opened(database, connections_max=24) as store, world_on(store) as made:
        yield made


class Crossing:
    """Notes who is where; two at one place is what must never be."""

    def __init__(self) -> None:
        self.inside: set[str] = set()
        self.seen: dict[str, list[str]] = defaultdict(list)

    def enter(self, place: str) -> None:
        assert place not in self.inside, f"two are at {place}"
        self.inside.add(place)

    def leave(self, place: str) -> None:
        self.inside.discard(place)

    @property
    def total(self) -> int:
        return sum(map(len, self.seen.values()))


async def read_all(journal: Journal, crossing: Crossing, total: int) -> None:
    while crossing.total < total:
        claimed = await journal.claim_entries(Side.MATRIX, limit=7)
        conversations = {e.conversation for e in claimed}
        for conversation in conversations:
            crossing.enter(conversation)
        async with journal.unit() as unit:
            await unit.settle(claimed)
            note(crossing, claimed)
            # Left before the commit: from then on another one may be in it.
            for conversation in conversations:
                crossing.leave(conversation)


def note(crossing: Crossing, claimed: Sequence[Entry]) -> None:
    for one in claimed:
        crossing.seen[one.conversation].append(one.raw.decode())


async def test_many_readers_keep_every_conversation_whole_and_in_order(
    world: PostgresWorld,
) -> None:
    writers = [world.process() for _ in range(2)]
    crossing = Crossing()
    total = CONVERSATIONS * ENTRIES_OF_EACH

    async def write(journal: Journal, conversations: Sequence[int]) -> None:
        for number in range(ENTRIES_OF_EACH):
            entries = [
                entry(world, f"{c}/{number:03}", conversation=str(c), side=Side.MATRIX)
                for c in conversations
            ]
            await journal.append_entries(entries)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(PROCESSES):
            tasks.create_task(read_all(world.process(), crossing, total))
        half = CONVERSATIONS // 2
        tasks.create_task(write(writers[0], range(half)))
        tasks.create_task(write(writers[1], range(half, CONVERSATIONS)))

    for conversation in map(str, range(CONVERSATIONS)):
        expected = [f"{conversation}/{number:03}" for number in range(ENTRIES_OF_EACH)]
        assert crossing.seen[conversation] == expected


async def carry(journal: Journal, run: Run, crossing: Crossing) -> None:
    stream = str(run.portal.id)
    crossing.enter(stream)
    for number, delivery in enumerate(run.deliveries):
        if number == 1 and delivery.attempts == 1:  # Now and then one has to wait.
            now = delivery.created_at
            await journal.retry(delivery, at=now, error="busy", spent=True, uncertain=False)
            break
        crossing.seen[stream].append(f"{delivery.id:012}")
        await journal.delivered(delivery, MessageRef(f"$copy of {delivery.source}"))
    crossing.leave(stream)
    await journal.release(run)


async def test_many_workers_and_appenders_keep_every_stream_in_order(
    world: PostgresWorld,
) -> None:
    first = world.process()
    portals = [await make_portal(first, f"chat {n}") for n in range(STREAMS)]
    crossing = Crossing()
    total = APPENDERS * APPENDS * STREAMS
    ids = count()

    async def append_some(journal: Journal, order: Sequence[Portal]) -> None:
        for _ in range(APPENDS):
            async with journal.unit() as unit:
                # Each in an order of their own: the locks must not be taken in it.
                await unit.append([new(world, p, f"{p.id}/{next(ids)}") for p in order])

    async def work(journal: Journal) -> None:
        while crossing.total < total:
            runs = await claim(journal, runs_max=3, length_max=5)
            await asyncio.gather(*(carry(journal, run, crossing) for run in runs))

    async with asyncio.TaskGroup() as tasks:
        for number in range(APPENDERS):
            order = portals[number:] + portals[:number]
            tasks.create_task(append_some(world.process(), order[:: 1 if number % 2 else -1]))
        for _ in range(PROCESSES):
            tasks.create_task(work(world.process()))

    for portal in portals:
        seen = crossing.seen[str(portal.id)]
        assert seen == sorted(set(seen))
        assert len(seen) == APPENDERS * APPENDS
    assert len(await world.database.fetch("SELECT message_id FROM links")) == total
    assert await claim(first) == ()


async def uncommitted(world: PostgresWorld, session: Session, delivery: NewDelivery) -> None:
    """Append as another process does that has not come to its commit yet."""
    deliveries = Deliveries(world.database, world.clock, Leases(), uuid4())
    await deliveries.append(session, Appending(deliveries=[delivery]))


async def test_the_order_of_ids_is_the_order_in_which_the_streams_lock_was_given(
    world: PostgresWorld,
) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    async with asyncio.TaskGroup() as tasks, world.database.transaction() as session:
        await uncommitted(world, session, new(world, portal, "1"))
        # Comes while the first is not committed: it must wait, else 2 could be sent before 1.
        tasks.create_task(append(journal, new(world, portal, "2")))
        await blocked_by_lock(world, 1)
        assert await claim(world.process()) == ()

    assert sources(await claim(journal)) == [["1", "2"]]


async def test_a_run_is_released_in_the_commit_of_what_it_delivered(
    world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    statements: list[str] = []
    fetch = world.database.fetch

    async def counting(statement: str, *values: object) -> list[Row]:
        statements.append(statement)
        return await fetch(statement, *values)

    monkeypatch.setattr(world.database, "fetch", counting)
    delivered = journal.delivered(run.deliveries[0], MessageRef("$1"))
    await asyncio.gather(delivered, journal.release(run))

    assert len(statements) == 1
    assert "conclude" in statements[0]


async def test_a_release_waits_for_an_append_and_sees_it(world: PostgresWorld) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await journal.delivered(run.deliveries[0], MessageRef("$1"))
    async with world.database.transaction() as session:
        await uncommitted(world, session, new(world, portal, "2"))
        released = journal.release(run)  # Its writer is at it already.
        await blocked_by_lock(world, 1)
    await released

    assert sources(await claim(journal)) == [["2"]]


async def test_an_append_waits_for_a_release_and_wakes_the_stream(world: PostgresWorld) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "1"))
    run = await claim_one(journal)
    await journal.delivered(run.deliveries[0], MessageRef("$1"))
    async with asyncio.TaskGroup() as tasks, world.database.transaction() as session:
        await session.execute(
            "SELECT release_runs($1, $2, (SELECT owner FROM streams LIMIT 1), $3, '{}', $4)",
            [portal.id],
            [Side.MATRIX],
            [run.deliveries[0].id],
            world.clock.now(),
        )
        tasks.create_task(append(journal, new(world, portal, "2")))
        await blocked_by_lock(world, 1)

    assert sources(await claim(world.process())) == [["2"]]


async def test_appends_and_releases_in_any_interleaving_lose_no_wake_up(
    world: PostgresWorld,
) -> None:
    appender, worker = world.process(), world.process()
    portal = await make_portal(appender)
    done: list[str] = []

    async def append_all() -> None:
        for number in range(150):
            await append(appender, new(world, portal, str(number)))

    async def work() -> None:
        while len(done) < 150:
            for run in await claim(worker, length_max=2):
                for delivery in run.deliveries:
                    await worker.delivered(delivery, MessageRef(f"${delivery.source}"))
                    done.append(delivery.source)
                await worker.release(run)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(append_all())
        tasks.create_task(work())

    assert done == [str(number) for number in range(150)]


async def test_an_append_that_waits_for_the_delivery_of_the_same_message_is_not_a_second_one(
    world: PostgresWorld,
) -> None:
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, new(world, portal, "$1", target=Side.TEAMS))
    run = await claim_one(journal, Side.TEAMS)
    (delivery,) = run.deliveries
    async with asyncio.TaskGroup() as tasks, world.database.transaction() as session:
        # What `delivered` does, not committed yet.
        await session.execute("DELETE FROM deliveries WHERE id = $1", delivery.id)
        await session.execute(
            "INSERT INTO links (portal_id, message_id, event_id, part, origin, version, author,"
            " sent_at, linked_at) VALUES ($1, '7', '$1', 0, 'matrix', '1', 'anna', $2, $2)",
            portal.id,
            world.clock.now(),
        )
        tasks.create_task(append(journal, new(world, portal, "$1", target=Side.TEAMS)))
        await blocked_by_lock(world, 1)
    await journal.release(run)

    assert await claim(journal, Side.TEAMS) == ()
    assert await known(journal, Side.TEAMS, portal, "7") is not None


async def test_what_comes_again_while_it_is_being_settled_is_not_taken_in(
    world: PostgresWorld,
) -> None:
    """A push and a look at what was missed may bring one event of Matrix at the same moment."""
    journal, other = world.process(), world.process()
    await journal.append_entries([entry(world, "$1", side=Side.MATRIX)])
    (read,) = await journal.claim_entries(Side.MATRIX, limit=10)
    again = [entry(world, key, side=Side.MATRIX) for key in ("$1", "$2")]
    async with asyncio.TaskGroup() as tasks, world.database.transaction() as session:
        # What `settle` does, not committed yet.
        await session.execute("SELECT settle_entries($1, $2)", [read.id], world.clock.now())
        new_ones = tasks.create_task(other.append_entries(again))
        await blocked_by_lock(world, 1)

    assert new_ones.result() == 1
    claimed = await other.claim_entries(Side.MATRIX, limit=10)
    assert [e.raw for e in claimed] == [b"$2"]


async def test_of_two_claims_of_one_process_only_the_last_may_send_or_put_back(
    world: PostgresWorld,
) -> None:
    """A process that stood still for longer than its lease may lose it to itself."""
    journal = world.process()
    portal = await make_portal(journal)
    await append(journal, *(new(world, portal, f"${n}", target=Side.TEAMS) for n in range(2)))
    late = await claim_one(journal, Side.TEAMS)
    world.clock.advance(LEASE)
    run = await claim_one(journal, Side.TEAMS)

    assert {await journal.turn(d) for d in late.deliveries} == {Turn.NOT_OURS}
    at = world.clock.now()
    await journal.retry(late.deliveries[0], at=at, error="late", spent=True, uncertain=False)
    await journal.park(late.deliveries[1], reason="late")
    assert {await journal.turn(d) for d in run.deliveries} == {Turn.OURS}


async def test_the_bell_rings_when_what_must_wait_falls_due(world: PostgresWorld) -> None:
    journal = world.process()
    bell = journal.entries_bell(Side.TEAMS)
    later = timedelta(milliseconds=50)
    await journal.append_entries([entry(world, "letter", side=Side.TEAMS, after=later)])

    async with asyncio.timeout(PATIENCE_SECONDS):
        await bell.wait()


async def test_two_that_make_the_same_portals_get_the_same(world: PostgresWorld) -> None:
    journals = [world.process() for _ in range(4)]

    made = await asyncio.gather(*(make_portal(journal) for journal in journals))

    assert len({portal.id for portal in made}) == 1


async def test_leases_are_renewed_while_everything_moves(world: PostgresWorld) -> None:
    journal = world.process()
    portals = [await make_portal(journal, f"chat {n}") for n in range(5)]
    stop = asyncio.Event()

    async def renew() -> None:
        while not stop.is_set():
            await world.database.ping()
            await journal.renew_leases()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(renew())
        for round_ in range(20):
            await append(journal, *(new(world, p, f"{p.id}/{round_}") for p in portals))
            for run in await claim(journal):
                await journal.delivered(run.deliveries[0], MessageRef(f"${run.deliveries[0].id}"))
                await journal.release(run)
            world.clock.advance(timedelta(seconds=1))
        stop.set()

    assert await claim(journal) == ()


async def blocked_by_lock(world: PostgresWorld, waiting: int) -> None:
    """Return when so many sessions of this database wait for a lock."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await sessions_that_wait(world) < waiting:
            pass


async def sessions_that_wait(world: PostgresWorld) -> int:
    rows = await world.database.fetch(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return len(rows)
