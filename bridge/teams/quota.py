"""How fast Graph may be asked: token buckets, and the gate that calls wait at. Decides who is next.

    call ── Gate.enter ──▶ waiting, by priority, then arrival ── decide ──▶ Go     charged, sent
                                                                   ├──────▶ Wait   until it is due
                                                                   └──────▶ Refuse Throttled, at once
    429, 503 with Retry-After ── Gate.refused ──▶ buckets closed until then

`Buckets` and `decide` are pure but for the buckets' levels: the time is a parameter. What a call
takes is in quota_table.py. Levels are not stored: a bridge that has just started takes its buckets
for full, and Graph's 429 puts right what it, or another process of ours, has used before.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import count
from math import ceil
from types import MappingProxyType
from typing import assert_never

from bridge.domain.values import dataclass
from bridge.errors import Throttled
from bridge.ports import Clock
from bridge.teams.quota_table import Demand, Key, Toll, scaled
from bridge.teams.waiting import pause
from bridge.telemetry import GRAPH_WAITS_SECONDS

WAIT_MAX = timedelta(seconds=2)
"""Who would have to wait longer is sent away instead of holding a worker."""
OVERDUE_MAX = timedelta(milliseconds=100)
"""How much longer someone may wait whom a more urgent call has pushed back."""
WAITERS_MAX = 64
"""Calls that wait at once; the least urgent of more are sent away."""
CLOSED_MAX = timedelta(hours=1)
"""The longest Retry-After that is believed."""
BUCKETS_MAX = 10_000
"""Buckets kept at once; beyond it the one that was used longest ago is forgotten."""
SWEEP_FIRST = 256
"""Buckets from which on those that are full again are looked for."""
SENT_AWAY_MAX = 1_000
"""Chats and the like that keep their place in the order until they come back."""
_HAIR = 1e-6
"""Tokens; what rounding a wait to microseconds may leave missing."""
_NOW = timedelta(0)


class Priority(IntEnum):
    """How urgent a call is; smaller goes first."""

    LIVE = 0
    EDITS = 1
    MEMBERS = 2
    HISTORY = 3
    AUDIT = 4


RESERVED: Mapping[Priority, float] = MappingProxyType(
    {
        Priority.LIVE: 0.0,
        Priority.EDITS: 0.1,
        Priority.MEMBERS: 0.2,
        Priority.HISTORY: 0.5,
        Priority.AUDIT: 0.7,
    }
)
"""The part of a bucket's depth that a priority leaves to those above it.

A bucket of one has no room for a part: there, who is more urgent is only the next to be served.
"""


@dataclass(slots=True)
class _Bucket:
    level: float
    at: datetime
    full_at: datetime
    closed_until: datetime


class Buckets:
    """Buckets by key; one that would be full again is the same as none, and is forgotten."""

    def __init__(self, *, buckets_max: int = BUCKETS_MAX) -> None:
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()
        self._buckets_max = buckets_max
        self._sweep_at = SWEEP_FIRST
        self._suspects: dict[Key, tuple[Key, datetime]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(
        self, demand: Demand, priority: Priority, now: datetime, *, ahead: float = 0.0
    ) -> timedelta:
        """Return how long it takes until this may be taken, after `ahead` tokens for others."""
        bucket = self._seen(demand.key, now)
        reserve = RESERVED[priority] * demand.rate.depth
        need = min(demand.cost + reserve, demand.rate.depth) + ahead
        missing = need - _level(bucket, demand, now)
        gathering = _seconds(missing / demand.rate.per_second) if missing > _HAIR else _NOW
        closed = _NOW if bucket is None else bucket.closed_until - now
        return max(gathering, closed)

    def charge(self, demand: Demand, now: datetime) -> None:
        """Take it."""
        bucket = self._seen(demand.key, now)
        level = max(0.0, _level(bucket, demand, now) - demand.cost)
        self._put(demand, level, now, closed_until=now if bucket is None else bucket.closed_until)

    def refused(self, demands: Sequence[Demand], retry_after: timedelta, now: datetime) -> None:
        """Close the buckets that an answer with Retry-After speaks of.

        Graph does not say which limit was passed. The narrowest is the one that its column of one
        per second makes likely, and closing it stops the fewest: one chat. If it was the line's
        after all, the next chat is refused too; two different ones within one wait are taken for
        the line's limit, and the line is closed as well.
        """
        if not demands:
            return
        until = now + min(retry_after, CLOSED_MAX)
        narrow, line = demands[0], demands[-1]
        self._close(narrow, until, now)
        suspect, suspected_until = self._suspects.get(line.key, (narrow.key, now))
        if suspect != narrow.key and suspected_until > now:
            self._close(line, until, now)
        self._suspects[line.key] = (narrow.key, until)

    def _close(self, demand: Demand, until: datetime, now: datetime) -> None:
        """Nothing passes before `until`; Graph's own bucket is empty, whatever we thought."""
        bucket = self._seen(demand.key, now)
        known = now if bucket is None else bucket.closed_until
        self._put(demand, 0.0, now, closed_until=max(until, known))

    def _seen(self, key: Key, now: datetime) -> _Bucket | None:
        """Find a bucket. A clock that was set back neither fills a bucket nor keeps it closed."""
        bucket = self._buckets.get(key)
        if bucket is not None and now < bucket.at:
            back = bucket.at - now
            bucket.at, bucket.full_at = now, bucket.full_at - back
            bucket.closed_until -= back
        return bucket

    def _put(self, demand: Demand, level: float, now: datetime, *, closed_until: datetime) -> None:
        full_at = max(
            now + _seconds((demand.rate.depth - level) / demand.rate.per_second), closed_until
        )
        self._buckets[demand.key] = _Bucket(level, now, full_at, closed_until)
        self._buckets.move_to_end(demand.key)
        if len(self._buckets) >= min(self._sweep_at, self._buckets_max):
            self._sweep(now)
        if len(self._buckets) > self._buckets_max:
            self._buckets.popitem(last=False)

    def _sweep(self, now: datetime) -> None:
        full = [key for key, bucket in self._buckets.items() if bucket.full_at <= now]
        for key in full:
            del self._buckets[key]
        self._sweep_at = max(SWEEP_FIRST, 2 * len(self._buckets))


