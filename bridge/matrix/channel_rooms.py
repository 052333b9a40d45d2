"""Rooms of channels for those who ask for them, before anything was said there.

    a channel ─▶ its portal ─▶ its room, its members invited ─▶ the alias that holds the channel's ids

Who may enter is for the room's join rules to say: only members are invited, and into standard channels
whoever is in the space of the team comes in by themselves.
"""

from __future__ import annotations

from http import HTTPStatus

from bridge.domain.ids import Channel, RoomId, TenantId, channel_place
from bridge.domain.values import dataclass
from bridge.matrix.answers import RejectedByHomeserver
from bridge.matrix.client import Client
from bridge.matrix.names import Names
from bridge.matrix.paths import Method, Path
from bridge.matrix.rooms import Rooms
from bridge.ports.starting import StartBook
from bridge.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRooms:
    """Makes them."""

    tenant: TenantId
    names: Names
    client: Client
    rooms: Rooms
    book: StartBook

    async def open(self, channel: Channel) -> RoomId:
        """Return the room of a channel, made if there was none, with its alias.

        Raises:
            RemoteError: Not now; trying again goes on.
            StoreUnavailable: Postgres is away.
        """
        portal = await self.book.portal_of(channel_place(self.tenant, channel))
        room = await self.rooms.ensure(portal)
        localpart = self.names.channel_alias(channel)
        if localpart is not None:
            await self._name(self.names.alias(localpart), room)
        return room

    async def _name(self, alias: str, room: RoomId) -> None:
        """Asking whether it is there would have the homeserver ask us in turn."""
        try:
            await self.client.call(Method.PUT, Path.v3.directory.room[alias], {"room_id": room})
        except RejectedByHomeserver as error:
            if error.status != HTTPStatus.CONFLICT:  # It has it already.
                log.warning("alias not given", room=room, error=str(error))
