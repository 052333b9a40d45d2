"""What the fake journal keeps, and the time it goes by.

FakeStore   what lies in the database; survives every process
FakeClock   a time that only its owner moves
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from bridge.domain.changes import Known, OwnChange
from bridge.domain.events import Event
from bridge.domain.ids import DeliveryId, EntryId, MessageRef, Place, PortalId, RoomId, Side, UserId
from bridge.domain.portal import Portal
from bridge.ports import (
    ENTRIES_OF_ONE_MAX,
    Clock,
    Delivery,
    Entry,
    Loss,
    NewDelivery,
    NewEntry,
    News,
)

BEGINNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

MessageKey = tuple[PortalId, MessageRef]
StreamKey = tuple[PortalId, Side]


class FakeClock(Clock):
    """Stands still until `advance`; whoever sleeps wakes when their time has come."""

    def __init__(self, start: datetime = BEGINNING) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    @override
    def now(self) -> datetime:
        return self._now

    def advance(self, duration: timedelta) -> None:
        self._now += duration
        for until, sleeper in self._sleepers:
            if until <= self._now and not sleeper.done():
                sleeper.set_result(None)
        self._sleepers = [s for s in self._sleepers if not s[1].done()]

    @override
    async def sleep(self, duration: timedelta) -> None:
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + duration, sleeper))
        await sleeper


@dataclass(slots=True, kw_only=True)
class StoredEntry:
    """A row of the inbox."""

    id: EntryId
    new: NewEntry
    due_at: datetime
    parked: bool = False
    attempts: int = 0
    error: str | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    awaits: UserId | None = None

    def is_leased(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > now

    def give_back(self) -> None:
        self.owner = self.lease_until = None


@dataclass(slots=True, kw_only=True)
class StoredDelivery:
    """A row of the deliveries."""

    id: DeliveryId
    new: NewDelivery
    created_at: datetime
    due_at: datetime
    state: str = "queued"
    uncertain: bool = False
    awaits_sign_in: bool = False
    behind: MessageRef | None = None
    attempts: int = 0
    error: str | None = None

    @property
    def is_in_the_air(self) -> bool:
        """Whether it may exist on the far side without our knowing."""
        return self.state == "sending" or (self.state == "queued" and self.uncertain)


@dataclass(slots=True, kw_only=True)
class StoredStream:
    """A row of the streams; `due_at` is the end of the lease while there is an owner."""

    due_at: datetime | None
    owner: str | None = None
    behind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLink:
    """A row of the links."""

    portal: PortalId
    message: MessageRef
    matrix_event: MessageRef
    origin: Side
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReaction:
    """A row of the reactions: of Teams by message, person and key; of Matrix by its event."""

    portal: PortalId
    message: MessageRef
    person: str
    key: str
    matrix_event: MessageRef


@dataclass(slots=True, kw_only=True)
class StoredAccount:
    """A row of the accounts, by its Teams user; `refused`: Microsoft takes its sign-in no more.

    `number`: that of the sign-in; another when it is good again.
    """

    user: str
    number: int
    refused: bool = False


def is_after_own(store: FakeStore, stored: StoredDelivery) -> bool:
    """Tell whether something that its author did there before waits for their sign-in."""

    def slot(one: StoredDelivery) -> tuple[object, ...]:
        return one.new.portal, one.new.target, one.new.speaker, one.new.event.author.id

    def place(one: StoredDelivery) -> tuple[int, int]:
        return one.new.position, one.id

    return any(
        other.awaits_sign_in
        and other.behind is None
        and slot(other) == slot(stored)
        and place(other) < place(stored)
        for other in store.deliveries.values()
    )


@dataclass(slots=True, kw_only=True)
class FakeStore:
    """What survives a process."""

    portals: dict[Place, Portal] = field(default_factory=dict)
    inbox: dict[EntryId, StoredEntry] = field(default_factory=dict)
    deliveries: dict[DeliveryId, StoredDelivery] = field(default_factory=dict)
    streams: dict[StreamKey, StoredStream] = field(default_factory=dict)
    links: list[StoredLink] = field(default_factory=list)
    former_links: list[StoredLink] = field(default_factory=list)
    """Of messages that were taken back, and are there again as other events."""
    reactions: list[StoredReaction] = field(default_factory=list)
    states: dict[tuple[PortalId, Side, MessageRef], Known] = field(default_factory=dict)
    own: dict[tuple[PortalId, Side, MessageRef], list[OwnChange]] = field(default_factory=dict)
    taken_in: set[str] = field(default_factory=set)
    """Keys of entries of Matrix that were read."""
    news: list[News] = field(default_factory=list)
    losses: set[Loss] = field(default_factory=set)
    accounts: dict[str, StoredAccount] = field(default_factory=dict)
    signed_in: dict[UserId, int] = field(default_factory=dict)
    last_id: int = 0

    def sign_in(self, user: UserId, now: datetime) -> None:
        """Let what waits for a user's sign-in go on."""
        self.signed_in[user] = self.next_id()
        for stored in self.inbox.values():
            if stored.awaits == user and stored.due_at > now:
                stored.due_at = now

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def set_room(self, portal: PortalId, room: RoomId) -> None:
        before = self.portal(portal)
        self.portals[before.place] = replace(before, room=room)

    def portal(self, portal: PortalId) -> Portal:
        return next(p for p in self.portals.values() if p.id == portal)

    def open_of(self, stream: StreamKey) -> list[StoredDelivery]:
        """Deliveries of a stream, in order, without the parked ones."""
        return [
            d
            for d in sorted(self.deliveries.values(), key=lambda d: (d.new.position, d.id))
            if (d.new.portal, d.new.target) == stream and d.state != "parked"
        ]

    def link_of(self, side: Side, key: MessageKey) -> StoredLink | None:
        found = [
            link
            for link in self.links
            if link.portal == key[0]
            and (link.message if side is Side.TEAMS else link.matrix_event) == key[1]
        ]
        return min(found, key=lambda link: link.event.part, default=None)


