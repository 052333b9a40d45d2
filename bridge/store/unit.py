"""One transaction of the intake: what was read becomes deliveries, or nothing has happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.changes import Known
from bridge.domain.ids import MessageRef, Place, PortalId, RoomId, Side
from bridge.domain.portal import Portal
from bridge.ports import Clock, Entry, NewDelivery
from bridge.store import links, portals
from bridge.store.database import Session
from bridge.store.deliveries import Deliveries
from bridge.store.inbox import Inbox


class PostgresUnit(ports.Unit):
    """Implements `ports.Unit`; remembers what its end must make known within the process."""

    def __init__(
        self, session: Session, inbox: Inbox, deliveries: Deliveries, clock: Clock
    ) -> None:
        self._session = session
        self._inbox = inbox
        self._deliveries = deliveries
        self._clock = clock
        self.appended_toward: set[Side] = set()
        self.given_back: list[Entry] = []

    @override
    async def portals(self, places: Collection[Place]) -> Mapping[Place, Portal]:
        return await portals.find_or_make(self._session, places, now=self._clock.now())

    @override
    async def portals_of(self, rooms: Collection[RoomId]) -> Mapping[RoomId, Portal]:
        return await portals.find_by_room(self._session, rooms)

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
    async def append(self, deliveries: Sequence[NewDelivery]) -> None:
        if deliveries:
            self.appended_toward.update(delivery.target for delivery in deliveries)
            await self._deliveries.append(self._session, deliveries)

    @override
    async def settle(self, entries: Collection[Entry]) -> None:
        if entries:
            self.given_back.extend(entries)
            await self._inbox.settle(self._session, entries)

    @override
    async def hold(self, entry: Entry, *, until: datetime, error: str | None) -> None:
        self.given_back.append(entry)
        await self._inbox.hold(self._session, entry, until=until, error=error)

    @override
    async def park_entry(self, entry: Entry, reason: str) -> None:
        self.given_back.append(entry)
        await self._inbox.park(self._session, entry, reason)
