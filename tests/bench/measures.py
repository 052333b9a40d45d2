"""B1 to B4 and B7a: raw, careful, floor and bridge in turn, in one run, on one homeserver.

*Raw* is the barest send there is. *Careful* is as bare, but asks of the homeserver what the bridge
asks: to remember the transaction for a device (so that nothing is sent twice, whatever dies) and to
keep the message's own time. What lies between the two is the homeserver's work, what lies between
careful and bridge is ours. *Floor* is as little as we could make a bridge that loses nothing.

Two ceilings exist and must not be mixed up: a room kept in order has one send in flight, a room
that may be shuffled has 32. The bridge keeps order, so it is held against the ordered one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import uuid4

from tests.bench.figures import median, percentile
from tests.bench.floors import Floor, compose, open_floor
from tests.bench.mailer import Letter
from tests.bench.processes import Others, result_of
from tests.bench.rig import Portal, Rig, Tell

ROUNDS = 5
OTHERS_MAX = 0.25
B1_MESSAGES = 400
B2_MESSAGES = 400
"""As many as in B1: of a burst in one room the second waits a settle window (0.25 s), once; with 150
that was 6 % of the time where a send takes 25 ms."""
B3_PAIRS = 300
B3_PAUSE_S = 0.2
ARRIVAL_LIMIT_S = 120.0
WEBHOOK_RATE = 200
WEBHOOK_COUNT = 1_000
BARE_PUTS = 3_000
"""Before and after each stretch whose CPU counts: a third of a second each."""

Result = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Some messages for some portals, in order."""

    portals: Sequence[Portal]
    texts: Sequence[Sequence[str]]

    @property
    def bodies(self) -> set[str]:
        return {text for texts in self.texts for text in texts}

    def letters(self) -> list[Letter]:
        """Round robin over the portals, as a busy organisation writes."""
        return [
            Letter(chat=portal.chat, user=portal.author, text=texts[n])
            for n in range(max(len(texts) for texts in self.texts))
            for portal, texts in zip(self.portals, self.texts, strict=True)
        ]


