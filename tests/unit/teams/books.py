"""What the catch-up remembers, in memory: cursors, and until when conversations were read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from typing_extensions import override

from bridge.domain.ids import Place, PortalId, Side, channel_of
from bridge.errors import StoreUnavailable
from bridge.ports import CursorBook, ReadingBook, Unread


@dataclass
class Cursors(CursorBook):
    """Remembers every move; `away` is a Postgres that does not answer."""

    kept: dict[tuple[Side, str], str] = field(default_factory=dict)
    moves: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False

    @override
    async def cursor(self, side: Side, scope: str) -> str | None:
        self._answer()
        return self.kept.get((side, scope))

    @override
    async def move(self, side: Side, scope: str, value: str) -> None:
        self._answer()
        self.kept[side, scope] = value
        self.moves.append((scope, value))

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


@dataclass
class Readings(ReadingBook):
    """Portals by number."""

    portals: list[Unread] = field(default_factory=list)

    def add(self, place: Place, read_until: datetime) -> Unread:
        made = Unread(portal=PortalId(len(self.portals) + 1), place=place, read_until=read_until)
        self.portals.append(made)
        return made

    def until(self, place: Place) -> datetime:
        return next(one.read_until for one in self.portals if one.place == place)

    @override
    async def unread_since(
        self, before: datetime, *, limit: int, channels: bool
    ) -> tuple[Unread, ...]:
        found = [one for one in self._of_kind(channels) if one.read_until < before]
        return tuple(sorted(found, key=lambda one: (one.read_until, one.portal))[:limit])

    @override
    async def all_after(
        self, portal: PortalId | None, *, limit: int, channels: bool | None = None
    ) -> tuple[Unread, ...]:
        found = [one for one in self._of_kind(channels) if one.portal > (portal or 0)]
        return tuple(found[:limit])

    def _of_kind(self, channels: bool | None) -> list[Unread]:
        return [
            one
            for one in self.portals
            if channels is None or channels is (channel_of(one.place) is not None)
        ]

    @override
    async def unknown_among(self, places: Collection[Place]) -> tuple[Place, ...]:
        known = {one.place for one in self.portals}
        return tuple(place for place in places if place not in known)

    @override
    async def mark_read(self, place: Place, *, since: datetime, until: datetime) -> None:
        for at, one in enumerate(self.portals):
            if one.place == place and since <= one.read_until < until:
                self.portals[at] = replace(one, read_until=until)
