"""Run seeds: `make sim`, `make sim SEEDS=20000`, or one of them with `make sim ARGS="--seed 7 --trace"`.

Prints what every failing seed got wrong, and how to repeat it, as soon as it has; the last line is one
of JSON. Exit code 1 if any seed failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeAlias

import structlog

from tests.sim.turns import Stillness
from tests.sim.weather import Protection
from tests.sim.world import plan_of, simulate

SEEDS_DEFAULT = 200
PROGRESS_EVERY = 100
SHOWN_MAX = 10
"""Of what a seed got wrong."""

Result: TypeAlias = tuple[int, Sequence[str], dict[str, int]]
"""A seed, what is wrong in the end, and what had gone wrong on the way."""


def play(seed: int, without: frozenset[Protection] = frozenset(), *, trace: bool = False) -> Result:
    """Play one seed."""
    if not trace:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with asyncio.Runner(loop_factory=Stillness) as runner:
        wrongs, counts = runner.run(simulate(plan_of(seed, without=without), trace=trace))
    return seed, wrongs, counts


def main(arguments: Sequence[str]) -> int:
    """Play many seeds on all cores, or one."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="play this one alone")
    parser.add_argument("--trace", action="store_true", help="print what happens")
    parser.add_argument("--without", action="append", type=Protection, default=[])
    chosen = parser.parse_args(arguments)
    without = frozenset(chosen.without)
    if chosen.seed is not None:
        return _report([play(chosen.seed, without, trace=chosen.trace)], of=1)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return _report(pool.map(play, seeds, [without] * len(seeds)), of=len(seeds))


def _report(results: Iterable[Result], *, of: int) -> int:
    """Say what went wrong as soon as it has, and the sum of it in the end."""
    faults: Counter[str] = Counter()
    failed = []
    for number, (seed, wrongs, counts) in enumerate(results, start=1):
        faults.update(counts)
        if wrongs:
            failed.append(seed)
            _say(f'seed {seed}: make sim ARGS="--seed {seed} --trace"')
            for wrong in wrongs[:SHOWN_MAX]:
                _say(f"  {wrong}")
        if number % PROGRESS_EVERY == 0:
            _say(f"{number}/{of} seeds, {len(failed)} failed")
    summary = {"seeds": of, "failed": failed, "faults": dict(sorted(faults.items()))}
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
