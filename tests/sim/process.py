"""One bridge process of the simulation: the real loops on the fakes, and what interferes with them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from bridge.domain.events import Request, Seen
from bridge.domain.ids import MessageRef, Place, PortalId, RoomId, Side
from bridge.domain.portal import Portal
from bridge.errors import StoreUnavailable
from bridge.ports import Delivery, Desk, Entry, NewDelivery, NewEntry, Room, Run
from bridge.relay.intake import Intake
from bridge.relay.loops import POLL, STORE_AWAY_WAIT, Loop, Step
from bridge.relay.plan import GATE_PATIENCE
from bridge.relay.reconcile import RENEW_EVERY
from bridge.relay.worker import Worker
from tests.kit.fake_journal import LEASE, FakeJournal, FakeUnit
from tests.kit.fake_matrix_endpoint import FakeMatrixEndpoint
from tests.kit.fake_store import StoredEntry, StreamKey, delivery_of
from tests.kit.fake_teams_endpoint import FakeTeamsEndpoint
from tests.sim.turns import PROCESS, SimClock
from tests.sim.verdict import Ledger
from tests.sim.weather import Protection

if TYPE_CHECKING:
    from tests.sim.world import World

CATCH_UP_EVERY = timedelta(seconds=20)
OVERLAP = timedelta(minutes=1)
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


class SimJournal(FakeJournal):
    """The fake journal with protections that can be switched off."""

    def __init__(self, world: World, clock: SimClock, name: str) -> None:
        super().__init__(world.store, clock, owner=name, moment=world.store_moment)
        self.world = world
        without = world.without

        class Unit(SimUnit):
            gate = Protection.GATE not in without
            ledger = world.ledger

        self.unit_kind = Unit

    @override
    def note_claimed(self, entries: Sequence[StoredEntry]) -> None:
        for entry in entries:
            self.world.ledger.taken(entry.new)

    @override
    async def is_ours(self, delivery: Delivery) -> bool:
        ours = await super().is_ours(delivery)
        return ours or Protection.CONFIRM in self.world.without

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


class SimTeams(FakeTeamsEndpoint):
    """Cannot look for what it has sent, or for the post of a reply, if told so."""

    finds = True
    recalls = True

    @override
    async def recall(self, place: Place, ref: MessageRef) -> bool:
        return await super().recall(place, ref) if self.recalls else False

    @override
    async def find(self, delivery: Delivery) -> MessageRef | None:
        return await super().find(delivery) if self.finds else None


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
        self.teams.finds = Protection.FIND not in world.without
        self.teams.recalls = Protection.RECALL not in world.without
        self.matrix = SimMatrix(world.matrix, room_made=self._room_made)
        self.matrix.finds = Protection.MARKER not in world.without
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        for loop in self._loops():
            for _lane in range(LANES if isinstance(loop, Intake) else 1):
                _ = self.spawn(self._repeat(loop))
        _ = self.spawn(self._renew())
        _ = self.spawn(self._catch_up())

    def _loops(self) -> tuple[Loop, ...]:
        journal, clock, desk = self.journal, self.clock, SilentDesk()
        return (
            Intake(self.teams, self.matrix, journal, clock, speaker=_author, desk=desk),
            Intake(self.matrix, self.teams, journal, clock, speaker=_account, desk=desk),
            Worker(self.matrix, journal, clock),
            Worker(self.teams, journal, clock, run_length_max=1),
        )

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run something in this process."""
        token = PROCESS.set(self.name)
        task = self.world.group.create_task(work)
        PROCESS.reset(token)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def kill(self) -> None:
        for task in tuple(self.tasks):
            task.cancel()

    async def take(self, entry: NewEntry) -> bool:
        """Be called by a network; return whether it was answered well."""
        with suppress(StoreUnavailable):
            await self.journal.append_entries([entry])
            self.world.ledger.arrived(entry)
            return True
        return False

    async def _repeat(self, loop: Loop) -> None:
        while True:
            try:
                found = await loop.step()
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
            await self.journal.append_entries(entries)
            for entry in entries:
                world.ledger.arrived(entry)
        world.sync_token = max(world.sync_token, token)

    async def _look_at_teams(self) -> None:
        world = self.world
        for place in world.places:
            since, until = world.read_until[place], world.turns.now
            entries = world.teams.found_since(place, since - OVERLAP)
            if entries:
                await self.journal.append_entries(entries)
                for entry in entries:
                    world.ledger.arrived(entry)
            world.read_until[place] = max(world.read_until[place], until)

    async def _room_made(self, portal: Portal, room: RoomId) -> None:
        self.world.store.set_room(portal.id, room)


async def _author(seen: Seen) -> str | None:
    return seen.author.id


async def _account(seen: Seen) -> str | None:
    """Everybody in Matrix has signed in, as the person of the same name."""
    return seen.author.id.removeprefix("@").partition(":")[0]


def at(moment: datetime) -> str:
    """Write a time of the simulation shortly."""
    return moment.strftime("%M:%S.%f")[:-3]
