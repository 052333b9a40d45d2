"""A plan holds as many blows as were asked for, in time, and is the same for the same seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.crash.plan import Part, Phase, Wish, plan, share

WISH = Wish(kills=51, length=timedelta(seconds=400), seed=11)


def counted(phases: list[Phase]) -> Counter[Part]:
    return Counter(blow.part for phase in phases for line in phase.timelines for blow in line)


def test_a_seed_makes_one_plan_and_another_seed_another() -> None:
    assert plan(WISH) == plan(WISH)
    assert plan(WISH) != plan(replace(WISH, seed=12))


@pytest.mark.parametrize("processes", [1, 2])
def test_every_blow_that_was_asked_for_is_planned(processes: int) -> None:
    phases = plan(replace(WISH, processes=processes))

    assert [phase.reordering for phase in phases] == [False, True]
    assert counted(phases) == {
        Part.BRIDGE: 51, Part.HOMESERVER: 6, Part.POSTGRES: 6, Part.TENANT: 6,
    }  # fmt: skip


def test_two_processes_share_the_kills() -> None:
    phases = plan(replace(WISH, processes=2, reorder=True))

    struck = Counter(
        blow.process
        for phase in phases
        for line in phase.timelines
        for blow in line
        if blow.part is Part.BRIDGE
    )
    assert struck == {0: 26, 1: 25}


def test_a_few_kills_strike_every_part_once() -> None:
    assert counted(plan(replace(WISH, kills=5, reorder=False))) == {
        Part.BRIDGE: 5, Part.HOMESERVER: 1, Part.POSTGRES: 1, Part.TENANT: 1,
    }  # fmt: skip


def test_only_what_was_named_is_struck() -> None:
    assert counted(plan(replace(WISH, parts=frozenset({Part.BRIDGE})))) == {Part.BRIDGE: 51}


@pytest.mark.parametrize("seed", range(20))
def test_blows_follow_each_other_within_their_phase(seed: int) -> None:
    for phase in plan(replace(WISH, seed=seed)):
        for line in phase.timelines:
            assert all(blow.at >= timedelta(0) for blow in line)
            assert all(blow.at + blow.down <= phase.length for blow in line)
            assert all(one.at + one.down <= other.at for one, other in pairwise(line))


@pytest.mark.parametrize(("number", "among"), [(0, 2), (1, 2), (5, 2), (6, 2), (7, 3)])
def test_shares_make_up_the_whole(number: int, among: int) -> None:
    shares = [share(number, among, index) for index in range(among)]

    assert sum(shares) == number
    assert max(shares) - min(shares) <= 1
