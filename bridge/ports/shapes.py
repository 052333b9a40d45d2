"""What looks after rooms and spaces needs: what is due, what is remembered of it, who does it.

    relay.shaping ─▶ ShapeBook.claim… ─▶ Directory ─▶ Keeper.keep… ─▶ ShapeBook.settle…

What is claimed is leased: it is looked at by one at a time, and again when the process died that
had it. News that come during a look wait for it to end, and settling leaves them there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import MessageRef, PortalId, RoomId, TeamId, TenantId
from bridge.domain.portal import Account, Conversation, Portal, Team
from bridge.domain.shape import Memory
from bridge.domain.values import dataclass
from bridge.ports.networks import Picture
from bridge.ports.news import News

ORGANISATION = TeamId("")
"""Stands for the tenant as a whole, which has a space as each of its teams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRoom:
    """A portal that is to be looked at; its `room` is there.

    `name` is what it was called last. `due_at`: since when; `lease`: until when it is ours.
    `has_news`: something has happened in the conversation itself.
    `read_until`: as far as its conversation was read back. `gone_at`: since when Graph does not know
    it any more.
    """

    portal: Portal
    name: str | None
    memory: Memory
    due_at: datetime
    lease: datetime
    read_until: datetime
    has_news: bool = False
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSpace:
    """The space of a team, or of the organisation, that is to be looked at; `room` may be missing."""

    tenant: TenantId
    team: TeamId
    room: RoomId | None
    name: str | None
    memory: Memory
    due_at: datetime
    lease: datetime
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRoom:
    """A room that belongs into a space; `key` tells it from the others, for good."""

    key: str
    room: RoomId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpace:
    """A space, and the picture that it shows; None where there is none yet."""

    room: RoomId | None = None
    picture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLook:
    """What Teams shows of a conversation; without a conversation it is no more.

    `pins` are events of its room, None if nobody says; `space` is that of its team.
    """

    conversation: Conversation | None
    pins: tuple[MessageRef, ...] | None = None
    space: KnownSpace = KnownSpace()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceLook:
    """What Teams shows of a team; without a team it is the organisation."""

    team: Team | None
    children: tuple[ChildRoom, ...]
    picture: str | None = None
    parent: RoomId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How a room looks after a look; `is_all` unless more has to be done.

    `name` is what it is called, for lists; `strangers` belong to nobody's list and were left alone; `refused` could not be done.
    """

    memory: Memory
    name: str | None = None
    is_all: bool = True
    strangers: int = 0
    refused: int = 0


class ShapeBook(Protocol):
    """What rooms and spaces were shown last, and which are to be looked at.

    Every method raises `StoreUnavailable`.
    """

    async def claim_rooms(
        self, *, limit: int, until: datetime, newest_first: bool
    ) -> tuple[DueRoom, ...]:
        """Lease rooms that are due, those due longest first unless it is said otherwise."""
        ...

    async def claim_spaces(self, *, limit: int, until: datetime) -> tuple[DueSpace, ...]:
        """Lease spaces that are due, those due longest first."""
        ...

    async def settle_room(
        self, due: DueRoom, kept: Kept, *, next_at: datetime, gone_at: datetime | None = None
    ) -> None:
        """Remember, and end the lease: the next look is at `next_at`, or for news that came since.

        `gone_at`: since when Graph does not know the conversation, None if it does.
        """
        ...

    async def settle_space(
        self, due: DueSpace, kept: Kept, *, next_at: datetime, gone_at: datetime | None = None
    ) -> None:
        """Remember, and end the lease, as for a room."""
        ...

    async def want_spaces(self, tenant: TenantId, team: TeamId, *, anew: bool) -> None:
        """Have the spaces of a team and of the organisation made where there are none.

        `anew`: the team's is to be looked at, too, if it is there.
        """
        ...

    async def remember_space(self, due: DueSpace, room: RoomId, *, name: str) -> None:
        """Remember the room of a space; what is above and below it is to be looked at."""
        ...

    async def look_below(self, tenant: TenantId, team: TeamId) -> None:
        """Have those looked at that belong into a space."""
        ...

    async def look_at(self, news: News) -> None:
        """Have a room, or a team, looked at now."""
        ...

    async def space_of(self, tenant: TenantId, team: TeamId) -> KnownSpace: ...

    async def channels_of(self, tenant: TenantId, team: TeamId) -> tuple[ChildRoom, ...]:
        """Return the rooms of a team's channels that are not gone; `key` is the channel's id."""
        ...

    async def spaces_of(self, tenant: TenantId) -> tuple[ChildRoom, ...]:
        """Return the spaces of all teams that are not gone; `key` is the team's id."""
        ...

    async def accounts_of(self, tenant: TenantId) -> tuple[Account, ...]:
        """Return everybody who is signed in."""
        ...

    async def said_since(self, portal: PortalId, since: datetime) -> bool:
        """Tell whether anything was said in a chat since then."""
        ...

    async def events_of(
        self, portal: PortalId, messages: Collection[MessageRef]
    ) -> Mapping[MessageRef, MessageRef]:
        """Return the event that a message of Teams is, or begins with, where it has come across."""
        ...


class Keeper(Protocol):
    """Makes rooms and spaces show what they are to show.

    It goes on with what can be done where something is refused for good.

    Raises (every method):
        RemoteError: The homeserver did not answer; what was done is done, and is not done again.
        StoreUnavailable: Postgres is away.
    """

    async def keep_room(self, due: DueRoom, look: RoomLook) -> Kept: ...

    async def keep_space(self, due: DueSpace, look: SpaceLook) -> Kept:
        """Make a space show what it is to show; make it first if there is none."""
        ...

    async def put_picture(self, picture: Picture) -> str | None:
        """Put a picture where rooms can show it; None if it is of no kind that clients show."""
        ...
