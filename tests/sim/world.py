"""Everything together: two networks, people, processes, weather; then a calm, and the verdict.

    people ─▶ FakeTeams ─notify─▶ lost, doubled, delayed ─▶ a process ─▶ journal ─▶ ... ─▶ FakeMatrix
    people ─▶ FakeMatrix ─push──▶ lost, else in order ────▶ a process ─▶ journal ─▶ ... ─▶ FakeTeams

Whoever is called and does not answer is called again, as Graph and a homeserver do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bridge.domain.ids import MessageRef, Place, RoomId, Side, channel_of, own_id
from bridge.errors import StoreUnavailable, Throttled, Unavailable, Uncertain
from bridge.ports import NewEntry
from tests.kit.fake_matrix import MESSAGE, THREAD, FakeMatrix, answered_by, is_ours, related
from tests.kit.fake_network import Shown
from tests.kit.fake_store import BEGINNING, FakeStore, StoredLink
from tests.kit.fake_teams import FakeTeams
from tests.sim.people import IN_BOTH, IN_TEAMS, People, person_of_matrix
from tests.sim.process import Process, at
from tests.sim.turns import PROCESS, SimClock, Turns
from tests.sim.verdict import Ledger, Sides, differences, inversions, repetitions
from tests.sim.weather import CALM, STORM, Protection, Weather

CHATS = 1
CHANNELS = 1
ACTS = 40
TRAFFIC = timedelta(seconds=40)
CALM_FIRST = timedelta(seconds=90)
"""Longer than a lease, most back-offs, and what our own changes wait for their echo."""
CALM_LONGEST = timedelta(minutes=8)
"""If both sides are not equal by then, they never will be."""
REPEATED_AFTER = timedelta(seconds=2)
DELAY_MAX_S = 10.0
WINDOW = timedelta(milliseconds=250)
OUTAGE = timedelta(seconds=3)
FREEZE_MAX_S = 12.0
JUMP_MAX_S = 30.0
STEPS_MAX = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated."""

    seed: int
    weather: Weather = STORM
    without: frozenset[Protection] = frozenset()
    processes: int = 2
    has_devices: bool = True
    keeps_traces: bool = True


