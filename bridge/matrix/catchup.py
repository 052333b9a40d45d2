"""Nothing is lost that the homeserver did not push: when it is asked for, and where it goes.

    start · homeserver back · rung for · every 5 min ─▶ news since the cursor ─▶ inbox, by room in order
                                                                                  └─ then the cursor

What was pushed already the journal drops. What was said before the first start is not ours to relay:
then only the cursor is set. A homeserver that does not know the cursor any more (it was restored from
a backup, or replaced) is read room by room, back to when it was last asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from bridge.domain.ids import RoomId, Side
from bridge.domain.values import dataclass
from bridge.errors import Rejected, RemoteError, StoreUnavailable, Throttled, Unavailable, Uncertain
from bridge.matrix.appservice import Reader
from bridge.matrix.connection import PART as HOMESERVER
from bridge.matrix.feed import TIMELINE_EVENTS_MAX, Events, Feed, Timeline, TokenForgotten
from bridge.matrix.sender import milliseconds
from bridge.ports import Clock, CursorBook, Journal, NewEntry
from bridge.telemetry import CAUGHT_UP, REFUSED, Watch, log

SCOPE = "sync"
EVERY = timedelta(minutes=5)
"""Measured on Synapse 1.163.2: 300 messages in 100 rooms are found in 0.18 s."""
ENTRIES_MAX = 500
"""In one transaction of the journal."""
STORE_AWAY_WAIT = timedelta(milliseconds=500)
BACKOFF_FIRST = timedelta(seconds=1)
BACKOFF_MAX = timedelta(minutes=1)
DOUBLED_MAX = 6
COMPLETE_WITHIN = timedelta(seconds=30)
"""A homeserver that answers, but not this, must not silence everybody: after so long we go on without."""
FEWER = 10
"""So many times fewer events of each room are asked for after an answer that did not come whole."""
SLACK = timedelta(minutes=10)
"""Clocks differ: so much more is read where times must do for a cursor."""
_MS_DIGITS_MAX = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far has been read, and when that was."""

    token: str
    at: datetime

    @override
    def __str__(self) -> str:
        return f"{milliseconds(self.at)} {self.token}"


def cursor_of(text: str) -> Cursor | None:
    """Return the cursor that was written as this; None if none was."""
    at, _, token = text.partition(" ")
    if not token or not at.isascii() or not at.isdigit() or len(at) > _MS_DIGITS_MAX:
        return None
    return Cursor(token=token, at=datetime.fromtimestamp(int(at) / 1000, UTC))


