"""A room that people made is left as it was: ghosts go, and with them what the bot has said of it.

the room's state ─▶ ghosts that are there, levels of ghosts, marks of ours ─▶ one call for each
"""

from __future__ import annotations

from bridge.domain.ids import RoomId
from bridge.errors import Rejected
from bridge.matrix.marks import KEYED
from bridge.matrix.names import Names
from bridge.matrix.shaping import LEVELS, RoomState
from bridge.matrix.states import States
from bridge.telemetry import log

LEAVES_MAX = 500
"""Of one command; each takes a homeserver 50 to 120 ms. More go when it is given again."""


class Parting:
    """Does it; what is refused is said in the log, and gone on with."""

    def __init__(self, states: States, names: Names) -> None:
        self._states = states
        self._names = names

    async def tidy(self, room: RoomId, state: RoomState) -> bool:
        """Leave a room as it was; return whether there was anything to do.

        Raises:
            RemoteError: The homeserver could not be asked now; what is done is done.
        """
        ghosts = [u for u in sorted(state.members("join", "invite")) if self._names.is_ghost(u)]
        marks = [mark for mark in state.events if self._is_ours(state, mark)]
        levels = {
            user: level for user, level in state.levels().items() if self._names.is_ghost(user)
        }
        for kind, key in marks:
            await self._put(room, kind, key, {})
        if levels:
            await self._put(room, LEVELS, "", self._without(state))
        for ghost in ghosts[:LEAVES_MAX]:
            await self._states.leave(room, ghost)
        return bool(ghosts or marks or levels)

    def _is_ours(self, state: RoomState, mark: tuple[str, str]) -> bool:
        event = state.events[mark]
        return (
            mark[0] in KEYED
            and event.get("sender") == self._names.bot
            and bool(event.get("content"))
        )

    def _without(self, state: RoomState) -> dict[str, object]:
        levels = dict(state.content(LEVELS))
        users = {u: level for u, level in state.levels().items() if not self._names.is_ghost(u)}
        return {**levels, "users": users}

    async def _put(self, room: RoomId, kind: str, key: str, content: dict[str, object]) -> None:
        try:
            await self._states.put(room, kind, key, content)
        except Rejected as error:
            log.warning("room not left as it was", room=room, kind=kind, error=str(error))
