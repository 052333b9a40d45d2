"""Rooms that are no portals: where the bot talks with one user."""

from __future__ import annotations

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import RoomId, UserId
from bridge.store.database import Database

_FIND = "SELECT room_id FROM desk_rooms WHERE user_id = $1"
_REMEMBER = """
INSERT INTO desk_rooms (user_id, room_id) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET room_id = EXCLUDED.room_id
"""


class RoomBook(ports.RoomBook):
    """Implements `ports.RoomBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def desk_room(self, user: UserId) -> RoomId | None:
        row = await self._database.fetchrow(_FIND, user)
        return None if row is None else RoomId(row["room_id"])

    @override
    async def remember_desk_room(self, user: UserId, room: RoomId) -> None:
        await self._database.execute(_REMEMBER, user, room)
