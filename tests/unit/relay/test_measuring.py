"""The gauges of the queues are refreshed again and again, whatever becomes of the store."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge.errors import StoreUnavailable
from bridge.relay.loops import STORE_AWAY_WAIT, give_way
from bridge.relay.measuring import Measurer
from tests.kit.fake_store import FakeClock

LIMIT_SECONDS = 10


class Looks:
    """Counts how often the queues were looked at; some looks fail."""

    def __init__(self, loop: Measurer | None = None, *, away: int = 0, enough: int = 1) -> None:
        self.loop = loop
        self.away = away
        self.enough = enough
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1
        if self.times <= self.away:
            raise StoreUnavailable("away")
        if self.times >= self.enough and self.loop is not None:
            self.loop.stop()


async def test_the_queues_are_looked_at_again_and_again() -> None:
    looks = Looks(enough=3)
    loop = Measurer(FakeClock(), refresh=looks, every=timedelta(milliseconds=1))
    looks.loop = loop

    async with asyncio.timeout(LIMIT_SECONDS):
        await loop.run()

    assert looks.times == 3


async def test_who_rests_ends_at_once_when_told_to() -> None:
    looks = Looks()
    loop = Measurer(FakeClock(), refresh=looks)

    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(loop.run())
        while not looks.times:
            await give_way()
        loop.stop()

    assert looks.times == 1


async def test_a_store_that_is_away_is_looked_at_again() -> None:
    looks = Looks(away=2, enough=3)
    clock = FakeClock()
    loop = Measurer(clock, refresh=looks)
    looks.loop = loop

    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        task = group.create_task(loop.run())
        while not task.done():
            await give_way()
            clock.advance(STORE_AWAY_WAIT)

    assert looks.times == 3
