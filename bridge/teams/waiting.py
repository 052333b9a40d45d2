"""Waiting for time or for a bell, whichever comes first; and for several things at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from bridge.errors import RemoteError, StoreUnavailable
from bridge.ports import Clock

Item = TypeVar("Item")


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


async def each(
    items: Iterable[Item], work: Callable[[Item], Awaitable[None]], *, at_once: int
) -> None:
    """Do some work for each item, for a few at once; the first error ends it and is raised.

    Raises:
        RemoteError, StoreUnavailable: As `work`.
    """
    waiting = iter(items)
    errors: list[Exception] = []

    async def some() -> None:
        for item in waiting:
            if errors:
                return
            try:
                await work(item)
            except (RemoteError, StoreUnavailable) as error:
                errors.append(error)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(some())
    if errors:
        raise errors[0]
