"""B15: ten times more than one portal can take, then nothing more; and what others notice of it.

    hot portal    10 x its ceiling for 10 s ─▶ its backlog, worked off at the ceiling
    quiet ones    five portals, a message each 500 ms in each, before and meanwhile

The homeserver is the stub with sends that take 20 ms: a portal is kept in order, so 20 ms is its
ceiling, and nothing but the bridge could make one portal wait for another. Ten seconds, not thirty:
what comes in at ten times the ceiling in 10 s takes 90 s more to go out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.bench.figures import percentile
from tests.bench.ground import Installation, install, open_ground
from tests.bench.mailer import ITEMS_PER_POST, Letter
from tests.bench.measures import Load, Result, load
from tests.bench.processes import Others, rss_bytes
from tests.bench.raw import Raw
from tests.bench.rig import Portal, Tell
from tests.bench.stub import Sent

SEND_S = 0.02
TIMES = 10
OVERLOAD_S = 10.0
CEILING_MESSAGES = 200
QUIET_PORTALS = 5
PROBE_EVERY_S = 0.1
"""Over all quiet portals: each has its turn after 500 ms, twice the usual settle window."""
IDLE_S = 15.0
RSS_EVERY_S = 0.5
DRAIN_LIMIT_S = 150.0
WARM_UP_MESSAGES = 200
MB = 1_000_000


@dataclass(slots=True)
class _Quiet:
    """Writes into portals in turn until told to stop; remembers when it posted what."""

    installation: Installation
    portals: Sequence[Portal]
    run_id: str = field(default_factory=lambda: uuid4().hex[:8])
    posted: dict[str, float] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self.stop.is_set():
            portal = self.portals[len(self.posted) % len(self.portals)]
            text = f"{self.run_id} 0 {len(self.posted):06}: quiet"
            letter = Letter(chat=portal.chat, user=portal.author, text=text)
            [body] = self.installation.mailer.compose([letter])
            self.posted[text] = time.perf_counter()
            await self.installation.mailer.post_until_taken(body)
            await _pause(self.stop, PROBE_EVERY_S)

    def latencies_ms(self, sends: Sequence[Sent]) -> list[float]:
        """From the POST to the answered send."""
        found = {sent.body: sent.at for sent in sends if sent.body in self.posted}
        return [(at - self.posted[text]) * 1000 for text, at in found.items()] or [0.0]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def flooded(folder: Path, tell: Tell) -> Result:
    """B15: time to steady state / (backlog / ceiling), RSS, and the p99 of quiet portals."""
    async with open_ground(folder) as ground, install(ground, "overload") as installation:
        hot, quiet = installation.portals[0], installation.portals[1 : 1 + QUIET_PORTALS]
        await _warm_up(installation)
        await ground.stub.take(SEND_S)
        ceiling = await _ceiling(installation, hot)
        tell(f"  ceiling of a portal {ceiling:.1f}/s")
        others = Others()
        others.begin()
        idle = await _quiet_for(installation, quiet, IDLE_S)
        tell(f"  quiet portals alone: p99 {percentile(idle, 99):.0f} ms; now the hot one")
        result = await _flood(installation, hot, quiet, ceiling)
        busy = result.pop("latencies")
        assert isinstance(busy, list)
        return result | {
            "ceiling_per_s": round(ceiling, 1),
            "quiet_p50_ms_idle": round(percentile(idle, 50), 1),
            "quiet_p99_ms_idle": round(percentile(idle, 99), 1),
            "quiet_p50_ms_beside_hot": round(percentile(busy, 50), 1),
            "quiet_p99_ms_beside_hot": round(percentile(busy, 99), 1),
            "quiet_p99_ratio": round(percentile(busy, 99) / percentile(idle, 99), 3),
            "others_cpu_share": round(others.share(), 3),
        }


async def _warm_up(installation: Installation) -> None:
    wanted = load(installation.portals, WARM_UP_MESSAGES)
    await installation.mailer.post_all(installation.mailer.compose(wanted.letters()))
    await installation.ground.stub.wait_for(wanted.bodies, DRAIN_LIMIT_S)


async def _ceiling(installation: Installation, portal: Portal) -> float:
    """What bare ordered sends into one room reach."""
    raw = Raw(installation.ground.stub.url, "")
    started = time.perf_counter()
    try:
        for number in range(CEILING_MESSAGES):
            await raw.send(portal.room, portal.ghost, f"ceiling {number}")
    finally:
        await raw.close()
    return CEILING_MESSAGES / (time.perf_counter() - started)


async def _quiet_for(
    installation: Installation, portals: Sequence[Portal], seconds: float
) -> list[float]:
    quiet, stub = _Quiet(installation, portals), installation.ground.stub
    await stub.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(quiet.run())
        await asyncio.sleep(seconds)
        quiet.stop.set()
    return quiet.latencies_ms((await stub.wait_for(quiet.posted, DRAIN_LIMIT_S)).sends)


async def _flood(
    installation: Installation, hot: Portal, quiet_portals: Sequence[Portal], ceiling: float
) -> Result:
    wanted = load([hot], int(TIMES * ceiling * OVERLOAD_S))
    posts = installation.mailer.compose(wanted.letters())
    quiet, stub = _Quiet(installation, quiet_portals), installation.ground.stub
    memory = _Memory(installation.bridge.process.pid, quiet.stop)
    await stub.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(quiet.run())
        tasks.create_task(memory.run())
        started = time.perf_counter()
        await _post_evenly(installation, posts, TIMES * ceiling / ITEMS_PER_POST)
        ended = time.perf_counter()
        backlog = len(wanted.bodies) - await _count(installation, wanted)
        steady = (await stub.wait_for(wanted.bodies, DRAIN_LIMIT_S)).last
        quiet.stop.set()
    arrived = await stub.wait_for(wanted.bodies | quiet.posted.keys(), DRAIN_LIMIT_S)
    return {
        "ratio_to_backlog_over_ceiling": round((steady - ended) / (backlog / ceiling), 3),
        "backlog_messages": backlog,
        "seconds_to_steady_state": round(steady - ended, 1),
        "offered_per_s": round(len(wanted.bodies) / (ended - started), 1),
        "rss_mb_before": round(memory.first / MB, 1),
        "rss_mb_growth": round((memory.most - memory.first) / MB, 1),
        **arrived.faults(),
        "latencies": quiet.latencies_ms(arrived.sends),
    }


async def _post_evenly(installation: Installation, posts: list[bytes], per_s: float) -> None:
    """Post at a rate; what is refused comes again, as from Graph."""
    started = time.perf_counter()
    async with asyncio.TaskGroup() as posting:
        for number, body in enumerate(posts):
            await asyncio.sleep(max(0.0, started + number / per_s - time.perf_counter()))
            posting.create_task(installation.mailer.post_until_taken(body))


async def _count(installation: Installation, wanted: Load) -> int:
    now = time.perf_counter()
    sends = await installation.ground.stub.sends()
    return sum(sent.body in wanted.bodies and sent.at <= now for sent in sends)


class _Memory:
    """Looks at a process' memory until told to stop."""

    def __init__(self, pid: int, stop: asyncio.Event) -> None:
        self._pid = pid
        self._stop = stop
        self.first = self.most = rss_bytes(pid)

    async def run(self) -> None:
        while not self._stop.is_set():
            self.most = max(self.most, rss_bytes(self._pid))
            await _pause(self._stop, RSS_EVERY_S)
