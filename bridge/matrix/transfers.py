"""How many files are copied at once: fewer than there are streams, so that text always passes.

A delivery that gets no place soon gives its stream back, with nothing said and no attempt spent: the
worker's room is for those that can go on (docs/adr/0011).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta

from bridge.errors import Throttled

TRANSFERS_MAX = 8
"""Of the worker's forty streams."""
LARGE_MAX = 4
"""Of those; a picture does not wait until films have passed."""
LARGE_BYTES = 8 * 1024 * 1024
"""From here on a file is a large one, and one whose size nobody says."""
WAITING_MAX = 8
"""Who finds so many waiting already is sent away at once: with those at work they hold less than half
of the worker's room."""
PATIENCE = timedelta(milliseconds=500)
COME_BACK_AFTER = timedelta(seconds=2)


class Places:
    """Places for transfers."""

    def __init__(self, *, transfers_max: int = TRANSFERS_MAX, large_max: int = LARGE_MAX) -> None:
        self._any = _Room(transfers_max)
        self._large = _Room(large_max)

    def one(self) -> AbstractAsyncContextManager[None]:
        """Take a place; raise `Throttled` if there is none soon."""
        return self._any.place()

    def of_size(self, size: int | None) -> AbstractAsyncContextManager[None]:
        """Take a place for a file of this size, beside the one taken; raise `Throttled` likewise."""
        is_small = size is not None and size < LARGE_BYTES
        return nullcontext() if is_small else self._large.place()


class _Room:
    """So many places, for which a few may wait a little."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        await self._acquire()
        try:
            yield
        finally:
            self._places.release()

    async def _acquire(self) -> None:
        if self._places.locked() and self._waiting >= WAITING_MAX:
            raise _full()
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._places.acquire()
        except TimeoutError as error:
            raise _full() from error
        finally:
            self._waiting -= 1


def _full() -> Throttled:
    return Throttled("other files are being copied", retry_after=COME_BACK_AFTER)