def in_reading_order(free: Sequence[StoredEntry], limit: int, now: datetime) -> list[StoredEntry]:
    """Conversations by what has been due longest; in each what is due, with everything before it.

    Those in which something was pushed go first, but a quarter is for what was found.
    """
    ranks = _ranks(free, limit, now)
    chosen: list[StoredEntry] = []
    so_far = of_finds = 0
    for name, (is_found, _) in sorted(ranks.items(), key=lambda item: (*item[1], item[0])):
        head = _head_of([e for e in free if e.new.conversation == name], now)
        for entry in head[: 10 * limit]:
            is_due = entry.due_at <= now
            so_far += is_due
            of_finds += is_due and is_found
            if so_far <= limit or (is_found and of_finds <= limit // 4):
                chosen.append(entry)
    return chosen


def _ranks(
    free: Sequence[StoredEntry], limit: int, now: datetime
) -> dict[str, tuple[bool, datetime]]:
    """Whether everything that is due in a conversation was found, and since when it has been due."""
    due = sorted((e for e in free if e.due_at <= now), key=lambda e: (e.due_at, e.id))
    letters = [entry for entry in due if not entry.new.found][:limit]
    finds = [entry for entry in due if entry.new.found][:limit]
    ranks: dict[str, tuple[bool, datetime]] = {}
    for entry in (*letters, *finds):
        is_found, since = ranks.get(entry.new.conversation, (True, entry.due_at))
        ranks[entry.new.conversation] = (
            is_found and entry.new.found,
            min(since, entry.due_at),
        )
    return ranks


def _head_of(conversation: Sequence[StoredEntry], now: datetime) -> list[StoredEntry]:
    ordered = sorted(conversation, key=lambda e: (e.new.position, e.id))
    due = [n for n, entry in enumerate(ordered) if entry.due_at <= now][:ENTRIES_OF_ONE_MAX]
    return ordered[: due[-1] + 1]


def entry_of(stored: StoredEntry) -> Entry:
    return Entry(
        id=stored.id,
        side=stored.new.side,
        conversation=stored.new.conversation,
        raw=stored.new.raw,
        received_at=stored.new.received_at,
        attempts=stored.attempts + 1,
        found=stored.new.found,
    )


def delivery_of(portal: Portal, stored: StoredDelivery) -> Delivery:
    return Delivery(
        id=stored.id,
        portal=portal,
        target=stored.new.target,
        source=stored.new.source,
        speaker=stored.new.speaker,
        event=stored.new.event,
        attempts=stored.attempts,
        resumed=stored.uncertain,
        created_at=stored.created_at,
    )
