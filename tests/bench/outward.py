"""B5 and B14: from Matrix to Teams, without Microsoft's throttling and with it.

B5   users ─▶ Synapse ─┬─▶ bare application service: what Synapse hands over, and when
                       └─▶ bridge ─▶ simulated Graph: what arrives, and when
B14  nine write steadily, one floods; Graph lets 20 POSTs a second pass and one per chat

Both sides of B5's ratio see the same messages in the same second: nothing could be closer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from tests.bench.figures import inversions, jain, max_min_shares, median, percentile, twice
from tests.bench.floors import open_outward
from tests.bench.measures import Load, Result, bare_put_ms, load
from tests.bench.processes import Others
from tests.bench.rig import (
    LIMITED_PERCENT,
    PORTALS,
    UNLIMITED_PERCENT,
    Rig,
    Tell,
    Writer,
    restart,
    steady,
)
from tests.bench.writers import (
    WRITERS,
    Pens,
    TeamsWatch,
    key_of,
    notified,
    open_pens,
    portals_of,
)

B5_ROUNDS = 4
"""Every second one without echoes: Graph tells of what we have sent ourselves, and that costs us
an RSA decryption each."""
B5_MESSAGES = 300
B5_PACED_MESSAGES = 100
B5_PACED_EVERY_S = 0.2
"""For the latency that is added where nothing queues; each room has its turn after 10 s."""
ARRIVAL_LIMIT_S = 60.0
B14_CHAT_POSTS_PER_S = 20.0
"""POST into chats, per app and tenant (learn.microsoft.com graph/throttling-limits, Teams)."""
B14_CONVERSATION_PER_S = 1.0
"""Requests on one chat, per app (below the same table)."""
B14_FLOOD = 200
"""Messages that one sender writes at once."""
B14_STEADY_PER_S = 2.0
"""Of each of the others: together with what the flood's chats let pass, more than the budget."""
B14_TEXT = "a message of a usual length"
B14_SECONDS = 25.0
B14_DRAIN_LIMIT_S = 90.0
B14_LOOK_S = 1.0
POST_PATH_ENDS = "/messages"
TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class OutRound:
    """One load, as both receivers saw it."""

    echoes: bool
    sink_per_s: float
    bridge_per_s: float
    added_ms: list[float]
    cpu_ms: float
    bare_put_ms: float
    lost: int
    twice: int
    inversions: int
    others: float


async def outward(rig: Rig, tell: Tell) -> Result:
    """B5: rate of arrival in Teams / rate of arrival at a bare application service."""
    rounds = []
    async with open_pens(rig, tell) as (pens, writers):
        await steady(rig.scene.bridge)
        for number in range(1, B5_ROUNDS + 1):
            done = await _out_round(rig, pens, writers, echoes=number % 2 == 1)
            rounds.append(done)
            tell(
                f"  round {number}/{B5_ROUNDS}: sink {done.sink_per_s:.1f}/s, Teams"
                f" {done.bridge_per_s:.1f}/s = {done.bridge_per_s / done.sink_per_s:.3f},"
                f" {done.cpu_ms:.2f} ms a message, a bare PUT {done.bare_put_ms:.3f} ms,"
                f" {done.lost} lost"
            )
        paced = await _paced(rig, pens, writers)
        floor = await _floor_cpu_ms(rig, writers)
        tell(f"  floor: {floor:.2f} ms a message")
    added = [ms for done in rounds for ms in done.added_ms] or [0.0]
    return {
        "ratio_to_sink": median(r.bridge_per_s / r.sink_per_s for r in rounds),
        "sink_per_s": median(r.sink_per_s for r in rounds),
        "bridge_per_s": median(r.bridge_per_s for r in rounds),
        "added_p50_ms": round(percentile(added, 50), 1),
        "added_p99_ms": round(percentile(added, 99), 1),
        "paced_added_p50_ms": round(percentile(paced, 50), 1),
        "paced_added_p99_ms": round(percentile(paced, 99), 1),
        "cpu_ms_per_message_with_echo": median(r.cpu_ms for r in rounds if r.echoes),
        "cpu_ms_per_message_without_echo": median(r.cpu_ms for r in rounds if not r.echoes),
        "floor_cpu_ms_per_message": floor,
        "bare_put_cpu_ms": median(r.bare_put_ms for r in rounds),
        "cpu_to_bare_put_with_echo": _to_bare_put(r for r in rounds if r.echoes),
        "cpu_to_bare_put_without_echo": _to_bare_put(r for r in rounds if not r.echoes),
        "lost": sum(r.lost for r in rounds),
        "twice": sum(r.twice for r in rounds),
        "inversions": sum(r.inversions for r in rounds),
        "others_cpu_share_max": round(max(r.others for r in rounds), 3),
    }


def _to_bare_put(rounds: Iterable[OutRound]) -> float:
    return median(r.cpu_ms / r.bare_put_ms for r in rounds)


