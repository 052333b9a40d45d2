"""The beat of the relay's loops: work while there is work, then wait for a bell, at most a while.

A store that is away ends no loop: it is waited for. Every loop has one owner, `app.py`'s TaskGroup,
and ends when it is cancelled, or, with the work in hand done, when it is asked to `stop`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import suppress
from datetime import timedelta
from enum import IntEnum

from bridge.errors import StoreUnavailable
from bridge.ports import Clock

POLL = timedelta(seconds=1)
"""The longest wait for a bell: what another process appended is found by looking."""
STORE_AWAY_WAIT = timedelta(milliseconds=500)


class Step(IntEnum):
    """What a step found; false if nothing."""

    NOTHING = 0
    ALL = 1
    """All that was due is done: the bell tells when there is more."""
    SOME = 2
    """There may be more."""


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
    async def step(self) -> Step:
        """Do one batch of work.

        Raises:
            StoreUnavailable: Postgres is away; the step left nothing half done.
        """

    async def give_up(self) -> None:  # noqa: B027 - most loops have nothing
        """Let go of what was put aside for this loop, at its end.

        Raises:
            StoreUnavailable: Postgres is away; what is leased to us falls back by itself.
        """

    async def run(self) -> None:
        """Work until told to stop, or cancelled."""
        while not self.stopping:
            self.bell.clear()
            try:
                found = await self.step()
            except StoreUnavailable:  # The store's own watch says so, once.
                await self.clock.sleep(STORE_AWAY_WAIT)
                continue
            if found is not Step.SOME and not self.stopping:
                await wait_for(self.bell, POLL)
        with suppress(StoreUnavailable):
            await self.give_up()


class _Turn:
    def __await__(self) -> Generator[None]:
        yield


async def give_way() -> None:
    """Let everything else that is ready run first: a hook must answer in milliseconds."""
    await _Turn()


async def wait_for(bell: asyncio.Event, at_most: timedelta) -> None:
    """Wait until `bell` rings, or for `at_most`."""
    try:
        async with asyncio.timeout(at_most.total_seconds()):
            await bell.wait()
    except TimeoutError:
        return
