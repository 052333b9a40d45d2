"""The books: what a side remembers. They know nothing of each other and meet in `app`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Protocol

from bridge.domain.ids import (
    Place,
    PortalId,
    RoomId,
    Side,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
)
from bridge.domain.likeness import Likeness
from bridge.domain.portal import Account, Portal
from bridge.domain.values import dataclass
from bridge.ports.signing_in import KeptSignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRoom:
    """A portal's room, as it was named last; None: it has no name of its own."""

    room: RoomId
    name: str | None


class PortalBook(Protocol):
    """Which room a conversation has."""

    async def remember_room(self, portal: Portal, room: RoomId, *, name: str) -> None:
        """Remember the room of a portal that has none; one that it has got meanwhile stays."""
        ...

    async def room_of(self, portal: PortalId) -> RoomId | None: ...

    async def rooms_of(self, places: Collection[Place]) -> tuple[RoomId, ...]:
        """Return the rooms of those places that have one."""
        ...

    async def named_rooms(self, places: Collection[Place]) -> tuple[NamedRoom, ...]:
        """Return the rooms of those places that have one, in the order of their names."""
        ...

    async def look_at(
        self, tenant: TenantId, *, chats: Collection[Place], teams: Collection[TeamId]
    ) -> None:
        """Have rooms and spaces looked at now, as somebody may be missing there."""
        ...

    async def look_later(self, room: RoomId, *, after: timedelta) -> None:
        """Have a room looked at then, if it would not be sooner."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghost:
    """A ghost as it was last set up on the homeserver.

    `likeness` is what is known of its person, `looked_at` when the directory was asked about them
    last; None: never.
    """

    tenant: TenantId
    person: str
    name: str | None
    has_device: bool
    likeness: Likeness = field(default_factory=Likeness)
    looked_at: datetime | None = None


class GhostBook(Protocol):
    """Which ghosts are registered, under which name, and what is known of their people."""

    async def ghost(self, tenant: TenantId, person: str) -> Ghost | None: ...

    async def remember_ghost(self, ghost: Ghost) -> bool:
        """Remember a ghost; return False if somebody has asked the directory about it since.

        Then nothing was written, and what was remembered in between is worth more.
        """
        ...

    def forget(self, tenant: TenantId, person: str) -> None:
        """Let go of what is remembered in memory alone: it is out of date."""
        ...


class AccountBook(Protocol):
    """Who is signed in; token caches are kept encrypted."""

    async def account_of(self, user: UserId) -> Account | None: ...

    async def accounts_of(self, users: Collection[UserId]) -> Mapping[UserId, Account]:
        """Return the accounts of those who are signed in."""
        ...

    async def accounts_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]: ...

    async def sign_in(self, account: Account, token_cache: str) -> UserId | None:
        """Remember the account; return who else is signed in as it: then nothing was written."""
        ...

    async def sign_out(self, user: UserId) -> bool: ...

    async def kept(self, tenant: TenantId, person: TeamsUserId) -> KeptSignIn | None:
        """Return what is kept of the sign-in of a person of Teams."""
        ...

    async def refuse(self, kept: KeptSignIn, *, reason: str) -> None:
        """Note that Microsoft gives no token for it any more, unless they have signed in since."""
        ...

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
    """A subscription at Graph; `id` is None between the intent to create it and Graph's answer.

    `certificate_id`: for which its content is encrypted; None where it tells none.
    """

    resource: str
    id: str | None
    client_state: str
    certificate_id: str | None
    expires_at: datetime


class SubscriptionBook(Protocol):
    """Certificates and subscriptions; private keys and client states are kept encrypted."""

    async def certificates(self) -> tuple[Certificate, ...]:
        """Return all, newest first."""
        ...

    async def add_certificate(self, certificate: Certificate) -> None: ...

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """Return those of the organisation; not those for single people."""
        ...

    async def remember_subscription(self, subscription: Subscription) -> None:
        """Insert, or replace that of the same resource."""
        ...


class CursorBook(Protocol):
    """How far a side has been read, by whatever it must be read in: one opaque text for a scope."""

    async def cursor(self, side: Side, scope: str) -> str | None:
        """Return how far `scope` has been read.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def move(self, side: Side, scope: str, value: str) -> None:
        """Remember how far `scope` has been read.

        Raises:
            StoreUnavailable: Postgres is away; whether it was written is unknown.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A conversation of Teams, and until when all that changed in it has certainly been seen."""

    portal: PortalId
    place: Place
    read_until: datetime


class ReadingBook(Protocol):
    """Which conversations of Teams must be read, and from where.

    Every method raises `StoreUnavailable`.
    """

    async def unread_since(
        self, before: datetime, *, limit: int, channels: bool
    ) -> tuple[Unread, ...]:
        """Return conversations that were not read since `before`, the longest unread first.

        `channels`: those of teams; else chats.
        """
        ...

    async def all_after(
        self, portal: PortalId | None, *, limit: int, channels: bool | None = None
    ) -> tuple[Unread, ...]:
        """Return conversations by the number of their portal, those above `portal`.

        `channels` as above; None for all.
        """
        ...

    async def unknown_among(self, places: Collection[Place]) -> tuple[Place, ...]:
        """Return those conversations that have no portal."""
        ...

    async def mark_read(self, place: Place, *, since: datetime, until: datetime) -> None:
        """Note that all that changed in between has been stored; a cursor never goes back.

        It moves only if it reached `since` already: what lies before is still unread.
        """
        ...


class RoomBook(Protocol):
    """Rooms that are no portals: where the bot talks with one user."""

    async def desk_room(self, user: UserId) -> RoomId | None: ...

    async def remember_desk_room(self, user: UserId, room: RoomId) -> None: ...
