"""What shows who is there needs: presences as Teams knows them, and where they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.domain.ids import RoomId, TeamsUserId
from bridge.domain.presence import Presence


class PresenceSource(Protocol):
    """Where presences are asked for."""

    async def presences(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, Presence]:
        """Return whether people are there; who is not in the answer is not known to be.

        Raises:
            RemoteError: It could not be asked now; `Unauthorized` and `Rejected`: nor later.
        """
        ...


class PresenceBoard(Protocol):
    """Where presences are shown.

    Every method raises `RemoteError`; `Rejected`: the homeserver does not take part in this.
    """

    async def people_in(self, room: RoomId) -> Sequence[TeamsUserId]:
        """Return the people of Teams whose ghosts are in a room."""
        ...

    async def show(self, person: TeamsUserId, presence: Presence) -> None: ...

    async def shows(self, person: TeamsUserId) -> bool:
        """Tell whether the homeserver shows somebody as there whom we have shown so just now."""
        ...