async def _out_round(rig: Rig, pens: Pens, writers: Sequence[Writer], *, echoes: bool) -> OutRound:
    wanted = load(portals_of(writers), B5_MESSAGES)
    keys = {key_of(text) for text in wanted.bodies}
    others = Others()
    others.begin()
    before = await bare_put_ms(rig)
    with notified(rig, echoes=echoes) as watch:
        cpu, started = rig.bridge_cpu_ms(), time.perf_counter()
        await pens.say_ordered(texts_by_room(wanted))
        sink = await rig.collector.wait_for(wanted.bodies, ARRIVAL_LIMIT_S)
        missing = await watch.wait_for(keys, ARRIVAL_LIMIT_S)
        last = max((watch.by_key[key][0].at for key in keys - missing), default=sink)
        cpu = rig.bridge_cpu_ms() - cpu
        return OutRound(
            echoes=echoes,
            sink_per_s=len(keys) / (sink - started),
            bridge_per_s=len(keys - missing) / (last - started),
            added_ms=_added_ms(rig, watch, wanted),
            cpu_ms=cpu / len(keys),
            bare_put_ms=(before + await bare_put_ms(rig)) / 2,
            lost=len(missing),
            twice=twice(a.key for a in watch.arrivals if a.key in keys),
            inversions=inversions((a.chat, a.key) for a in watch.arrivals if a.key in keys),
            others=others.share(),
        )


