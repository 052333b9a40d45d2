"""Token buckets: how often something may be asked for, and how long one must wait.

    demand ─ bucket of its key ─ enough? ─> charged
                                  └ no ─> charged all the same; the time until there is enough

Microsoft says that it counts by token buckets (learn.microsoft.com graph/throttling-limits,
identity and access) and that what is asked while one is throttled counts too (graph/throttling);
it does not say how deep a bucket is. `Play` holds what may therefore be played either way.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

BUCKETS_MAX = 100_000
"""Buckets kept at once; beyond it the one that was used longest ago is forgotten."""
SWEEP_FIRST = 1024
"""Buckets from which on those that are full again are looked for."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many units in so many seconds."""

    count: float
    seconds: float = 1.0

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one request takes from one bucket."""

    key: Key
    rate: Rate
    cost: float = 1.0
    everywhere: bool = False
    """The bucket counts over all tenants of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What Microsoft does not document.

    scale: Every documented rate is multiplied by this.
    burst_seconds: A limit per second lets this many seconds' worth through at once; a limit over
        a longer time lets its whole count through at once.
    debt_seconds: How long a client that goes on asking can make itself wait beyond the time that
        an empty bucket needs, in seconds. With 0 a refused request only takes what has gathered.
    """

    scale: float = 1.0
    burst_seconds: float = 1.0
    debt_seconds: float = 0.0

    def capacity(self, demand: Demand) -> float:
        """Tokens in a full bucket; never less than one request needs."""
        rate = demand.rate
        span = self.burst_seconds if rate.seconds <= 1 else rate.seconds
        return max(demand.cost, 1.0, rate.per_second * self.scale * span)

    def per_second(self, demand: Demand) -> float:
        return demand.rate.per_second * self.scale


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float
    full_at: float


class Buckets:
    """Buckets by key; one that would be full again is the same as none, and is forgotten."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()
        self._sweep_at = SWEEP_FIRST

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, demand: Demand, now: float, play: Play) -> float:
        """Seconds until the bucket holds what the demand takes; 0 if it does."""
        missing = demand.cost - self._level(demand, now, play)
        return max(0.0, missing) / play.per_second(demand)

    def charge(self, demand: Demand, now: float, play: Play) -> None:
        """Take the demand out of its bucket, down to the deepest debt."""
        rate = play.per_second(demand)
        level = self._level(demand, now, play) - demand.cost
        level = max(level, -play.debt_seconds * rate)
        full_at = now + (play.capacity(demand) - level) / rate
        self._buckets[demand.key] = _Bucket(level, now, full_at)
        self._buckets.move_to_end(demand.key)
        if len(self._buckets) >= self._sweep_at:
            self._sweep(now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)

    def clear(self) -> None:
        self._buckets.clear()

    def _level(self, demand: Demand, now: float, play: Play) -> float:
        capacity = play.capacity(demand)
        bucket = self._buckets.get(demand.key)
        if bucket is None:
            return capacity
        # A clock that was set back fills nothing, but it does not take anything away either.
        gathered = max(0.0, now - bucket.at) * play.per_second(demand)
        return min(capacity, bucket.level + gathered)

    def _sweep(self, now: float) -> None:
        full = [key for key, bucket in self._buckets.items() if bucket.full_at <= now]
        for key in full:
            del self._buckets[key]
        self._sweep_at = max(SWEEP_FIRST, 2 * len(self._buckets))
