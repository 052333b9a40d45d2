"""B6 and B16: how much one bridge process can carry, and several on one Postgres.

    mailer ─ encrypted notifications ─▶ bridge(s) ─ PUT ─▶ stub homeserver, which answers at once
    bare aiohttp ──────────────────────────────── PUT ─▶ the same stub

B6 counts per core: messages / CPU seconds of the bridge's process. The decryption of a
notification is Microsoft's wish and not ours, so the ratio to bare sends is given with and without
it; what it costs on this machine is measured beside.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

from bridge.sandbox.installation import Bridge
from tests.bench.figures import median
from tests.bench.ground import (
    Ground,
    Installation,
    beside,
    install,
    notifications_url,
    open_ground,
)
from tests.bench.mailer import POSTS_IN_FLIGHT
from tests.bench.measures import Result, load
from tests.bench.processes import Others, cpu_ms, result_of, until_idle
from tests.bench.raw import IN_FLIGHT_MAX
from tests.bench.rig import Tell

B6_ROUNDS = 3
B6_MESSAGES = 4_000
B6_BARE_PUTS = 8_000
WARM_UP_MESSAGES = 500
RSA_ROUNDS = 300
RSA_BITS = 2_048
ARRIVAL_LIMIT_S = 60.0

B16_ROUNDS = 3
B16_MESSAGES = 3_000
B16_WORKERS = (1, 2, 4)
B16_CORES_PER_WORKER = 1.5
"""A bridge process, and its share of Postgres and of the stub; two fit on two cores nevertheless."""
B16_KILL_MESSAGES = 1_500
B16_KILL_AFTER = 300
"""Messages that have arrived when one of two processes is killed."""
B16_SEND_S = 0.2
"""How long a send takes then, so that both have their hands full."""
B16_TAKEOVER_LIMIT_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One load, carried by one or more processes; CPU in ms per message."""

    per_s: float
    cpu_ms: float
    postgres_ms: float
    faults: dict[str, int]


def _faults(rounds: Iterable[Carried]) -> Result:
    """What went wrong in all rounds together."""
    total = Counter[str]()
    for carried in rounds:
        total.update(carried.faults)
    return dict(total)


async def alone(folder: Path, tell: Tell) -> Result:
    """B6: messages per second and core, durable on the way, and / bare sends."""
    rounds, bare, others = [], [], Others()
    async with open_ground(folder) as ground, install(ground, "alone") as installation:
        await _carry(installation, [installation.bridge], WARM_UP_MESSAGES)
        others.begin()
        for number in range(1, B6_ROUNDS + 1):
            arguments = ("put", "--url", ground.stub.url, "--count", str(B6_BARE_PUTS))
            bare.append(await result_of("tests.bench.bare", *arguments))
            rounds.append(await _carry(installation, [installation.bridge], B6_MESSAGES))
            tell(
                f"  round {number}/{B6_ROUNDS}: bare {bare[-1]['per_s']:.0f}/s, bridge"
                f" {rounds[-1].per_s:.0f}/s with {rounds[-1].cpu_ms:.2f} ms a message"
            )
    rsa_ms = _rsa_ms()
    cost, put = median(r.cpu_ms for r in rounds), median(b["cpu_ms"] for b in bare)
    return {
        "per_s_per_core": round(1000 / cost),
        "per_s": median(r.per_s for r in rounds),
        "cpu_ms_per_message": cost,
        "postgres_cpu_ms_per_message": median(r.postgres_ms for r in rounds),
        "bare_put_per_s": median(b["per_s"] for b in bare),
        "bare_put_cpu_ms": put,
        "rsa_ms": rsa_ms,
        "ratio_to_bare_per_core": round(put / cost, 3),
        "ratio_to_bare_per_core_without_rsa": round(put / max(cost - rsa_ms, put), 3),
        "ratio_to_bare_per_s": median(
            r.per_s / b["per_s"] for r, b in zip(rounds, bare, strict=True)
        ),
        **_faults(rounds),
        "others_cpu_share": round(others.share(), 3),
    }


def _rsa_ms() -> float:
    """CPU of unwrapping one notification's key, as Graph wraps it."""
    padding = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    wrapped = key.public_key().encrypt(bytes(32), padding)
    started = time.process_time()
    for _ in range(RSA_ROUNDS):
        key.decrypt(wrapped, padding)
    return round((time.process_time() - started) * 1000 / RSA_ROUNDS, 3)


async def _carry(installation: Installation, bridges: Sequence[Bridge], messages: int) -> Carried:
    """Post a load to all processes in turn, and wait until the stub has it."""
    ground, pids = installation.ground, [bridge.process.pid for bridge in bridges]
    wanted = load(installation.portals, messages)
    posts = installation.mailer.compose(wanted.letters())
    await ground.stub.clear()
    cpu, postgres = sum(map(cpu_ms, pids)), ground.postgres_cpu_ms()
    started = time.perf_counter()
    await post_to(installation, bridges, posts)
    arrived = await ground.stub.wait_for(wanted.bodies, ARRIVAL_LIMIT_S)
    used = sum(map(cpu_ms, pids)) - cpu
    return Carried(
        per_s=len(arrived.of_them) / (arrived.last - started),
        cpu_ms=used / len(wanted.bodies),
        postgres_ms=(ground.postgres_cpu_ms() - postgres) / len(wanted.bodies),
        faults=arrived.faults(),
    )


