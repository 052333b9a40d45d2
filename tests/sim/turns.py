"""Who runs next: every await of the simulated processes is a moment, and the seed draws their order."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random

from typing_extensions import override

from bridge.ports import Clock
from bridge.relay.loops import give_way
from tests.kit.fake_store import BEGINNING

PEOPLE = "people"
PROCESS: ContextVar[str] = ContextVar("PROCESS", default=PEOPLE)
"""Whose code is running."""


class _NoSelector(selectors.SelectSelector):
    """Nothing ever comes from outside; asking the system each time would cost a tenth of a run."""

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []


class Stillness(asyncio.SelectorEventLoop):
    """An event loop without an outside, that knows when nobody can go on but whoever asks."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__(_NoSelector())

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing else is to be run: a task that has given way comes after all others."""
        return not self._ready


@dataclass(slots=True)
class Waiting:
    """A piece of a process that waits for its turn."""

    process: str
    name: str
    future: asyncio.Future[None]


@dataclass(slots=True, order=True)
class Planned:
    """Something that happens at a time."""

    at: datetime
    number: int
    act: Callable[[], None] = field(compare=False)


class Turns:
    """Virtual time and the order of everything."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - the same seed, the same run
        self.now = BEGINNING
        self.frozen: dict[str, datetime] = {}
        self.waiting: list[Waiting] = []
        self.steps = 0
        self._planned: list[Planned] = []
        self._numbers = count()

    def plan(self, after: timedelta, act: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._planned, Planned(self.now + after, next(self._numbers), act))

    async def moment(self, name: str) -> None:
        """Wait for one's turn."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(PROCESS.get(), name, future))
        await future

    async def sleep(self, duration: timedelta) -> None:
        """Wait until virtual time has passed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.plan(duration, lambda: None if future.done() else future.set_result(None))
        await future
        await self.moment("woken")

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    async def step(self, until: datetime) -> bool:
        """Let one thing go on, or time pass; return False when `until` is reached."""
        await self._come_to_rest()
        self.steps += 1
        self.waiting = [w for w in self.waiting if not w.future.done()]
        ready = [w for w in self.waiting if self._is_awake(w.process)]
        if ready:
            chosen = self.random.choice(ready)
            self.waiting.remove(chosen)
            chosen.future.set_result(None)
            return True
        return self._pass_time(until)

    async def _come_to_rest(self) -> None:
        """Wait until everything that could go on waits for a moment again, or for its time."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Stillness)
        await give_way()
        while not loop.is_at_rest:
            await give_way()

    def _is_awake(self, process: str) -> bool:
        return self.frozen.get(process, self.now) <= self.now

    def _pass_time(self, until: datetime) -> bool:
        times = [t for t in self.frozen.values() if t > self.now]
        if self._planned:
            times.append(self._planned[0].at)
        following = min(times, default=until)
        if following > until:
            self.now = until
            return False
        self.now = max(self.now, following)
        while self._planned and self._planned[0].at <= self.now:
            heapq.heappop(self._planned).act()
        return True


class SimClock(Clock):
    """A process's clock, which may be wrong by `offset`."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.offset = timedelta(0)

    @override
    def now(self) -> datetime:
        return self.turns.now + self.offset

    @override
    async def sleep(self, duration: timedelta) -> None:
        await self.turns.sleep(duration)
