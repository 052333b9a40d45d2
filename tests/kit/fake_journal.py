"""The journal in memory: the same promises as the one in Postgres, without a Postgres.

    FakeStore     what lies in the database; survives every process (`fake_store`)
    FakeJournal   one process's way to it; implements `ports.Journal`
    FakeUnit      one transaction of it

Both journals pass `tests/contract/test_journal.py`. Nothing here waits, draws numbers at random or
reads a clock of its own, so that a run is a function of who calls what in which order. A simulation
interferes through `moment`: it is awaited before ("claim_runs") and after ("claim_runs done") every
method takes effect, and may let others run, raise `StoreUnavailable`, or never return.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from bridge import ports
from bridge.domain.changes import Known
from bridge.domain.events import ReactionAdded
from bridge.domain.ids import DeliveryId, EntryId, MessageRef, Place, PortalId, RoomId, Side, UserId
from bridge.domain.portal import Portal
from bridge.ports import (
    AWAITED_FOR,
    AWAITING,
    Bell,
    Beside,
    Clock,
    Delivery,
    Entry,
    Far,
    Heard,
    Loss,
    NewDelivery,
    NewEntry,
    News,
    NotNew,
    Remembered,
    Room,
    Run,
    TakenOver,
    Turn,
    Unit,
)
from tests.kit.fake_changes import (
    beside,
    far_of,
    heard_of,
    is_anothers,
    known_of,
    note_delivered,
    remember,
)
from tests.kit.fake_store import (
    FakeClock,
    FakeStore,
    MessageKey,
    StoredDelivery,
    StoredEntry,
    StoredStream,
    StreamKey,
    delivery_of,
    entry_of,
    in_reading_order,
    is_after_own,
)

__all__ = ["LEASE", "FakeClock", "FakeJournal", "FakeStore", "FakeUnit"]

LEASE = timedelta(seconds=3)

Moment = Callable[[str], Awaitable[None]]


async def _undisturbed(_name: str) -> None:
    return


class FakeJournal(ports.Journal):
    """One process's way to the store."""

    def __init__(
        self,
        store: FakeStore,
        clock: Clock,
        *,
        owner: str = "process",
        moment: Moment = _undisturbed,
    ) -> None:
        self.store = store
        self.clock = clock
        self.owner = owner
        self.moment = moment
        self._entries_bells = {side: Bell() for side in Side}
        self._streams_bells = {side: Bell() for side in Side}
        self._reading: dict[EntryId, object] = {}
        self._claiming = {side: asyncio.Lock() for side in Side}
        self._carrying: dict[StreamKey, Run] = {}
        self._doubtful: set[DeliveryId] = set()
        self.unit_kind: type[FakeUnit] = FakeUnit

    # --- entries ---

    @override
    async def append_entries(self, entries: Sequence[NewEntry]) -> int:
        await self.moment("append_entries")
        there = {(e.new.side, e.new.key) for e in self.store.inbox.values()}
        there |= {(Side.MATRIX, key) for key in self.store.taken_in}
        new = 0
        for entry in entries:
            if (entry.side, entry.key) not in there:
                there.add((entry.side, entry.key))
                stored = StoredEntry(
                    id=EntryId(self.store.next_id()), new=entry, due_at=entry.due_at
                )
                self.store.inbox[stored.id] = stored
                self._entries_bells[entry.side].set()
                new += 1
        await self.moment("append_entries done")
        return new

    @override
    async def claim_entries(self, side: Side, *, limit: int) -> tuple[Entry, ...]:
        async with self._claiming[side]:
            return await self._claim_entries(side, limit)

    async def _claim_entries(self, side: Side, limit: int) -> tuple[Entry, ...]:
        await self.moment("claim_entries")
        self._let_go_of_entries(side)
        now = self.clock.now()
        rows = [e for e in self.store.inbox.values() if e.new.side is side and not e.parked]
        busy = {e.new.conversation for e in rows if e.is_leased(now)}
        free = [e for e in rows if e.new.conversation not in busy]
        chosen = in_reading_order(free, limit, now)
        for entry in chosen:
            entry.owner, entry.lease_until = self.owner, now + LEASE
        self.note_claimed(chosen)
        await self.moment("claim_entries done")
        self._reading |= dict.fromkeys([e.id for e in chosen], asyncio.current_task())
        return tuple(map(entry_of, chosen))

    def note_claimed(self, entries: Sequence[StoredEntry]) -> None:
        """For a simulation that wants to know when an entry was taken in hand."""

    def _let_go_of_entries(self, side: Side) -> None:
        """A reader that claims again has let go of what it neither settled nor gave back.

        And nobody knows of what was claimed without an answer.
        """
        reader = asyncio.current_task()
        for id_ in [i for i, who in self._reading.items() if who is reader]:
            if (entry := self.store.inbox.get(id_)) is None or entry.new.side is side:
                del self._reading[id_]
        for entry in self.store.inbox.values():
            ours = entry.owner == self.owner and entry.new.side is side
            if ours and entry.id not in self._reading:
                entry.give_back()

    # --- runs ---

    @override
    async def claim_runs(self, target: Side, *, room: Room, length_max: int) -> tuple[Run, ...]:
        await self.moment("claim_runs")
        self._let_go_of_streams(target)
        now = self.clock.now()
        due = sorted(
            (stream.due_at, key, stream.behind)
            for key, stream in self.store.streams.items()
            if key[1] is target and stream.due_at is not None and stream.due_at <= now
        )
        fresh = [key for _, key, behind in due if not behind][: min(room.runs, room.fresh)]
        behind = [key for _, key, behind in due if behind]
        behind = behind[: min(room.runs - len(fresh), room.behind)]
        runs = [self._claim_run(key, length_max) for key in fresh + behind]
        await self.moment("claim_runs done")
        claimed = tuple(run for run in runs if run is not None)
        self._carrying |= {(run.portal.id, target): run for run in claimed}
        return claimed

    def _let_go_of_streams(self, target: Side) -> None:
        """A claim whose answer never came has leased streams that nobody here knows of."""
        for key, stream in self.store.streams.items():
            if key[1] is target and stream.owner == self.owner and key not in self._carrying:
                stream.owner, stream.due_at = None, self.clock.now()

    def _claim_run(self, key: StreamKey, length_max: int) -> Run | None:
        now = self.clock.now()
        stream = self.store.streams[key]
        head = self.store.open_of(key)[:length_max]
        waits = next((i for i, d in enumerate(head) if d.due_at > now), len(head))
        if waits == 0:
            stream.owner, stream.due_at = None, head[0].due_at if head else None
            stream.behind = bool(head)
            return None
        for delivery in head[:waits]:
            delivery.uncertain = delivery.uncertain or delivery.state == "sending"
            delivery.state = "sending"
            delivery.attempts += 1
        stream.owner, stream.due_at = self.owner, now + LEASE
        portal = self.store.portal(key[0])
        return Run(
            portal=portal,
            target=key[1],
            deliveries=tuple(delivery_of(portal, delivery) for delivery in head[:waits]),
            behind=stream.behind,
        )

    @override
    async def delivered(self, delivery: Delivery, ref: MessageRef) -> None:
        self._doubtful.add(delivery.id)
        await self.moment("delivered")
        if not is_anothers(self.store, delivery, ref):
            note_delivered(self.store, delivery, ref, self.clock.now())
            self.store.deliveries.pop(delivery.id, None)
        self._doubtful.discard(delivery.id)
        await self.moment("delivered done")

    @override
    async def far(self, delivery: Delivery) -> Far:
        await self.moment("far")
        return far_of(self.store, delivery)

    @override
    async def turn(self, delivery: Delivery) -> Turn:
        await self.moment("turn")
        stored = self.in_hand(delivery)
        turn = Turn.NOT_OURS
        if stored is not None and not self._goes_behind(stored):
            turn = Turn.HELD_BACK if is_after_own(self.store, stored) else Turn.OURS
        await self.moment("turn done")
        return turn

    def _goes_behind(self, stored: StoredDelivery) -> bool:
        place = (stored.new.position, stored.id)
        stream = self.store.open_of((stored.new.portal, stored.new.target))
        return any(d.state == "queued" and (d.new.position, d.id) < place for d in stream)

    @override
    async def retry(
        self, delivery: Delivery, *, at: datetime, error: str, spent: bool, uncertain: bool
    ) -> None:
        await self.moment("retry")
        if stored := self.in_hand(delivery):
            stored.state, stored.due_at, stored.error = "queued", at, error
            stored.uncertain = uncertain
            stored.attempts -= 0 if spent else 1
        await self.moment("retry done")

    @override
    async def park(self, delivery: Delivery, *, reason: str) -> None:
        await self.moment("park")
        if stored := self.in_hand(delivery):
            stored.state, stored.error, stored.uncertain = "parked", reason, True
        await self.moment("park done")

    def in_hand(self, delivery: Delivery) -> StoredDelivery | None:
        stored = self.store.deliveries.get(delivery.id)
        stream = self.store.streams[delivery.portal.id, delivery.target]
        if stored is None or stored.state != "sending" or stream.owner != self.owner:
            return None
        # Every claim counts an attempt: this one may have been claimed anew, by the same process.
        return stored if stored.attempts == delivery.attempts else None

    @override
    async def release(self, run: Run) -> None:
        await self.moment("release")
        key = (run.portal.id, run.target)
        if self._carrying.get(key) is run:
            del self._carrying[key]
            if self.store.streams[key].owner == self.owner:
                self._release(run, key)
        await self.moment("release done")

    def _release(self, run: Run, key: StreamKey) -> None:
        now = self.clock.now()
        stream = self.store.streams[key]
        for delivery in run.deliveries:
            stored = self.store.deliveries.get(delivery.id)
            if stored is not None and stored.state == "sending":
                stored.state = "queued"
                if delivery.id in self._doubtful:
                    stored.uncertain = True
                else:
                    stored.attempts -= 1
        head = self.store.open_of(key)[:1]
        stream.owner, stream.due_at = None, max(head[0].due_at, now) if head else None
        stream.behind = bool(head)
        if stream.due_at is not None and stream.due_at <= now:
            self._streams_bells[run.target].set()

    @override
    async def renew_leases(self) -> None:
        await self.moment("renew_leases")
        until = self.clock.now() + LEASE
        for id_ in self._reading:
            entry = self.store.inbox.get(id_)
            if entry is not None and entry.owner == self.owner:
                entry.lease_until = until
        for key in self._carrying:
            if self.store.streams[key].owner == self.owner:
                self.store.streams[key].due_at = until
        await self.moment("renew_leases done")

    # --- units and bells ---

    @override
    def unit(self) -> AbstractAsyncContextManager[Unit]:
        return self._unit()

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Unit]:
        await self.moment("unit")
        unit = self.unit_kind(self)
        yield unit
        await self.moment("commit")
        if not all(unit.is_new(delivery) for delivery in unit.presumed):
            raise NotNew
        if not all(entry.id in self.store.inbox for entry in unit.settled):
            raise TakenOver
        for write in unit.writes:
            write()
        for entry in unit.given_back:
            self._reading.pop(entry.id, None)
            self._entries_bells[entry.side].set()
        for delivery in unit.appended:
            self._streams_bells[delivery.target].set()
        await self.moment("commit done")

    @override
    def entries_bell(self, side: Side) -> Bell:
        return self._entries_bells[side]

    @override
    def streams_bell(self, target: Side) -> Bell:
        return self._streams_bells[target]


