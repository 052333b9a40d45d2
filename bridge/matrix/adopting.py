"""Rooms that people have made become rooms of portals: entered by a ghost that was invited there.

    enter   the ghost joins ─▶ what there is to see ─▶ Scene
    host    the ghost invites the bot ─▶ it joins ─▶ the ghost gives it what power itself has
    adopt   the mark of the conversation ─▶ its alias ─┬─ free: it is the portal's room
                                                       └─ taken: another room was faster
    close   where to go instead ─▶ a tombstone, if that is allowed ─▶ all of ours leave

Who invites somebody directly gives them power: by their level up to room version 11, later as
another creator (Matrix spec v1.19, client-server § createRoom, trusted_private_chat). In rooms made
otherwise a ghost may mostly invite, and not more: those cannot be portals, for nobody could keep
them up.

The alias decides, on the homeserver: of two rooms for one conversation the second is refused it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from bridge.domain.events import Person
from bridge.domain.ids import RoomId, TenantId, UserId
from bridge.domain.portal import Conversation, Portal
from bridge.domain.values import dataclass
from bridge.errors import Rejected
from bridge.matrix.answers import FORBIDDEN, RejectedByHomeserver
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client
from bridge.matrix.ghosts import Ghosts
from bridge.matrix.marks import BRIDGE_INFO, bridge_key, room_marks
from bridge.matrix.paths import Method, Path
from bridge.matrix.powers import ENCRYPTION, TOMBSTONE, may_set, needed_to_send, power_of
from bridge.matrix.rooms import Rooms, title_of
from bridge.matrix.shaping import BOT_LEVEL, LEVELS, MEMBER, RoomState
from bridge.matrix.states import States
from bridge.ports import PortalBook
from bridge.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A room as the ghost that was invited sees it."""

    room: RoomId
    ghost: UserId
    state: RoomState

    @property
    def is_encrypted(self) -> bool:
        return bool(self.state.content(ENCRYPTION))

    @property
    def present(self) -> frozenset[UserId]:
        """Who is in the room, or invited."""
        return self.state.members("join", "invite")

    @property
    def maker(self) -> str | None:
        """Who has made the room."""
        return self.state.maker

    def invited_as_direct(self, ghosts: frozenset[UserId]) -> bool:
        """Tell whether one of these ghosts was invited to talk with directly.

        Whoever has joined since was: their invitation is what their membership replaces.
        """
        events = (self.state.events.get((MEMBER, ghost), {}) for ghost in ghosts)
        return any(_says_direct(event) for event in events)

    def newest_arrival(self) -> datetime | None:
        """Return when somebody was invited, or came, last."""
        times = [
            event.get("origin_server_ts")
            for (kind, _), event in self.state.events.items()
            if kind == MEMBER
        ]
        known = [time for time in times if isinstance(time, int)]
        return datetime.fromtimestamp(max(known) / 1000, UTC) if known else None


def _says_direct(event: Mapping[str, Any]) -> bool:
    unsigned = event.get("unsigned")
    before = unsigned.get("prev_content") if isinstance(unsigned, dict) else None
    contents = (event.get("content"), before)
    return any(isinstance(one, dict) and one.get("is_direct") is True for one in contents)