class SyncCatchUp:
    """Asks the homeserver for what it did not push.

    `is_complete` is set while nothing is known to be missing: after a pass, and until the next is rung
    for. Who reads what was stored waits for it, so that what was found is read in its place.
    """

    def __init__(
        self,
        feed: Feed,
        reader: Reader,
        journal: Journal,
        cursors: CursorBook,
        *,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self.is_complete = asyncio.Event()
        self._feed = feed
        self._reader = reader
        self._journal = journal
        self._cursors = cursors
        self._clock = clock
        self._bell = asyncio.Event()
        self._returned = watch.returned(HOMESERVER)
        self.passed: Callable[[int], None] = _unheard
        """Is told after each pass how many entries were new; not of none if the next is rung for."""
        self._asked_at: datetime | None = None
        self._failures = 0
        self._events_max = TIMELINE_EVENTS_MAX
        self._waiting: list[NewEntry] = []

    def ring(self) -> None:
        """Ask for a pass now: something may have been missed."""
        self.is_complete.clear()
        self._bell.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Catch up until `stop` is set."""
        while not stop.is_set():
            if self._returned.is_set():
                self.is_complete.clear()
            self._bell.clear()
            self._returned.clear()
            wait = await self._try()
            await self._pause(wait, stop)

    async def step(self) -> int:
        """Store what is new, then move the cursor; return how many entries were new.

        Raises:
            RemoteError: The homeserver could not be read to the end; the next pass begins anew.
            StoreUnavailable: Postgres is away; the next pass begins anew.
        """
        self._waiting = []
        written = await self._cursors.cursor(Side.MATRIX, SCOPE)
        cursor = None if written is None else cursor_of(written)
        at = self._clock.now()
        if cursor is None:
            token, count = await self._feed.token(), 0
            log.info("reading the homeserver from now on", side=Side.MATRIX)
        else:
            token, count = await self._read_on(cursor)
        await self._cursors.move(Side.MATRIX, SCOPE, str(Cursor(token=token, at=at)))
        return count

    async def _read_on(self, cursor: Cursor) -> tuple[str, int]:
        try:
            news = await self._feed.news(cursor.token, events_max=self._events_max)
        except TokenForgotten as error:
            return await self._read_anew(cursor.at - SLACK, error)
        count = 0
        for timeline in news.timelines:
            count += await self._fill(timeline, cursor.token)
            count += await self._put(timeline.events)
        count += await self._put(news.invitations)
        return news.token, count + await self._flush()

    async def _fill(self, timeline: Timeline, since: str) -> int:
        """Store what lies between the cursor and a timeline that does not reach back to it."""
        count = 0
        if timeline.gap_until is None:
            return count
        try:
            async for events in self._feed.between(timeline.room, since, timeline.gap_until):
                count += await self._put(events)
        except Rejected as error:
            log.warning("room not read", room=timeline.room, error=str(error))
        return count

    async def _read_anew(self, begin: datetime, error: TokenForgotten) -> tuple[str, int]:
        log.warning(
            "the homeserver does not know how far we had read: reading every room back",
            at=begin.isoformat(),
            error=str(error),
        )
        token, count = await self._feed.token(), 0
        for room in await self._feed.rooms():
            try:
                count += await self._put(await self._feed.since(room, begin))
            except Rejected as refusal:
                log.warning("room not read", room=room, error=str(refusal))
        return token, count + await self._flush()

    async def read_back(self, room: RoomId, begin: datetime) -> None:
        """Store what was said in a room since then: before one of ours came nothing was pushed.

        Raises:
            RemoteError: The homeserver could not be read.
            StoreUnavailable: Postgres is away.
        """
        events = await self._feed.since(room, begin)
        entries, _, _ = self._reader.found(events, self._clock.now())
        for chunk in _chunks(entries):
            await self._journal.append_entries(chunk)

    # --- storing ---

    async def _put(self, events: Events) -> int:
        """Keep what may cross until there is enough for a transaction; return how many were new."""
        entries, _, refused = self._reader.found(events, self._clock.now())
        # What is ignored was counted when it was pushed; that is true of nearly all.
        for reason, count in refused.items():
            REFUSED.labels("matrix", reason).inc(count)
        self._waiting += entries
        return await self._flush() if len(self._waiting) >= ENTRIES_MAX else 0

    async def _flush(self) -> int:
        entries, self._waiting = self._waiting, []
        count = 0
        for chunk in _chunks(entries):
            count += await self._journal.append_entries(chunk)
        if count:
            CAUGHT_UP.labels(Side.MATRIX).inc(count)
        return count

    # --- waiting ---

    async def _try(self) -> timedelta:
        """Make a pass; return how long to wait before the next."""
        try:
            count = await self.step()
        except StoreUnavailable:  # The store's own watch says so, once.
            return STORE_AWAY_WAIT
        except RemoteError as error:
            return self._after(error)
        self._failures, self._events_max = 0, TIMELINE_EVENTS_MAX
        if not self._bell.is_set():
            self._go_on()
        if count:
            log.info("caught up", side=Side.MATRIX, entries=count)
        if count or not self._bell.is_set():
            self.passed(count)
        return EVERY

    def _go_on(self) -> None:
        """Tell whoever waits: they have let entries lie, and nothing else would wake them."""
        self._asked_at = None
        if not self.is_complete.is_set():
            self.is_complete.set()
            self._journal.entries_bell(Side.MATRIX).set()

    def _after(self, error: RemoteError) -> timedelta:
        self._failures += 1
        if not isinstance(error, Unavailable):  # The connection's own watch says that, once.
            log.warning("not caught up, will try again", side=Side.MATRIX, error=str(error))
            self._lose_patience()
        if isinstance(error, Uncertain):  # Perhaps more than fits into an answer.
            self._events_max = max(1, self._events_max // FEWER)
        if isinstance(error, Throttled):
            return error.retry_after
        doubled = int(2 ** min(self._failures - 1, DOUBLED_MAX))
        return min(BACKOFF_FIRST * doubled, BACKOFF_MAX)

    def _lose_patience(self) -> None:
        now = self._clock.now()
        self._asked_at = self._asked_at or now
        if now - self._asked_at >= COMPLETE_WITHIN and not self.is_complete.is_set():
            log.error(
                "going on without what the homeserver may not have pushed",
                side=Side.MATRIX,
                hint="see why it refuses /sync to the bot; what is found later is sent late",
            )
            self._go_on()

    async def _pause(self, duration: timedelta, stop: asyncio.Event) -> None:
        bells = (stop, self._bell, self._returned)
        if any(bell.is_set() for bell in bells):
            return
        async with asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(self._clock.sleep(duration))]
            waits += [tasks.create_task(_rung(bell)) for bell in bells]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()


def _unheard(_count: int) -> None:
    return


async def _rung(bell: asyncio.Event) -> None:
    await bell.wait()


def _chunks(entries: list[NewEntry]) -> Iterable[list[NewEntry]]:
    return (entries[at : at + ENTRIES_MAX] for at in range(0, len(entries), ENTRIES_MAX))
