"""The beat of the relay's loops: work while there is work, then wait for a bell, at most a while.

A store that is away ends no loop: it is waited for. Every loop has one owner, `app.py`'s TaskGroup,
and ends when it is cancelled, or, with the work in hand done, when it is asked to `stop`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import timedelta

from bridge.errors import StoreUnavailable
from bridge.ports import Clock

POLL_IDLE = timedelta(seconds=1)
"""The longest wait for a bell: what another process appended is found by looking."""
POLL_BUSY = timedelta(milliseconds=25)
"""The wait just after work: entries of a settle window or a gate become due in milliseconds."""
BUSY_FOR = timedelta(seconds=1)
STORE_AWAY_WAIT = timedelta(milliseconds=500)


class Loop(ABC):
    """Repeats `step` until it is cancelled."""

    def __init__(self, clock: Clock, bell: asyncio.Event, *, name: str) -> None:
        self.clock = clock
        self.bell = bell
        self.name = name
        self.stopping = False

    def stop(self) -> None:
        """Ask `run` to end after the work in hand; what is claimed is then nobody's any more."""
        self.stopping = True
        self.bell.set()

    @abstractmethod
    async def step(self) -> bool:
        """Do one batch of work; return False when there was none.

        Raises:
            StoreUnavailable: Postgres is away; the step left nothing half done.
        """

    async def run(self) -> None:
        """Work until told to stop, or cancelled."""
        worked_at = self.clock.now() - BUSY_FOR
        while not self.stopping:
            self.bell.clear()
            try:
                if await self.step():
                    worked_at = self.clock.now()
                    continue
            except StoreUnavailable:  # The store's own watch says so, once.
                await self.clock.sleep(STORE_AWAY_WAIT)
                continue
            busy = self.clock.now() - worked_at < BUSY_FOR
            await wait_for(self.bell, POLL_BUSY if busy else POLL_IDLE)


async def wait_for(bell: asyncio.Event, at_most: timedelta) -> None:
    """Wait until `bell` rings, or for `at_most`."""
    try:
        async with asyncio.timeout(at_most.total_seconds()):
            await bell.wait()
    except TimeoutError:
        return
