"""Presences of ghosts on the homeserver; implements `ports.PresenceBoard`.

Synapse 1.163.2 takes a ghost for offline 35 s after its presence was set last (measured), whatever it
was set to: it waits for a client that syncs. And where presence is switched off it answers as if it
were not, and shows everybody as offline.
"""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import RoomId, TeamsUserId, UserId
from bridge.domain.presence import Availability, Presence
from bridge.matrix.cleaning import clean
from bridge.matrix.client import Client
from bridge.matrix.names import Names
from bridge.matrix.paths import Method, Path, PathBuilder

MESSAGE_CHARS_MAX = 200


class Presences(ports.PresenceBoard):
    """Shows presences as the ghosts themselves."""

    def __init__(self, client: Client, names: Names) -> None:
        self._client = client
        self._names = names

    @override
    async def people_in(self, room: RoomId) -> Sequence[TeamsUserId]:
        found = (self._names.person(user) for user in await self._client.members(room))
        return [TeamsUserId(person) for person in sorted(filter(None, found))]

    @override
    async def show(self, person: TeamsUserId, presence: Presence) -> None:
        content: dict[str, object] = {"presence": presence.availability.value}
        if presence.message:
            content["status_msg"] = clean(presence.message, chars_max=MESSAGE_CHARS_MAX)
        user = self._names.ghost(person)
        await self._client.call(Method.PUT, _path(user), content, user=user)

    @override
    async def shows(self, person: TeamsUserId) -> bool:
        user = self._names.ghost(person)
        answer = await self._client.call(Method.GET, _path(user), user=user)
        shown = answer.get("presence") if isinstance(answer, dict) else None
        return shown != Availability.OFFLINE.value


def _path(user: UserId) -> PathBuilder:
    return Path.v3.presence[user].status
