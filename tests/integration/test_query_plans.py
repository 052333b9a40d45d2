"""With a million rows, every statement of the hot path reads what it needs only.

Not the plan is looked at but what it did: Postgres counts scans, rows and blocks for every table, also
within functions. Each case runs often enough for the generic plan of a prepared statement: with the
statistics of a full table, with those of an empty one, and with plans that were made while the
tables were empty, and are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest

from bridge.domain.changes import Known
from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    MessageEdited,
    MessageSent,
    Person,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.domain.receipts import Receipt
from bridge.domain.shape import Memory
from bridge.ports import (
    ENTRIES_OF_ONE_MAX,
    ConversationNews,
    Delivery,
    Journal,
    Kept,
    Loss,
    NewDelivery,
    News,
    PersonNews,
    Remembered,
    TeamNews,
    Turn,
)
from bridge.sandbox.postgres import EmbeddedPostgres
from bridge.store import schema, states
from bridge.store.database import Database
from bridge.store.events import encode
from bridge.store.ghosts import GhostBook
from bridge.store.inbox import prune_read_events
from bridge.store.portals import PortalBook
from bridge.store.read_marks import ReadBook
from bridge.store.readings import ReadingBook
from bridge.store.shapes import ShapeBook
from tests.contract.test_journal import PostgresWorld, append, claim, entry, make_portal, new, place
from tests.integration.million import MILLION, TABLES, TENTH, Size, analyze, fill, make_room
from tests.integration.stores import opened, world_on
from tests.kit.fake_store import FakeClock

pytestmark = pytest.mark.long  # With a million rows for all of them.

Step = Callable[[int], Awaitable[object]]

_SAID = MessageSent(
    author=Person(id="anna"),
    version=Version("1"),
    sent_at=FakeClock().now(),
    body=from_text("hello"),
)

TEMPLATE = "a_million_rows"
TEAMS, MATRIX = Side.TEAMS, Side.MATRIX
ANNA = Person(id="anna")
ROUNDS = 8
"""Postgres settles on a generic plan after five executions."""
ROWS_OF_ONE_ROUND_MAX = 1_200
"""One claim of 50 entries looks twice at the ten of each of their conversations, which may be 50; a
scan would touch 200,000."""
BLOCKS_OF_ONE_ROUND_MAX = 3_000
"""Of tables and indexes, each as often as it is looked at; an index read from end to end that
returns next to nothing counts no rows."""

_COUNTED = """
SELECT t.seq_scan AS scans, t.seq_tup_read + coalesce(t.idx_tup_fetch, 0) AS rows,
    coalesce(b.heap_blks_read + b.heap_blks_hit, 0)
        + coalesce(b.idx_blks_read + b.idx_blks_hit, 0) AS blocks
