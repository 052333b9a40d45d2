"""What people decide about portals: which room they have, and which way what is said crosses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from bridge.domain.ids import Place, PortalId, RoomId
from bridge.domain.portal import Direction, Portal


class Joined(StrEnum):
    """How an attempt to join a room to a conversation ended."""

    DONE = "done"
    ROOM_TAKEN = "the room has a conversation already"
    CONVERSATION_TAKEN = "the conversation has a room already"


class PlumbingBook(Protocol):
    """Which room a conversation has by decision, and which rooms it had.

    What was decided holds at once in this process, and within seconds in others.
    Every method raises `StoreUnavailable`.
    """

    async def portal_in(self, room: RoomId) -> Portal | None:
        """Return the portal that a room is now."""
        ...

    async def portal_of(self, place: Place) -> Portal | None:
        """Return the portal of a conversation, with its room if it has one."""
        ...

    async def join(
        self, place: Place, room: RoomId, *, name: str, leaving: RoomId | None
    ) -> Joined:
        """Join a room that people made to a conversation; the same again is fine.

        `leaving` is the room that the conversation is known to have, and leaves for this one.
        """
        ...

    async def part(self, portal: Portal) -> None:
        """Part a conversation from its room; it gets another with what is said next."""
        ...

    async def move(self, portal: Portal, room: RoomId) -> bool:
        """Have the conversation go on in another room; False if that one has a conversation."""
        ...

    async def direct(self, portal: PortalId, direction: Direction) -> None:
        """Say which way what is said crosses."""
        ...

    async def relay(self, portal: PortalId, *, on: bool) -> None:
        """Say whether the service account speaks there for who is not signed in."""
        ...

    async def former_rooms(self) -> Mapping[PortalId, tuple[RoomId, ...]]:
        """Return the rooms that conversations had before, the latest first."""
        ...

    async def decisions(self) -> int:
        """Return how often somebody has decided something."""
        ...

    @property
    def bell(self) -> asyncio.Event:
        """Rings after each decision in this process."""
        ...
