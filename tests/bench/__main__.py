"""Run the benchmarks: `make bench`, or `make bench ARGS="B2 B3"` for some of them."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import measures
from tests.bench.measures import Result
from tests.bench.rig import PORTALS, Rig, open_rig

Measure = Callable[[Rig], Awaitable[Result]]

B1 = f"B1+B4 Teams to Matrix, {PORTALS} portals"
MEASURES: dict[str, tuple[str, Measure]] = {
    "B1": (B1, lambda rig: measures.throughput(rig, rig.portals, measures.B1_MESSAGES, tell)),
    "B2": (
        "B2 Teams to Matrix, 1 portal",
        lambda rig: measures.throughput(rig, rig.portals[:1], measures.B2_MESSAGES, tell),
    ),
    "B3": ("B3 latency added to a raw PUT", lambda rig: measures.latency(rig, tell)),
    "B7": ("B7 webhook at 200 POST/s", lambda rig: measures.webhook(rig, tell)),
}


def tell(text: str) -> None:
    """Show progress beside the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


async def run(chosen: list[str], folder: Path) -> list[Result]:
    """Measure what was chosen, on one rig."""
    results = []
    async with open_rig(folder, tell=tell) as rig:
        for key in chosen:
            title, measure = MEASURES[key]
            tell(title)
            started = time.perf_counter()
            result = await measure(rig)
            results.append({"benchmark": title, **result})
            tell(f"  done in {time.perf_counter() - started:.0f} s")
    return results


def main() -> int:
    """Print one line of JSON per benchmark, at the end."""
    chosen = [key.upper() for key in sys.argv[1:]] or list(MEASURES)
    if unknown := set(chosen) - MEASURES.keys():
        tell(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="teams-bridge-bench-"))
    folder.chmod(0o711)
    try:
        for result in asyncio.run(run(chosen, folder)):
            sys.stdout.write(json.dumps(result) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
