"""What the relay needs from the world: two endpoints, a journal, a desk, a clock.

`bridge.teams` and `bridge.matrix` each bring an `Endpoint`, `bridge.store` brings the `Journal`
and the books, `bridge.matrix` the `Desk`, `bridge.app` the `Clock`. The books are the memory that
the two sides keep; they know nothing of each other and meet here. The fakes in `tests/kit`
implement the same protocols and must pass the same suites in `tests/contract`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bridge.domain.changes import Known
from bridge.domain.events import Event, Ignored, Request, Sighting
from bridge.domain.ids import (
    DeliveryId,
    EntryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TeamsUserId,
    TenantId,
    UserId,
)
from bridge.domain.portal import Account, Conversation, Portal


class Clock(Protocol):
    """Time, so that tests may own it."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        ...

    async def sleep(self, duration: timedelta) -> None: ...


# --- what lies in the journal -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """One raw thing a side pushed to us, as a hook hands it over.

    `key` makes it one and the same when it is pushed again; `conversation` is whatever string
    groups entries that must be read in order; `position` orders them within it (Teams: creation
    of the message in ms; Matrix: 0, arrival decides); it is not read before `due_at`.
    """

    side: Side
    key: str
    conversation: str
    position: int
    raw: bytes
    received_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One raw thing a side pushed to us, stored before it was understood, now claimed."""

    id: EntryId
    side: Side
    conversation: str
    raw: bytes
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """An event decided to cross, not yet appended to its stream.

    `source` is the message on the side it comes from; `speaker` who will say it on the far side
    (Teams: the account's user id), which the echo gate goes by.
    """

    portal: PortalId
    target: Side
    source: MessageRef
    speaker: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one side of one portal.

    `attempts` counts this one. `resumed` is true when an earlier attempt ended without our knowing
    its result: the process died in `sending`, or the network's answer was `Uncertain`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The head of a stream, leased to us: its open deliveries in order, all `sending` from now on."""

    portal: Portal
    target: Side
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an entry turned out to say."""

    sightings: tuple[Sighting, ...] = ()
    requests: tuple[Request, ...] = ()
    ignored: tuple[Ignored, ...] = ()


# --- the two networks -------------------------------------------------------------------------


class Endpoint(Protocol):
    """One network, seen from the relay."""

    side: Side

    async def take_in(self, entry: Entry) -> Reading:
        """Say what happened on this side.

        Reading is harmless and may be repeated; nothing is remembered here between two calls.

        Raises:
            RemoteError: The network could not be read now.
            Unconvertible: The entry makes no sense and never will.
        """
        ...

    def fit(self, event: Event) -> tuple[Event, ...]:
        """Cut an event that is too large for this network into parts, in order. Pure."""
        ...

    async def deliver(self, delivery: Delivery) -> MessageRef:
        """Carry the event out on this network, leaving a trace that `find` recognises.

        Raises:
            Refused: It was certainly not carried out.
            Uncertain: It may have been; `find` must be asked before the next attempt.
        """
        ...

    async def find(self, delivery: Delivery) -> MessageRef | None:
        """Look for the trace that an earlier attempt at this delivery has left.

        Raises:
            RemoteError: The network could not be searched now; nothing was learnt.
        """
        ...


class Desk(Protocol):
    """Serves what Matrix users ask of the bot."""

    async def serve(self, request: Request) -> None:
        """Answer; the same request may come twice.

        Raises:
            RemoteError: The homeserver could not be reached now.
            StoreUnavailable: Postgres could not be reached now.
        """
        ...


class Directory(Protocol):
    """What Teams knows of a conversation and its people."""

    async def describe(self, place: Place) -> Conversation:
        """Return kind, topic and members.

        Raises:
            RemoteError: Graph could not be read, or does not know the conversation.
        """
        ...

    async def conversations_of(self, user: TeamsUserId) -> tuple[Place, ...]:
        """Return the chats that a user is in.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...


# --- the journal ------------------------------------------------------------------------------


