"""How a person comes into a room as themselves, to say there what they have said in Teams.

Whoever left a room of their own will is not brought back: their ghost speaks.
"""

from __future__ import annotations

from bridge.domain.ids import RoomId, UserId
from bridge.domain.shape import NOT_A_MEMBER
from bridge.errors import Rejected
from bridge.matrix.client import Client
from bridge.matrix.rooms import Rooms
from bridge.matrix.states import MEMBER
from bridge.telemetry import log

_IN = "join"
_AWAY = frozenset({"leave", "ban"})


class Entrance:
    """Lets people in who have to say something."""

    def __init__(self, rooms: Rooms, client: Client) -> None:
        self._rooms = rooms
        self._client = client

    async def let_in(self, user: UserId, room: RoomId) -> bool:
        """Bring a person in and let them speak; False if that cannot be, or is not wanted.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        try:
            shown = await self._client.state(room, MEMBER, user) or {}
            membership = shown.get("membership")
            if membership in _AWAY and shown.get("reason") != NOT_A_MEMBER:
                return False
            if membership != _IN:
                await self._rooms.invite(user, room)
                await self._rooms.puppets.join(user, room)
            await self._rooms.let_speak(user, room)
        except Rejected as error:
            log.info("not let in", room=room, user=user, error=str(error))
            return False
        return True