def _level(bucket: _Bucket | None, demand: Demand, now: datetime) -> float:
    if bucket is None:
        return demand.rate.depth
    gathered = (now - bucket.at).total_seconds() * demand.rate.per_second
    return min(demand.rate.depth, bucket.level + gathered)


def _seconds(seconds: float) -> timedelta:
    """Rounded up: who comes back a hair too early would have to wait once more."""
    return timedelta(microseconds=ceil(seconds * 1e6))


@dataclass(frozen=True, slots=True)
class Go:
    """It may be sent now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It is likely to be its turn after this time, and will be looked at again then."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class Refuse:
    """It would have to wait too long; there is no use in coming back earlier.

    `crowded`: for others, not for what its own chat has used up.
    """

    retry_after: timedelta
    crowded: bool


Decision = Go | Wait | Refuse


@dataclass(slots=True, kw_only=True, eq=False)
class Caller:
    """Someone at the gate whose call takes from at least one bucket."""

    toll: Toll
    priority: Priority
    number: int
    since: datetime
    patience_until: datetime
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    due: datetime | None = None
    decision: Decision | None = None

    @property
    def rank(self) -> tuple[Priority, int]:
        """Smaller is served first."""
        return self.priority, self.number


def decide(buckets: Buckets, callers: Sequence[Caller], now: datetime) -> list[Decision]:
    """Decide on callers in order of rank, as if each had taken what those before it may take.

    Who must wait for one bucket holds a place in that one only: a chat that has used up its own
    limit keeps no other chat waiting.
    """
    ahead: dict[Key, float] = {}
    decisions: list[Decision] = []
    waiting = 0
    for caller in callers:
        waits = _waits(buckets, caller, now, ahead)
        decision = _decision(caller, waits, now, full=waiting >= WAITERS_MAX)
        waiting += isinstance(decision, Wait)
        if not isinstance(decision, Refuse):
            longest = max(waits, default=_NOW)
            for demand, wait in zip(caller.toll.demands, waits, strict=True):
                if wait == longest:
                    ahead[demand.key] = ahead.get(demand.key, 0.0) + demand.cost
        decisions.append(decision)
    return decisions


def _waits(
    buckets: Buckets, caller: Caller, now: datetime, ahead: Mapping[Key, float]
) -> list[timedelta]:
    """How long each bucket makes a caller wait, the narrowest first."""
    return [
        buckets.wait(demand, caller.priority, now, ahead=ahead.get(demand.key, 0.0))
        for demand in caller.toll.demands
    ]


def _decision(caller: Caller, waits: Sequence[timedelta], now: datetime, *, full: bool) -> Decision:
    longest = max(waits, default=_NOW)
    if longest <= _NOW:
        return Go()
    if full:
        return Refuse(max(longest, WAIT_MAX), crowded=True)
    if now + longest > caller.patience_until:
        return Refuse(longest, crowded=longest > waits[0])
    return Wait(longest)


class Gate:
    """Every call to Graph passes it right before it is sent; at most `WAITERS_MAX` wait at it.

    A chat that was sent away because of others keeps the place in the order that it came with: those
    who happen to ask at the right moment would keep it out for ever. `share`: how much of Microsoft's
    limits is ours to use.
    """

    def __init__(self, clock: Clock, *, share: float = 1.0) -> None:
        self._clock = clock
        self._share = share
        self._buckets = Buckets()
        self._callers: list[Caller] = []
        self._numbers = count()
        self._sent_away: OrderedDict[Key, int] = OrderedDict()

    async def enter(self, toll: Toll, priority: Priority) -> None:
        """Return when the call may be sent; it is counted as sent.

        Raises:
            Throttled: It would have to wait longer than `WAIT_MAX`, or too many wait already.
        """
        if not toll.demands:
            return
        if self._share != 1:
            toll = scaled(toll, self._share)
        caller = self._arrived(toll, priority)
        try:
            self._serve()
            while isinstance(caller.decision, Wait):
                caller.bell.clear()
                await pause(self._clock, self._until_due(caller), caller.bell)
                if not self._until_due(caller):
                    self._serve()
        finally:
            self._leave(caller)
        self._conclude(caller)

    def refused(self, toll: Toll, retry_after: timedelta) -> None:
        """Take note that Graph wants calls like this one to stay away for a while."""
        self._buckets.refused(toll.demands, retry_after, self._clock.now())
        self._serve()

    def _arrived(self, toll: Toll, priority: Priority) -> Caller:
        now = self._clock.now()
        kept = self._sent_away.pop(toll.demands[0].key, None)
        caller = Caller(
            toll=toll,
            priority=priority,
            number=next(self._numbers) if kept is None else kept,
            since=now,
            patience_until=now + WAIT_MAX,
        )
        insort(self._callers, caller, key=lambda each: each.rank)
        return caller

    def _until_due(self, caller: Caller) -> timedelta:
        left = _NOW if caller.due is None else caller.due - self._clock.now()
        # Longer than anybody waits: the clock was set back, and all is to be reckoned anew.
        return left if _NOW < left <= WAIT_MAX + OVERDUE_MAX else _NOW

    def _serve(self) -> None:
        """Let everyone through whose turn it is, and wake whoever must look again."""
        now = self._clock.now()
        decisions = decide(self._buckets, self._callers, now)
        for caller, decision in zip(tuple(self._callers), decisions, strict=True):
            caller.decision = decision
            match decision:
                case Go():
                    for demand in caller.toll.demands:
                        self._buckets.charge(demand, now)
                    self._dismiss(caller)
                case Refuse(crowded=crowded):
                    self._dismiss(caller)
                    if crowded:
                        self._keep_place(caller)
                case Wait(duration=duration):
                    _keep(caller, now + duration)
                case _:
                    assert_never(decision)

    def _dismiss(self, caller: Caller) -> None:
        self._callers.remove(caller)
        caller.bell.set()

    def _keep_place(self, caller: Caller) -> None:
        key = caller.toll.demands[0].key
        self._sent_away[key] = min(caller.number, self._sent_away.get(key, caller.number))
        if len(self._sent_away) > SENT_AWAY_MAX:
            self._sent_away.popitem(last=False)

    def _leave(self, caller: Caller) -> None:
        """Whoever gave up waiting makes room for those behind."""
        if caller in self._callers:
            self._callers.remove(caller)
            self._serve()

    def _conclude(self, caller: Caller) -> None:
        if isinstance(caller.decision, Refuse):
            text = f"Graph's limit ({caller.toll.name}) is used up for now"
            raise Throttled(text, retry_after=caller.decision.retry_after)
        waited = (self._clock.now() - caller.since).total_seconds()
        GRAPH_WAITS_SECONDS.labels(caller.priority.name.lower()).observe(max(0.0, waited))


def _keep(caller: Caller, due: datetime) -> None:
    """Wake a caller only to look earlier than it would: being late, it finds out by itself."""
    if caller.due is None:
        caller.patience_until += OVERDUE_MAX
    elif due < caller.due:
        caller.bell.set()
    caller.due = due
