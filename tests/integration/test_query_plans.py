"""With hundreds of thousands of rows, every statement of the hot path reads what it needs only.

Not the plan is looked at but what it did: Postgres counts scans and rows for every table, also
within functions. Each case runs often enough for the generic plan of a prepared statement, once
with the statistics of a full table and once with those of an empty one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bridge.domain.content import from_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import MessageRef, PortalId, RoomId, Side, Version
from bridge.ports import Journal
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.events import encode
from tests.contract.test_journal import PostgresWorld, append, claim, entry, make_portal, new, place
from tests.integration.stores import opened, world_on

TABLES = ("inbox", "deliveries", "links", "streams", "portals")
PORTALS = 20_000
ROUNDS = 8
"""Postgres settles on a generic plan after five executions."""
ROWS_OF_ONE_ROUND_MAX = 600
"""One claim of 50 entries touches each a few times; a scan would touch 200,000."""

# Every portal has a stream of ten open deliveries and ten links; one conversation in ten has
# entries that are due, one in a thousand is being read.
_FILL = """
INSERT INTO portals (tenant_id, conversation_id, room_id, created_at)
SELECT 'tenant', 'chat ' || n, '!' || n, $1 FROM generate_series(1, $2::integer) n;
"""
_FILL_STREAMS = """
INSERT INTO streams (portal_id, side, due_at)
SELECT id, 'matrix', CASE WHEN id % 10 = 0 THEN $1 ELSE $1::timestamptz + interval '1 hour' END
FROM portals
"""
_FILL_DELIVERIES = """
INSERT INTO deliveries
    (portal_id, target, source, part, speaker, version, event, state, due_at, created_at)
SELECT p.id, 'matrix', 'message ' || n, 0, 'anna', '1', $2,
    CASE WHEN p.id % 3 = 0 AND n < 5 THEN 'parked' ELSE 'queued' END, $1, $1