@dataclass
class World:
    """One run."""

    plan: Plan
    group: asyncio.TaskGroup
    trace: bool = False
    ledger: Ledger = field(default_factory=Ledger)
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turns = Turns(self.plan.seed)
        self.random = self.turns.random
        self.weather = self.plan.weather
        self.without = self.plan.without
        self.store = FakeStore()
        clock = SimClock(self.turns)
        self.teams = FakeTeams(
            clock,
            notify=self._notified,
            moment=self.network_moment,
            keeps_traces=self.plan.keeps_traces,
        )
        self.matrix = FakeMatrix(
            clock, push=self._pushed, moment=self.network_moment, has_devices=self.plan.has_devices
        )
        everybody = (*IN_TEAMS, *IN_BOTH)
        self.places = [
            *(self.teams.open_chat(f"chat{n}", *everybody) for n in range(CHATS)),
            *(self.teams.open_channel(f"channel{n}", *everybody) for n in range(CHANNELS)),
        ]
        self.rooms = {place: self.matrix.open_room(place) for place in self.places}
        self.people = People(self.random, self.teams, self.matrix)
        self.read_until: dict[Place, datetime] = dict.fromkeys(self.places, BEGINNING)
        self.sync_token = 0
        self.queue: deque[NewEntry] = deque()
        self.pushing = False
        self.processes: list[Process] = []
        self.started = 0

    # --- the run ---

    async def run(self) -> Sequence[str]:
        """Play it; return what is wrong in the end."""
        await self._open_portals()
        for _ in range(self.plan.processes):
            self._start()
        for number in range(ACTS):
            after = TRAFFIC * self.random.random()
            place = self.random.choice(self.places)
            self.turns.plan(after, lambda p=place, n=number: self._act(p, n))  # type: ignore[misc]
        await self._until(BEGINNING + TRAFFIC)
        self.weather = CALM
        self.turns.frozen.clear()
        for process in self.processes:
            process.clock.offset = timedelta(0)
        wrongs = await self._become_equal()
        for process in self.processes:
            process.kill()
        return wrongs

    async def _become_equal(self) -> Sequence[str]:
        end = self.turns.now + CALM_LONGEST
        while True:
            await self._until(self.turns.now + CALM_FIRST)
            wrongs = self._wrongs()
            if not wrongs or self.turns.now >= end:
                return wrongs

    async def _open_portals(self) -> None:
        """Rooms that exist, as in a bridge that is in use."""
        process = Process(self, 0)
        process.journal.moment = _undisturbed
        async with process.journal.unit() as unit:
            portals = await unit.portals(self.places)
        for place, portal in portals.items():
            self.store.set_room(portal.id, self.rooms[place])

    async def _until(self, end: datetime) -> None:
        while await self.turns.step(end):
            self._interfere()
            if self.turns.steps > STEPS_MAX:
                raise AssertionError("the simulation does not come to rest")

    def _act(self, place: Place, number: int) -> None:
        if number % 2:
            self.people.act_in_teams(place)
        else:
            threads = channel_of(place) is not None
            self.people.act_in_matrix(self.rooms[place], threads=threads)

    # --- processes ---

    def _start(self) -> None:
        self.started += 1
        process = Process(self, self.started)
        self.processes.append(process)
        process.start()

    def _interfere(self) -> None:
        if self.weather is CALM or not self.processes:
            return
        if self.turns.chance(self.weather.killed):
            self._kill(self.random.choice(self.processes))
        if self.turns.chance(self.weather.frozen):
            victim = self.random.choice(self.processes) if self.processes else None
            if victim is not None:
                self._count("frozen", victim.name)
                awake = self.turns.now + timedelta(seconds=FREEZE_MAX_S * self.random.random())
                self.turns.frozen[victim.name] = awake
        if self.turns.chance(self.weather.clock_jumps) and self.processes:
            victim = self.random.choice(self.processes)
            self._count("clock jumps", victim.name)
            victim.clock.offset = timedelta(seconds=JUMP_MAX_S * (self.random.random() - 0.5))
        if self.turns.chance(self.weather.homeserver_restarts):
            self._count("homeserver restarts", "")
            self.matrix.restart()

    def _kill(self, process: Process) -> None:
        self._count("killed", process.name)
        process.kill()
        self.processes.remove(process)
        self.turns.plan(OUTAGE * self.random.random(), self._start)

    def _count(self, what: str, whom: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        self.tell(f"{what} {whom}")

    def tell(self, text: str) -> None:
        if self.trace:
            print(f"{at(self.turns.now)} {text}")  # noqa: T201 - asked for with --trace

    # --- moments ---

    async def store_moment(self, name: str) -> None:
        """Before and after every method of a journal."""
        await self.turns.moment(name)
        done = name.endswith(" done")
        odds = self.weather.store_after if done else self.weather.store_before
        if odds and self.turns.chance(odds):
            self._count("store failures", f"{PROCESS.get()} {name}")
            raise StoreUnavailable(name)

    async def network_moment(self, name: str) -> None:
        """Before and after every request to a network, and before a search."""
        await self.turns.moment(name)
        if name.endswith(" done"):
            self.tell(f"{PROCESS.get()} {name}")
            if self.turns.chance(self.weather.answer_lost):
                self._count("answers lost", name)
                raise Uncertain("the answer was lost")
        elif self.turns.chance(self.weather.refused):
            self._count("refused", name)
            raise Unavailable("not now")
        elif self.turns.chance(self.weather.throttled):
            self._count("throttled", name)
            raise Throttled("too fast", retry_after=timedelta(seconds=1))

    # --- notifications of Teams ---

    def _notified(self, entry: NewEntry) -> None:
        self.tell(f"Teams: {entry.raw[:0].decode()}{entry.position} {PROCESS.get()}")
        if self.turns.chance(self.weather.lost):
            self._count("notifications lost", str(entry.position))
            return
        times = 2 if self.turns.chance(self.weather.doubled) else 1
        for _ in range(times):
            delay = timedelta(milliseconds=50)
            if self.turns.chance(self.weather.delayed):
                delay = timedelta(seconds=DELAY_MAX_S * self.random.random())
            self.turns.plan(delay, lambda: self._call(entry))

    def _call(self, entry: NewEntry) -> None:
        if not self.processes:
            self.turns.plan(REPEATED_AFTER, lambda: self._call(entry))
            return
        process = self.random.choice(self.processes)
        _ = process.spawn(self._notify(process, entry))

    async def _notify(self, process: Process, entry: NewEntry) -> None:
        now = process.clock.now()
        taken = False
        try:
            taken = await process.take(replace(entry, received_at=now, due_at=now + WINDOW))
        finally:
            if not taken:
                self.turns.plan(REPEATED_AFTER, lambda: self._call(entry))

    # --- transactions of the homeserver ---

    def _pushed(self, entry: NewEntry) -> None:
        self.tell(f"Matrix: {entry.key} {entry.raw[-60:]!r}")
        if self.turns.chance(self.weather.push_lost):
            self._count("events forgotten", entry.key)
            self.ledger.excused.add(entry.key)
            return
        self.queue.append(entry)
        self._push_next()

    def _push_next(self) -> None:
        """One transaction in flight, the next when it was answered."""
        if self.pushing or not self.queue:
            return
        if not self.processes:
            self.turns.plan(REPEATED_AFTER, self._push_next)
            return
        self.pushing = True
        process = self.random.choice(self.processes)
        _ = process.spawn(self._push(process, self.queue[0]))

    async def _push(self, process: Process, entry: NewEntry) -> None:
        taken = False
        try:
            taken = await process.take(entry)
        finally:
            self.pushing = False
            if taken:
                self.queue.popleft()
                self._push_next()
            else:
                self.turns.plan(REPEATED_AFTER, self._push_next)

    # --- the verdict ---

    def _wrongs(self) -> Sequence[str]:
        wrongs: list[str] = []
        for place in self.places:
            sides = self._sides(place)
            wrongs += [*differences(sides), *repetitions(sides)]
            wrongs += self._disorder(place)
        wrongs += [f"entry parked: {e.error}" for e in self.store.inbox.values() if e.parked]
        # What refers to something that nobody knows is held for longer than this lasts.
        wrongs += [
            f"entry left: {e.new.key} {e.error}"
            for e in self.store.inbox.values()
            if not e.parked and e.new.side is Side.TEAMS
        ]
        wrongs += [
            f"delivery {d.state}: {d.new.event} {d.error}" for d in self.store.deliveries.values()
        ]
        return wrongs

    def _sides(self, place: Place) -> Sides:
        """What came to us later than what refers to it may have been lost for that.

        But a reply in Teams knows no such excuse: its post is asked for.
        """
        replies, threads = self._loose_replies(place), self._loose_threads(place)

        def shown(views: Sequence[Shown]) -> list[Shown]:
            return [
                replace(
                    view,
                    reply_words=None if view.ref in replies else view.reply_words,
                    thread=None if view.ref in threads else view.thread,
                )
                for view in views
            ]

        return Sides(
            chat=place.conversation,
            teams=shown(self.teams.view(place)),
            matrix=shown(self.matrix.view(self.rooms[place], person_of_matrix)),
        )

    def _links(self, place: Place) -> list[StoredLink]:
        portal = self.store.portals[place].id
        return [link for link in self.store.links if link.portal == portal]

    def _loose_replies(self, place: Place) -> set[MessageRef]:
        prefix = f"{place.tenant}/{place.conversation}/"
        to_matrix = {link.message: link.matrix_event for link in self._links(place)}
        loose: set[MessageRef] = set()
        for said in self.teams.chats[place.conversation].messages.values():
            if said.quotes and self.ledger.went_before(prefix + said.ref, prefix + said.quotes):
                loose |= {said.ref, to_matrix.get(said.ref, said.ref)}
        return loose | self._went_before(place, answered_by)

    def _loose_threads(self, place: Place) -> set[MessageRef]:
        return self._went_before(place, lambda content: related(content, THREAD))

    def _went_before(
        self, place: Place, referred: Callable[[Mapping[str, Any]], str | None]
    ) -> set[MessageRef]:
        """Return the events, and what they are in Teams, that left before what they refer to came."""
        to_teams = {link.matrix_event: link.message for link in self._links(place)}
        refs = {
            MessageRef(event["event_id"]): referred(event["content"])
            for event in self.matrix.timeline
        }
        early = {
            ref for ref, target in refs.items() if target and self.ledger.went_before(ref, target)
        }
        return early | {to_teams[ref] for ref in early if ref in to_teams}

    def _disorder(self, place: Place) -> Sequence[str]:
        """Compare the order on each side with that in which it was said on the other."""
        prefix = f"{place.tenant}/{place.conversation}/"
        toward_matrix = [(prefix + name, ref) for name, ref in self._said_in_teams(place)]
        toward_teams = self._said_in_matrix(place)
        return [
            *inversions(toward_matrix, self._heard_in_matrix(self.rooms[place]), self.ledger),
            *inversions(
                toward_teams, sorted((ref for _, ref in toward_teams), key=_age), self.ledger
            ),
        ]

    def _said_in_matrix(self, place: Place) -> list[tuple[str, str]]:
        """What people of Matrix said, in order, and what it is called in Teams, where ids are times."""
        links = {li.matrix_event: li.message for li in self._links(place) if not li.event.part}
        return [
            (e["event_id"], links[e["event_id"]])
            for e in self.matrix.timeline
            if e["room_id"] == self.rooms[place]
            and e["type"] == MESSAGE
            and e["event_id"] in links
            and not is_ours(e["sender"])
        ]

    def _said_in_teams(self, place: Place) -> list[tuple[str, str]]:
        links = {
            link.message: link.matrix_event for link in self.store.links if not link.event.part
        }
        chat = self.teams.chats[place.conversation]
        return [
            (said.ref, links[said.ref])
            for said in chat.messages.values()
            if said.ref in links
            and said.author in IN_TEAMS
            and said.deleted is None
            and said.ref not in self.people.brought_back
        ]

    def _heard_in_matrix(self, room: RoomId) -> list[str]:
        return [
            e["event_id"]
            for e in self.matrix.timeline
            if e["room_id"] == room
            and e["type"] == MESSAGE
            and is_ours(e["sender"])
            and related(e["content"], "m.replace") is None
        ]


def _age(ref: str) -> int:
    """Ids in Teams are times."""
    return int(own_id(MessageRef(ref)))


async def _undisturbed(_name: str) -> None:
    return


async def simulate(plan: Plan, *, trace: bool = False) -> tuple[Sequence[str], dict[str, int]]:
    """Play one seed; return what is wrong in the end, and what had gone wrong on the way."""
    async with asyncio.TaskGroup() as group:
        world = World(plan, group, trace=trace)
        wrongs = await world.run()
    return wrongs, world.counts


def plan_of(seed: int, *, without: frozenset[Protection] = frozenset()) -> Plan:
    """Draw the circumstances of a seed: one process or two, what the networks remember."""
    return Plan(
        seed=seed,
        without=without,
        processes=1 + seed % 2,
        has_devices=seed % 3 != 0,
        keeps_traces=seed % 5 != 0,
    )
