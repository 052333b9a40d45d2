"""The arithmetic of the benchmarks, pure: percentiles, fairness, slopes, order, what /proc says."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

Point = tuple[float, float]


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which `percent` of all lie, interpolated; of one value, that one."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def median(values: Iterable[float]) -> float:
    """The middle one, to three places."""
    return round(statistics.median(values), 3)


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness: 1 where all have the same, 1/n where one has everything.

    R. Jain, D. Chiu, W. Hawe, DEC TR-301 (1984).
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


def max_min_shares(demands: Sequence[float], budget: float) -> list[float]:
    """What each gets where nobody can have more without taking from one who has less."""
    shares = [0.0] * len(demands)
    left, hungry = budget, sorted(range(len(demands)), key=lambda n: demands[n])
    for served, number in enumerate(hungry):
        shares[number] = min(demands[number], left / (len(hungry) - served))
        left -= shares[number]
    return shares


def slope(points: Sequence[Point]) -> float:
    """How much y grows for one more x: least squares."""
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def growth(points: Sequence[Point]) -> float:
    """The exponent b of y ~ x^b: 0 is flat, 1 is proportional."""
    return slope([(math.log(x), math.log(y)) for x, y in points])


def rate_of(counted: Sequence[Point]) -> float:
    """Events per second between the first and the last change of a counter.

    `counted` are (instant, count so far). What was counted at the first look that saw anything
    came before it, so the time begins there and that count does not belong to it.
    """
    seen = [(at, count) for at, count in counted if count > 0]
    if not seen:
        return 0.0
    first, last = seen[0], next(point for point in seen if point[1] == seen[-1][1])
    return (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0


def inversions(arrivals: Iterable[tuple[str, str]]) -> int:
    """Count neighbours of a place that came in the wrong order; `arrivals` are (place, text).

    Texts are numbered such that their order is that of sorting. One that comes again is counted by
    `twice`, not here.
    """
    places: dict[str, dict[str, None]] = defaultdict(dict)
    for place, text in arrivals:
        places[place].setdefault(text)
    return sum(a > b for texts in places.values() for a, b in pairwise(texts))


def twice(texts: Iterable[str]) -> int:
    """Count what is there more often than once."""
    return sum(count - 1 for count in Counter(texts).values())


def resident_bytes(status: str) -> int:
    """Read VmRSS out of the text of /proc/{pid}/status (proc(5)).

    Raises:
        ValueError: It is not in there: the process has ended.
    """
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no VmRSS: the process has ended")


def cpu_ticks(stat: str) -> int:
    """Read user and system time, that of ended children included, of /proc/{pid}/stat (proc(5))."""
    return sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])


def started_tick(stat: str) -> int:
    """Read when the process began, in ticks since the machine did, of /proc/{pid}/stat."""
    return int(stat.rpartition(")")[2].split()[19])


def parent(stat: str) -> int:
    """Read the parent's process id out of the text of /proc/{pid}/stat."""
    return int(stat.rpartition(")")[2].split()[1])