FROM portals p CROSS JOIN generate_series(1, 10) n
"""
_FILL_LINKS = """
INSERT INTO links
    (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
SELECT p.id, 'old ' || n, '$old ' || n, 0, 'teams', '1', 'anna', $1, $1
FROM portals p CROSS JOIN generate_series(1, 10) n
"""
_FILL_INBOX = """
INSERT INTO inbox
    (side, key, conversation, position, raw, received_at, due_at, owner, lease_until)
SELECT 'teams', 'key ' || p.id || '/' || n, 'chat ' || p.id, n, '\\x00', $1,
    CASE WHEN p.id % 10 = 0 THEN $1 ELSE $1::timestamptz + interval '1 hour' END,
    CASE WHEN p.id % 1000 = 0 THEN gen_random_uuid() END,
    CASE WHEN p.id % 1000 = 0 THEN $1::timestamptz + interval '1 minute' END
FROM portals p CROSS JOIN generate_series(1, 10) n
"""
_COUNTED = """
SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows
FROM pg_stat_user_tables WHERE relname = ANY ($1::text[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What was read of all tables together since the last look."""

    scans: int
    rows: int


@pytest.fixture(params=["statistics of full tables", "statistics of empty tables"])
async def world(
    empty_database: str, request: pytest.FixtureRequest
) -> AsyncIterator[PostgresWorld]:
    # One connection: what it has done is counted when it says so.
    async with opened(empty_database, connections_max=1) as store, world_on(store) as made:
        await schema.upgrade(store)
        if "empty" in request.param:
            await store.execute(f"ANALYZE {', '.join(TABLES)}")
        await fill(made)
        if "full" in request.param:
            await store.execute(f"ANALYZE {', '.join(TABLES)}")
        yield made


async def fill(world: PostgresWorld) -> None:
    now = world.clock.now()
    store = world.database
    await store.execute(_FILL, now, PORTALS)
    await store.execute(_FILL_STREAMS, now)
    await store.execute(_FILL_DELIVERIES, now, an_event(world))
    await store.execute(_FILL_LINKS, now)
    await store.execute(_FILL_INBOX, now)


def an_event(world: PostgresWorld) -> bytes:
    return encode(
        MessageSent(
            author=Person(id="anna"),
            version=Version("1"),
            sent_at=world.clock.now(),
            body=from_text("hello"),
        )
    )


async def look(store: Database) -> Reads:
    await store.execute("SELECT pg_stat_force_next_flush()")
    rows = await store.fetch(_COUNTED, list(TABLES))
    return Reads(scans=sum(r["seq_scan"] for r in rows), rows=sum(r["rows"] for r in rows))


async def reads_of(store: Database, act: Callable[[int], Awaitable[object]]) -> Reads:
    """Return what one round of `act` has read, on average."""
    before = await look(store)
    for number in range(ROUNDS):
        await act(number)
    after = await look(store)
    return Reads(scans=after.scans - before.scans, rows=(after.rows - before.rows) // ROUNDS)


async def test_nothing_on_the_hot_path_reads_a_table_from_end_to_end(world: PostgresWorld) -> None:
    path = HotPath(world, world.process())
    steps = [
        path.append_entries,
        path.claim_entries,
        path.claim_entries_when_nothing_is_due,
        path.make_and_find_portals,
        path.ask_what_is_known_on_teams,
        path.ask_what_is_known_on_matrix,
        path.append_deliveries,
        path.append_what_is_presumed_to_be_new,
        path.carry_runs,
        path.renew_leases,
    ]

    reads = {step.__name__: await reads_of(world.database, step) for step in steps}

    assert {name: one.scans for name, one in reads.items() if one.scans} == {}
    assert {name: one.rows for name, one in reads.items() if one.rows > ROWS_OF_ONE_ROUND_MAX} == {}


class HotPath:
    """What is done for every message, some fifty at once."""

    def __init__(self, world: PostgresWorld, journal: Journal) -> None:
        self.world = world
        self.journal = journal

    async def append_entries(self, number: int) -> None:
        await self.journal.append_entries([entry(self.world, f"{number}/{n}") for n in range(50)])

    async def claim_entries(self, _: int) -> None:
        entries = await self.journal.claim_entries(Side.TEAMS, limit=50)
        assert len(entries) == 50
        async with self.journal.unit() as unit:
            await unit.settle(entries)

    async def claim_entries_when_nothing_is_due(self, _: int) -> None:
        assert await self.journal.claim_entries(Side.MATRIX, limit=50) == ()

    async def make_and_find_portals(self, number: int) -> None:
        await make_portal(self.journal, f"new {number}")
        async with self.journal.unit() as unit:
            await unit.portals([place(str(n)) for n in range(10)])
            await unit.portals_of([RoomId(f"!{n}") for n in range(number, number + 10)])

    async def ask_what_is_known_on_teams(self, number: int) -> None:
        await self.ask(Side.TEAMS, number)

    async def ask_what_is_known_on_matrix(self, number: int) -> None:
        await self.ask(Side.MATRIX, number)

    async def ask(self, side: Side, number: int) -> None:
        refs = ["old 1", "$old 1", "message 3", "unheard of"]
        keys = [(PortalId(number * 100 + n), MessageRef(ref)) for n in range(10) for ref in refs]
        async with self.journal.unit() as unit:
            assert await unit.known(side, keys)
            await unit.in_the_air({portal for portal, _ in keys}, side.other)

    async def append_deliveries(self, number: int) -> None:
        for n in range(5):
            portal = await make_portal(self.journal, str(n))
            both = [new(self.world, portal, f"new {number}", target=target) for target in Side]
            await append(self.journal, *both)

    async def append_what_is_presumed_to_be_new(self, number: int) -> None:
        for n in range(5):
            portal = await make_portal(self.journal, str(n))
            for target in Side:
                made = new(self.world, portal, f"presumed {number}", target=target)
                await append(self.journal, made, presumed=True)

    async def carry_runs(self, _: int) -> None:
        self.world.clock.advance(timedelta(seconds=1))  # So that others come first next time.
        runs = await claim(self.journal, runs_max=10, length_max=3)
        assert [len(run.deliveries) for run in runs] == [3] * 10
        for run in runs:
            for delivery in run.deliveries[:2]:
                await self.journal.delivered(delivery, MessageRef(f"$new {delivery.id}"))
            await self.journal.park(run.deliveries[2], reason="no")
            await self.journal.release(run)

    async def renew_leases(self, number: int) -> None:
        if number == 0:
            await self.journal.claim_entries(Side.TEAMS, limit=50)
            await claim(self.journal, runs_max=10)
        await self.journal.renew_leases()