class Unit(Protocol):
    """One database transaction; leaving it commits, raising in it rolls back.

    Raises (every method, and leaving it):
        StoreUnavailable: Postgres is away; whether a commit was carried out is unknown.
    """

    async def portals(self, places: Collection[Place]) -> Mapping[Place, Portal]:
        """Return the portal of each place; one that does not exist yet is made."""
        ...

    async def portals_of(self, rooms: Collection[RoomId]) -> Mapping[RoomId, Portal]:
        """Return the portals of those rooms that are portals."""
        ...

    async def known(
        self, side: Side, messages: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Known]:
        """Return what is held of messages as `side` names them: links and open deliveries.

        An open or parked delivery makes its source message known; only a link makes the message on
        the far side known.
        """
        ...

    async def in_the_air(
        self, portals: Collection[PortalId], target: Side
    ) -> set[tuple[PortalId, str]]:
        """Return (portal, speaker) of deliveries toward `target` whose result is not known yet.

        `sending`, or resumed and waiting: their message may already exist on the far side.
        """
        ...

    async def append(self, deliveries: Sequence[NewDelivery]) -> None:
        """Append to their streams, in the order given, under the streams' locks.

        A delivery whose (portal, target, source, part) exists already is left as it was.
        """
        ...

    async def settle(self, entries: Collection[Entry]) -> None:
        """Remove entries that have been read."""
        ...

    async def hold(self, entry: Entry, *, until: datetime, error: str | None) -> None:
        """Give an entry back, to be read again not before `until`; `error` costs an attempt."""
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

        With a due entry come all entries of its conversation of a smaller position, due or not.
        """
        ...

    async def claim_runs(self, target: Side, *, runs_max: int, length_max: int) -> tuple[Run, ...]:
        """Lease streams whose head is due, longest waiting first; their deliveries are `sending`."""
        ...

    def delivered(self, delivery: Delivery, ref: MessageRef) -> Awaitable[None]:
        """Link the message and end the delivery; concurrent calls share one commit."""
        ...

    async def retry(
        self, delivery: Delivery, *, at: datetime, error: str, spent: bool, uncertain: bool
    ) -> None:
        """Put the delivery back at the head of its stream."""
        ...

    async def park(self, delivery: Delivery, *, reason: str) -> None:
        """Set the delivery aside for a person; its stream goes on without it."""
        ...

    async def release(self, run: Run) -> None:
        """End the lease; what was not attempted is queued as it was, and the stream due again."""
        ...

    async def renew_leases(self) -> None:
        """Prolong everything this process holds."""
        ...

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Open one transaction."""
        ...

    def entries_bell(self, side: Side) -> asyncio.Event:
        """Return the event that is set when entries of `side` were appended in this process."""
        ...

    def streams_bell(self, target: Side) -> asyncio.Event:
        """Return the event that is set when streams toward `target` may have become due."""
        ...


# --- the books: what a side remembers ---------------------------------------------------------


class PortalBook(Protocol):
    """Which room a conversation has."""

    async def remember_room(self, portal: Portal, room: RoomId, *, name: str) -> None: ...

    async def room_of(self, portal: PortalId) -> RoomId | None: ...

    async def rooms_of(self, places: Collection[Place]) -> tuple[RoomId, ...]:
        """Return the rooms of those places that have one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghost:
    """A ghost as it was last set up on the homeserver."""

    tenant: TenantId
    person: str
    name: str | None
    has_device: bool


class GhostBook(Protocol):
    """Which ghosts are registered, under which name."""

    async def ghost(self, tenant: TenantId, person: str) -> Ghost | None: ...

    async def remember_ghost(self, ghost: Ghost) -> None: ...


class AccountBook(Protocol):
    """Who is signed in; token caches are kept encrypted."""

    async def account_of(self, user: UserId) -> Account | None: ...

    async def accounts_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]: ...

    async def sign_in(self, account: Account, token_cache: str) -> UserId | None:
        """Remember the account; return the Matrix user who was signed in as it before, if another."""
        ...

    async def sign_out(self, user: UserId) -> bool: ...

    async def token_cache(self, user: UserId) -> str | None: ...

    async def store_token_cache(self, user: UserId, token_cache: str) -> None: ...

    async def unwelcomed(self, *, limit: int) -> tuple[Account, ...]:
        """Return accounts that have not been invited into their existing portals yet."""
        ...

    async def mark_welcomed(self, user: UserId) -> None: ...


class SignInBook(Protocol):
    """Sign-ins under way; they end by themselves."""

    async def open_sign_in(self, ticket: str, user: UserId, *, expires_at: datetime) -> None: ...

    async def store_flow(self, ticket: str, flow: str) -> bool:
        """Keep what msal needs at the end; return False if the ticket is unknown or too old."""
        ...

    async def user_of_ticket(self, ticket: str) -> UserId | None: ...

    async def take_flow(self, ticket: str) -> tuple[UserId, str] | None:
        """Return user and flow once; the ticket is used up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A key pair for the content of notifications; PEM. `id` is what Graph quotes back."""

    id: str
    certificate: str
    private_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription at Graph; `id` is None between the intent to create it and Graph's answer."""

    resource: str
    id: str | None
    client_state: str
    certificate_id: str
    expires_at: datetime


class SubscriptionBook(Protocol):
    """Certificates and subscriptions; private keys and client states are kept encrypted."""

    async def certificates(self) -> tuple[Certificate, ...]:
        """Return all, newest first."""
        ...

    async def add_certificate(self, certificate: Certificate) -> None: ...

    async def subscriptions(self) -> tuple[Subscription, ...]: ...

    async def remember_subscription(self, subscription: Subscription) -> None:
        """Insert, or replace that of the same resource."""
        ...


class RoomBook(Protocol):
    """Rooms that are no portals: where the bot talks with one user."""

    async def desk_room(self, user: UserId) -> RoomId | None: ...

    async def remember_desk_room(self, user: UserId, room: RoomId) -> None: ...