async def post_to(
    installation: Installation,
    bridges: Sequence[Bridge],
    posts: Sequence[bytes],
    *,
    in_flight: int = POSTS_IN_FLIGHT,
) -> None:
    """Post to the webhooks in turn, as a load balancer would; what is not taken is posted again."""
    urls = [notifications_url(bridge) for bridge in bridges]
    turn = asyncio.Semaphore(in_flight)

    async def one(number: int, body: bytes) -> None:
        async with turn:
            await installation.mailer.post_until_taken(body, urls[number % len(urls)])

    async with asyncio.TaskGroup() as posting:
        for number, body in enumerate(posts):
            posting.create_task(one(number, body))


async def workers(folder: Path, tell: Tell) -> Result:
    """B16: what further processes add, and what is left of one that is killed."""
    cores = os.cpu_count() or 1
    sizes = [n for n in B16_WORKERS if n <= max(2, cores // B16_CORES_PER_WORKER)]
    carried: dict[int, list[Carried]] = {size: [] for size in sizes}
    others = Others()
    async with open_ground(folder) as ground, install(ground, "workers") as installation:
        others.begin()
        for number in range(1, B16_ROUNDS + 1):
            for size in sizes:
                async with _running(installation, size) as bridges:
                    await _carry(installation, bridges, WARM_UP_MESSAGES)
                    carried[size].append(await _carry(installation, bridges, B16_MESSAGES))
                found = carried[size][-1]
                tell(
                    f"  round {number}/{B16_ROUNDS}: {size} processes {found.per_s:.0f}/s,"
                    f" {found.cpu_ms:.2f} ms a message"
                )
        share = others.share()
        async with _running(installation, 2) as bridges:
            takeover = await _killed(ground, installation, bridges, tell)
    return _scaling(carried) | takeover | {"others_cpu_share": round(share, 3)}


def _scaling(carried: dict[int, list[Carried]]) -> Result:
    one = carried[1]
    result: Result = {}
    for size, rounds in carried.items():
        speed = median(r.per_s / o.per_s for r, o in zip(rounds, one, strict=True))
        cost = median(r.cpu_ms / o.cpu_ms for r, o in zip(rounds, one, strict=True))
        result |= {
            f"per_s_of_{size}": median(r.per_s for r in rounds),
            f"efficiency_of_{size}": round(speed / size, 3),
            f"cpu_ms_per_message_of_{size}": median(r.cpu_ms for r in rounds),
            f"cpu_ratio_of_{size}": cost,
        }
    return result | _faults(r for rounds in carried.values() for r in rounds)


@asynccontextmanager
async def _running(installation: Installation, size: int) -> AsyncIterator[list[Bridge]]:
    """Run so many processes of the bridge while inside; the first runs already."""
    async with AsyncExitStack() as stack:
        bridges = [installation.bridge]
        for number in range(2, size + 1):
            folder = installation.ground.folder / f"process-{number}"
            bridge = await stack.enter_async_context(beside(installation.bridge, folder))
            await asyncio.to_thread(bridge.start)
            bridges.append(bridge)
        await until_idle([bridge.process.pid for bridge in bridges])
        yield bridges


async def _killed(
    ground: Ground, installation: Installation, bridges: Sequence[Bridge], tell: Tell
) -> Result:
    """Kill the second of two processes while both have streams in their hands."""
    wanted = load(installation.portals, B16_KILL_MESSAGES)
    posts = installation.mailer.compose(wanted.letters())
    await ground.stub.clear()
    await ground.stub.take(B16_SEND_S)
    try:
        # One at a time: what is out of order then is so by the bridge.
        await post_to(installation, bridges, posts, in_flight=1)
        before = await ground.stub.reach(B16_KILL_AFTER, ARRIVAL_LIMIT_S)
        await asyncio.to_thread(bridges[1].kill)
        killed = time.perf_counter()
        tell(f"  one of two killed after {before.count} messages")
        arrived = await ground.stub.wait_for(wanted.bodies, B16_TAKEOVER_LIMIT_S)
    finally:
        await ground.stub.take(0)
    left = len(wanted.bodies) - before.count
    instants = sorted(sent.at for sent in arrived.of_them if sent.at >= killed)
    return {
        "takeover_s": round(arrived.last - killed, 2),
        "takeover_s_beyond_backlog": round(
            arrived.last - killed - left * B16_SEND_S / IN_FLIGHT_MAX, 2
        ),
        "takeover_silence_s": round(max((b - a for a, b in pairwise(instants)), default=0.0), 2),
        "takeover_left": left,
        "takeover_sent_again": (await ground.stub.count()).repeated,
        **{f"takeover_{fault}": count for fault, count in arrived.faults().items()},
    }
