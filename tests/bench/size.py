"""B10 and B11: memory and start-up against the number of portals that are known.

    1,000 · 10,000 · 100,000 portals, three ghosts each, in Postgres; one in a hundred is in use

A bridge should hold what is in use, and let nothing wait for the rest when it starts: reading back
what was missed meanwhile goes on beside, within Microsoft's limits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.figures import growth, median, slope
from tests.bench.ground import Installation, install, open_ground
from tests.bench.mailer import Letter
from tests.bench.measures import Result, load
from tests.bench.processes import Others, rss_bytes
from tests.bench.rig import LIMITED_PERCENT, Tell

SIZES = (1_000, 10_000, 100_000)
ACTIVE_SHARE = 0.01
ROUNDS = 3
ARRIVAL_LIMIT_S = 60.0
MB = 1_000_000


@dataclass(slots=True)
class _Seen:
    """What was measured at one size, once a round."""

    first_s: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


async def sizes(folder: Path, tell: Tell) -> Result:
    """B10, B11: RSS and seconds to the first message, and how both grow."""
    seen = {size: _Seen() for size in SIZES}
    others = Others()
    async with open_ground(folder) as ground, AsyncExitStack() as stack:
        made = {}
        for size in SIZES:
            tell(f"  {size} portals")
            active = max(1, int(size * ACTIVE_SHARE))
            made[size] = await stack.enter_async_context(
                install(
                    ground,
                    f"portals{size}",
                    known=size,
                    active=active,
                    limits_percent=LIMITED_PERCENT,
                )
            )
            await asyncio.to_thread(made[size].bridge.stop)
        others.begin()
        for number in range(1, ROUNDS + 1):
            for size in SIZES:
                await _started(made[size], seen[size])
                tell(
                    f"  round {number}/{ROUNDS}: {size} portals, first message after"
                    f" {seen[size].first_s[-1]:.2f} s, {seen[size].busy[-1] / MB:.1f} MB"
                )
    return _curves(seen) | {"others_cpu_share": round(others.share(), 3)}


async def _started(installation: Installation, seen: _Seen) -> None:
    """Start the bridge, relay one message, then one in every portal in use; stop it."""
    bridge, stub, mailer = installation.bridge, installation.ground.stub, installation.mailer
    opening, rest = _letters(installation, 1), _letters(installation, len(installation.portals))
    [first], posts = mailer.compose(opening), mailer.compose(rest)
    await stub.clear()
    started = time.perf_counter()
    await asyncio.to_thread(bridge.start, wait=False)
    await mailer.post_until_taken(first)
    arrived = await stub.wait_for([opening[0].text], ARRIVAL_LIMIT_S)
    seen.first_s.append(arrived.last - started)
    seen.idle.append(rss_bytes(bridge.process.pid))
    for body in posts:
        await mailer.post_until_taken(body)
    texts = [letter.text for letter in (*opening, *rest)]
    arrived = await stub.wait_for(texts, ARRIVAL_LIMIT_S)
    if lost := arrived.faults()["lost"]:
        problem = f"{lost} messages did not arrive"
        raise RuntimeError(problem)
    seen.busy.append(rss_bytes(bridge.process.pid))
    await asyncio.to_thread(bridge.stop)


def _letters(installation: Installation, portals: int) -> Sequence[Letter]:
    return load(installation.portals[:portals], portals).letters()


def _curves(seen: dict[int, _Seen]) -> Result:
    memory = [(float(size), median(found.busy)) for size, found in seen.items()]
    start = [(float(size), median(found.first_s)) for size, found in seen.items()]
    return {
        "rss_mb": {str(int(size)): round(held / MB, 1) for size, held in memory},
        "rss_mb_before_traffic": {
            str(size): round(median(found.idle) / MB, 1) for size, found in seen.items()
        },
        "rss_bytes_per_portal": round(slope(memory), 1),
        "first_message_s": {str(int(size)): seconds for size, seconds in start},
        "first_message_growth": round(growth(start), 4),
        "first_message_us_per_portal": round(slope(start) * 1e6, 3),
    }