async def _floor_cpu_ms(rig: Rig, writers: Sequence[Writer]) -> float:
    """CPU of the floor, a message, for the same loads without echoes; the median."""
    costs = []
    async with open_outward(rig, writers) as (floor, pens, places):
        with notified(rig, echoes=False) as watch:
            for _ in range(B5_ROUNDS // 2):
                wanted, cpu = load(places, B5_MESSAGES), floor.cpu_ms()
                await pens.say_ordered(texts_by_room(wanted))
                keys = {key_of(text) for text in wanted.bodies}
                if missing := await watch.wait_for(keys, ARRIVAL_LIMIT_S):
                    problem = f"the floor lost {len(missing)} messages"
                    raise RuntimeError(problem)
                costs.append((floor.cpu_ms() - cpu) / len(keys))
    return median(costs)


async def _paced(rig: Rig, pens: Pens, writers: Sequence[Writer]) -> list[float]:
    """Write one message after the other; return the ms from the sink to Teams, of each."""
    wanted = load(portals_of(writers), B5_PACED_MESSAGES)
    rooms = {portal.chat: portal.room for portal in wanted.portals}
    with notified(rig) as watch:
        for letter in wanted.letters():
            started = time.perf_counter()
            await pens.say(rooms[letter.chat], letter.text)
            await asyncio.sleep(max(0.0, started + B5_PACED_EVERY_S - time.perf_counter()))
        await rig.collector.wait_for(wanted.bodies, ARRIVAL_LIMIT_S)
        await watch.wait_for({key_of(text) for text in wanted.bodies}, ARRIVAL_LIMIT_S)
        return _added_ms(rig, watch, wanted) or [0.0]


def texts_by_room(wanted: Load) -> Mapping[str, Sequence[str]]:
    """A load as people in the rooms write it."""
    return {p.room: texts for p, texts in zip(wanted.portals, wanted.texts, strict=True)}


def _added_ms(rig: Rig, watch: TeamsWatch, wanted: Load) -> list[float]:
    return [
        (watch.by_key[key_of(text)][0].at - rig.collector.by_body[text][0].at) * 1000
        for text in wanted.bodies
        if key_of(text) in watch.by_key and text in rig.collector.by_body
    ]


class _Posts:
    """Counts POSTs of messages at Graph; the tenant itself remembers the last 2,000 requests."""

    def __init__(self, rig: Rig) -> None:
        self._requests = rig.tenant.requests
        self._requests.clear()
        self.answered = self.throttled = self.others = 0

    def look(self) -> None:
        while self._requests:
            request = self._requests.popleft()
            if request["method"] == "POST" and str(request["path"]).endswith(POST_PATH_ENDS):
                self.answered += 1
                self.throttled += request["status"] == TOO_MANY
            else:
                self.others += 1


async def throttled(rig: Rig, tell: Tell) -> Result:
    """B14: goodput / budget, fairness, and the share of 429, while one of ten floods."""
    async with open_pens(rig, tell) as (pens, writers):
        settings = rig.tenant.settings
        rig.tenant.buckets.clear()
        settings.throttling = True
        await restart(rig.scene.bridge, "teams", limits_percent=LIMITED_PERCENT)
        await steady(rig.scene.bridge)
        try:
            with notified(rig) as watch:
                return await _flooded(rig, pens, writers, watch, tell)
        finally:
            settings.throttling = False
            await restart(rig.scene.bridge, "teams", limits_percent=UNLIMITED_PERCENT)


async def _flooded(
    rig: Rig, pens: Pens, writers: Sequence[Writer], watch: TeamsWatch, tell: Tell
) -> Result:
    posts, sent = _Posts(rig), _Said(writers)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as writing:
        writing.create_task(sent.flood(pens, writers[0]))
        for writer in writers[1:]:
            writing.create_task(sent.steadily(pens, writer, started))
        writing.create_task(_look_at(posts, started + B14_SECONDS))
    in_time = _count(writers, watch, started + B14_SECONDS)
    handed_over = sent.handed_over(rig, started + B14_SECONDS)
    tell(f"  {sum(in_time)} through in {B14_SECONDS:.0f} s, waiting for the rest")
    missing = await _drained(posts, watch, sent.keys)
    expected = fair_shares(handed_over, B14_SECONDS)
    delays = sent.delays(watch, writers[1:])
    return {
        "goodput_to_budget": round(sum(in_time) / sum(expected), 3),
        "jain_fairness": round(jain([n / e for n, e in zip(in_time, expected, strict=True)]), 3),
        "throttled_share": round(posts.throttled / max(1, posts.answered), 4),
        "budget_messages": round(sum(expected), 1),
        "handed_over": handed_over,
        "through": in_time,
        "posts": posts.answered,
        "other_requests": posts.others,
        "others_delay_p50_s": round(percentile(delays, 50), 2),
        "others_delay_p99_s": round(percentile(delays, 99), 2),
        "lost": len(missing),
        "twice": twice(a.key for a in watch.arrivals),
        "inversions": inversions((a.chat, a.key) for a in watch.arrivals),
        "refused_by": dict(rig.tenant.throttled),
    }


def fair_shares(handed_over: Sequence[int], seconds: float) -> list[float]:
    """How much of what each sender's homeserver hands over a fair bridge gets through in time.

    A bucket holds a second's worth when it is full, as the simulated tenant plays it.
    """
    chats = PORTALS / WRITERS * B14_CONVERSATION_PER_S * (seconds + 1)
    budget = B14_CHAT_POSTS_PER_S * (seconds + 1)
    return max_min_shares([min(float(count), chats) for count in handed_over], budget)


class _Said:
    """What was written, and when; texts are those that `TeamsWatch` knows."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._run = uuid4().hex[:8]
        self._number = {writer.teams.id: n for n, writer in enumerate(writers)}
        self._at: dict[str, float] = {}

    @property
    def keys(self) -> set[str]:
        return set(self._at)

    async def flood(self, pens: Pens, writer: Writer) -> None:
        """Write everything at once, in order in each room."""

        async def one(n: int) -> None:
            for turn in range(n, B14_FLOOD, len(writer.portals)):
                await self._say(pens, writer, turn)

        async with asyncio.TaskGroup() as rooms:
            for n in range(len(writer.portals)):
                rooms.create_task(one(n))

    async def steadily(self, pens: Pens, writer: Writer, started: float) -> None:
        for turn in range(int(B14_STEADY_PER_S * B14_SECONDS)):
            due = started + turn / B14_STEADY_PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await self._say(pens, writer, turn)

    async def _say(self, pens: Pens, writer: Writer, turn: int) -> None:
        key = f"{self._run} {self._number[writer.teams.id]} {turn:04}"
        self._at[key] = time.perf_counter()
        portal = writer.portals[turn % len(writer.portals)]
        await pens.say(portal.room, f"{key}: {B14_TEXT}")

    def handed_over(self, rig: Rig, until: float) -> list[int]:
        """How many of each writer's messages the homeserver had handed over by an instant."""
        counts = [0] * len(self._number)
        for key in self._at:
            seen = rig.collector.by_body.get(f"{key}: {B14_TEXT}", [])
            counts[int(key.split()[1])] += any(arrival.at <= until for arrival in seen)
        return counts

    def delays(self, watch: TeamsWatch, writers: Sequence[Writer]) -> list[float]:
        """From the writing to the arrival in Teams, in seconds."""
        wanted = {self._number[writer.teams.id] for writer in writers}
        return [
            watch.by_key[key][0].at - at
            for key, at in self._at.items()
            if int(key.split()[1]) in wanted and key in watch.by_key
        ] or [0.0]


def _count(writers: Sequence[Writer], watch: TeamsWatch, until: float) -> list[int]:
    """How many of each writer's messages arrived before an instant."""
    mine = [{portal.chat for portal in writer.portals} for writer in writers]
    return [sum(a.chat in chats and a.at <= until for a in watch.arrivals) for chats in mine]


async def _look_at(posts: _Posts, until: float) -> None:
    while (left := until - time.perf_counter()) > 0:
        await asyncio.sleep(min(B14_LOOK_S, left))
        posts.look()


async def _drained(posts: _Posts, watch: TeamsWatch, keys: set[str]) -> set[str]:
    """Wait until all has arrived, and go on counting."""
    deadline = time.perf_counter() + B14_DRAIN_LIMIT_S
    while (missing := await watch.wait_for(keys, B14_LOOK_S)) and time.perf_counter() < deadline:
        posts.look()
    posts.look()
    return missing