def load(portals: Sequence[Portal], messages: int) -> Load:
    """Make up messages that no earlier round has used."""
    run = uuid4().hex[:8]
    texts = [
        [f"{run} {p} {n:04}: a message of a usual length" for n in range(messages // len(portals))]
        for p in range(len(portals))
    ]
    return Load(portals=portals, texts=texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Raw and bridge, one after the other."""

    raw: float
    careful: float
    bridge: float
    cpu_ms: float
    floor_cpu_ms: float
    bare_put_ms: float
    inversions: int
    others: float


async def throughput(rig: Rig, portals: Sequence[Portal], messages: int, tell: Tell) -> Result:
    """Rate of the bridge / rate of raw ordered sends; CPU of the bridge per message."""
    rounds = []
    async with open_floor(rig) as floor:
        for number in range(1, ROUNDS + 1):
            done = await _round(rig, floor, portals, messages)
            if done.others > OTHERS_MAX:
                tell(f"  round {number}: others used {done.others:.0%} of the machine, once more")
                done = await _round(rig, floor, portals, messages)
            rounds.append(done)
            tell(
                f"  round {number}/{ROUNDS}: raw {done.raw:.1f}/s, careful {done.careful:.1f}/s,"
                f" bridge {done.bridge:.1f}/s = {done.bridge / done.raw:.2f}"
                f" and {done.bridge / done.careful:.2f}; {done.cpu_ms:.2f} ms a message,"
                f" floor {done.floor_cpu_ms:.2f}, a bare PUT {done.bare_put_ms:.3f}"
            )
    return {
        "ratio_to_ordered_ceiling": median(r.bridge / r.raw for r in rounds),
        "ratio_to_careful": median(r.bridge / r.careful for r in rounds),
        "ordered_ceiling_per_s": median(r.raw for r in rounds),
        "careful_per_s": median(r.careful for r in rounds),
        "bridge_per_s": median(r.bridge for r in rounds),
        "inversions": sum(r.inversions for r in rounds),
        "bridge_cpu_ms_per_message": median(r.cpu_ms for r in rounds),
        "floor_cpu_ms_per_message": median(r.floor_cpu_ms for r in rounds),
        "cpu_to_floor": median(r.cpu_ms / r.floor_cpu_ms for r in rounds),
        "bare_put_cpu_ms": median(r.bare_put_ms for r in rounds),
        "cpu_to_bare_put": median(r.cpu_ms / r.bare_put_ms for r in rounds),
        "others_cpu_share_max": round(max(r.others for r in rounds), 3),
    }


async def _round(rig: Rig, floor: Floor, portals: Sequence[Portal], messages: int) -> Round:
    others = Others()
    others.begin()
    raw = await _raw_rate(rig, load(portals, messages), careful=False)
    careful = await _raw_rate(rig, load(portals, messages), careful=True)
    floor_cpu = await _floor_cpu_ms(rig, floor, load(portals, messages))
    wanted = load(portals, messages)
    before = await bare_put_ms(rig)
    cpu = rig.bridge_cpu_ms()
    bridge = await _bridge_rate(rig, wanted)
    cpu = rig.bridge_cpu_ms() - cpu
    return Round(
        raw=raw,
        careful=careful,
        bridge=bridge,
        cpu_ms=cpu / messages,
        floor_cpu_ms=floor_cpu / messages,
        bare_put_ms=(before + await bare_put_ms(rig)) / 2,
        inversions=_inversions(rig, wanted),
        others=others.share(),
    )


async def bare_put_ms(rig: Rig) -> float:
    """CPU of a PUT with bare aiohttp, to a stub that answers at once, on the machine as it is now.

    The unit in which the bridge's CPU is told: the speed of shared cores changes within seconds.
    """
    arguments = ("put", "--url", rig.stub.url, "--count", str(BARE_PUTS))
    cost: float = (await result_of("tests.bench.bare", *arguments))["cpu_ms"]
    return cost


async def _raw_rate(rig: Rig, wanted: Load, *, careful: bool) -> float:
    messages = {
        portal.room: [(portal.ghost, text) for text in texts]
        for portal, texts in zip(wanted.portals, wanted.texts, strict=True)
    }
    started = time.perf_counter()
    await rig.raw.send_ordered(messages, careful=careful)
    last = await rig.collector.wait_for(wanted.bodies, ARRIVAL_LIMIT_S)
    return len(wanted.bodies) / (last - started)


async def _bridge_rate(rig: Rig, wanted: Load) -> float:
    posts = rig.mailer.compose(wanted.letters())
    started = time.perf_counter()
    await rig.mailer.post_all(posts)
    last = await rig.collector.wait_for(wanted.bodies, ARRIVAL_LIMIT_S)
    return len(wanted.bodies) / (last - started)


async def _floor_cpu_ms(rig: Rig, floor: Floor, wanted: Load) -> float:
    posts, cpu = compose(rig, floor, wanted.letters()), floor.cpu_ms()
    await rig.mailer.post_all(posts, floor.url)
    await rig.collector.wait_for(wanted.bodies, ARRIVAL_LIMIT_S)
    return floor.cpu_ms() - cpu


def _inversions(rig: Rig, wanted: Load) -> int:
    """Count neighbours of a room that arrived in the wrong order, and messages that came twice."""
    found = 0
    for portal, texts in zip(wanted.portals, wanted.texts, strict=True):
        place = {text: number for number, text in enumerate(texts)}
        arrived = [
            place[a.body]
            for a in rig.collector.arrivals
            if a.room == portal.room and a.body in place
        ]
        found += sum(one >= two for one, two in pairwise(arrived))
    return found


async def latency(rig: Rig, tell: Tell) -> Result:
    """What the bridge adds to a raw PUT, from sending to the collector, in one quiet room."""
    portal = rig.portals[0]
    raw, careful, least, bridge = [], [], [], []
    async with open_floor(rig) as floor:
        for number in range(1, B3_PAIRS + 1):
            raw.append(await _raw_latency(rig, portal, careful=False))
            careful.append(await _raw_latency(rig, portal, careful=True))
            least.append(await _floor_latency(rig, floor, portal))
            bridge.append(await _bridge_latency(rig, portal))
            if number % 100 == 0:
                tell(f"  pair {number}/{B3_PAIRS}")
    return {
        **_added("added", bridge, raw),
        **_added("added_to_careful", bridge, careful),
        **_added("floor_added", least, raw),
        **_added("added_to_floor", bridge, least),
        "raw_p50_ms": round(percentile(raw, 50), 1),
        "bridge_p50_ms": round(percentile(bridge, 50), 1),
        "ratio_p50": round(percentile(bridge, 50) / percentile(raw, 50), 3),
    }


async def _raw_latency(rig: Rig, portal: Portal, *, careful: bool) -> float:
    text = uuid4().hex
    return await _paced(rig, text, rig.raw.send(portal.room, portal.ghost, text, careful=careful))


def _added(name: str, slower: Sequence[float], faster: Sequence[float]) -> dict[str, float]:
    p50, p99 = (percentile(slower, p) - percentile(faster, p) for p in (50, 99))
    return {f"{name}_p50_ms": round(p50, 1), f"{name}_p99_ms": round(p99, 1)}


async def _floor_latency(rig: Rig, floor: Floor, portal: Portal) -> float:
    text = uuid4().hex
    [body] = compose(rig, floor, [Letter(chat=portal.chat, user=portal.author, text=text)])
    return await _paced(rig, text, rig.mailer.post(body, floor.url))


async def _bridge_latency(rig: Rig, portal: Portal) -> float:
    text = uuid4().hex
    [body] = rig.mailer.compose([Letter(chat=portal.chat, user=portal.author, text=text)])
    return await _paced(rig, text, rig.mailer.post(body))


async def _paced(rig: Rig, text: str, send: Awaitable[object]) -> float:
    started = time.perf_counter()
    await send
    arrived = await rig.collector.wait_for({text}, ARRIVAL_LIMIT_S)
    await asyncio.sleep(max(0.0, B3_PAUSE_S - (time.perf_counter() - started)))
    return (arrived - started) * 1000


async def webhook(rig: Rig, tell: Tell) -> Result:
    """How fast a webhook POST is answered while 200 of them arrive each second.

    Twice: with the homeserver on a machine of its own, which here means halted meanwhile, and with
    the homeserver working off the messages on the same two cores.
    """
    apart, beside = load(rig.portals, WEBHOOK_COUNT), load(rig.portals, WEBHOOK_COUNT)
    homeserver = rig.scene.homeserver.pid
    os.kill(homeserver, signal.SIGSTOP)
    try:
        alone = await _posted(rig, apart)
    finally:
        os.kill(homeserver, signal.SIGCONT)
    tell(f"  {WEBHOOK_COUNT} posted, waiting for the last to arrive")
    await rig.collector.wait_for(apart.bodies, ARRIVAL_LIMIT_S)
    shared = await _posted(rig, beside)
    tell(f"  {WEBHOOK_COUNT} posted, waiting for the last to arrive")
    await rig.collector.wait_for(beside.bodies, ARRIVAL_LIMIT_S)
    lost = (apart.bodies | beside.bodies) - rig.collector.by_body.keys()
    return {
        "posts_per_s": WEBHOOK_RATE,
        "p50_ms": round(percentile(alone, 50), 1),
        "p99_ms": round(percentile(alone, 99), 1),
        "p50_ms_beside_homeserver": round(percentile(shared, 50), 1),
        "p99_ms_beside_homeserver": round(percentile(shared, 99), 1),
        "lost": len(lost),
        "inversions": _inversions(rig, apart) + _inversions(rig, beside),
    }


async def _posted(rig: Rig, wanted: Load) -> list[float]:
    """Post one notification each 5 ms; return how long each answer took, in ms."""
    bodies = rig.mailer.compose(wanted.letters(), per_post=1)
    took: list[float] = []

    async def one(body: bytes) -> None:
        took.append(await rig.mailer.post(body) * 1000)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as posts:
        for number, body in enumerate(bodies):
            await asyncio.sleep(max(0.0, started + number / WEBHOOK_RATE - time.perf_counter()))
            posts.create_task(one(body))
    return took
