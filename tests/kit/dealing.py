"""In which order the tests run: the long ones first, shared out among the workers.

xdist cuts the list into one stretch for each worker, and whoever is done takes from the end of
another's. What is long and stands at an end is begun last, and one worker is busy alone with it.

    collected: s s L s s s L s L s s s   ──>   worker 1: L s s s | worker 2: L s s s | worker 3: L s s s
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby
from typing import TypeVar

Test = TypeVar("Test")


def dealt(
    tests: Sequence[Test],
    *,
    workers: int,
    is_long: Callable[[Test], bool],
    home: Callable[[Test], Hashable],
) -> list[Test]:
    """Give each worker its share of the long ones to begin with.

    Those of one `home` stay together: they may share what took long to set up.
    """
    hands: list[list[Test]] = [[] for _ in range(workers)]
    for number, (_, group) in enumerate(groupby(filter(is_long, tests), key=home)):
        hands[number % workers] += group
    short = iter([test for test in tests if not is_long(test)])
    made: list[Test] = []
    for number, hand in enumerate(hands):
        share = (len(tests) - len(made)) // (workers - number)  # As xdist counts.
        made += hand
        made += [test for _, test in zip(range(share - len(hand)), short, strict=False)]
    return [*made, *short]