class Adopter:
    """Takes rooms over for the bridge, and leaves those that it cannot use."""

    def __init__(
        self, client: Client, bot: Bot, *, rooms: Rooms, ghosts: Ghosts, portals: PortalBook
    ) -> None:
        self._client = client
        self._bot = bot
        self._rooms = rooms
        self._ghosts = ghosts
        self._portals = portals
        self._states = States(client)

    async def enter(self, tenant: TenantId, person: Person, room: RoomId) -> Scene:
        """Have a ghost accept its invitation, and look around.

        Raises:
            Rejected: It may not enter, any more.
            RemoteError: The homeserver could not be asked now.
            StoreUnavailable: Postgres is away.
        """
        identity = await self._ghosts.ensure(tenant, person)
        try:
            await self._client.join(room, identity.user)
        except RejectedByHomeserver:
            # Perhaps the homeserver has forgotten it.
            identity = await self._ghosts.renew(tenant, person)
            await self._client.join(room, identity.user)
        return await self.look(room, identity.user)

    async def look(self, room: RoomId, ghost: UserId) -> Scene:
        """Return what one of ours sees of a room.

        Raises:
            RemoteError: The homeserver could not be asked now, or will not say.
        """
        state = RoomState.of(await self._states.of(room, user=ghost))
        return Scene(room=room, ghost=ghost, state=state)

    async def host(self, scene: Scene) -> bool:
        """Bring the bot in; return False if that is not allowed.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        if self._bot.user in scene.state.members("join"):
            return True
        try:
            await self._invite_bot(scene)
            await self._client.join(scene.room)
        except Rejected as error:
            log.info("bot not brought in", room=scene.room, error=str(error))
            return False
        return True

    async def _invite_bot(self, scene: Scene) -> None:
        path = Path.v3.rooms[scene.room].invite
        try:
            await self._client.call(
                Method.POST, path, {"user_id": self._bot.user}, user=scene.ghost
            )
        except RejectedByHomeserver as error:
            if error.errcode != FORBIDDEN:  # Or it is there: joining finds out.
                raise

    async def empower(self, scene: Scene) -> bool:
        """Have the ghost give the bot the power to keep the room up; False if it cannot.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        state, bot = scene.state, self._bot.user
        if power_of(bot, state) >= BOT_LEVEL:
            return True
        needed = max(BOT_LEVEL, needed_to_send(LEVELS, state, is_state=True))
        if power_of(scene.ghost, state) < needed:
            return False
        levels = {**state.content(LEVELS)}
        levels["users"] = {**state.levels(), bot: BOT_LEVEL}
        try:
            await self._states.put(scene.room, LEVELS, "", levels, user=scene.ghost)
        except Rejected as error:
            log.info("bot not empowered", room=scene.room, error=str(error))
            return False
        return True

    async def adopt(self, portal: Portal, conversation: Conversation, room: RoomId) -> bool:
        """Make a room that the bot may keep up that of a portal; False if it has another one.

        Raises:
            RemoteError: The homeserver could not be asked now; trying again goes on.
            StoreUnavailable: Postgres is away.
        """
        names = self._rooms.names
        known = await self._rooms.known(portal)
        if known is not None:
            return known == room
        title = title_of(conversation)
        marks = room_marks(conversation, names, name=title)
        key = bridge_key(portal.place)
        # First the mark: whoever finds the alias takes a room without it for one that failed.
        for kind in BRIDGE_INFO:
            await self._states.put(room, kind, key, marks[kind, key])
        if not await self._is_claimed(names.alias(names.portal_alias(portal.place)), room):
            await self._unmark(room, key)
            return False
        await self._portals.remember_room(portal, room, name=title)
        if await self._portals.room_of(portal.id) != room:  # Somebody has bridged another by hand.
            return False
        log.info("room became that of a portal", portal=portal.id, room=room)
        return True

    async def _is_claimed(self, alias: str, room: RoomId) -> bool:
        try:
            await self._client.call(Method.PUT, Path.v3.directory.room[alias], {"room_id": room})
        except RejectedByHomeserver as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            return await self._client.resolve(alias) == room
        return True

    async def _unmark(self, room: RoomId, key: str) -> None:
        for kind in BRIDGE_INFO:
            await self._states.put(room, kind, key, {})

    async def close(self, scene: Scene, *, notice: str, instead: RoomId | None) -> bool:
        """Say why a room is of no use, point to another one, and leave; False if nobody could.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        said = await self.host(scene)
        if said:
            await self._bot.notice(scene.room, notice, key=f"closed {instead or ''}")
            if instead is not None:
                await self._bury(scene, notice, instead)
        await self.leave(scene.room, scene)
        return said

    async def ask(self, scene: Scene, notice: str, *, mention: UserId) -> bool:
        """Have the bot say something once in a room; False if it cannot come in.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        if not await self.host(scene):
            return False
        await self._bot.notice(scene.room, notice, key="what now", mentions=(mention,))
        return True

    async def _bury(self, scene: Scene, notice: str, instead: RoomId) -> None:
        """Leave a tombstone, by which clients lead on; who may not goes without."""
        if not may_set(scene.ghost, TOMBSTONE, scene.state):
            return
        content = {"body": notice, "replacement_room": instead}
        try:
            await self._states.put(scene.room, TOMBSTONE, "", content, user=scene.ghost)
        except Rejected as error:
            log.info("no tombstone", room=scene.room, error=str(error))

    async def leave(self, room: RoomId, scene: Scene) -> None:
        """Have all of ours leave a room, the bot last; who is not there has left already.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        ghosts = sorted(user for user in scene.present if self._rooms.names.is_ghost(user))
        for user in dict.fromkeys((*ghosts, scene.ghost, self._bot.user)):
            try:
                await self._states.leave(room, user)
            except Rejected as error:
                log.debug("not left", room=room, user=user, error=str(error))