FROM pg_stat_user_tables t
JOIN pg_statio_user_tables b USING (relid)
WHERE t.relname = ANY ($1::text[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What was read of all tables together since the last look."""

    scans: int
    rows: int
    blocks: int


def happened(kind: type[ReactionAdded | ReactionRemoved], target: str, version: str = "1") -> Event:
    return kind(
        target=MessageRef(target),
        author=ANNA,
        key="x",
        version=Version(version),
        sent_at=FakeClock().now(),
    )


def edited(target: str, version: str) -> Event:
    return MessageEdited(
        target=MessageRef(target),
        author=ANNA,
        version=Version(version),
        sent_at=FakeClock().now(),
        body=from_text("other words"),
    )


async def fill_up(store: Database, size: Size) -> None:
    now = FakeClock().now()
    body = from_text("hello")
    message = MessageSent(author=ANNA, version=Version("1"), sent_at=now, body=body)
    await fill(
        store,
        size,
        now,
        message=encode(message),
        reaction=encode(happened(ReactionAdded, "$old 1")),
        state=states.encode(Known(origin=TEAMS, version=Version("2"))),
    )


async def make_template(dsn: str) -> None:
    """A million rows, and the statistics of when there was none."""
    async with opened(dsn, connections_max=1) as store:
        await schema.upgrade(store)
        await make_room(store)
        await analyze(store)
        await fill_up(store, MILLION)


@pytest.fixture(scope="session")
def a_million_rows(postgres: EmbeddedPostgres) -> str:
    """The name of a database to copy."""
    dsn = postgres.create_database(TEMPLATE)
    with ThreadPoolExecutor(1) as thread:  # Not the event loop that a test is about to use.
        thread.submit(asyncio.run, make_template(dsn)).result()
    return TEMPLATE


@pytest.fixture(params=["statistics of full tables", "statistics of empty tables"])
async def full_world(
    postgres: EmbeddedPostgres, a_million_rows: str, request: pytest.FixtureRequest
) -> AsyncIterator[PostgresWorld]:
    dsn = postgres.create_database("a_copy", template=a_million_rows)
    # One connection: what it has done is counted when it says so.
    async with opened(dsn, connections_max=1) as store, world_on(store) as made:
        if "full" in request.param:
            await analyze(store)
        yield made
    postgres.drop_database("a_copy")


@pytest.fixture
async def growing_world(database: str) -> AsyncIterator[PostgresWorld]:
    # One connection: the plans that it keeps are those of an empty database.
    async with opened(database, connections_max=1) as store, world_on(store) as made:
        await make_room(store)
        await store.execute("ANALYZE deliveries, inbox, own_changes")  # Empty every night.
        path = HotPath(made, made.process())
        for number in range(ROUNDS):
            await live(path, 1_000 + number)
        await fill_up(store, TENTH)
        yield made


async def live(path: HotPath, number: int) -> None:
    """Do everything once, in a small world."""
    changing = Changing(path.world, path.journal)
    path.world.clock.advance(timedelta(seconds=1))
    for side in Side:
        await path.journal.append_entries([entry(path.world, f"first {number}", side=side)])
        entries = await path.journal.claim_entries(side, limit=50)
        assert len(entries) == 1
        async with path.journal.unit() as unit:
            await unit.settle(entries)
    await path.make_and_find_portals(number)
    for side in Side:
        await path.ask(side, number, expected=0)
    await path.append_deliveries(number)
    await path.append_what_is_presumed_to_be_new(number)
    for target in Side:
        for run in await claim(path.journal, target):
            for delivery in run.deliveries:
                assert await path.journal.turn(delivery) is Turn.OURS
                await path.journal.far(replace(delivery, event=edited("1", "1")))
                await path.journal.delivered(delivery, MessageRef(f"copy of {delivery.source}"))
            await path.journal.release(run)
        await path.journal.renew_leases()
    await changing.remember(number, base=900_000)
    for target in Side:
        await changing.carry_some(number, target)
    await changing.ask_what_was_heard(number, expected=0)
    await changing.ask_what_stands_beside(number)
    await changing.look_at_the_gate(number, expected=0)
    await changing.find_what_is_unread(number, expected=0)
    for target in Side:
        event = replace(_SAID, thread=MessageRef("old 1"))
        assert (await path.journal.far(changing._asked(target, event))).thread is None
    await changing.note_news_and_losses(number)
    await path.look_at_people(number, expected=0)
    await path.look_at_rooms(number, expected=0)
    await path.look_at_receipts(number, expected=0)
    await prune_read_events(path.world.database, FakeClock().now() - timedelta(days=1))


async def look(store: Database) -> Reads:
    await store.execute("SELECT pg_stat_force_next_flush()")
    rows = await store.fetch(_COUNTED, list(TABLES))
    return Reads(
        scans=sum(r["scans"] for r in rows),
        rows=sum(r["rows"] for r in rows),
        blocks=sum(r["blocks"] for r in rows),
    )


async def reads_of(store: Database, act: Step) -> Reads:
    """Return what one round of `act` has read, on average."""
    before = await look(store)
    for number in range(ROUNDS):
        await act(number)
    after = await look(store)
    return Reads(
        scans=after.scans - before.scans,
        rows=(after.rows - before.rows) // ROUNDS,
        blocks=(after.blocks - before.blocks) // ROUNDS,
    )


async def test_nothing_on_the_hot_path_reads_a_table_from_end_to_end(
    full_world: PostgresWorld,
) -> None:
    await assert_that_it_reads_what_it_needs(full_world, MILLION)


async def test_a_plan_that_was_made_for_empty_tables_is_good_for_full_ones(
    growing_world: PostgresWorld,
) -> None:
    await assert_that_it_reads_what_it_needs(growing_world, TENTH)


async def assert_that_it_reads_what_it_needs(world: PostgresWorld, size: Size) -> None:
    path = HotPath(world, world.process())
    changing = Changing(world, path.journal)
    steps: list[Step] = [
        path.append_entries,
        path.append_entries_that_were_read,
        path.claim_entries,
        path.claim_entries_of_a_backlog,
        path.make_and_find_portals,
        path.ask_what_is_known_on_teams,
        path.ask_what_is_known_on_matrix,
        path.append_deliveries,
        path.append_what_is_presumed_to_be_new,
        path.carry_runs,
        path.carry_runs_of_both_kinds,
        path.claim_from_a_backlog,
        path.renew_leases,
        changing.look_at_the_gate,
        changing.ask_what_was_heard,
        changing.ask_what_stands_beside,
        changing.remember,
        changing.carry_to_matrix,
        changing.carry_to_teams,
        changing.find_what_is_unread,
        changing.answer_in_a_thread,
        changing.note_news_and_losses,
        path.look_at_people,
        path.look_at_rooms,
        path.look_at_receipts,
        partial(changing.prune, size.read_events),
    ]

    reads = {_name(step): await reads_of(world.database, step) for step in steps}

    assert {name: one.scans for name, one in reads.items() if one.scans} == {}
    assert {name: one.rows for name, one in reads.items() if one.rows > ROWS_OF_ONE_ROUND_MAX} == {}
    assert {
        name: one.blocks for name, one in reads.items() if one.blocks > BLOCKS_OF_ONE_ROUND_MAX
    } == {}


def _name(step: Step) -> str:
    return str(getattr(step, "__name__", "prune"))


class HotPath:
    """What is done for every message, some fifty at once."""

    def __init__(self, world: PostgresWorld, journal: Journal) -> None:
        self.world = world
        self.journal = journal

    async def append_entries(self, number: int) -> None:
        await self.journal.append_entries([entry(self.world, f"{number}/{n}") for n in range(50)])

    async def append_entries_that_were_read(self, number: int) -> None:
        keys = [f"$read {number * 10 + n}" for n in range(1, 11)] + [f"$new {number}"]
        found = [replace(entry(self.world, key, side=MATRIX), found=True) for key in keys]
        assert await self.journal.append_entries(found) == 1

    async def claim_entries(self, _: int) -> None:
        entries = await self.journal.claim_entries(TEAMS, limit=50)
        assert len(entries) == 50
        async with self.journal.unit() as unit:
            await unit.settle(entries)

    async def claim_entries_of_a_backlog(self, _: int) -> None:
        entries = await self.journal.claim_entries(MATRIX, limit=50)
        pushed = [one for one in entries if not one.found]
        assert len(pushed) == 2 * ENTRIES_OF_ONE_MAX  # Half of them are held.
        async with self.journal.unit() as unit:
            await unit.settle(entries)

    async def make_and_find_portals(self, number: int) -> None:
        await make_portal(self.journal, f"new {number}")
        async with self.journal.unit() as unit:
            await unit.portals([place(str(n)) for n in range(10)])
            await unit.portals_of([RoomId(f"!{n}") for n in range(number, number + 10)])

    async def ask_what_is_known_on_teams(self, number: int) -> None:
        await self.ask(TEAMS, number)

    async def ask_what_is_known_on_matrix(self, number: int) -> None:
        await self.ask(MATRIX, number)

    async def ask(self, side: Side, number: int, *, expected: int = 1) -> None:
        refs = ["old 1", "$old 1", "message 3", "unheard of"]
        keys = [(PortalId(number * 100 + n), MessageRef(ref)) for n in range(10) for ref in refs]
        async with self.journal.unit() as unit:
            assert len(await unit.known(side, keys)) >= expected
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
        runs = await claim(self.journal, runs_max=10, length_max=3, fresh_max=0)
        assert [len(run.deliveries) for run in runs] == [3] * 10
        for run in runs:
            for delivery in run.deliveries[:2]:
                await self.journal.delivered(delivery, MessageRef(f"$new {delivery.id}"))
            await self.journal.park(run.deliveries[2], reason="no")
            await self.journal.release(run)

    async def carry_runs_of_both_kinds(self, _: int) -> None:
        runs = await claim(self.journal, runs_max=10, length_max=3, fresh_max=5)
        assert [run.behind for run in runs] == [False] * 5 + [True] * 5
        for run in runs:
            await self.journal.release(run)

    async def claim_from_a_backlog(self, _: int) -> None:
        """Its head came last."""
        await self.world.database.execute(
            "UPDATE streams SET due_at = $1 WHERE portal_id = 10 AND side = 'matrix'",
            self.world.clock.now() - timedelta(days=1),
        )
        (run,) = await claim(self.journal, runs_max=1, length_max=10, fresh_max=0)
        assert (run.portal.id, len(run.deliveries)) == (10, 10)
        for delivery in run.deliveries:
            await self.journal.delivered(delivery, MessageRef(f"$of backlog {delivery.id}"))
        await self.journal.release(run)

    async def renew_leases(self, number: int) -> None:
        if number == 0:
            await self.journal.claim_entries(TEAMS, limit=50)
            await claim(self.journal, runs_max=10)
        await self.journal.renew_leases()

    async def look_at_receipts(self, number: int, *, expected: int = 10) -> None:
        """In rooms of chats; half of the events are messages."""
        receipts = [
            Receipt(
                room=RoomId(f"!{number * 10 + n}"),
                user=UserId(f"@{n}"),
                ref=MessageRef("$old 3" if n % 2 else "$of no message"),
            )
            for n in range(1, 11)
        ]
        found = await ReadBook(self.world.database).reach(receipts)
        assert sum(one is not None for one in found) == expected

    async def look_at_people(self, number: int, *, expected: int = 10) -> None:
        """Ten people speak who were not looked at for long, and one of them is looked at later."""
        book, tenant = GhostBook(self.world.database, self.world.clock), TenantId("tenant")
        lease = self.world.clock.now() + timedelta(minutes=5)
        await book.ring([(tenant, f"person {number * 10 + n}") for n in range(1, 11)])
        due = await book.claim(limit=30, until=lease)
        assert len(due) == expected
        for one in due[1:]:
            ghost = await book.ghost(tenant, one.ghost.person)
            assert ghost is not None
            assert await book.remember_ghost(ghost)
            await book.settle(one, replace(ghost, looked_at=self.world.clock.now()))
        await book.put_back(due[:1], at=lease)

    async def look_at_rooms(self, number: int, *, expected: int = 4) -> None:
        """Ten rooms and a team have news; of the rooms, four are looked at at once."""
        now, tenant = self.world.clock.now(), TenantId("tenant")
        book = ShapeBook(self.world.database, self.world.clock)
        portals = PortalBook(self.world.database, self.world.clock)
        names = (ConversationId(f"chat {number * 10 + n}") for n in range(1, 11))
        chats = [Place(tenant=tenant, conversation=name) for name in names]
        team = TeamId(f"team {number}" if expected else f"new team {number}")
        await portals.look_at(tenant, chats=chats, teams=[team])
        until = now + timedelta(minutes=1)
        rooms = await book.claim_rooms(limit=4, until=until, newest_first=bool(number % 2))
        assert len(rooms) == expected
        for due in rooms:
            await book.said_since(due.portal.id, now)
            assert await book.events_of(due.portal.id, [MessageRef("old 1")])
            await book.settle_room(due, Kept(memory=Memory()), next_at=now + timedelta(days=1))
            assert due.portal.room is not None
            await portals.look_later(due.portal.room, after=timedelta(minutes=1))
        await book.want_spaces(tenant, team, anew=True)
        for space in await book.claim_spaces(limit=4, until=until):
            await book.channels_of(tenant, space.team)
            await book.space_of(tenant, space.team)
            await book.settle_space(space, Kept(memory=Memory()), next_at=now + timedelta(days=1))
        await book.look_below(tenant, team)


class Changing:
    """What is done for edits, deletions and reactions, and for what was missed."""

    def __init__(self, world: PostgresWorld, journal: Journal) -> None:
        self.world = world
        self.journal = journal

    async def look_at_the_gate(self, number: int, *, expected: int = 19) -> None:
        keys = [(PortalId(number * 100 + n), MessageRef("old 1")) for n in range(1, 20)]
        for side in Side:
            async with self.journal.unit() as unit:
                found, _ = await unit.look(side, keys, gate=True)
                await unit.busy({portal for portal, _ in keys}, side)
            assert all(known.own and known.version == "2" for known in found.values())
            assert len(found) == (expected if side is TEAMS else 0)

    async def ask_what_was_heard(self, number: int, *, expected: int = 20) -> None:
        refs = ["$r 1", "$reaction 1", "$unheard of"]
        keys = [(PortalId(number * 100 + n), MessageRef(ref)) for n in range(1, 11) for ref in refs]
        async with self.journal.unit() as unit:
            assert len(await unit.heard(keys)) == expected

    async def ask_what_stands_beside(self, number: int) -> None:
        refs = ["$old 1", "$unheard of"]
        keys = [(PortalId(number * 100 + n), MessageRef(ref)) for n in range(1, 11) for ref in refs]
        async with self.journal.unit() as unit:
            assert await unit.beside(keys) == {}

    async def remember(self, number: int, *, base: int = 50) -> None:
        state = Known(origin=TEAMS, version=Version("3"), author="anna", deleted=True)
        held = [
            Remembered(
                portal=PortalId(base + number * 100 + n),
                side=TEAMS,
                ref=MessageRef(ref),
                known=state,
                consumed=(-(2 * (base + number * 100 + n) + 1),),
            )
            for n in range(5)
            for ref in ("old 1", "old 9")
        ]
        async with self.journal.unit() as unit:
            await unit.remember(held)

    async def carry_to_matrix(self, number: int) -> None:
        await self.ask_for_old_ones(await self.carry_some(number, MATRIX))

    async def carry_to_teams(self, number: int) -> None:
        await self.ask_for_old_ones(await self.carry_some(number, TEAMS))

    async def carry_some(self, number: int, target: Side) -> Sequence[Delivery]:
        """Append, claim, ask all that a worker asks, deliver."""
        portal = await make_portal(self.journal, f"changing {number}")
        sign = "$" if target is TEAMS else ""
        happening = [
            edited(f"{sign}old 1", f"1{number}"),
            happened(ReactionAdded, f"{sign}old 9", f"1{number}"),
            happened(ReactionRemoved, f"{sign}old 2", f"1{number}"),
        ]
        made = [_new(portal, target, f"{sign}act {n}", event) for n, event in enumerate(happening)]
        await append(self.journal, *made)
        await self.world.database.execute(
            "UPDATE streams SET due_at = $2 WHERE portal_id = $1 AND due_at IS NOT NULL",
            portal.id,
            self.world.clock.now() - timedelta(days=2),
        )
        (run,) = await claim(self.journal, target, runs_max=1, fresh_max=0)
        assert len(run.deliveries) == len(happening)
        for delivery in run.deliveries:
            await self.journal.far(delivery)
            assert await self.journal.turn(delivery) is Turn.OURS
            await self.journal.delivered(delivery, MessageRef(f"done {delivery.id}"))
        await self.journal.release(run)
        return run.deliveries

    async def ask_for_old_ones(self, deliveries: Sequence[Delivery]) -> None:
        """Ask for what is there: in a portal that has it."""
        for delivery in deliveries:
            elsewhere = replace(delivery, portal=replace(delivery.portal, id=PortalId(7)))
            far = await self.journal.far(elsewhere)
            assert len(far.parts) == 1
            is_removal = isinstance(delivery.event, ReactionRemoved)
            assert (far.reaction is not None) == (is_removal and delivery.target is MATRIX)

    async def find_what_is_unread(self, _: int, *, expected: int = 50) -> None:
        book, now = ReadingBook(self.world.database), self.world.clock.now()
        unread = await book.unread_since(now, limit=50, channels=False)
        assert len(unread) >= min(expected, 50)
        assert await book.all_after(PortalId(5), limit=50)
        assert await book.all_after(PortalId(5), limit=50, channels=False)
        assert len(await book.unknown_among([place(f"of nobody {n}") for n in range(50)])) == 50
        for one in unread[:5]:
            await book.mark_read(one.place, since=one.read_until, until=now)

    async def answer_in_a_thread(self, number: int) -> None:
        for target, post in ((MATRIX, "old 1"), (TEAMS, "$reply 5")):
            event = replace(_SAID, sent_at=self.world.clock.now(), thread=MessageRef(post))
            asked = self._asked(target, replace(event, version=Version(str(number))))
            assert (await self.journal.far(asked)).thread is not None

    def _asked(self, target: Side, event: Event) -> Delivery:
        """A delivery in the portal that has a thread; nothing but what it refers to is asked for."""
        return Delivery(
            id=DeliveryId(1),
            portal=Portal(id=PortalId(7), place=place("7"), room=None),
            target=target,
            source=MessageRef("new"),
            speaker="anna",
            event=event,
            attempts=1,
            resumed=False,
            created_at=self.world.clock.now(),
        )

    async def note_news_and_losses(self, number: int) -> None:
        tenant = TenantId("tenant")
        chat = Place(tenant=tenant, conversation=ConversationId(f"chat {number + 1}"))
        news: list[News] = [
            ConversationNews(place=chat),
            TeamNews(tenant=tenant, team=TeamId(f"team {number + 1}")),
            PersonNews(tenant=tenant, person=TeamsUserId(f"person {number + 1}")),
        ]
        async with self.journal.unit() as unit:
            await unit.note(news)
            await unit.lose([Loss(portal=PortalId(number), ref=MessageRef("1"), name="card_media")])

    async def prune(self, read_events: int, number: int) -> None:
        oldest = FakeClock().now() - timedelta(seconds=read_events)
        before = oldest + timedelta(seconds=10 * (number + 1))
        assert await prune_read_events(self.world.database, before) == 10


def _new(portal: Portal, target: Side, source: str, event: Event) -> NewDelivery:
    return NewDelivery(
        portal=portal.id,
        target=target,
        source=MessageRef(source),
        speaker="anna",
        event=event,
    )
