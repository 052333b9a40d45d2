"""A gap in the homeserver's transaction numbers: looked at when it may mean something, and seldom."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge.matrix.recovery import PAUSE_FIRST, PAUSE_MAX, RECOVERY_LASTS, Recovery
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


async def test_after_a_look_that_found_something_the_next_gap_is_looked_at_at_once() -> None:
    looks = Looks()
    looks.recovery.announced()
    for _ in range(3):
        looks.recovery.missed()
        looks.recovery.passed(1)

    assert looks.seen == [timedelta(0)] * 3


async def test_gaps_after_a_look_in_vain_are_looked_at_together_and_the_last_is_not_forgotten() -> (
    None
):
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()
    looks.recovery.passed(0)
    looks.clock.advance(PAUSE_FIRST - MILLISECOND)
    looks.looked.clear()
    for _ in range(10):
        looks.recovery.missed()
    assert len(looks.seen) == 1

    async with asyncio.timeout(10):
        await looks.looked.wait()

    assert len(looks.seen) == 2


async def test_looks_in_vain_become_rare_until_one_finds_something_or_we_are_announced_again() -> (
    None
):
    looks = Looks()
    looks.recovery.announced()
    pauses = [PAUSE_FIRST, 2 * PAUSE_FIRST, 4 * PAUSE_FIRST, 8 * PAUSE_FIRST, PAUSE_MAX, PAUSE_MAX]
    for pause in pauses:
        looks.recovery.missed()
        looks.recovery.passed(0)
        looks.clock.advance(pause)
    looks.recovery.missed()
    looks.recovery.passed(0)
    looks.recovery.announced()
    looks.recovery.missed()
    looks.recovery.passed(1)
    looks.recovery.missed()

    ends = [sum(pauses[:n], timedelta(0)) for n in range(len(pauses) + 1)]
    assert looks.seen == [*ends, ends[-1], ends[-1]]


async def test_a_pass_that_nobody_rang_for_says_nothing_about_gaps() -> None:
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.passed(0)
    looks.recovery.missed()

    assert looks.seen == [timedelta(0)]


async def test_a_look_that_finds_something_counts_also_after_one_that_had_begun_before_the_gap() -> (
    None
):
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()
    looks.recovery.passed(0)
    looks.recovery.passed(1)
    looks.recovery.missed()

    assert looks.seen == [timedelta(0)] * 2


async def test_a_gap_that_was_put_off_is_looked_at_once_a_look_finds_something() -> None:
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()
    looks.recovery.passed(0)
    looks.recovery.missed()
    assert len(looks.seen) == 1
    looks.recovery.passed(1)
    looks.recovery.missed()

    assert looks.seen == [timedelta(0)] * 3


async def test_a_gap_that_was_put_off_is_looked_at_when_we_are_announced_again() -> None:
    looks = Looks()
    looks.recovery.announced()
    looks.recovery.missed()
    looks.recovery.passed(0)
    looks.recovery.missed()
    looks.recovery.announced()
    looks.recovery.missed()

    assert looks.seen == [timedelta(0)] * 3
