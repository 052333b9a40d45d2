"""What following people's views of their chats needs: who is watched, what was told, who shows it.

    WatchBook ─▶ a subscription for each signed-in person ─▶ ViewNews ─▶ ViewpointBook
                                             relay.viewing ◀─ due ───────────┘
                                                └─▶ ViewpointSource (Teams), Viewer (Matrix)

Graph tells it to each person alone, and so it is asked and shown as that person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import MessageRef, Place, PortalId, RoomId, TeamsUserId, TenantId
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.domain.viewpoints import Shown, Viewpoint
from bridge.ports.books import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Somebody whose subscription is looked after now; `missed`: something may not have been told."""

    account: Account
    missed: bool


class WatchBook(Protocol):
    """Whose views are followed, and the subscriptions for them. Raises StoreUnavailable."""

    async def claim(
        self, tenant: TenantId, *, now: datetime, until: datetime, limit: int
    ) -> tuple[Watched, ...]:
        """Return some who are due; nobody else gets them before `until`."""
        ...

    async def settle(
        self, watched: Watched, *, claimed_until: datetime, next_at: datetime, missed: bool
    ) -> None:
        """Put somebody off until `next_at`, unless they are due sooner meanwhile."""
        ...

    async def ring(self, tenant: TenantId, person: TeamsUserId) -> None:
        """Have somebody's subscription looked after now."""
        ...

    async def miss(self, watched: Watched) -> None:
        """Note that something may not have been told."""
        ...

    async def subscription(self, resource: str) -> Subscription | None: ...

    async def forget(self, resource: str) -> None:
        """Remember nothing of a subscription."""
        ...

    async def count(self, now: datetime) -> int:
        """Say how many people's subscriptions there are that have not run out."""
        ...

    async def left_over(self, *, everybody: bool, limit: int) -> tuple[tuple[str, str | None], ...]:
        """Return resource and id of subscriptions of those who are not signed in, or of everybody."""
        ...

    async def secret(self) -> str:
        """Return what client states are derived from; made once, the same for all processes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DueView:
    """Somebody's view of a chat that is to be looked at.

    `view` is what was told last; `asks`: only that it has changed. `room`: None if there is none yet.
    `under_way`: messages of the chat are still to cross. `claimed_until`: until then nobody else
    looks.
    """

    portal: PortalId
    place: Place
    person: TeamsUserId
    room: RoomId | None
    view: Viewpoint
    asks: bool
    told_at: datetime
    shown: Shown
    under_way: bool
    claimed_until: datetime


class ViewpointBook(Protocol):
    """How people see their chats. Raises StoreUnavailable."""

    async def claim(self, *, now: datetime, until: datetime, limit: int) -> tuple[DueView, ...]:
        """Return some that are due; nobody else gets them before `until`."""
        ...

    async def last_until(
        self, portal: PortalId, instant: datetime
    ) -> tuple[MessageRef, MessageRef] | None:
        """Return the last message said until an instant, and its event in Matrix."""
        ...

    async def show(self, due: DueView, shown: Shown) -> None:
        """Remember what is about to be shown, before it is: its echo is known by that."""
        ...

    async def settle(
        self, due: DueView, *, view: Viewpoint | None, next_at: datetime | None
    ) -> None:
        """Put a look off, or end it, unless more was told meanwhile; `view`: as Graph says now."""
        ...


class ViewpointSource(Protocol):
    """How people see their chats, in Teams, as only they are told.

    Every method raises RemoteError and StoreUnavailable.
    """

    async def view_of(self, person: TeamsUserId, place: Place) -> Viewpoint | None:
        """Return how somebody sees a chat; None: there is none, or they are not in it."""
        ...

    def views_of(self, person: TeamsUserId) -> AsyncIterator[Sequence[tuple[Place, Viewpoint]]]:
        """Yield how somebody sees their chats, those that were written in last first."""
        ...


class Viewer(Protocol):
    """Shows in Matrix, as somebody's own account, how they see a chat.

    Every method raises RemoteError; `Rejected`: not in this room.
    """

    async def show_read(self, person: TeamsUserId, room: RoomId, event: MessageRef) -> bool:
        """Show that somebody has read up to an event; False if no account is known as their own."""
        ...

    async def show_hidden(self, person: TeamsUserId, room: RoomId, *, hidden: bool) -> bool:
        """Give a room low priority, or take away what we gave; False if nothing was to be done."""
        ...
