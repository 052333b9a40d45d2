"""Waiting for time or for a bell, whichever comes first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge.ports import Clock


async def pause(clock: Clock, duration: timedelta, *bells: asyncio.Event) -> None:
    """Return once `duration` has passed or one of the bells rings."""
    if any(bell.is_set() for bell in bells):
        return
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(clock.sleep(duration))]
        waits += [group.create_task(_rung(bell)) for bell in bells]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _rung(bell: asyncio.Event) -> None:
    await bell.wait()
