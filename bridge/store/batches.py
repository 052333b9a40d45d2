"""Group commit that clocks itself: whoever comes while a flush is under way shares the next one.

    submit ──▶ waiting ──▶ flush ──▶ one statement, one commit ──▶ every caller learns its result
                  ▲          │
                  └──────────┘  as soon as one flush has ended the next begins; no timer

At low load a flush holds one item and starts at once; under load batches grow with the time that a
commit takes. The order of the calls is the order within and between batches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bridge.domain.values import dataclass
from bridge.errors import BridgeError, InvariantBroken, StoreUnavailable
from bridge.store.faults import REFUSALS

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In the weight of items: how much goes into one flush, and how much may wait for its turn."""

    batch: int
    waiting: int


class Batches(Generic[Item, Result]):
    """Items of many callers, written together by one task; nobody waits for ever.

    A batch that the database refuses (a bug, not an outage) is written again item by item, so that
    one that cannot be stored does not take its neighbours with it.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        limits: Limits,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self._flush = flush
        self._limits = limits
        self._weigh = weigh
        self._waiting: deque[tuple[Item, int, asyncio.Future[Result]]] = deque()
        self._weight = 0
        self._bell = asyncio.Event()
        self._closed = False

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Take an item for the next flush; the future says what became of it.

        It fails with StoreUnavailable if Postgres is away, if too much is waiting already, or if
        the writer has ended.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        weight = self._weigh(item)
        if self._closed:
            future.set_exception(StoreUnavailable("the store has been closed"))
        elif self._waiting and self._weight + weight > self._limits.waiting:
            future.set_exception(StoreUnavailable("too much waits to be written"))
        else:
            self._waiting.append((item, weight, future))
            self._weight += weight
            self._bell.set()
        return future

    async def run(self) -> None:
        """Write until cancelled; whoever waits then is told that it was not done."""
        self._closed = False
        try:
            while True:
                await self._bell.wait()
                await self._flush_next()
        finally:
            self._closed = True
            _fail([future for _, _, future in self._waiting], "the store has been closed")
            self._waiting.clear()
            self._weight = 0

    async def _flush_next(self) -> None:
        items: list[Item] = []
        futures: list[asyncio.Future[Result]] = []
        weight = 0
        while self._waiting and (not items or weight + self._waiting[0][1] <= self._limits.batch):
            item, its_weight, future = self._waiting.popleft()
            weight += its_weight
            items.append(item)
            futures.append(future)
        self._weight -= weight
        if not self._waiting:
            self._bell.clear()
        try:
            await self._write(items, futures)
        finally:
            # Only a cancelled or broken writer leaves someone here.
            _fail(futures, "the store was closed while writing")

    async def _write(
        self, items: Sequence[Item], futures: Sequence[asyncio.Future[Result]]
    ) -> None:
        try:
            results = await self._flush(items)
        except BridgeError as error:
            _fail(futures, str(error), cause=error)
        except REFUSALS as error:
            if len(items) > 1:
                for item, future in zip(items, futures, strict=True):
                    await self._write([item], [future])
            elif not futures[0].done():
                broken = InvariantBroken(f"the database refuses what is to be stored: {error}")
                broken.__cause__ = error
                futures[0].set_exception(broken)
        else:
            for future, result in zip(futures, results, strict=True):
                if not future.done():  # Its caller may have gone.
                    future.set_result(result)


def _fail(
    futures: Sequence[asyncio.Future[Result]], why: str, *, cause: BridgeError | None = None
) -> None:
    """Tell everyone who still waits; each gets an error of its own, for its own traceback."""
    for future in futures:
        if not future.done():
            error = StoreUnavailable(why)
            error.__cause__ = cause
            future.set_exception(error)
