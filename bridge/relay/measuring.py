"""The slow loop that shows how much lies in the queues; whoever scrapes the metrics waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from typing_extensions import override

from bridge.ports import Clock
from bridge.relay.loops import Loop, Step, wait_for

MEASURE_EVERY = timedelta(seconds=15)
"""As often as Prometheus looks by custom."""


class Measurer(Loop):
    """Has the gauges of the queues refreshed; while the store is away they stay as they were."""

    def __init__(
        self,
        clock: Clock,
        *,
        refresh: Callable[[], Awaitable[None]],
        every: timedelta = MEASURE_EVERY,
    ) -> None:
        super().__init__(clock, asyncio.Event(), name="gauges")
        self.refresh = refresh
        self.every = every

    @override
    async def step(self) -> Step:
        """Refresh, then rest."""
        await self.refresh()
        await wait_for(self.bell, self.every)
        return Step.SOME
