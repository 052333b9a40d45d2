"""A gap in the homeserver's transaction numbers: looked at when it may mean something, and seldom."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge.matrix.recovery import LOOK_EVERY, RECOVERY_LASTS, Recovery
from tests.kit.fake_store import FakeClock

MILLISECOND = timedelta(milliseconds=1)


class Looks:
    """A recovery, and when it looked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.start = self.clock.now()
        self.seen: list[timedelta] = []
        self.looked = asyncio.Event()
        self.recovery = Recovery(self.clock, self._look)

    def _look(self) -> None:
        self.seen.append(self.clock.now() - self.start)
        self.looked.set()


async def test_a_gap_means_nothing_unless_the_homeserver_was_just_told_of_us() -> None:
    looks = Looks()
    looks.recovery.missed()
    looks.recovery.announced()
    looks.clock.advance(RECOVERY_LASTS)
    looks.recovery.missed()

    assert looks.seen == []


async def test_a_gap_while_it_recovers_is_looked_at_at_once() -> None:
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()

    assert looks.seen == [timedelta(0)]


async def test_many_gaps_are_looked_at_together_and_the_last_is_not_forgotten() -> None:
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()
    looks.clock.advance(LOOK_EVERY - MILLISECOND)
    looks.looked.clear()
    for _ in range(10):
        looks.recovery.missed()
    assert len(looks.seen) == 1

    async with asyncio.timeout(10):
        await looks.looked.wait()

    assert len(looks.seen) == 2


async def test_a_gap_after_a_while_is_looked_at_at_once_again() -> None:
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()
    looks.clock.advance(LOOK_EVERY)
    looks.recovery.missed()

    assert looks.seen == [timedelta(0), LOOK_EVERY]
