"""Outages: what the store says while Postgres is away, and that it comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from typing_extensions import override

from bridge.domain.ids import MessageRef, Side
from bridge.errors import ConfigError, StoreUnavailable
from bridge.ports import Journal, NewEntry, Room
from bridge.sandbox.postgres import THROWAWAY, EmbeddedPostgres
from bridge.store import schema
from bridge.store.database import Database
from bridge.telemetry import Watch
from tests.contract.test_journal import append, claim_one, make_portal, new
from tests.integration.stores import opened, world_on
from tests.kit.fake_store import FakeClock

PID = "SELECT pg_backend_pid()"


class Diary(Watch):
    """A watch that also keeps what it was told, transitions only."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[str] = []

    @override
    def away(self, part: str, why: str, *, hint: str | None = None) -> None:
        if not self.is_away(part):
            self.pages.append(f"{part} away")
        super().away(part, why, hint=hint)

    @override
    def back(self, part: str) -> None:
        if self.is_away(part):
            self.pages.append(f"{part} back")
        super().back(part)


class Server:
    """A Postgres of this test's own, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres()
        self.start()
        self.dsn = self.postgres.create_database("bridge")

    def start(self) -> None:
        self.postgres.start(self.folder, tuning=THROWAWAY)

    async def kill(self, database: Database) -> None:
        """Kill it; what served our connections outlives its parent by some milliseconds."""
        self.postgres.kill()
        with suppress(StoreUnavailable):
            while True:
                await database.ping()

    def stop(self) -> None:
        self.postgres.stop()


class ImpatientClock(FakeClock):
    """Does something instead of every sleep."""

    def __init__(self, then: Iterator[None]) -> None:
        super().__init__()
        self.then = then
        self.slept: list[timedelta] = []

    @override
    async def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration)
        next(self.then)


@pytest.fixture
def server(scratch: Path) -> Iterator[Server]:
    started = Server(scratch / f"outage-{uuid4()}")
    yield started
    started.stop()


@pytest.fixture
def diary() -> Diary:
    return Diary()


def some_entry(key: str) -> NewEntry:
    now = FakeClock().now()
    return NewEntry(
        side=Side.TEAMS,
        key=key,
        conversation="chat",
        position=0,
        raw=b"raw",
        received_at=now,
        due_at=now,
    )


async def call_everything(journal: Journal) -> None:
    """Every way into the store says the same while it is away."""
    with pytest.raises(StoreUnavailable):
        await journal.append_entries([some_entry("lost")])
    with pytest.raises(StoreUnavailable):
        await journal.claim_entries(Side.TEAMS, limit=1)
    with pytest.raises(StoreUnavailable):
        await journal.claim_runs(Side.TEAMS, room=Room(runs=1, fresh=1, behind=1), length_max=1)
    with pytest.raises(StoreUnavailable):
        await make_portal(journal)


async def test_a_postgres_that_is_killed_is_missed_once_and_found_again(
    server: Server, diary: Diary
) -> None:
    async with opened(server.dsn, watch=diary) as database, world_on(database) as world:
        journal = world.process()
        await schema.upgrade(database)
        await journal.append_entries([some_entry("before")])

        await server.kill(database)
        await call_everything(journal)
        assert diary.pages == ["postgres away"]
        assert diary.is_away("postgres")

        server.start()
        await journal.append_entries([some_entry("after")])
        entries = await journal.claim_entries(Side.TEAMS, limit=10)

    assert len(entries) == 2
    assert diary.pages == ["postgres away", "postgres back"]


async def test_what_was_delivered_during_an_outage_is_written_afterwards(
    server: Server, diary: Diary
) -> None:
    async with opened(server.dsn, watch=diary) as database, world_on(database) as world:
        journal = world.process()
        await schema.upgrade(database)
        portal = await make_portal(journal)

        await append(journal, *(new(world, portal, f"${n}", target=Side.TEAMS) for n in range(3)))
        run = await claim_one(journal, Side.TEAMS)
        first, second, _ = run.deliveries
        await server.kill(database)
        for delivery in (first, second):
            with pytest.raises(StoreUnavailable):
                await journal.delivered(delivery, MessageRef(f"copy of {delivery.source}"))
        with pytest.raises(StoreUnavailable):
            await journal.release(run)
        server.start()

        # The first is told again, the second forgotten by its worker: it may have arrived.
        await journal.delivered(first, MessageRef("copy of $0"))
        await journal.release(run)
        again = await claim_one(journal, Side.TEAMS)

    assert [(d.source, d.resumed, d.attempts) for d in again.deliveries] == [
        ("$1", True, 2),
        ("$2", False, 1),
    ]


async def test_what_a_reader_had_when_the_store_went_away_is_there_when_it_is_back(
    server: Server, diary: Diary
) -> None:
    async with opened(server.dsn, watch=diary) as database, world_on(database) as world:
        journal = world.process()
        await schema.upgrade(database)
        await journal.append_entries([some_entry("a")])
        claimed = await journal.claim_entries(Side.TEAMS, limit=10)
        await server.kill(database)
        with pytest.raises(StoreUnavailable):
            async with journal.unit() as unit:
                await unit.settle(claimed)
        server.start()

        assert await journal.claim_entries(Side.TEAMS, limit=10) == claimed


async def test_the_start_waits_for_postgres(server: Server, diary: Diary) -> None:
    def start() -> Iterator[None]:
        yield
        server.start()
        yield

    server.stop()
    clock = ImpatientClock(start())
    async with opened(server.dsn, watch=diary) as database:
        await database.wait_until_up(clock)

    assert clock.slept == [timedelta(seconds=1)] * 2
    assert diary.pages == ["postgres away", "postgres back"]


async def test_a_cut_connection_costs_one_call(empty_database: str, diary: Diary) -> None:
    async with (
        opened(empty_database, watch=diary) as database,
        opened(empty_database, watch=diary) as other,
    ):
        async with database.session() as session:
            row = await session.fetchrow("SELECT pg_backend_pid() AS pid")
            assert row is not None
            await other.execute("SELECT pg_terminate_backend($1)", row["pid"])
            with pytest.raises(StoreUnavailable):
                await session.execute("SELECT 1")
        await database.ping()

    assert diary.pages == ["postgres away", "postgres back"]


async def test_connections_from_before_an_outage_tell_neither_its_end_nor_another(
    empty_database: str, diary: Diary
) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY ($1::int[])"
    async with (
        opened(empty_database, watch=Watch()) as other,
        opened(empty_database, watch=diary) as database,
    ):
        async with database.session() as first, database.session() as second:
            pids = [row[0] for s in (first, second) for row in await s.fetch(PID)]
            await other.execute(cut, pids[:1])
            with pytest.raises(StoreUnavailable):
                await first.execute("SELECT 1")
            await second.execute("SELECT 1")
            assert diary.pages == ["postgres away"]

            await database.ping()
            assert diary.pages == ["postgres away", "postgres back"]

            await other.execute(cut, pids[1:])
            with pytest.raises(StoreUnavailable):
                await second.execute("SELECT 1")
        await database.ping()

    assert diary.pages == ["postgres away", "postgres back"]


async def test_a_store_that_cannot_be_written_is_away_until_it_can(
    empty_database: str, diary: Diary
) -> None:
    write = "INSERT INTO things VALUES (1)"
    async with opened(empty_database, watch=diary) as database, database.session() as session:
        await session.execute("CREATE TABLE things (id integer)")
        await session.execute("SET default_transaction_read_only = on")
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await session.execute(write)
            await session.fetch("SELECT id FROM things")
        assert diary.pages == ["postgres away"]

        await session.execute("SET default_transaction_read_only = off")
        await session.execute(write)

    assert diary.pages == ["postgres away", "postgres back"]


async def test_a_deadlock_is_no_outage_but_asks_to_begin_again(
    empty_database: str, diary: Diary
) -> None:
    async def lock_both(database: Database, first: int, second: int, met: asyncio.Barrier) -> None:
        async with database.transaction() as session:
            await session.execute("SET LOCAL deadlock_timeout = '50ms'")
            await session.execute("SELECT pg_advisory_xact_lock($1)", first)
            await met.wait()
            await session.execute("SELECT pg_advisory_xact_lock($1)", second)

    async with opened(empty_database, watch=diary) as database:
        met = asyncio.Barrier(2)
        results = await asyncio.gather(
            lock_both(database, 1, 2, met), lock_both(database, 2, 1, met), return_exceptions=True
        )

    assert {type(result) for result in results} == {type(None), StoreUnavailable}
    assert diary.pages == []


async def test_our_own_bugs_are_not_called_an_outage(empty_database: str, diary: Diary) -> None:
    async with opened(empty_database, watch=diary) as database:
        await database.execute("CREATE TABLE things (id integer PRIMARY KEY)")
        await database.execute("INSERT INTO things VALUES (1)")
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await database.execute("SELEKT 1")
        with pytest.raises(asyncpg.UniqueViolationError):
            await database.execute("INSERT INTO things VALUES (1)")
        with pytest.raises(asyncpg.DataError):
            await database.execute("INSERT INTO things VALUES ($1)", "one")
        await database.ping()

    assert diary.pages == []


async def test_an_address_that_can_never_work_is_the_operators_to_change(
    postgres: EmbeddedPostgres, diary: Diary
) -> None:
    for dsn, problem in (
        ("mysql://localhost/bridge", r"database\.uri cannot be understood"),
        (postgres.dsn("nowhere"), 'database "nowhere" does not exist'),
    ):
        async with opened(dsn, watch=diary) as database:
            with pytest.raises(ConfigError, match=problem):
                await database.wait_until_up(FakeClock())


async def test_a_closed_store_is_unavailable(empty_database: str, diary: Diary) -> None:
    async with opened(empty_database, watch=diary) as database:
        await database.ping()
    with pytest.raises(StoreUnavailable):
        await database.ping()
