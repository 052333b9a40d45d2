"""What is stored while a reader or a worker waits is claimed for it in the same step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.domain.ids import MessageRef, Side
from bridge.errors import StoreUnavailable
from bridge.ports import Bell, Journal
from bridge.store.leases import LEASE
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

TEAMS, MATRIX = Side.TEAMS, Side.MATRIX


@pytest.fixture
async def world(database: str) -> AsyncIterator[PostgresWorld]:
    async with opened(database, connections_max=4) as store, world_on(store) as made:
        yield made


@asynccontextmanager
async def waiting(bell: Bell) -> AsyncIterator[None]:
    """Somebody waits for the bell, as an idle loop does."""
    bell.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bell.wait())
        while not bell.is_waited_for:
            await asyncio.tasks.sleep(0)
        yield
        bell.set()


async def read(journal: Journal, limit: int = 10) -> list[str]:
    return [e.raw.decode() for e in await journal.claim_entries(TEAMS, limit=limit)]


async def test_a_reader_that_waits_has_what_is_stored_and_nobody_else(
    world: PostgresWorld,
) -> None:
    journal, other = world.process(), world.process()
    assert await read(journal) == []
    async with waiting(journal.entries_bell(TEAMS)):
        await journal.append_entries([entry(world, "a"), entry(world, "b")])
    assert await read(other) == []
    assert await read(journal) == ["a", "b"]


async def test_what_a_reader_left_lying_is_read_by_another_once_its_lease_is_over(
    world: PostgresWorld,
) -> None:
    journal, other = world.process(), world.process()
    assert await read(journal) == []
    async with waiting(journal.entries_bell(TEAMS)):
        await journal.append_entries([entry(world, "a")])
    world.clock.advance(LEASE * 1.1)
    assert await read(other) == ["a"]


async def test_a_reader_that_takes_no_more_lets_go_of_what_was_put_aside(
    world: PostgresWorld,
) -> None:
    journal, other = world.process(), world.process()
    assert await read(journal) == []
    async with waiting(journal.entries_bell(TEAMS)):
        await journal.append_entries([entry(world, "a")])
    assert await read(journal, limit=0) == []
    assert await read(other) == ["a"]


async def test_no_more_is_put_aside_than_the_reader_asked_for(world: PostgresWorld) -> None:
    journal = world.process()
    assert await read(journal, limit=2) == []
    async with waiting(journal.entries_bell(TEAMS)):
        await journal.append_entries([entry(world, name) for name in "abc"])
    first = await journal.claim_entries(TEAMS, limit=2)
    assert [e.raw for e in first] == [b"a", b"b"]
    async with journal.unit() as unit:
        await unit.settle(first)
    assert await read(journal, limit=2) == ["c"]


async def test_a_worker_that_waits_has_the_stream_and_nobody_else(world: PostgresWorld) -> None:
    journal, other = world.process(), world.process()
    portal = await make_portal(journal)
    assert await claim(journal) == ()
    async with waiting(journal.streams_bell(MATRIX)):
        await append(journal, new(world, portal, "1"), new(world, portal, "2"))
    assert await claim(other) == ()
    run = await claim_one(journal)
    assert sources([run]) == [["1", "2"]]
    written = [journal.delivered(d, MessageRef(f"${d.source}")) for d in run.deliveries]
    await asyncio.gather(*written, journal.release(run))
    assert await claim(other) == ()
    assert await known(other, TEAMS, portal, "2") is not None


async def test_what_was_stored_just_now_is_not_decoded_and_what_was_before_is(
    world: PostgresWorld,
) -> None:
    journal, other = world.process(), world.process()
    portal = await make_portal(journal)
    before, now = new(world, portal, "1"), new(world, portal, "2")
    assert await claim(journal) == ()
    await append(other, before)
    async with waiting(journal.streams_bell(MATRIX)):
        await append(journal, now)
    first, second = (await claim_one(journal)).deliveries
    assert (first.event, second.event) == (before.event, now.event)
    assert (first.event is before.event, second.event is now.event) == (False, True)


async def test_a_worker_that_takes_no_more_lets_go_of_what_was_put_aside(
    world: PostgresWorld,
) -> None:
    journal, other = world.process(), world.process()
    portal = await make_portal(journal)
    assert await claim(journal) == ()
    async with waiting(journal.streams_bell(MATRIX)):
        await append(journal, new(world, portal, "1"))
    assert await claim(journal, runs_max=0) == ()
    run = await claim_one(other)
    (delivery,) = run.deliveries
    assert (delivery.attempts, delivery.resumed) == (1, False)


async def test_no_more_streams_are_put_aside_than_the_worker_has_room_for(
    world: PostgresWorld,
) -> None:
    journal, other = world.process(), world.process()
    portals = [await make_portal(journal, f"chat {n}") for n in range(3)]
    assert await claim(journal, runs_max=2) == ()
    async with waiting(journal.streams_bell(MATRIX)):
        await append(journal, *[new(world, portal, "1") for portal in portals])
    assert len(await claim(other)) == 1
    assert len(await claim(journal, runs_max=2)) == 2


async def test_a_reader_at_work_is_not_given_more(world: PostgresWorld) -> None:
    journal, other = world.process(), world.process()
    assert await read(journal) == []
    await journal.append_entries([entry(world, "a")])
    assert await read(other) == ["a"]


async def test_an_answer_that_never_came_leaves_no_lease_behind(world: PostgresWorld) -> None:
    journal = world.process()
    assert await read(journal) == []
    async with waiting(journal.entries_bell(TEAMS)), world.database.transaction() as session:
        await session.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        appending = world.tasks.create_task(_ignored(journal, entry(world, "a")))
        await _until_blocked(world)
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await appending
    assert await read(journal) == []
    await journal.append_entries([entry(world, "a")])
    assert await read(journal) == ["a"]


async def _ignored(journal: Journal, one: object) -> None:
    with pytest.raises(StoreUnavailable):
        await journal.append_entries([one])  # type: ignore[list-item]


async def _until_blocked(world: PostgresWorld) -> None:
    blocked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(5):
        while not (await world.database.fetch(blocked))[0]["count"]:
            pass
