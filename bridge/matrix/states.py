"""The state of a room as a whole, and who comes and goes: asked for and changed, one call each.

Every method raises `RemoteError`, `RejectedByHomeserver` where the homeserver will not, and may be
repeated: the second time finds the thing done, or is refused as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.domain.ids import RoomId, UserId
from bridge.matrix.client import Client, Json
from bridge.matrix.paths import Method, Path

MEMBER = "m.room.member"


class States:
    """Acts as the bot, or as the ghost that is named."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def of(self, room: RoomId, *, user: UserId | None = None) -> tuple[Json, ...]:
        """Return every state event of a room, those about members too, as the bot sees them."""
        found: Any = await self._client.call(Method.GET, Path.v3.rooms[room].state, user=user)
        events = found if isinstance(found, list) else []
        return tuple(event for event in events if isinstance(event, dict))

    async def put(
        self,
        room: RoomId,
        kind: str,
        key: str,
        content: Mapping[str, object],
        *,
        user: UserId | None = None,
    ) -> None:
        """Set a state event; one that is there as it is stays the same event."""
        path = Path.v3.rooms[room].state[kind][key] if key else Path.v3.rooms[room].state[kind]
        await self._client.call(Method.PUT, path, dict(content), user=user)

    async def invite_as(self, host: UserId, room: RoomId, user: UserId) -> None:
        """Invite to a chat of two as the other of them: so clients know whose chat it is.

        `/invite` cannot say that it is one (Matrix spec v1.19, "Direct Messaging").
        """
        await self.put(room, MEMBER, user, {"membership": "invite", "is_direct": True}, user=host)

    async def leave(self, room: RoomId, user: UserId) -> None:
        await self._client.call(Method.POST, Path.v3.rooms[room].leave, {}, user=user)

    async def remove(self, room: RoomId, user: UserId, reason: str) -> None:
        content = {"user_id": user, "reason": reason}
        await self._client.call(Method.POST, Path.v3.rooms[room].kick, content)

    async def lift_ban(self, room: RoomId, user: UserId) -> None:
        await self._client.call(Method.POST, Path.v3.rooms[room].unban, {"user_id": user})
