"""B7: how many notifications a webhook takes in, each durable before its answer.

    volley ─ the same bodies ─┬─▶ bare aiohttp on uvloop: read, parsed, 202
     (its own process)        ├─▶ floor: read, parsed, in Postgres, 202
                              └─▶ bridge: verified, in Postgres, 202

Where intake alone is measured, the settle window is as long as it may be: what comes in is not
read meanwhile but for the first letter of each conversation. The rest is measured as the bridge is
run: reading, decrypting and sending while notifications come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.sandbox.installation import Bridge
from tests.bench.figures import median
from tests.bench.floors import open_intake
from tests.bench.ground import Installation, install, open_ground
from tests.bench.measures import Load, Result, load
from tests.bench.processes import Others, cpu_ms, program, result_of
from tests.bench.rig import Tell, restart

ROUNDS = 3
MESSAGES = 5_000
IN_FLIGHT = 32
SETTLE_MAX_MS = 10_000
SETTLE_USUAL_MS = 250
NORMAL_PER_S = 1_000.0
NORMAL_MESSAGES = 3_000
OVERLOAD_TIMES = 10
OVERLOAD_MESSAGES = 15_000
ARRIVAL_LIMIT_S = 90.0
PATH = "/teams/notifications"


async def taken_in(folder: Path, tell: Tell) -> Result:
    """B7: req/s / bare aiohttp; p99 at 1,000/s; what becomes of ten times as much."""
    async with open_ground(folder) as ground, install(ground, "intake") as installation:
        speed = await _against_bare(installation, tell)
        await restart(installation.bridge, "bridge", settle_window_ms=SETTLE_USUAL_MS)
        normal = await _posted(installation, NORMAL_MESSAGES, NORMAL_PER_S)
        tell(f"  {NORMAL_PER_S:.0f}/s: p99 {normal['p99_ms']} ms")
        over = await _posted(installation, OVERLOAD_MESSAGES, NORMAL_PER_S * OVERLOAD_TIMES)
        tell(f"  ten times as much: {over['statuses']}")
    return {
        **speed,
        "p50_ms_at_1000_per_s": normal["p50_ms"],
        "p99_ms_at_1000_per_s": normal["p99_ms"],
        "overload_answers": over["statuses"],
        "overload_taken_share": round(len(over["taken"]) / OVERLOAD_MESSAGES, 3),
        "overload_slow_share": round(over["slow"] / OVERLOAD_MESSAGES, 4),
        "overload_p99_ms": over["p99_ms"],
        "overload_max_ms": over["max_ms"],
        "lost": normal["lost"] + over["lost"],
        "twice": normal["twice"] + over["twice"],
        "inversions": normal["inversions"],
        # Hundreds of POSTs at once, answered after seconds: no settle window can sort these.
        "overload_inversions": over["inversions"],
    }


async def _against_bare(installation: Installation, tell: Tell) -> dict[str, Any]:
    """Post as fast as it is answered, to the bare server and to the bridge in turn."""
    bare, least, bridge, cpu, others = [], [], [], [], Others()
    await restart(installation.bridge, "bridge", settle_window_ms=SETTLE_MAX_MS)
    others.begin()
    for number in range(1, ROUNDS + 1):
        wanted = load(installation.portals, MESSAGES)
        bodies = _bodies(installation, wanted)
        async with program("tests.bench.bare", "intake") as (_, port):
            bare.append(await _volley(installation, bodies, int(port)))
        async with open_intake(installation.bridge) as floor:
            least.append(await _volley(installation, bodies, floor.port))
        pid = installation.bridge.process.pid
        used = cpu_ms(pid)
        bridge.append(await _volley(installation, bodies, _port(installation.bridge)))
        cpu.append((cpu_ms(pid) - used) / MESSAGES)
        tell(
            f"  round {number}/{ROUNDS}: bare {bare[-1]['per_s']:.0f}/s, floor"
            f" {least[-1]['per_s']:.0f}/s, bridge {bridge[-1]['per_s']:.0f}/s; waiting for what"
            " was taken"
        )
        await _arrived(installation, wanted, bridge[-1]["taken"])
    return {
        "ratio_to_bare": _ratio(bridge, bare),
        "ratio_to_floor": _ratio(bridge, least),
        "floor_to_bare": _ratio(least, bare),
        "per_s": median(b["per_s"] for b in bridge),
        "bare_per_s": median(a["per_s"] for a in bare),
        "p99_ms_at_most": median(b["p99_ms"] for b in bridge),
        "bare_p99_ms_at_most": median(a["p99_ms"] for a in bare),
        "cpu_ms_per_post": median(cpu),
        "refused": sum(MESSAGES - len(b["taken"]) for b in bridge),
        "others_cpu_share": round(others.share(), 3),
    }


def _ratio(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> float:
    return median(a["per_s"] / b["per_s"] for a, b in zip(ours, theirs, strict=True))


async def _posted(installation: Installation, messages: int, rate: float) -> dict[str, Any]:
    """Post at a rate; gives what the volley says, and what arrived of what was taken."""
    wanted = load(installation.portals, messages)
    bodies = _bodies(installation, wanted)
    found = await _volley(installation, bodies, _port(installation.bridge), rate=rate)
    return found | await _arrived(installation, wanted, found["taken"])


def _bodies(installation: Installation, wanted: Load) -> list[bytes]:
    return installation.mailer.compose(wanted.letters(), per_post=1)


def _port(bridge: Bridge) -> int:
    return bridge.wiring.listen_port


async def _volley(
    installation: Installation, bodies: Sequence[bytes], port: int, *, rate: float = 0.0
) -> dict[str, Any]:
    await installation.ground.stub.clear()
    file = installation.ground.folder / "bodies"
    await asyncio.to_thread(file.write_bytes, b"\n".join(bodies))
    options = ("--port", str(port), "--path", PATH, "--in-flight", str(IN_FLIGHT))
    return await result_of("tests.bench.volley", str(file), *options, "--rate", str(rate))


async def _arrived(
    installation: Installation, wanted: Load, taken: Sequence[int]
) -> dict[str, int]:
    """Wait until everything that was taken has arrived."""
    letters = wanted.letters()
    promised = {letters[number].text for number in taken}
    arrived = await installation.ground.stub.wait_for(promised, ARRIVAL_LIMIT_S)
    # What was refused may come later than what came after it: only Graph repeats in order.
    return arrived.faults()
