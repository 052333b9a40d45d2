"""B8a and B8b: the bridge was away; how fast it is up to date again.

B8a  2,000 messages are written in Matrix while nobody listens; Synapse keeps them for both:
         the bare application service comes back ─▶ how fast it is handed its queue
         the bridge comes back                   ─▶ how fast it stores the same, pushed to it or
                                                    found by its own /sync
B8b  2,000 messages are written in Teams and every notification of them is lost; then the bridge
     starts, and whatever it does: everything must arrive in Matrix. Meanwhile new messages come in
     a few portals that have missed nothing.

The notifications are lost by `Weather.lose`: it is as if Graph had given up repeating them, which
it does after four hours.
"""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg

from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.world import Content
from tests.bench import collector as bare
from tests.bench.figures import Point, inversions, percentile, rate_of, twice
from tests.bench.mailer import Letter
from tests.bench.measures import Load, Result, load
from tests.bench.outward import texts_by_room
from tests.bench.processes import Others
from tests.bench.rig import Portal, Rig, Tell
from tests.bench.writers import key_of, notified, open_pens, portals_of

B8A_MESSAGES = 2_000
B8B_MESSAGES = 2_025
"""What a heavy organisation of some 50 chats says in an hour."""
B8B_RAW_MESSAGES = 450
B8B_UNTOUCHED_PORTALS = 5
B8B_NEW_EVERY_S = 0.5
_STORED = """
SELECT (SELECT count(*) FROM inbox WHERE side = 'matrix') + (SELECT count(*) FROM read_events)
"""
"""Entries of Matrix that were ever stored: what is read leaves the one table for the other in the
same commit. A counter of the bridge would not do: what is pushed and found counts twice there."""
LOOK_S = 0.02
LISTEN_LIMIT_S = 30.0
HANDED_OVER_LIMIT_S = 60.0
OUT_LIMIT_S = 150.0
CAUGHT_UP_LIMIT_S = 120.0


