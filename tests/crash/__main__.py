"""Run the destruction test: `make crash`, or `make crash ARGS="--kills 10 --seconds 90"`.

Exit code 0 if nothing was lost, doubled or put out of order, else 1; then every such message is
listed, and what the servers have logged is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from tests.crash import report
from tests.crash.plan import Part, Wish
from tests.crash.run import Outcome, perform
from tests.kit.world import scratch_folder

KILLS = 50
SECONDS = 400.0
"""With starting and settling about ten minutes."""
LOGS = "*/*.log"


def main() -> int:
    wish = _wish(_parser().parse_args())
    tell(f"seed {wish.seed}: repeat with --seed {wish.seed} and the same options")
    with scratch_folder() as folder:
        try:
            outcomes = asyncio.run(perform(wish, folder, tell))
        except BaseException:
            tell(f"logs: {_keep_logs(folder)}")
            raise
        if not report.all_well(outcomes):
            tell(f"logs: {_keep_logs(folder)}")
    return _print(outcomes, wish.seed)


def tell(text: str) -> None:
    """Show progress beside the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _print(outcomes: list[Outcome], seed: int) -> int:
    for text in report.offences(outcomes):
        tell(text)
    sys.stdout.write(f"{report.table(outcomes)}\n{report.line(outcomes, seed)}\n")
    if report.all_well(outcomes):
        return 0
    tell(f"NOT well; repeat with --seed {seed} and the same options")
    return 1


def _keep_logs(folder: Path) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="teams-bridge-crash-"))
    for log in folder.glob(LOGS):
        shutil.copy(log, kept / f"{log.parent.name}-{log.name}")
    return kept


def _wish(given: argparse.Namespace) -> Wish:
    return Wish(
        kills=given.kills,
        length=timedelta(seconds=given.seconds),
        seed=given.seed,
        reorder=given.reorder,
        processes=given.processes,
        parts=frozenset(given.only or Part),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--kills", type=_count, default=KILLS, help="of the bridge, altogether")
    parser.add_argument("--seconds", type=_duration, default=SECONDS, help="of traffic, altogether")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument(
        "--reorder",
        action=argparse.BooleanOptionalAction,
        help="whether the tenant reorders and doubles notifications; by default first not, then so",
    )
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument(
        "--only",
        type=Part,
        choices=list(Part),
        action="append",
        help="strike only this, and whatever else is named by a further --only",
    )
    return parser


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _duration(text: str) -> float:
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
