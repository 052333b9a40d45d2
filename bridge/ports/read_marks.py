"""What marking chats read in Teams needs: where a receipt of Matrix stands, and who says so there.

Receipt ─▶ ReadBook.reach ─▶ relay.marking ─▶ ReadMarker
└─ an event that is no message ─▶ Moments
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import MessageRef, Place, RoomId, TeamsUserId
from bridge.domain.receipts import Receipt
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a receipt of somebody who is signed in stands, in a chat.

    `read` is the message of Teams that they have read, None if the event is none, or not yet. `newest`
    is the last one that anybody has said; `own_last`: they did. `under_way`: something is still to
    cross, in either direction, that matters here.
    """

    person: TeamsUserId
    place: Place
    read: MessageRef | None
    newest: MessageRef | None
    own_last: bool
    under_way: bool
    is_echo: bool = False
    """It shows only what they have read in Teams."""


class ReadBook(Protocol):
    """What is known of messages and of who is signed in."""

    async def reach(self, receipts: Sequence[Receipt]) -> Sequence[Reach | None]:
        """Say where receipts stand, in their order; None: of nobody who is signed in, or in no chat.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...


class MarkBook(Protocol):
    """Remembers when chats were marked read, where what Teams says of them is followed.

    Every method raises StoreUnavailable.
    """

    async def begin(self, person: TeamsUserId, place: Place, at: datetime) -> None:
        """Note that a chat is being marked read."""
        ...

    async def end(self, person: TeamsUserId, place: Place, at: datetime | None) -> None:
        """Note that it is marked read since then; None: it was not."""
        ...


class ReadMarker(Protocol):
    """Says in Teams that a person has read a chat."""

    async def mark_read(self, person: TeamsUserId, place: Place) -> None:
        """Mark all of a chat read; doing so twice is doing so once.

        Raises:
            RemoteError: Graph does not do it, or not now.
            StoreUnavailable: Postgres is away.
        """
        ...


class Moments(Protocol):
    """When something was sent in Matrix."""

    async def sent_at(self, room: RoomId, ref: MessageRef) -> datetime | None:
        """Return when an event was sent; None if there is none, or it does not say.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        ...
