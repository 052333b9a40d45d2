"""One transaction of the intake: what was read becomes deliveries, or nothing has happened.

Reads ask Postgres at once; writes are gathered and carried out at the end, in one commit: usually
one statement, which appends the deliveries and removes the entries that said so. An append leaves
out what was linked since it was asked about, so nothing need be locked while the relay thinks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime

import asyncpg
from typing_extensions import override

from bridge import ports
from bridge.domain.changes import Known
from bridge.domain.ids import EntryId, MessageRef, Place, PortalId, RoomId, Side, UserId
from bridge.domain.portal import Portal
from bridge.ports import (
    Beside,
    Clock,
    Entry,
    Heard,
    Loss,
    NewDelivery,
    News,
    Remembered,
    TakenOver,
)
from bridge.store import links, news as noting
from bridge.store.appending import Appending
from bridge.store.database import Session
from bridge.store.deliveries import Deliveries
from bridge.store.inbox import Inbox
from bridge.store.portals import Portals

Write = Callable[[], Awaitable[None]]


class PostgresUnit(ports.Unit):
    """Implements `ports.Unit`; remembers what its end must make known within the process."""

    def __init__(
        self,
        session: Session,
        inbox: Inbox,
        deliveries: Deliveries,
        *,
        portals: Portals,
        clock: Clock,
    ) -> None:
        self._session = session
        self._inbox = inbox
        self._deliveries = deliveries
        self._portals = portals
        self._clock = clock
        self._appended: list[NewDelivery] = []
        self._presumed = False
        self._settled: list[EntryId] = []
        self._set_aside: list[Write] = []
        self.given_back: list[Entry] = []

    @property
    def appended_toward(self) -> set[Side]:
        """The sides whose workers have something to do once this is committed."""
        return {delivery.target for delivery in self._appended}

    async def commit(self) -> None:
        """Carry out what was gathered, all of it or nothing.

        Raises:
            NotNew: What was presumed is not so; nothing was carried out.
            TakenOver: Another process has settled what was to be; the same.
        """
        try:
            await self._carry_out()
        except asyncpg.NoDataFoundError as error:
            raise TakenOver from error

    async def _carry_out(self) -> None:
        if self._set_aside:
            async with self._session.transaction():
                if self._appended:
                    await self._deliveries.append(self._session, self._batch)
                elif self._settled:
                    await self._inbox.settle(self._session, self._settled)
                for write in self._set_aside:
                    await write()
        elif self._appended:
            await self._deliveries.append_and_claim(self._session, self._batch)
        elif self._settled:
            await self._inbox.settle(self._session, self._settled)

    @property
    def _batch(self) -> Appending:
        return Appending(deliveries=self._appended, settled=self._settled, presumed=self._presumed)

    @override
    async def portals(self, places: Collection[Place]) -> Mapping[Place, Portal]:
        return await self._portals.find_or_make(self._session, places, now=self._clock.now())

    @override
    async def portals_of(self, rooms: Collection[RoomId]) -> Mapping[RoomId, Portal]:
        return await self._portals.find_by_room(self._session, rooms)

    @override
    async def known(
        self, side: Side, messages: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Known]:
        return await links.known(self._session, side, messages) if messages else {}

    @override
    async def in_the_air(
        self, portals: Collection[PortalId], target: Side
    ) -> set[tuple[PortalId, str]]:
        return (
            await self._deliveries.in_the_air(self._session, portals, target) if portals else set()
        )

    @override
    async def heard(
        self, reactions: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Heard]:
        return await links.heard(self._session, reactions) if reactions else {}

    @override
    async def beside(
        self, events: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Beside]:
        return await links.beside(self._session, events) if events else {}

    @override
    async def busy(self, portals: Collection[PortalId], target: Side) -> set[PortalId]:
        return {portal for portal, _ in await self.in_the_air(portals, target)}

    @override
    async def remember(self, states: Sequence[Remembered]) -> None:
        if states:
            self._set_aside.append(lambda: links.remember(self._session, states))

    @override
    async def look(
        self, side: Side, messages: Collection[tuple[PortalId, MessageRef]], *, gate: bool
    ) -> tuple[Mapping[tuple[PortalId, MessageRef], Known], set[tuple[PortalId, str]]]:
        if not gate or not messages:
            return await self.known(side, messages), set()
        return await links.look(self._session, side, messages)

    @override
    async def append(self, deliveries: Sequence[NewDelivery], *, presumed: bool = False) -> None:
        self._appended += deliveries
        self._presumed = self._presumed or presumed

    @override
    async def note(self, news: Sequence[News]) -> None:
        if news:
            self._set_aside.append(lambda: noting.note(self._session, news, self._clock.now()))

    @override
    async def lose(self, losses: Sequence[Loss]) -> None:
        if losses:
            self._set_aside.append(lambda: noting.lose(self._session, losses, self._clock.now()))

    @override
    async def settle(self, entries: Collection[Entry]) -> None:
        self.given_back += entries
        self._settled += [entry.id for entry in entries]

    @override
    async def hold(self, entry: Entry, *, until: datetime, error: str | None) -> None:
        self.given_back.append(entry)
        self._set_aside.append(
            lambda: self._inbox.hold(self._session, entry, until=until, error=error)
        )

    @override
    async def await_sign_in(
        self, entry: Entry, user: UserId, *, reason: str, sign_in: int | None
    ) -> None:
        self.given_back.append(entry)
        self._set_aside.append(
            lambda: self._inbox.await_sign_in(
                self._session, entry, user, reason=reason, sign_in=sign_in
            )
        )

    @override
    async def park_entry(self, entry: Entry, reason: str) -> None:
        self.given_back.append(entry)
        self._set_aside.append(lambda: self._inbox.park(self._session, entry, reason))
