"""Run the benchmarks: `make bench`, or `make bench ARGS="B5 B10"` for some of them."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from bridge.errors import ConfigError, RemoteError
from bridge.sandbox.people import PersonError
from tests.bench import (
    converting,
    files,
    intake,
    maximum,
    measures,
    outage,
    outward,
    overload,
    sending,
    size,
)
from tests.bench.measures import Result
from tests.bench.rig import PORTALS, Rig, Tell, open_rig

OnRig = Callable[[Rig], Awaitable[Result]]
OnGround = Callable[[Path, Tell], Awaitable[Result]]

B1 = f"B1+B4 Teams to Matrix, {PORTALS} portals"
ON_RIG: dict[str, tuple[str, OnRig]] = {
    "B1": (B1, lambda rig: measures.throughput(rig, rig.portals, measures.B1_MESSAGES, tell)),
    "B2": (
        "B2 Teams to Matrix, 1 portal",
        lambda rig: measures.throughput(rig, rig.portals[:1], measures.B2_MESSAGES, tell),
    ),
    "B3": ("B3 latency added to a raw PUT", lambda rig: measures.latency(rig, tell)),
    "B5": ("B5 Matrix to Teams", lambda rig: outward.outward(rig, tell)),
    "B7A": ("B7a webhook at 200 POST/s", lambda rig: measures.webhook(rig, tell)),
    "B8A": ("B8a catching up from Matrix", lambda rig: outage.from_matrix(rig, tell)),
    "B8B": ("B8b catching up from Teams", lambda rig: outage.from_teams(rig, tell)),
    "B14": ("B14 Matrix to Teams, throttled", lambda rig: outward.throttled(rig, tell)),
}
"""Measured on one real Synapse, one after the other."""
ON_GROUND: dict[str, tuple[str, OnGround]] = {
    "B6": ("B6 the bridge alone", maximum.alone),
    "B7": ("B7 webhook intake", intake.taken_in),
    "B10": ("B10+B11 memory and start-up against portals", size.sizes),
    "B15": ("B15 one portal overloaded", overload.flooded),
    "B16": ("B16 several processes", maximum.workers),
    "B17": ("B17 a gigabyte, and text beside pictures", files.files),
    "B19": ("B19 250 MB to Teams, and text beside it", sending.sent),
    "B18": ("B18 conversion", lambda _folder, _tell: converting.converted()),
}
"""Each on a Postgres and a stub homeserver of its own; B17 and B19 on a Synapse of their own, B18 on nothing."""
FAILURES = (
    *(RuntimeError, OSError, TimeoutError, ExceptionGroup),
    *(aiohttp.ClientError, ConfigError, RemoteError, PersonError),
)
"""What a measure may end with when the bridge does not do what is measured."""
ALSO = {"B4": "B1", "B11": "B10"}
"""What is measured together with something else."""


def tell(text: str) -> None:
    """Show progress beside the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def choose(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the keys that are meant, each once, in the order of their names; and the unknown."""
    known = [*ON_RIG, *ON_GROUND]
    wanted = [ALSO.get(name.upper(), name.upper()) for name in names] or known
    keys = sorted({key for key in wanted if key in known}, key=lambda key: (len(key), key))
    return keys, [key for key in wanted if key not in known]


async def run(chosen: Sequence[str], folder: Path) -> int:
    """Measure what was chosen, what needs a Synapse on the same one; return how many failed."""
    failed = 0
    on_rig = [key for key in chosen if key in ON_RIG]
    if on_rig:
        async with open_rig(folder, tell=tell) as rig:
            for key in on_rig:
                title, measure = ON_RIG[key]
                failed += not await _told(title, measure(rig))
    for key in chosen:
        if key in ON_GROUND:
            title, on_ground = ON_GROUND[key]
            failed += not await _told(title, on_ground(folder / key, tell))
    return failed


async def _told(title: str, measure: Awaitable[Result]) -> bool:
    """Measure and print one line of JSON at once; one that fails does not keep the others away."""
    tell(title)
    started = time.perf_counter()
    result: Result
    try:
        result = await measure
    except FAILURES as error:
        result = {"failed": repr(error)}
        tell("".join(traceback.format_exception(error)))
    sys.stdout.write(json.dumps({"benchmark": title, **result}) + "\n")
    sys.stdout.flush()
    tell(f"  done in {time.perf_counter() - started:.0f} s")
    return "failed" not in result


def main() -> int:
    """Print one line of JSON per benchmark."""
    chosen, unknown = choose(sys.argv[1:])
    if unknown:
        there = ", ".join([*ON_RIG, *ON_GROUND, *ALSO])
        tell(f"no such benchmark: {', '.join(unknown)}; there are {there}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="teams-bridge-bench-"))
    folder.chmod(0o711)
    try:
        return min(1, asyncio.run(run(chosen, folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
