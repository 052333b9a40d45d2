"""What waits for one subscriber's address, and how it is sent.

add ─ is the address fast enough? ─> heap, by due time ─ batch ─> POST ─ 2xx ─> acknowledged
           │ no: in ten minutes,        ^  └─ no valid token behind it: kept till there is one
           └────── or never             └──── else: the same again after a growing pause, ≤ 4 h
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.sandbox.tenant.envelope import Telling
from bridge.sandbox.tenant.health import Answer, Health
from bridge.sandbox.tenant.subscription import Delivered, Subscription
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.weather import Away

RETRY_FIRST = timedelta(seconds=1)
RETRY_MAX = timedelta(minutes=10)
RETRY_DOUBLINGS_MAX = 20
GIVE_UP_AFTER = timedelta(hours=4)
PENDING_MAX = 100_000
"""Items waiting per address; more are counted as failed."""
KEPT_CHECK = timedelta(minutes=1)
"""How often items are looked at that wait for their subscription to be reauthorized."""


@dataclass(slots=True, kw_only=True, eq=False)
class Item:
    """One notification on its way; `telling` None means a lifecycle notification."""

    due: datetime
    number: int
    subscription: Subscription
    telling: Telling | None
    event: str
    """The change type, or the lifecycle event."""
    born: datetime
    attempts: int = 0
    wire: bytes | None = None
    """As it was sent first: an item that is repeated is repeated letter by letter."""

    @property
    def counts(self) -> Delivered:
        """Where to count what becomes of it."""
        if self.telling is None:
            return self.subscription.lifecycle_counts
        return self.subscription.counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a POST ended, and after how many seconds."""

    acked: bool
    seconds: float


Post = Callable[[str, list[Item], float], Awaitable[Outcome]]
"""Send these items to an address, waiting so many seconds for a 2xx."""


class Outlet:
    """What waits for one address; an item leaves when it is acknowledged or given up."""

    def __init__(self, tenant: Tenant, url: str, health: Health, post: Post) -> None:
        self._tenant = tenant
        self._url = url
        self._health = health
        self._post = post
        self._heap: list[tuple[datetime, int, Item]] = []
        self._kept: list[Item] = []
        self._look_at_kept: datetime | None = None
        self._in_flight = 0
        self._resume: datetime | None = None
        self._wakes: list[asyncio.Event] = []

    @property
    def pending(self) -> int:
        return len(self._heap) + len(self._kept) + self._in_flight

    def add(self, item: Item) -> None:
        counts = item.counts
        counts.queued += 1
        delay = self._health.admit(item.born)
        if delay is None:
            counts.dropped += 1
        elif self.pending >= PENDING_MAX:
            counts.failed += 1
        else:
            counts.delayed += bool(delay)
            item.due += delay
            self._push(item)
            self._notify()

    def wake(self) -> None:
        """The weather or a subscription changed: look again, at what is kept too."""
        self._look_at_kept = None
        self._notify()

    async def run(self) -> None:
        """Send what is due, one POST after the other, until cancelled."""
        wake = asyncio.Event()
        self._wakes.append(wake)
        while True:
            wake.clear()
            now = self._tenant.clock.now()
            self._release(now)
            batch = self._next_batch(now)
            if batch:
                await self._send(batch)
            else:
                await self._tenant.clock.wait_until(self._next_due(), wake)

    def _notify(self) -> None:
        for wake in self._wakes:
            wake.set()

    def _push(self, item: Item) -> None:
        heapq.heappush(self._heap, (item.due, item.number, item))

    async def _send(self, batch: list[Item]) -> None:
        self._in_flight += len(batch)
        repeated = any(item.attempts for item in batch)
        for item in batch:
            item.attempts += 1
        for counts in {id(item.counts): item.counts for item in batch}.values():
            counts.posts += 1
        settings = self._tenant.settings
        patience = settings.later_answer_seconds if repeated else settings.first_answer_seconds
        outcome = await self._post(self._url, batch, patience)
        self._in_flight -= len(batch)
        now = self._tenant.clock.now()
        self._health.note(Answer(at=now, seconds=outcome.seconds, repeated=repeated))
        if outcome.acked:
            self._resume = None
            for item in batch:
                item.counts.acked += 1
        else:
            self._again(batch, now)

    def _again(self, batch: list[Item], now: datetime) -> None:
        """Put the batch back, due after a pause; everything behind it waits too."""
        doublings = min(batch[0].attempts - 1, RETRY_DOUBLINGS_MAX)
        self._resume = now + min(RETRY_FIRST * 2**doublings, RETRY_MAX)
        for item in batch:
            if now - item.born >= GIVE_UP_AFTER:
                item.counts.failed += 1
            else:
                item.counts.retried += 1
                self._push(item)

    def _next_batch(self, now: datetime) -> list[Item]:
        if self._shut(now):
            return []
        batch: list[Item] = []
        most = max(1, self._tenant.settings.notifications_per_post_max)
        heap = self._heap
        while heap and heap[0][0] <= now and len(batch) < most:
            item = heapq.heappop(heap)[2]
            if self._is_gone(item):
                item.counts.failed += 1
            elif self._is_held(item, now):
                self._keep(item, now)
            else:
                batch.append(item)
        return batch

    def _keep(self, item: Item, now: datetime) -> None:
        self._kept.append(item)
        if self._look_at_kept is None or len(self._kept) == 1:
            self._look_at_kept = now + KEPT_CHECK

    def _release(self, now: datetime) -> None:
        """Let go of what was kept and need not be any longer, in its old place."""
        if not self._kept or (self._look_at_kept is not None and now < self._look_at_kept):
            return
        kept, self._kept = self._kept, []
        self._look_at_kept = now + KEPT_CHECK
        for item in kept:
            if now - item.born >= GIVE_UP_AFTER:
                item.counts.failed += 1
            elif self._is_held(item, now) and not self._is_gone(item):
                self._kept.append(item)
            else:
                self._push(item)

    def _shut(self, now: datetime) -> bool:
        away = self._tenant.weather.away is not Away.NO
        return away or (self._resume is not None and now < self._resume)

    def _is_gone(self, item: Item) -> bool:
        """The subscription has ended; a lifecycle notification is sent nevertheless."""
        return item.subscription.ended and item.telling is not None

    def _is_held(self, item: Item, now: datetime) -> bool:
        """Without a valid token behind its subscription a notification is held."""
        return (
            item.telling is not None
            and now >= item.subscription.authorized_until
            and self._tenant.settings.hold_unauthorized
        )

    def _next_due(self) -> datetime | None:
        if self._tenant.weather.away is not Away.NO:
            return None
        instants = [self._heap[0][0]] if self._heap else []
        if self._resume is not None and instants:
            instants = [max(instants[0], self._resume)]
        if self._kept and self._look_at_kept is not None:
            instants.append(self._look_at_kept)
        return min(instants, default=None)
