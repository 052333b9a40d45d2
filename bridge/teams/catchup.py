"""Nothing is lost that Graph did not notify: when conversations are read back, and which.

    every 30 s, while we listen ─▶ mark
    start, mark too old, rung for ─▶ gap ─▶ every portal's conversation ─▶ history.Historian ─▶ inbox
                                      └──▶ every user's chats, every team's channels that have no
                                           portal, if somebody spoke
    unread for a day ─▶ conversation, from where it was read last

The mark says until when nothing can have been missed. A gap is kept in the book, with how far it has
been made up for, and survives the process. What was read is known by its id and version when it is
taken in: reading too much is harmless, and costs no more than it must. Chats and channels are caught
up apart from each other, for the one may be told to us while the other is not. Microsoft allows to look once a
day and conversation without a reason (learn.microsoft.com graph/api chatmessage-list).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from prometheus_client import Gauge

from bridge.domain.ids import ConversationId, Place, PortalId, Side, TenantId
from bridge.errors import RemoteError, StoreUnavailable, Throttled, Unauthorized, Unavailable
from bridge.ports import Clock, CursorBook, ReadingBook, Unread
from bridge.teams.answers import GraphRejected
from bridge.teams.gaps import (
    LEFT_MAX,
    Gap,
    gap_from_text,
    gap_to_text,
    mark_from_text,
    missed_since,
    widened,
)
from bridge.teams.grounds import Ground
from bridge.teams.history import Historian
from bridge.teams.waiting import each, pause
from bridge.telemetry import CATCH_UP_LEFT, Watch, log

LISTENING = "listening"
"""The cursor that holds the mark."""
GAP = "gap"
MARK_EVERY = timedelta(seconds=30)
LISTEN_EVERY = timedelta(seconds=1)
"""While nobody tells us anything: the first mark is what a gap is counted from."""
LOOK_EVERY = timedelta(minutes=1)
"""Between two looks for conversations that have been unread for too long."""
UNREAD_MAX = timedelta(days=1)
BATCH = 100
"""Conversations that are read before their number is noted."""
DAILY_BATCH = 20
COUNT_BATCH = 1_000
AT_ONCE = 8
BELLS_REPEATED_FOR = timedelta(hours=4)
"""Graph repeats for so long what it cannot deliver, then drops it (learn.microsoft.com
graph/change-notifications-delivery-webhooks)."""
READ_AGAIN_AFTER = timedelta(hours=1)
"""A conversation that could not be read, though Graph answers."""
PUT_OFF_MAX = 1_000
WAITS_MAX = 20
"""How often one list waits for Graph to have time."""
BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_MAX = timedelta(minutes=1)
BACKOFF_DOUBLINGS_MAX = 10
RETRY_AFTER_MAX = timedelta(hours=1)
STORE_AWAY_WAIT = timedelta(milliseconds=500)
PART = "catch-up"

_GONE = frozenset({403, 404})
_NOW = timedelta(0)

Result = TypeVar("Result")
Reads = Sequence[tuple[Place, datetime]]
"""Conversations, and since when they are to be read."""


@dataclass(slots=True, kw_only=True)
class CatchUp:
    """Reads back what nobody told us, for as long as `run` runs.

    `is_listening` tells whether the subscription is alive just now. `missed_bells` is called where a
    gap is so long that Graph has given up telling us what changed beside messages.
    """

    tenant: TenantId
    historian: Historian
    ground: Ground
    reading: ReadingBook
    cursors: CursorBook
    clock: Clock
    watch: Watch
    is_listening: Callable[[], bool]
    missed_bells: Callable[[], Awaitable[None]]

    _mark: datetime | None = field(default=None, init=False)
    _gap: Gap | None = field(default=None, init=False)
    _started: bool = field(default=False, init=False)
    _rung: list[datetime | None] = field(default_factory=list, init=False)
    _bell: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _work: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _put_off: dict[PortalId, datetime] = field(default_factory=dict, init=False)
    _left_at: datetime | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _entries: int = field(default=0, init=False)

    def ring(self, since: datetime | None = None) -> None:
        """Ask for what was said since then, or since the mark: something may have been missed."""
        self._rung.append(since)
        self._bell.set()

    async def read_again(self, place: Place, since: datetime) -> None:
        """Read a conversation from there on, as something has happened in it that nobody tells.

        Raises:
            RemoteError: Graph does not answer, or not to us.
            StoreUnavailable: Postgres is away.
        """
        await self._read(place, since)

    async def run(self, stop: asyncio.Event) -> None:
        """Mark and read until `stop` is set; what is under way then is taken up at the next start."""
        async with asyncio.TaskGroup() as tasks:
            works = [
                tasks.create_task(self._keep_marking()),
                tasks.create_task(self._keep_reading()),
            ]
            await stop.wait()
            for work in works:
                work.cancel()

    # --- the mark, and the gap that follows from it ---

    async def _keep_marking(self) -> None:
        while True:
            self._bell.clear()
            try:
                await self.mark()
            except StoreUnavailable:  # The store's own watch says so, once.
                await self.clock.sleep(STORE_AWAY_WAIT)
            else:
                wait = MARK_EVERY if self.is_listening() else LISTEN_EVERY
                await pause(self.clock, wait, self._bell)

    async def mark(self) -> None:
        """Note that we listen, after whatever may have been missed before.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        now, started = self.clock.now(), not self._started
        if started:
            self._mark = mark_from_text(
                await self.cursors.cursor(Side.TEAMS, self._scope(LISTENING))
            )
            self._gap = gap_from_text(await self.cursors.cursor(Side.TEAMS, self._scope(GAP)))
        rung = list(self._rung)
        known = [missed_since(self._mark, now=now, started=started)]
        known += [since or missed_since(self._mark, now=now, started=True) for since in rung]
        missed = min((since for since in known if since is not None), default=None)
        if missed is not None:
            await self._open(missed, now)
        # Only what is written down may be forgotten; the mark moves after the gap is safe.
        del self._rung[: len(rung)]
        self._started = True
        if self._gap is not None:
            self._work.set()
        if self.is_listening():
            await self.cursors.move(Side.TEAMS, self._scope(LISTENING), now.isoformat())
            self._mark = now

    def _scope(self, cursor: str) -> str:
        return f"{cursor} {self.ground.name}".rstrip()

    @property
    def _part(self) -> str:
        return f"{PART} {self.ground.name}".rstrip()

    @property
    def _left_gauge(self) -> Gauge:
        return CATCH_UP_LEFT.labels(self.ground.name or "chats")

    async def _open(self, since: datetime, now: datetime) -> None:
        async with self._writing:
            gap = widened(self._gap, since, now=now)
            await self.cursors.move(Side.TEAMS, self._scope(GAP), gap_to_text(gap))
            self._gap, self._left_at = gap, None
        log.info("catching up", side=Side.TEAMS, part=self._part, at=gap.since.isoformat())
        if now - since > BELLS_REPEATED_FOR:
            await self.missed_bells()

    async def _advance(self, gap: Gap, then: Gap) -> None:
        """Note how far a gap was made up for, unless it has become another one meanwhile."""
        if len(then.left) > LEFT_MAX:
            raise Unavailable("too many conversations cannot be read")
        async with self._writing:
            if self._gap is not gap:
                return
            after = None if then.is_over else then
            await self.cursors.move(Side.TEAMS, self._scope(GAP), gap_to_text(after))
            self._gap = after
        if then.portals_read:
            self._left_gauge.set(len(then.left))
        if after is None:
            log.info("caught up", side=Side.TEAMS, part=self._part, entries=self._entries)
            self._entries = 0

    # --- reading ---

    async def _keep_reading(self) -> None:
        while True:
            self._work.clear()
            wait = await self._try()
            await pause(self.clock, wait, self._work)

    async def _try(self) -> timedelta:
        """Do what is due; return how long nothing will be."""
        try:
            more = await self.step()
        except StoreUnavailable:
            return STORE_AWAY_WAIT
        except RemoteError as error:
            self.watch.away(self._part, str(error))
            return self._after(error)
        self._failures = 0
        self.watch.back(self._part)
        return _NOW if more else LOOK_EVERY

    def _after(self, error: RemoteError) -> timedelta:
        if isinstance(error, Throttled):
            return min(error.retry_after, RETRY_AFTER_MAX)
        self._failures += 1
        return _backoff(self._failures)

    async def step(self) -> bool:
        """Read one batch; tell whether there may be more to read at once.

        Raises:
            RemoteError: Graph does not answer, or not to us; the batch begins anew.
            StoreUnavailable: Postgres is away; the batch begins anew.
        """
        if not self._started:
            return False
        gap = self._gap
        if gap is None or (gap.only_left and self._waits_for_left()):
            return await self._read_daily()
        if not gap.portals_read:
            await self._read_portals(gap)
        elif not gap.strangers_read:
            await self._read_strangers(gap)
        else:
            await self._read_left(gap)
        return True

    async def _read_portals(self, gap: Gap) -> None:
        """Read the conversations of the next portals."""
        found = await self._portals(gap.after, gap.last, BATCH)
        if not found:
            await self._advance(gap, gap.at_the_end())
            return
        left = await self._count(gap.after, gap.last)
        if gap.first and not gap.wrapped:
            left += await self._count(0, gap.first)
        self._left_gauge.set(left)
        log.info("catching up", side=Side.TEAMS, part=self._part, count=left)
        # What was read since is read already: so goes on who was killed in the middle.
        failed = await self._read_all([(u.place, max(gap.since, u.read_until)) for u in found])
        await self._advance(gap, replace(gap, after=found[-1].portal).having_left(failed))

    async def _portals(self, after: int, last: int | None, limit: int) -> tuple[Unread, ...]:
        channels = self.ground.channels
        found = await self.reading.all_after(PortalId(after), limit=limit, channels=channels)
        return tuple(one for one in found if last is None or one.portal <= last)

    async def _count(self, after: int, last: int | None) -> int:
        count = 0
        while True:
            found = await self._portals(after, last, COUNT_BATCH)
            count += len(found)
            if len(found) < COUNT_BATCH:
                return count
            after = found[-1].portal

    async def _read_strangers(self, gap: Gap) -> None:
        """Read conversations that nobody has told us of at all, wherever there may be some."""
        holders = await self._patiently(self.ground.holders)
        seen: set[Place] = set()
        failed: list[ConversationId] = []
        for at in range(0, len(holders), AT_ONCE):
            talked = await self._talked_in(holders[at : at + AT_ONCE], gap.since)
            unseen = [place for place in dict.fromkeys(talked) if place not in seen]
            seen.update(unseen)
            unknown = await self.reading.unknown_among(unseen)
            failed += await self._read_all([(place, gap.since) for place in unknown])
        await self._advance(gap, replace(gap, strangers_read=True).having_left(failed))

    async def _talked_in(self, holders: Sequence[str], since: datetime) -> list[Place]:
        found: list[Place] = []

        async def look(holder: str) -> None:
            try:
                found.extend(await self._places_of(holder, since))
            except GraphRejected as error:
                # Guests of other organisations, users without a licence: they have no chats here,
                # and whoever talked with them has the same chat. A team may be gone by now.
                log.info("no conversations of", source=holder, status=error.status)

        await each(holders, look, at_once=AT_ONCE)
        return found

    async def _places_of(self, holder: str, since: datetime) -> Sequence[Place]:
        return await self._patiently(lambda: self.ground.places_of(holder, since))

    async def _patiently(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Ask again when Graph has time: a long list is not to be begun anew for that."""
        for _ in range(WAITS_MAX):
            try:
                return await ask()
            except Throttled as error:
                await self.clock.sleep(min(error.retry_after, RETRY_AFTER_MAX))
        raise Unavailable("Graph has no time for a list")

    async def _read_left(self, gap: Gap) -> None:
        """Try again what could not be read."""
        reads = [(Place(tenant=self.tenant, conversation=one), gap.since) for one in gap.left]
        failed = await self._read_all(reads)
        self._left_at = self.clock.now() + READ_AGAIN_AFTER if failed else None
        await self._advance(gap, replace(gap, left=tuple(failed)))

    def _waits_for_left(self) -> bool:
        return self._left_at is not None and self.clock.now() < self._left_at

    async def _read_daily(self) -> bool:
        """Read some of the conversations that have been unread for longest, where it is due."""
        now = self.clock.now()
        self._put_off = {one: until for one, until in self._put_off.items() if until > now}
        limit = DAILY_BATCH + len(self._put_off)
        unread = await self.reading.unread_since(
            now - UNREAD_MAX, limit=limit, channels=self.ground.channels
        )
        due = [one for one in unread if one.portal not in self._put_off][:DAILY_BATCH]
        failed = await self._read_all([(one.place, one.read_until) for one in due])
        self._put_off_reading(due, failed, now)
        return len(due) == DAILY_BATCH

    def _put_off_reading(
        self, due: Sequence[Unread], failed: Sequence[ConversationId], now: datetime
    ) -> None:
        for one in due:
            if one.place.conversation in failed and len(self._put_off) < PUT_OFF_MAX:
                self._put_off[one.portal] = now + READ_AGAIN_AFTER

    async def _read_all(self, reads: Reads) -> list[ConversationId]:
        """Read several conversations; return those that could not be read.

        Raises:
            RemoteError: Graph does not answer, or not to us.
            StoreUnavailable: Postgres is away.
        """
        failed: list[ConversationId] = []

        async def read(one: tuple[Place, datetime]) -> None:
            if not await self._read(*one):
                failed.append(one[0].conversation)

        await each(reads, read, at_once=AT_ONCE)
        return failed

    async def _read(self, place: Place, since: datetime) -> bool:
        """Read one conversation; tell whether all of it was read, or is gone."""
        until = self.clock.now()
        try:
            count = await self.historian.read(place, since)
            self._entries += count
        except (Unavailable, Throttled, Unauthorized):
            raise
        except GraphRejected as error:
            if error.status not in _GONE:
                return _could_not(place, error)
            log.info("conversation gone", conversation=place.conversation, status=error.status)
        except RemoteError as error:
            return _could_not(place, error)
        await self.reading.mark_read(place, since=since, until=until)
        return True


def _could_not(place: Place, error: RemoteError) -> bool:
    log.warning("conversation not read", conversation=place.conversation, error=str(error))
    return False


def _backoff(failures: int) -> timedelta:
    doublings = min(failures - 1, BACKOFF_DOUBLINGS_MAX)
    return min(BACKOFF_FIRST * (1 << doublings), BACKOFF_MAX)
