"""The journal in Postgres: implements `ports.Journal`.

    hooks ──append_entries──▶ inbox ──claim_entries──▶ intake ──unit──▶ deliveries
                                                                          │
    links ◀──delivered── worker ◀──────────────claim_runs─────────────────┘

`run` owns the writer tasks; what is to be written before it runs waits, and fails once it has
ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from uuid import UUID

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import MessageRef, Side
from bridge.ports import Bell, Clock, Delivery, Entry, Far, NewEntry, Room, Run, Turn, Unit
from bridge.store.database import Database
from bridge.store.deliveries import Deliveries
from bridge.store.inbox import Inbox
from bridge.store.leases import Leases
from bridge.store.portals import Portals
from bridge.store.questions import Questions
from bridge.store.unit import PostgresUnit


class PostgresJournal(ports.Journal):
    """The durable queues; `owner` names this process in its leases, and must be new for each."""

    def __init__(self, database: Database, clock: Clock, *, owner: UUID) -> None:
        self._database = database
        self._clock = clock
        self._leases = Leases()
        self._inbox = Inbox(database, clock, self._leases, owner)
        self._deliveries = Deliveries(database, clock, self._leases, owner)
        self._questions = Questions(database, owner)
        self._portals = Portals()

    def forget_portals(self) -> None:
        """Let go of what is remembered of portals: somebody has decided something about one."""
        self._portals.forget()

    async def run(self) -> None:
        """Write what is given to be written, until cancelled."""
        async with asyncio.TaskGroup() as writers:
            for writer in self._inbox.writers.values():
                writers.create_task(writer.run())
            writers.create_task(self._deliveries.outcomes.run())
            writers.create_task(self._questions.run())

    @override
    async def append_entries(self, entries: Sequence[NewEntry]) -> int:
        return await self._inbox.append(entries)

    @override
    async def claim_entries(self, side: Side, *, limit: int) -> tuple[Entry, ...]:
        return await self._inbox.claim(side, limit=limit)

    @override
    async def claim_runs(self, target: Side, *, room: Room, length_max: int) -> tuple[Run, ...]:
        return await self._deliveries.claim(target, room=room, length_max=length_max)

    @override
    def delivered(self, delivery: Delivery, ref: MessageRef) -> Awaitable[None]:
        return self._deliveries.delivered(delivery, ref)

    @override
    async def far(self, delivery: Delivery) -> Far:
        return await self._deliveries.far(delivery)

    @override
    async def turn(self, delivery: Delivery) -> Turn:
        return await self._questions.turn(delivery)

    @override
    async def retry(
        self, delivery: Delivery, *, at: datetime, error: str, spent: bool, uncertain: bool
    ) -> None:
        await self._deliveries.retry(delivery, at=at, error=error, spent=spent, uncertain=uncertain)

    @override
    async def park(self, delivery: Delivery, *, reason: str) -> None:
        await self._deliveries.park(delivery, reason=reason)

    @override
    def release(self, run: Run) -> Awaitable[None]:
        return self._deliveries.release(run)

    @override
    async def renew_leases(self) -> None:
        await self._inbox.renew()
        await self._deliveries.renew()

    @override
    def unit(self) -> AbstractAsyncContextManager[Unit]:
        return self._unit()

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Unit]:
        async with self._database.session() as session:
            unit = PostgresUnit(
                session, self._inbox, self._deliveries, portals=self._portals, clock=self._clock
            )
            yield unit
            try:
                await unit.commit()
            finally:
                # Also when it failed: a claim may have stepped over a stream that was locked by us.
                self._deliveries.ring(unit.appended_toward)
        self._leases.give_back_entries(unit.given_back)
        for side in {entry.side for entry in unit.given_back}:
            if self._leases.take_arrivals(side):
                self._inbox.bells[side].set()

    @override
    def entries_bell(self, side: Side) -> Bell:
        return self._inbox.bells[side]

    @override
    def streams_bell(self, target: Side) -> Bell:
        return self._deliveries.bells[target]
