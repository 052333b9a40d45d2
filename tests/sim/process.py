"""One bridge process of the simulation: the real loops on the fakes, and what interferes with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from typing_extensions import override

from bridge.domain.events import Request, Seen
from bridge.domain.ids import MessageRef, Place, PortalId, RoomId, Side
from bridge.domain.portal import Portal
from bridge.errors import StoreUnavailable, Undecidable
from bridge.matrix.echo import is_marked
from bridge.ports import Delivery, Desk, Entry, NewDelivery, NewEntry, Room, Run, Turn
from bridge.relay.intake import Intake
from bridge.relay.items import Says
from bridge.relay.loops import POLL, STORE_AWAY_WAIT, Loop, Step
from bridge.relay.plan import GATE_PATIENCE, Plan
from bridge.relay.reconcile import RENEW_EVERY
from bridge.relay.turns import Read, Trouble
from bridge.relay.worker import Worker
from tests.kit.fake_journal import LEASE, FakeJournal, FakeUnit
from tests.kit.fake_matrix_endpoint import FakeMatrixEndpoint
from tests.kit.fake_sign_ins import FakeAwaiting, mend, sign_in
from tests.kit.fake_store import StoredEntry, StreamKey, delivery_of
from tests.kit.fake_teams_endpoint import FakeTeamsEndpoint
from tests.sim.cast import RELAY, matrix_user, says
from tests.sim.turns import PROCESS, SimClock
from tests.sim.verdict import Ledger
from tests.sim.weather import Protection

if TYPE_CHECKING:
    from tests.sim.world import World

CATCH_UP_EVERY = timedelta(seconds=20)
OVERLAP = timedelta(minutes=1)
TRY_EVERY = timedelta(seconds=20)
"""So often a sign-in is tried that was refused; in earnest once an hour."""
RELAY_USER = matrix_user(RELAY)
LANES = 2
"""In which a process reads what a side has pushed."""


class SilentDesk(Desk):
    """Nobody asks anything here."""

    @override
    async def serve(self, request: Request) -> None:
        return


class SimUnit(FakeUnit):
    """Without the gate nothing is ever in the air."""

    gate = True
    ledger: Ledger
    world: World

    @override
    async def in_the_air(
        self, portals: Collection[PortalId], target: Side
    ) -> set[tuple[PortalId, str]]:
        found = await super().in_the_air(portals, target)
        return found if self.gate else set()

    @override
    async def hold(self, entry: Entry, *, until: datetime, error: str | None) -> None:
        await super().hold(entry, until=until, error=error)
        if error is None and self._journal.clock.now() - entry.received_at >= GATE_PATIENCE:
            self.ledger.waited_long(entry)

    @override
    def is_new(self, new: NewDelivery) -> bool:
        return super().is_new(new) or not self.gate

    @override
    async def append(self, deliveries: Sequence[NewDelivery], *, presumed: bool = False) -> None:
        await super().append(deliveries, presumed=presumed)
        for new in deliveries:
            conversation = self._store.portal(new.portal).place
            self.ledger.decided(f"{conversation.tenant}/{conversation.conversation}/{new.source}")

    @override
    def stored(self, new: NewDelivery) -> None:
        self.world.note_crossing(new)


class SimJournal(FakeJournal):
    """The fake journal with protections that can be switched off."""

    def __init__(self, world: World, clock: SimClock, name: str) -> None:
        super().__init__(world.store, clock, owner=name, moment=world.store_moment)
        self.world = world
        without = world.without

        class Unit(SimUnit):
            gate = Protection.GATE not in without
            ledger = world.ledger

        Unit.world = world
        self.unit_kind = Unit

    @override
    def note_claimed(self, entries: Sequence[StoredEntry]) -> None:
        for entry in entries:
            self.world.ledger.taken(entry.new)

    @override
    async def turn(self, delivery: Delivery) -> Turn:
        turn = await super().turn(delivery)
        return Turn.OURS if Protection.CONFIRM in self.world.without else turn

    @override
    async def claim_runs(self, target: Side, *, room: Room, length_max: int) -> tuple[Run, ...]:
        runs = await super().claim_runs(target, room=room, length_max=length_max)
        if Protection.STREAM_LOCK in self.world.without:
            keys = [key for key in self.store.streams if key[1] is target]
            runs += tuple(run for key in keys if (run := self._break_in(key)))
        return runs

    def _break_in(self, key: StreamKey) -> Run | None:
        """Take what another worker of the same stream has not begun."""
        waiting = [d for d in self.store.open_of(key) if d.state == "queued"]
        if not waiting or self.store.streams[key].owner is None:
            return None
        stored = waiting[0]
        stored.state, stored.attempts = "sending", stored.attempts + 1
        portal = self.store.portal(key[0])
        return Run(portal=portal, target=key[1], deliveries=(delivery_of(portal, stored),))


class SimIntake(Intake):
    """Lets the world know what was kept out, and for which reasons."""

    world: World

    @override
    def _count(
        self, read: Sequence[Read], plan: Plan, troubles: Sequence[Trouble], *, strangers: int
    ) -> None:
        super()._count(read, plan, troubles, strangers=strangers)
        seen = [seen for one in read for seen in one.reading.sightings]
        self.world.note_kept_out(self.source.side, seen, plan.ignored)


class SimAwaiting(FakeAwaiting):
    """Lets the ledger know what waits."""

    def __init__(self, journal: SimJournal) -> None:
        super().__init__(journal)
        self._world = journal.world

    @override
    def note_waiting(self, delivery: Delivery) -> None:
        self._world.ledger.waited.add(delivery.source)


class SimTeams(FakeTeamsEndpoint):
    """Cannot look for what it has sent, or for the post of a reply, or guesses, if told so."""

    finds = True
    recalls = True
    doubts = True

    @override
    async def recall(self, place: Place, ref: MessageRef) -> bool:
        return await super().recall(place, ref) if self.recalls else False

    @override
    async def find(self, delivery: Delivery) -> MessageRef | None:
        if not self.finds:
            return None
        try:
            return await super().find(delivery)
        except Undecidable:
            if self.doubts:
                raise
            return None


class SimMatrix(FakeMatrixEndpoint):
    """Cannot recognise what it has sent, if told so."""

    finds = True

    @override
    async def find(self, delivery: Delivery) -> MessageRef | None:
        return await super().find(delivery) if self.finds else None


class Process:
    """Everything that dies together."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.name = f"process {number}"
        self.clock = SimClock(world.turns)
        self.journal = SimJournal(world, self.clock, self.name)
        self.teams = SimTeams(world.teams, self.journal)
        self.teams.sign_in_of = lambda who: world.store.accounts[who].number
        self.teams.finds = Protection.FIND not in world.without
        self.teams.recalls = Protection.RECALL not in world.without
        self.teams.doubts = Protection.DOUBT not in world.without
        self.matrix = SimMatrix(
            world.matrix, room_made=self._room_made, own_accounts=world.cast.accounts
        )
        self.matrix.finds = Protection.MARKER not in world.without
        self.tasks: dict[asyncio.Task[None], None] = {}
        """In the order in which they began: a set has them in that of their addresses."""

    def start(self) -> None:
        for loop in self._loops():
            for _lane in range(LANES if isinstance(loop, Intake) else 1):
                _ = self.spawn(self._repeat(loop))
        _ = self.spawn(self._renew())
        _ = self.spawn(self._catch_up())
        if self.world.cast.losses:
            _ = self.spawn(self._try_sign_ins())

    def _loops(self) -> tuple[Loop, ...]:
        journal, clock, desk = self.journal, self.clock, SilentDesk()
        from_teams = SimIntake(self.teams, self.matrix, journal, clock, speaker=_author, desk=desk)
        from_matrix = SimIntake(
            self.matrix, self.teams, journal, clock, speaker=_account, desk=desk
        )
        from_teams.world = from_matrix.world = self.world
        to_teams = Worker(self.teams, journal, clock, run_length_max=1)
        if Protection.AWAIT not in self.world.without:
            to_teams.awaiting = SimAwaiting(journal)
        return from_teams, from_matrix, Worker(self.matrix, journal, clock), to_teams

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run something in this process."""
        token = PROCESS.set(self.name)
        task = self.world.group.create_task(work)
        PROCESS.reset(token)
        self.tasks[task] = None
        task.add_done_callback(lambda ended: self.tasks.pop(ended, None))
        return task

    def kill(self) -> None:
        for task in tuple(self.tasks):
            task.cancel()

    def ask(self, entry: NewEntry, answered: Callable[[bool], None]) -> None:
        """Be called by a network; say whether that was answered well, also if this process dies."""
        taken: list[bool] = []

        async def take() -> None:
            with suppress(StoreUnavailable):
                await self._append([entry])
                taken.append(True)

        self.spawn(take()).add_done_callback(lambda _: answered(bool(taken)))

    async def _append(self, entries: Sequence[NewEntry]) -> None:
        """Store what is not our own doing, known by its mark: the web layer and the feed leave it out."""
        if Protection.MARK not in self.world.without:
            entries = [entry for entry in entries if not is_own(entry)]
        if entries:
            await self.journal.append_entries(entries)
        for entry in entries:
            self.world.ledger.arrived(entry)

    async def sign_in(self, who: str) -> None:
        """Let somebody sign in to Teams again, unless the store is away."""

        def accept() -> None:
            self.world.teams.signed_out.discard(who)

        with suppress(StoreUnavailable):
            user = matrix_user(who)
            await sign_in(self.journal, user, who, relay_account=RELAY_USER, accept=accept)

    async def _try_sign_ins(self) -> None:
        """As the reminder does, but sooner."""
        while True:
            await self.clock.sleep(TRY_EVERY)
            accounts = self.world.store.accounts
            for who in [who for who, account in accounts.items() if account.refused]:
                with suppress(StoreUnavailable):
                    if who not in self.world.teams.signed_out:
                        await mend(self.journal, who, relay_account=RELAY_USER)

    async def _repeat(self, loop: Loop) -> None:
        while True:
            try:
                # In a task of its own, as the bridge does: another may go on with what it has in hand.
                found = await asyncio.get_running_loop().create_task(loop.step())
            except StoreUnavailable:
                await self.clock.sleep(STORE_AWAY_WAIT)
                continue
            if found is not Step.SOME:
                await self.clock.sleep(POLL)

    async def _renew(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                await self.journal.renew_leases()
            await self.clock.sleep(min(RENEW_EVERY, LEASE / 4))

    async def _catch_up(self) -> None:
        while Protection.CATCH_UP not in self.world.without:
            with suppress(StoreUnavailable):
                await self._look_at_matrix()
                await self._look_at_teams()
            await self.clock.sleep(CATCH_UP_EVERY)

    async def _look_at_matrix(self) -> None:
        world = self.world
        entries, token = world.matrix.found_since(world.sync_token)
        if entries:
            await self._append(entries)
        world.sync_token = max(world.sync_token, token)

    async def _look_at_teams(self) -> None:
        world = self.world
        for place in world.places:
            since, until = world.read_until[place], world.turns.now
            entries = world.teams.found_since(place, since - OVERLAP)
            if entries:
                await self._append(entries)
            world.read_until[place] = max(world.read_until[place], until)

    async def _room_made(self, portal: Portal, room: RoomId) -> None:
        self.world.store.set_room(portal.id, room)


async def _author(seen: Sequence[Seen]) -> Mapping[str, Says]:
    return {one.author.id: one.author.id for one in seen}


async def _account(seen: Sequence[Seen]) -> Mapping[str, Says]:
    return {one.author.id: says(one.author.id) for one in seen}


def is_own(entry: NewEntry) -> bool:
    """Tell whether an event is one that we have sent as a person."""
    return entry.side is Side.MATRIX and is_marked(orjson.loads(entry.raw))


def at(moment: datetime) -> str:
    """Write a time of the simulation shortly."""
    return moment.strftime("%M:%S.%f")[:-3]