class FakeUnit(Unit):
    """Reads what is committed and what it has appended itself; its writes wait for the commit."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal
        self._store = journal.store
        self.writes: list[Callable[[], None]] = []
        self.settled: list[Entry] = []
        self.given_back: list[Entry] = []
        self.appended: list[NewDelivery] = []
        self.presumed: list[NewDelivery] = []

    @override
    async def portals(self, places: Collection[Place]) -> Mapping[Place, Portal]:
        await self._journal.moment("portals")
        # Made at once, unlike in Postgres: a portal without deliveries is of no consequence.
        for place in sorted(places):
            if place not in self._store.portals:
                portal = Portal(id=PortalId(self._store.next_id()), place=place, room=None)
                self._store.portals[place] = portal
        return {place: self._store.portals[place] for place in places}

    @override
    async def portals_of(self, rooms: Collection[RoomId]) -> Mapping[RoomId, Portal]:
        await self._journal.moment("portals_of")
        return {p.room: p for p in self._store.portals.values() if p.room and p.room in rooms}

    @override
    async def known(
        self, side: Side, messages: Collection[MessageKey]
    ) -> Mapping[MessageKey, Known]:
        await self._journal.moment("known")
        found = {key: known_of(self._store, side, key) for key in messages}
        for new in self.appended:
            key = (new.portal, new.source)
            if new.target is side.other and key in found and found[key] is None:
                found[key] = Known(
                    origin=side, version=new.event.version, author=new.event.author.id
                )
        return {key: known for key, known in found.items() if known is not None}

    @override
    async def heard(self, reactions: Collection[MessageKey]) -> Mapping[MessageKey, Heard]:
        await self._journal.moment("heard")
        found = {key: heard_of(self._store, key) for key in reactions}
        return {key: heard for key, heard in found.items() if heard is not None}

    @override
    async def beside(self, events: Collection[MessageKey]) -> Mapping[MessageKey, Beside]:
        await self._journal.moment("beside")
        found = {key: beside(self._store, key) for key in events}
        return {key: one for key, one in found.items() if one is not None}

    @override
    async def busy(self, portals: Collection[PortalId], target: Side) -> set[PortalId]:
        await self._journal.moment("busy")
        return {
            d.new.portal
            for d in self._store.deliveries.values()
            if d.new.portal in portals and d.new.target is target and d.is_in_the_air
        }

    @override
    async def in_the_air(
        self, portals: Collection[PortalId], target: Side
    ) -> set[tuple[PortalId, str]]:
        await self._journal.moment("in_the_air")
        return {
            (d.new.portal, d.new.speaker)
            for d in self._store.deliveries.values()
            if d.new.portal in portals and d.new.target is target and d.is_in_the_air
        }

    @override
    async def append(self, deliveries: Sequence[NewDelivery], *, presumed: bool = False) -> None:
        await self._journal.moment("append")
        self.appended.extend(deliveries)
        if presumed:
            self.presumed.extend(deliveries)
        self.writes.append(lambda: self._append(deliveries))

    def is_new(self, new: NewDelivery) -> bool:
        """Nothing is known of its message, and it cannot be the echo of something in the air."""
        store, source = self._store, new.target.other
        if store.link_of(source, _key(new)):
            return False
        for d in store.deliveries.values():
            if d.new.portal != new.portal:
                continue
            if d.new.target is new.target and d.new.source == new.source:
                return False
            echo = d.new.target is source and d.new.speaker == new.speaker
            if source is Side.TEAMS and echo and d.is_in_the_air:
                return False
        return True

    def _append(self, deliveries: Sequence[NewDelivery]) -> None:
        now = self._journal.clock.now()
        # Judged before the first of them is written: its parts belong together.
        linked = {_message(d) for d in deliveries if self._store.link_of(d.target.other, _key(d))}
        for new in deliveries:
            stream = self._store.streams.setdefault(
                (new.portal, new.target), StoredStream(due_at=None)
            )
            # Also when both come in this batch.
            stream.behind = stream.due_at is not None
            stream.due_at = now if stream.due_at is None else stream.due_at
            there = any(_slot(d.new) == _slot(new) for d in self._store.deliveries.values())
            sent = new.event.slot == "" and _message(new) in linked
            if not there and not sent and not self._has_reacted(new):
                id_ = DeliveryId(self._store.next_id())
                self._store.deliveries[id_] = StoredDelivery(
                    id=id_, new=new, created_at=now, due_at=now, uncertain=new.doubtful
                )
                self.stored(new)

    def stored(self, new: NewDelivery) -> None:
        """For a simulation that wants to know what is about to cross."""

    def _has_reacted(self, new: NewDelivery) -> bool:
        return isinstance(new.event, ReactionAdded) and any(
            (r.portal, r.matrix_event) == _key(new) for r in self._store.reactions
        )

    @override
    async def remember(self, states: Sequence[Remembered]) -> None:
        if states:
            await self._journal.moment("remember")
        self.writes.extend(lambda s=s: remember(self._store, s) for s in states)  # type: ignore[misc]

    @override
    async def note(self, news: Sequence[News]) -> None:
        self.writes.append(lambda: self._store.news.extend(news))

    @override
    async def lose(self, losses: Sequence[Loss]) -> None:
        self.writes.append(lambda: self._store.losses.update(losses))

    @override
    async def settle(self, entries: Collection[Entry]) -> None:
        await self._journal.moment("settle")
        self.given_back.extend(entries)
        self.settled.extend(entries)
        self.writes.extend(lambda e=e: self._settle(e) for e in entries)  # type: ignore[misc]

    def _settle(self, entry: Entry) -> None:
        gone = self._store.inbox.pop(entry.id, None)
        if gone is not None and gone.new.side is Side.MATRIX:
            self._store.taken_in.add(gone.new.key)

    @override
    async def hold(self, entry: Entry, *, until: datetime, error: str | None) -> None:
        await self._journal.moment("hold")
        self.given_back.append(entry)
        self.writes.append(lambda: self._hold(entry, until, error))

    def _hold(self, entry: Entry, until: datetime, error: str | None) -> None:
        if stored := self._in_hand(entry):
            stored.give_back()
            stored.due_at = until
            stored.attempts += 0 if error is None else 1
            stored.error = error or stored.error

    @override
    async def await_sign_in(
        self, entry: Entry, user: UserId, *, reason: str, sign_in: int | None
    ) -> None:
        await self._journal.moment("await_sign_in")
        self.given_back.append(entry)
        self.writes.append(lambda: self._await(entry, user, reason, sign_in))

    def _await(self, entry: Entry, user: UserId, reason: str, sign_in: int | None) -> None:
        if stored := self._in_hand(entry):
            stored.give_back()
            stored.error = reason
            if self._store.signed_in.get(user) != sign_in:
                stored.due_at = self._journal.clock.now()
                return
            stored.due_at = entry.received_at + AWAITED_FOR
            apart = f"{stored.new.conversation}{AWAITING}{user}"
            stored.new = stored.new if stored.awaits else replace(stored.new, conversation=apart)
            stored.awaits = user

    @override
    async def park_entry(self, entry: Entry, reason: str) -> None:
        await self._journal.moment("park_entry")
        self.given_back.append(entry)
        self.writes.append(lambda: self._park(entry, reason))

    def _park(self, entry: Entry, reason: str) -> None:
        if stored := self._in_hand(entry):
            stored.give_back()
            stored.parked, stored.error = True, reason

    def _in_hand(self, entry: Entry) -> StoredEntry | None:
        stored = self._store.inbox.get(entry.id)
        return stored if stored is not None and stored.owner == self._journal.owner else None


def _key(new: NewDelivery) -> MessageKey:
    return new.portal, new.source


def _message(new: NewDelivery) -> tuple[PortalId, Side, MessageRef]:
    return new.portal, new.target, new.source


def _slot(new: NewDelivery) -> tuple[PortalId, Side, MessageRef, int, str]:
    return *_message(new), new.event.part, new.event.slot
