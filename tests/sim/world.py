"""Everything together: two networks, people, processes, weather; then a calm, and the verdict.

    people ─▶ FakeTeams ─notify─▶ lost, doubled, delayed ─▶ a process ─▶ journal ─▶ ... ─▶ FakeMatrix
    people ─▶ FakeMatrix ─push──▶ lost, else in order ────▶ a process ─▶ journal ─▶ ... ─▶ FakeTeams

Whoever is called and does not answer is called again, as Graph and a homeserver do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.domain.events import MessageSent, Seen
from bridge.domain.ids import MessageRef, Place, Side
from bridge.domain.portal import Direction
from bridge.errors import StoreUnavailable, Throttled, Unavailable, Uncertain
from bridge.matrix.echo import is_marked
from bridge.ports import NewDelivery, NewEntry
from bridge.relay.crossing import KEPT_OUT
from bridge.teams.notifications import Notice, read_entry
from tests.kit.fake_matrix import FakeMatrix, is_ours
from tests.kit.fake_store import (
    BEGINNING,
    FakeStore,
    StoredAccount,
)
from tests.kit.fake_teams import FakeTeams
from tests.sim.cast import IN_BOTH, IN_TEAMS, RELAY, Cast, Loss, drawn, matrix_user
from tests.sim.judge import Judge
from tests.sim.people import People
from tests.sim.process import Process, at
from tests.sim.turns import PEOPLE, PROCESS, SimClock, Turns
from tests.sim.verdict import Ledger
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
    cast: Cast = field(default_factory=Cast)


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
        self.cast = self.plan.cast
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
        everybody = (*IN_TEAMS, *IN_BOTH, RELAY)
        self.places = [
            *(self.teams.open_chat(f"chat{n}", *everybody) for n in range(CHATS)),
            *(self.teams.open_channel(f"channel{n}", *everybody) for n in range(CHANNELS)),
        ]
        self.rooms = {place: self.matrix.open_room(place) for place in self.places}
        self.bridged: dict[Place, set[MessageRef]] = {place: set() for place in self.places}
        """Messages of Teams that a process has posted."""
        self.misdeeds: list[str] = []
        self.people = People(self.random, self.teams, self.matrix, self.cast)
        self.judge = Judge(
            cast=self.cast,
            store=self.store,
            teams=self.teams,
            matrix=self.matrix,
            people=self.people,
            ledger=self.ledger,
            rooms=self.rooms,
            bridged=self.bridged,
        )
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
        for loss in self.cast.losses:
            self.turns.plan(loss.after, lambda one=loss: self._lose(one))  # type: ignore[misc]
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
            wrongs = [*self.misdeeds, *self.judge.wrongs()]
            if not wrongs or self.turns.now >= end:
                return wrongs

    async def _open_portals(self) -> None:
        """Rooms that exist, as in a bridge that is in use."""
        process = Process(self, 0)
        process.journal.moment = _undisturbed
        async with process.journal.unit() as unit:
            portals = await unit.portals(self.places)
        for number, (place, portal) in enumerate(portals.items()):
            direction = self.cast.directions[number]
            self.store.portals[place] = replace(
                portal,
                room=self.rooms[place],
                relayed=self.cast.relayed[number],
                direction=Direction.BOTH if Protection.DIRECTION in self.without else direction,
            )
        for who in (*IN_BOTH, RELAY):
            account = StoredAccount(user=matrix_user(who), number=self.store.next_id())
            self.store.accounts[who] = account

    async def _until(self, end: datetime) -> None:
        while await self.turns.step(end):
            self._interfere()
            if self.turns.steps > STEPS_MAX:
                raise AssertionError("the simulation does not come to rest")

    def _act(self, place: Place, number: int) -> None:
        if number % 2:
            self.people.act_in_teams(self.judge.looks(place))
        else:
            self.people.act_in_matrix(self.judge.looks(place))

    # --- sign-ins ---

    def _lose(self, loss: Loss) -> None:
        self._count("sign-ins lost", loss.who)
        self.teams.signed_out.add(loss.who)
        self.turns.plan(loss.duration, lambda: self._sign_in(loss.who))

    def _sign_in(self, who: str) -> None:
        """Whoever comes to a process that dies, even before it has begun, tries it once more."""
        if who in self.teams.signed_out:
            if self.processes:
                process = self.random.choice(self.processes)
                _ = process.spawn(process.sign_in(who))
            self.turns.plan(REPEATED_AFTER, lambda: self._sign_in(who))

    # --- what must not happen ---

    def note_crossing(self, new: NewDelivery) -> None:
        """Look at what is about to cross."""
        number, place = next(
            (n, p) for n, p in enumerate(self.places) if self.store.portals[p].id == new.portal
        )
        what = f"{place.conversation}: {new.event}"
        if not self.cast.directions[number].carries(new.target.other):
            self.misdeeds.append(f"crosses although it is closed: {what}")
        if new.target is Side.TEAMS:
            event = self.matrix.event(new.source)
            edit = isinstance(new.event, MessageSent)
            if event is not None and edit and (is_ours(event["sender"]) or is_marked(event)):
                self.misdeeds.append(f"an echo is said: {what}")
        elif isinstance(new.event, MessageSent) and new.source in self.bridged[place]:
            excused = new.event.again or new.source in self.judge.undecided(place).named
            self.misdeeds += [] if excused else [f"an echo is said: {what}"]

    def note_kept_out(self, side: Side, seen: Sequence[Seen], reasons: Sequence[str]) -> None:
        """Compare what was read of closed conversations with what was ignored for that."""
        origins = {
            origin
            for number, place in enumerate(self.places)
            if not self.cast.directions[number].carries(side)
            for origin in (place, self.rooms[place])
        }
        wanted = [f"mirror_to_{side}"] * sum(one.origin in origins for one in seen)
        counted = [reason for reason in reasons if reason in KEPT_OUT]
        if wanted != counted and Protection.DIRECTION not in self.without:
            self.misdeeds.append(f"kept out: {len(wanted)}; counted: {counted}")
        if wanted:
            self._count("kept out", side)

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
        self._note_posted(entry)
        if self.turns.chance(self.weather.lost):
            self._count("notifications lost", str(entry.position))
            return
        times = 2 if self.turns.chance(self.weather.doubled) else 1
        for _ in range(times):
            delay = timedelta(milliseconds=50)
            if self.turns.chance(self.weather.delayed):
                delay = timedelta(seconds=DELAY_MAX_S * self.random.random())
            self.turns.plan(delay, lambda: self._call(entry))

    def _note_posted(self, entry: NewEntry) -> None:
        """Remember what a process has posted; people act outside of processes."""
        if PROCESS.get() == PEOPLE:
            return
        notice = read_entry(entry.raw)
        if isinstance(notice, Notice) and notice.change == "created":
            self.bridged[notice.address.place].add(notice.address.ref)

    def _call(self, entry: NewEntry) -> None:
        if not self.processes:
            self.turns.plan(REPEATED_AFTER, lambda: self._call(entry))
            return
        process = self.random.choice(self.processes)
        now = process.clock.now()
        seen = replace(entry, received_at=now, due_at=now + WINDOW)

        def answered(well: bool) -> None:
            if not well:
                self.turns.plan(REPEATED_AFTER, lambda: self._call(entry))

        process.ask(seen, answered)

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
        self.random.choice(self.processes).ask(self.queue[0], self._answered)

    def _answered(self, well: bool) -> None:
        self.pushing = False
        if well:
            self.queue.popleft()
            self._push_next()
        else:
            self.turns.plan(REPEATED_AFTER, self._push_next)


async def _undisturbed(_name: str) -> None:
    return


async def simulate(plan: Plan, *, trace: bool = False) -> tuple[Sequence[str], dict[str, int]]:
    """Play one seed; return what is wrong in the end, and what had gone wrong on the way."""
    async with asyncio.TaskGroup() as group:
        world = World(plan, group, trace=trace)
        wrongs = await world.run()
    return wrongs, world.counts | {"undecided": world.judge.set_aside()}


def plan_of(seed: int, *, without: frozenset[Protection] = frozenset()) -> Plan:
    """Draw the circumstances of a seed: one process or two, what the networks remember."""
    return Plan(
        seed=seed,
        without=without,
        processes=1 + seed % 2,
        has_devices=seed % 3 != 0,
        keeps_traces=seed % 5 != 0,
        cast=drawn(seed),
    )
