"""Where bells may have been missed, everything of their kind is looked at once.

    ring(kind) ─▶ noted in the book ─▶ portals, batch by batch | people of the tenant ─▶ news

Nobody can say which chats were renamed while nobody told us. So all of them count as news: what
looks after rooms, spaces and people goes through them as fast as Graph's limits let it. How far we
have come is kept, and survives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.domain.ids import Place, PortalId, Side, TenantId, channel_of
from bridge.errors import RemoteError, StoreUnavailable
from bridge.ports import (
    Clock,
    ConversationNews,
    CursorBook,
    Journal,
    News,
    PersonNews,
    ReadingBook,
    TeamNews,
)
from bridge.teams.directory import Directory
from bridge.teams.resources import Covers
from bridge.teams.waiting import pause
from bridge.telemetry import Watch, log

BATCH = 100
"""News in one transaction."""
LOOK_EVERY = timedelta(minutes=1)
STORE_AWAY_WAIT = timedelta(milliseconds=500)
PART = "looking at everything"
KINDS = (Covers.CHATS, Covers.CHANNELS, Covers.TEAMS, Covers.PEOPLE)


@dataclass(slots=True, kw_only=True)
class Unnoticed:
    """Makes news of everything of a kind, for as long as `run` runs."""

    tenant: TenantId
    directory: Directory
    reading: ReadingBook
    cursors: CursorBook
    journal: Journal
    clock: Clock
    watch: Watch

    _bell: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def ring(self, *kinds: Covers) -> None:
        """Ask for everything of these kinds to be looked at.

        Raises:
            StoreUnavailable: It could not be noted.
        """
        for kind in kinds:
            await self.cursors.move(Side.TEAMS, _scope(kind), "0")
        self._bell.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Do what was asked for, now or by a process that is no more, until `stop` is set."""
        while not stop.is_set():
            self._bell.clear()
            try:
                await self.step()
            except StoreUnavailable:
                await pause(self.clock, STORE_AWAY_WAIT, stop)
            except RemoteError as error:
                self.watch.away(PART, str(error))
                await pause(self.clock, LOOK_EVERY, stop)
            else:
                self.watch.back(PART)
                await pause(self.clock, LOOK_EVERY, stop, self._bell)

    async def step(self) -> None:
        """Make news of everything that was asked for.

        Raises:
            RemoteError: Graph does not say who there is.
            StoreUnavailable: Postgres is away; what was not reached is gone on with later.
        """
        for kind in KINDS:
            after = await self.cursors.cursor(Side.TEAMS, _scope(kind))
            if not after:
                continue
            log.info("looking at everything", kind=kind.value)
            batches = self._people() if kind is Covers.PEOPLE else self._places(kind, after)
            async for reached, news in batches:
                async with self.journal.unit() as unit:
                    await unit.note(news)
                await self.cursors.move(Side.TEAMS, _scope(kind), reached)
            await self.cursors.move(Side.TEAMS, _scope(kind), "")

    async def _places(self, kind: Covers, after: str) -> AsyncIterator[tuple[str, Sequence[News]]]:
        reached = PortalId(int(after))
        while found := await self.reading.all_after(reached, limit=BATCH):
            reached = found[-1].portal
            news = [one for unread in found for one in _news(kind, unread.place)]
            yield str(reached), tuple(dict.fromkeys(news))

    async def _people(self) -> AsyncIterator[tuple[str, Sequence[News]]]:
        people = await self.directory.people()
        for at in range(0, len(people), BATCH):
            some = people[at : at + BATCH]
            yield "0", [PersonNews(tenant=self.tenant, person=one) for one in some]


def _scope(kind: Covers) -> str:
    return f"unnoticed {kind.value}"


def _news(kind: Covers, place: Place) -> Iterator[News]:
    found = channel_of(place)
    if kind is Covers.TEAMS and found is not None:
        yield TeamNews(tenant=place.tenant, team=found.team)
    elif (kind is Covers.CHANNELS) is (found is not None) and kind is not Covers.TEAMS:
        yield ConversationNews(place=place)
