"""The durable queues: what lies in them, and how it is taken out."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from bridge.domain.changes import Known
from bridge.domain.events import Event, MessageEdited, MessageSent
from bridge.domain.ids import (
    DeliveryId,
    EntryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    UserId,
    root_of,
)
from bridge.domain.portal import Portal
from bridge.domain.values import dataclass
from bridge.ports.bell import Bell
from bridge.ports.far import NOTHING, Beside, Far
from bridge.ports.news import Loss, News

AWAITING = "/awaiting/"
"""In the conversation of an entry that waits for a sign-in, before the user."""
AWAITED_FOR = timedelta(days=7)
"""What is older would be a surprise to everybody in the chat."""
ENTRIES_OF_ONE_MAX = 10
"""Due entries of one conversation that are read at a time: others do not wait for a hot one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """One raw thing a side pushed to us, as a hook hands it over.

    `key` makes it one and the same when it is pushed again; `conversation` is whatever string
    groups entries that must be read in order; `position` orders them within it: the time in
    ms at which, by its own side, the message was created or the event sent; it is not read before
    `due_at`. `found`: nobody pushed it, we came upon it when we looked; what it says may have been
    carried out by a process, or on a database, that is no more.
    """

    side: Side
    key: str
    conversation: str
    position: int
    raw: bytes
    received_at: datetime
    due_at: datetime
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One raw thing a side pushed to us, stored before it was understood, now claimed.

    `opened`: what was sealed in it, where an endpoint has opened it ahead.
    """

    id: EntryId
    side: Side
    conversation: str
    raw: bytes
    received_at: datetime
    attempts: int
    found: bool = False
    opened: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """An event decided to cross, not yet appended to its stream.

    `source` is what it is about, on the side it comes from: the message itself, or the reaction or
    redaction where they have names of their own. `speaker` is who will say it on the far side
    (Teams: the account's user id), which the echo gate goes by. `position` orders the stream among
    what is open: the time on the side it comes from, in ms.
    `doubtful`: it may have been carried out before, so look for it first.
    """

    portal: PortalId
    target: Side
    source: MessageRef
    speaker: str
    event: Event
    position: int = 0
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one side of one portal.

    `attempts` counts this one. `resumed` is true when an earlier attempt may have been carried out
    without our knowing: the process died in `sending`, the network's answer was `Uncertain`, or the
    delivery was doubtful from the beginning. `far` is filled in by the worker for events that refer
    to something; `told`: the sender was told that it has not arrived.
    """

    id: DeliveryId
    portal: Portal
    target: Side
    source: MessageRef
    speaker: str
    event: Event
    attempts: int
    resumed: bool
    created_at: datetime
    far: Far = NOTHING
    told: bool = False

    @property
    def thread(self) -> MessageRef | None:
        """What began the thread that this is said in, as the side where it was said names it."""
        event = self.event
        if isinstance(event, MessageSent):
            below = event.part and self.target is Side.TEAMS  # What is cut goes on below itself.
            return event.thread or (self.source if below else None)
        adds = isinstance(event, MessageEdited) and self.target is Side.MATRIX  # Parts, maybe.
        return root_of(event.target) if adds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A reaction of Matrix that is known: which matrix event it is on, whose, and its emoji."""

    target: MessageRef
    person: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What `side` shows of a message, to be held from now on.

    The own changes `consumed` need not be waited for any more.
    """

    portal: PortalId
    side: Side
    ref: MessageRef
    known: Known
    consumed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many runs a worker can take: of streams that are behind, of others (fresh), and in all.

    A stream is behind if more waited in it than its next delivery when it was last appended to or
    released. Each kind has room that the other cannot take, so that neither waits for the other.
    """

    runs: int
    fresh: int
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The head of a stream, leased to us: its open deliveries in order, all `sending` from now on.

    `behind`: the stream was, when it was claimed (see Room).
    """

    portal: Portal
    target: Side
    deliveries: tuple[Delivery, ...]
    behind: bool = False


class Turn(Enum):
    """Whose turn it is with a delivery that was claimed."""

    OURS = "ours"
    NOT_OURS = "not ours"
    """Another process has taken over, or something has come to go before it."""
    HELD_BACK = "held back"
    """It is ours, but what its author did there before waits for a sign-in."""


class TakenOver(Exception):
    """Something that was to be settled is settled already; nothing was carried out.

    Another process has read it meanwhile, or this one has, in a commit whose answer was lost.
    """


class NotNew(Exception):
    """What was presumed to be new is known, or may be an echo: look, and decide again."""


class Unit(Protocol):
    """What is written in it is one database transaction: leaving it commits, raising drops it all.

    What is asked in it is answered as things are at that moment.

    Raises (every method, and leaving it):
        StoreUnavailable: Postgres is away; whether a commit was carried out is unknown.
    """

    async def portals(self, places: Collection[Place]) -> Mapping[Place, Portal]:
        """Return the portal of each place; one that does not exist yet is made at once.

        Its `room` may be one that it got lately: not yet shown.
        """
        ...

    async def portals_of(self, rooms: Collection[RoomId]) -> Mapping[RoomId, Portal]:
        """Return the portals of those rooms that are portals."""
        ...

    async def known(
        self, side: Side, messages: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Known]:
        """Return what is held of messages as `side` names them: links and open deliveries.

        An open or parked delivery makes its source message known; only a link makes the message on
        the far side known. What was remembered of it, and what we did to it since, comes with it.
        """
        ...

    async def heard(
        self, reactions: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Heard]:
        """Return which of these matrix events are reactions that have crossed, or are about to."""
        ...

    async def beside(
        self, events: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Beside]:
        """Return what else shows the message of Teams of which a matrix event is one of several."""
        ...

    async def busy(self, portals: Collection[PortalId], target: Side) -> set[PortalId]:
        """Return the portals in which something is being carried to `target` just now.

        What refers to a message that nobody knows may then refer to that one.
        """
        ...

    async def in_the_air(
        self, portals: Collection[PortalId], target: Side
    ) -> set[tuple[PortalId, str]]:
        """Return (portal, speaker) of deliveries toward `target` whose result is not known yet.

        `sending`, or resumed and waiting: their message may already exist on the far side.
        """
        ...

    async def look(
        self, side: Side, messages: Collection[tuple[PortalId, MessageRef]], *, gate: bool
    ) -> tuple[Mapping[tuple[PortalId, MessageRef], Known], set[tuple[PortalId, str]]]:
        """Return what is known of messages and, at the gate, what is in the air toward `side`.

        What is in the air is asked first, or at the same moment: a delivery that lands in between
        is then both in the air and known, and not neither.
        """
        portals = {portal for portal, _ in messages}
        in_the_air = await self.in_the_air(portals, side) if gate else set()
        return await self.known(side, messages), in_the_air

    async def append(self, deliveries: Sequence[NewDelivery], *, presumed: bool = False) -> None:
        """Append to their streams, in the order given, under the streams' locks.

        A delivery whose (portal, target, source, part, slot) exists already is left as it was. A
        message that is linked already is not sent again, unless it says so.

        `presumed`: their messages are taken for new, without having been looked at. Leaving the
        unit raises `NotNew` and writes nothing if one of them is known, or may be the echo of
        something in the air.
        """
        ...

    async def remember(self, states: Sequence[Remembered]) -> None:
        """Hold what a side shows of messages to which something has happened."""
        ...

    async def note(self, news: Sequence[News]) -> None:
        """Remember that conversations, teams or people are to be looked at."""
        ...

    async def lose(self, losses: Sequence[Loss]) -> None:
        """Remember what could not be carried over."""
        ...

    async def settle(self, entries: Collection[Entry]) -> None:
        """Remove entries that have been read; those of Matrix are never taken in again.

        Leaving the unit raises `TakenOver` and writes nothing if one of them is gone.
        """
        ...

    async def hold(self, entry: Entry, *, until: datetime, error: str | None) -> None:
        """Give an entry back, to be read again not before `until`; `error` costs an attempt."""
        ...

    async def await_sign_in(
        self, entry: Entry, user: UserId, *, reason: str, sign_in: int | None
    ) -> None:
        """Give an entry back until a user has signed in, in a conversation of its own; a week at most.

        It is due at once if they have another sign-in by now than the one of this number, which was
        refused; None if they had none.
        """
        ...

    async def park_entry(self, entry: Entry, reason: str) -> None:
        """Set an entry aside for a person, its raw form kept."""
        ...


class Journal(Protocol):
    """The durable queues: entries by conversation, deliveries by stream.

    At most one reader has a conversation's entries, at most one worker a stream; both are leased
    to a process and fall back when it dies. All methods raise `StoreUnavailable`.
    """

    async def append_entries(self, entries: Sequence[NewEntry]) -> int:
        """Store entries durably; return how many were new. Concurrent calls share one commit."""
        ...

    async def claim_entries(self, side: Side, *, limit: int) -> tuple[Entry, ...]:
        """Lease due entries of conversations that nobody else reads, in reading order.

        With a due entry come all entries of its conversation of a smaller position, due or not; of
        one conversation no more than ENTRIES_OF_ONE_MAX that are due. `limit` counts what is due.
        A reader that takes no more asks with limit 0: what was put aside for it is let go.
        """
        ...

    async def claim_runs(self, target: Side, *, room: Room, length_max: int) -> tuple[Run, ...]:
        """Lease streams whose head is due; their deliveries are `sending`.

        Fresh ones come before those that are behind, and of either the longest waiting. A worker
        that takes no more asks for room of 0: what was put aside for it is let go.
        """
        ...

    def delivered(self, delivery: Delivery, ref: MessageRef) -> Awaitable[None]:
        """Link the message and end the delivery; concurrent calls share one commit."""
        ...

    async def far(self, delivery: Delivery) -> Far:
        """Return what the event's target is called on the far side; nothing if it is not there."""
        ...

    async def turn(self, delivery: Delivery) -> Turn:
        """Tell whether the delivery is still open, its stream still leased to this process, and its turn.

        What has come before it in the stream since it was claimed goes first; and so does what its
        author did there before, if that waits for a sign-in.
        """
        ...

    async def retry(
        self, delivery: Delivery, *, at: datetime, error: str, spent: bool, uncertain: bool
    ) -> None:
        """Put the delivery back at the head of its stream."""
        ...

    async def park(self, delivery: Delivery, *, reason: str) -> None:
        """Set the delivery aside for a person; its stream goes on without it."""
        ...

    def release(self, run: Run) -> Awaitable[None]:
        """End the lease; what was not attempted is queued as it was, and the stream due again.

        Shares a commit with what was delivered before it was called.
        """
        ...

    async def renew_leases(self) -> None:
        """Prolong everything this process holds."""
        ...

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Open one transaction."""
        ...

    def entries_bell(self, side: Side) -> Bell:
        """Return the event that is set when entries of `side` were appended in this process."""
        ...

    def streams_bell(self, target: Side) -> Bell:
        """Return the event that is set when streams toward `target` may have become due."""
        ...