async def from_matrix(rig: Rig, tell: Tell) -> Result:
    """B8a: entries stored per second / events handed to a bare application service."""
    others = Others()
    async with open_pens(rig, tell) as (pens, writers):
        with notified(rig) as watch:
            port = rig.collector.port
            await rig.collector.stop()
            await asyncio.to_thread(rig.scene.bridge.stop)
            wanted = load(portals_of(writers), B8A_MESSAGES)
            keys = {key_of(text) for text in wanted.bodies}
            tell(f"  {len(keys)} messages in Matrix while nobody listens")
            await pens.say_ordered(texts_by_room(wanted))
            others.begin()
            sink = await _sink(rig, wanted, port)
            tell(f"  bare sink {sink.per_s:.0f}/s, first after {sink.first_s:.2f} s")
            stored = await _stored(rig, len(keys))
            tell(f"  bridge {stored.per_s:.0f}/s, first after {stored.first_s:.2f} s")
            missing = await watch.wait_for(keys, OUT_LIMIT_S)
            last = max((a.at for a in watch.arrivals), default=time.perf_counter())
            return {
                "ratio_to_sink": round(stored.per_s / sink.per_s, 3) if sink.per_s else 0.0,
                "sink_per_s": round(sink.per_s, 1),
                "bridge_per_s": round(stored.per_s, 1),
                "sink_first_s": round(sink.first_s, 3),
                "bridge_first_s_after_listening": round(stored.first_s, 3),
                "start_to_listening_s": round(stored.listening_s, 2),
                "in_teams_per_s": round(len(keys - missing) / (last - stored.listening), 1),
                "lost": len(keys) - min(stored.count, len(keys)),
                "not_in_teams_in_time": len(missing),
                "twice": twice(a.key for a in watch.arrivals),
                "inversions": inversions((a.chat, a.key) for a in watch.arrivals),
                "others_cpu_share": round(others.share(), 3),
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaughtUp:
    """How a receiver came back; instants are time.perf_counter(), `_s` are seconds."""

    per_s: float
    first_s: float
    listening: float
    listening_s: float
    count: int


async def _sink(rig: Rig, wanted: Load, port: int) -> _CaughtUp:
    """Let the bare application service take its queue."""
    await rig.collector.start(port)
    listening = time.perf_counter()
    await bare.ping(rig.scene.homeserver.url)
    await rig.collector.wait_for(wanted.bodies, HANDED_OVER_LIMIT_S)
    instants = sorted(rig.collector.by_body[text][0].at for text in wanted.bodies)
    counted: list[Point] = [(at, n) for n, at in enumerate(instants, 1)]
    return _CaughtUp(
        per_s=rate_of(counted),
        first_s=instants[0] - listening,
        listening=listening,
        listening_s=0.0,
        count=len(instants),
    )


async def _stored(rig: Rig, wanted: int) -> _CaughtUp:
    """Start the bridge and look into its database until it has everything, pushed or found."""
    bridge, started = rig.scene.bridge, time.perf_counter()
    database = await asyncpg.connect(bridge.wiring.database)
    try:
        before = await database.fetchval(_STORED)
        await asyncio.to_thread(bridge.start, wait=False)
        listening = await until_listening(bridge.wiring.listen_port)
        counted: list[Point] = []
        deadline = listening + HANDED_OVER_LIMIT_S
        while time.perf_counter() < deadline:
            counted.append((time.perf_counter(), await database.fetchval(_STORED) - before))
            if counted[-1][1] >= wanted:
                break
            await asyncio.sleep(LOOK_S)
    finally:
        await database.close()
    first = next((at for at, count in counted if count), deadline)
    return _CaughtUp(
        per_s=rate_of(counted),
        first_s=first - listening,
        listening=listening,
        listening_s=listening - started,
        count=int(counted[-1][1]),
    )


async def until_listening(port: int) -> float:
    """Return the instant at which a port of the loopback takes connections.

    Raises:
        TimeoutError: It does not.
    """
    async with asyncio.timeout(LISTEN_LIMIT_S):
        while True:
            with socket.socket() as probe:
                probe.setblocking(False)
                try:
                    await asyncio.get_running_loop().sock_connect(probe, ("127.0.0.1", port))
                except OSError:
                    await asyncio.sleep(LOOK_S / 4)
                else:
                    return time.perf_counter()


@dataclass(slots=True)
class _New:
    """Writes in Teams, in portals that have missed nothing, until told to stop."""

    rig: Rig
    portals: tuple[Portal, ...]
    posted: dict[str, float] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        run = uuid4().hex[:8]
        while not self.stop.is_set():
            portal = self.portals[len(self.posted) % len(self.portals)]
            text = f"{run} 0 {len(self.posted):04}: new"
            [body] = self.rig.mailer.compose(
                [Letter(chat=portal.chat, user=portal.author, text=text)]
            )
            self.posted[text] = time.perf_counter()
            await self.rig.mailer.post_until_taken(body)
            await asyncio.sleep(B8B_NEW_EVERY_S)


async def from_teams(rig: Rig, tell: Tell) -> Result:
    """B8b: rate of catching up / ordered ceiling, and how long new messages take meanwhile."""
    others = Others()
    others.begin()
    missed, untouched = rig.portals[:-B8B_UNTOUCHED_PORTALS], rig.portals[-B8B_UNTOUCHED_PORTALS:]
    ceiling = await _ceiling(rig, load(missed, B8B_RAW_MESSAGES))
    tell(f"  ordered ceiling {ceiling:.1f}/s")
    await asyncio.to_thread(rig.scene.bridge.stop)
    wanted = load(missed, B8B_MESSAGES)
    _type_unheard(rig, wanted)
    tell(f"  {len(wanted.bodies)} messages in Teams that no notification tells of")
    started = time.perf_counter()
    await asyncio.to_thread(rig.scene.bridge.start, wait=False)
    listening = await until_listening(rig.scene.bridge.wiring.listen_port)
    new = _New(rig, untouched)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(new.run())
        await _wait_for(rig, wanted.bodies, CAUGHT_UP_LIMIT_S, tell)
        new.stop.set()
    await _wait_for(rig, set(new.posted), HANDED_OVER_LIMIT_S, tell)
    return _caught_up(rig, wanted, new, started=started, listening=listening) | {
        "ordered_ceiling_per_s": round(ceiling, 1),
        "ratio_to_ordered_ceiling": round(_rate(rig, wanted, listening) / ceiling, 3),
        "others_cpu_share": round(others.share(), 3),
    }


async def _ceiling(rig: Rig, wanted: Load) -> float:
    messages = {
        portal.room: [(portal.ghost, text) for text in texts]
        for portal, texts in zip(wanted.portals, wanted.texts, strict=True)
    }
    started = time.perf_counter()
    await rig.raw.send_ordered(messages, careful=True)
    last = await rig.collector.wait_for(wanted.bodies, HANDED_OVER_LIMIT_S)
    return len(wanted.bodies) / (last - started)


def _type_unheard(rig: Rig, wanted: Load) -> None:
    """Type a load in Teams; Graph gives every notification of it up."""
    weather = rig.tenant.weather
    weather.lose = 1.0
    try:
        with notified(rig):
            for letter in wanted.letters():
                chat = rig.tenant.chat(letter.chat)
                content = Content(kind="text", text=letter.text)
                conversation.post(rig.tenant, chat, letter.user, content)
    finally:
        weather.lose = 0.0


async def _wait_for(rig: Rig, bodies: set[str], limit_s: float, tell: Tell) -> None:
    try:
        await rig.collector.wait_for(bodies, limit_s)
    except TimeoutError:
        missing = len(bodies - rig.collector.by_body.keys())
        tell(f"  {missing} of {len(bodies)} have not arrived after {limit_s:.0f} s")


def _rate(rig: Rig, wanted: Load, since: float) -> float:
    instants = [
        rig.collector.by_body[t][0].at for t in wanted.bodies & rig.collector.by_body.keys()
    ]
    return len(instants) / (max(instants) - since) if instants else 0.0


def _caught_up(rig: Rig, wanted: Load, new: _New, *, started: float, listening: float) -> Result:
    arrivals = [a for a in rig.collector.arrivals if a.body in wanted.bodies]
    by_body = rig.collector.by_body
    latencies = [by_body[t][0].at - at for t, at in new.posted.items() if t in by_body] or [0.0]
    return {
        "bridge_per_s": round(_rate(rig, wanted, listening), 1),
        "start_to_listening_s": round(listening - started, 2),
        "start_to_first_s": round(min((a.at for a in arrivals), default=listening) - started, 2),
        "new_messages": len(new.posted),
        "new_p50_s": round(percentile(latencies, 50), 3),
        "new_p99_s": round(percentile(latencies, 99), 3),
        "lost": len((wanted.bodies | new.posted.keys()) - by_body.keys()),
        "twice": twice(a.body for a in arrivals),
        "inversions": inversions((a.room, a.body) for a in arrivals),
    }
