"""What waits for one subscriber's address, and how it is sent.

heap, by due time ─ batch ─> POST ─ 2xx ─> acknowledged
  ^      └─ subscription without a valid token: kept apart until it is reauthorized
  └────────── anything else: the same items again after a growing pause, for up to 4 h
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.sandbox.tenant.tenant import Change, Tenant
from bridge.sandbox.tenant.weather import Away
from bridge.sandbox.tenant.world import Delivered, Subscription

FIRST_ANSWER_TIMEOUT = 3.0
"""Seconds."""
LATER_ANSWER_TIMEOUT = 10.0
"""Seconds."""
RETRY_FIRST = timedelta(seconds=1)
RETRY_MAX = timedelta(minutes=10)
RETRY_DOUBLINGS_MAX = 20
GIVE_UP_AFTER = timedelta(hours=4)
PENDING_MAX = 100_000
"""Items waiting per address; more are counted as failed."""
KEPT_CHECK = timedelta(minutes=1)
"""How often items are looked at that wait for their subscription to be reauthorized."""


@dataclass(order=True, slots=True, kw_only=True)
class Item:
    """One notification on its way; `change` None means a lifecycle notification."""

    due: datetime
    number: int
    subscription: Subscription = field(compare=False)
    change: Change | None = field(compare=False)
    content: bytes | None = field(compare=False)
    born: datetime = field(compare=False)
    event: str = field(compare=False, default="")
    attempts: int = field(compare=False, default=0)

    @property
    def counts(self) -> Delivered:
        """Where to count what becomes of it."""
        if self.change is None:
            return self.subscription.lifecycle_counts
        return self.subscription.counts


Post = Callable[[str, list[Item], float], Awaitable[bool]]
"""Send these items to an address, waiting so many seconds for a 2xx."""


class Outlet:
    """What waits for one address; an item leaves when it is acknowledged or given up."""

    def __init__(self, tenant: Tenant, url: str, post: Post) -> None:
        self._tenant = tenant
        self._url = url
        self._post = post
        self._heap: list[Item] = []
        self._kept: list[Item] = []
        self._in_flight = 0
        self._resume: datetime | None = None
        self._wakes: list[asyncio.Event] = []

    @property
    def pending(self) -> int:
        return len(self._heap) + len(self._kept) + self._in_flight

    def add(self, item: Item) -> None:
        item.counts.queued += 1
        if self.pending >= PENDING_MAX:
            item.counts.failed += 1
            return
        heapq.heappush(self._heap, item)
        self.wake()

    def wake(self) -> None:
        for wake in self._wakes:
            wake.set()

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
                await self._tenant.clock.wait_until(self._next_due(now), wake)

    async def _send(self, batch: list[Item]) -> None:
        self._in_flight += len(batch)
        first = all(item.attempts == 0 for item in batch)
        for item in batch:
            item.attempts += 1
        for counts in {id(item.counts): item.counts for item in batch}.values():
            counts.posts += 1
        patience = FIRST_ANSWER_TIMEOUT if first else LATER_ANSWER_TIMEOUT
        acked = await self._post(self._url, batch, patience)
        self._in_flight -= len(batch)
        if acked:
            self._resume = None
            for item in batch:
                item.counts.acked += 1
        else:
            self._again(batch, self._tenant.clock.now())

    def _again(self, batch: list[Item], now: datetime) -> None:
        """Put the batch back, due after a pause; everything behind it waits too."""
        doublings = min(batch[0].attempts - 1, RETRY_DOUBLINGS_MAX)
        self._resume = now + min(RETRY_FIRST * 2**doublings, RETRY_MAX)
        for item in batch:
            if now - item.born >= GIVE_UP_AFTER:
                item.counts.failed += 1
            else:
                item.counts.retried += 1
                heapq.heappush(self._heap, item)

    def _next_batch(self, now: datetime) -> list[Item]:
        if self._shut(now):
            return []
        batch: list[Item] = []
        most = max(1, self._tenant.settings.notifications_per_post_max)
        while self._heap and self._heap[0].due <= now and len(batch) < most:
            item = heapq.heappop(self._heap)
            if self._is_gone(item):
                item.counts.failed += 1
            elif self._is_held(item, now):
                self._kept.append(item)
            else:
                batch.append(item)
        return batch

    def _release(self, now: datetime) -> None:
        """Let go of what was kept and need not be any longer, in its old place."""
        kept, self._kept = self._kept, []
        for item in kept:
            if now - item.born >= GIVE_UP_AFTER:
                item.counts.failed += 1
            elif self._is_held(item, now) and not self._is_gone(item):
                self._kept.append(item)
            else:
                heapq.heappush(self._heap, item)

    def _shut(self, now: datetime) -> bool:
        away = self._tenant.weather.away is not Away.NO
        return away or (self._resume is not None and now < self._resume)

    def _is_gone(self, item: Item) -> bool:
        """The subscription has ended; a lifecycle notification is sent nevertheless."""
        known = self._tenant.subscriptions.get(item.subscription.id)
        return item.change is not None and known is not item.subscription

    def _is_held(self, item: Item, now: datetime) -> bool:
        """Without a valid token behind its subscription a notification is held."""
        valid = now < item.subscription.authorized_until
        holds = self._tenant.settings.hold_unauthorized
        return holds and not valid and item.change is not None

    def _next_due(self, now: datetime) -> datetime | None:
        if self._tenant.weather.away is not Away.NO:
            return None
        instants = [self._heap[0].due] if self._heap else []
        if self._resume is not None and instants:
            instants = [max(instants[0], self._resume)]
        if self._kept:
            instants.append(now + KEPT_CHECK)
        return min(instants, default=None)
