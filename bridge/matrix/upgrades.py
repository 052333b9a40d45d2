"""Rooms that are replaced: their conversation goes on in the new one, if whoever said so might.

    Replaced ─▶ a portal? ─▶ judge: had its sender the power, just then? ─▶ can the bot come in?
                                                                             │      └─ no: it asks to
    Invited ─▶ does the room say that it replaces a portal's? ─▶ judge ──────┤         be invited
                                                                             ▼
                    does the new room name the old one? ─▶ PlumbingBook.move ─▶ alias ─▶ looked at

A tombstone is a state event, which the homeserver has let in; it is judged once more all the same, as
it decides who reads what is said from now on. The new room must name the old one as its predecessor:
else whoever may close one room could have its conversation said in any other. Ghosts, people and
looks are brought there by the next look (`keeping`). Nothing said in the old room crosses any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.domain.events import Replaced
from bridge.domain.ids import MessageRef, RoomId, Side, UserId
from bridge.domain.portal import Portal
from bridge.matrix.answers import NOT_FOUND, RejectedByHomeserver
from bridge.matrix.bot import Bot
from bridge.matrix.client import Client, Json
from bridge.matrix.marks import BRIDGE_INFO
from bridge.matrix.names import Names
from bridge.matrix.paths import Method, Path
from bridge.matrix.powers import TOMBSTONE, may_set, missing_power
from bridge.matrix.shaping import CREATE, RoomState
from bridge.matrix.states import States
from bridge.ports import PlumbingBook
from bridge.telemetry import IGNORED, log

NOT_A_PORTAL = "tombstone_of_no_portal"
UNAUTHORISED = "tombstone_unauthorised"
NO_PREDECESSOR = "replacement_names_another"
NOT_LET_IN = "replacement_not_open"
TAKEN = "replacement_taken"

INVITE_ME = """\
This room was replaced. Invite me ({bot}) into the new one, and this conversation of Microsoft Teams \
goes on there. Until then it goes on here."""
POWER_NEEDED = """\
I go on here with this conversation of Microsoft Teams, but I need the power level {level} for it. \
Somebody who may change rights here can give it to me ({bot})."""


class Upgrades:
    """Follows conversations into their new rooms; remembers nothing itself."""

    def __init__(self, client: Client, bot: Bot, names: Names, *, book: PlumbingBook) -> None:
        self._client = client
        self._states = States(client)
        self._bot = bot
        self._names = names
        self._book = book

    async def follow(self, replaced: Replaced) -> None:
        """Go on in the new room; the same tombstone may come twice.

        Raises:
            RemoteError: The homeserver could not be asked now.
            StoreUnavailable: Postgres is away.
        """
        portal = await self._book.portal_in(replaced.room)
        if portal is None:
            return _ignore(replaced.room, NOT_A_PORTAL)
        if not await self._is_authorised(replaced):
            return _ignore(replaced.room, UNAUTHORISED)
        if not await self._is_let_in(replaced.replacement):
            _ignore(replaced.room, NOT_LET_IN)
            text = INVITE_ME.format(bot=self._bot.user)
            await self._bot.notice(replaced.room, text, key=f"invite me {replaced.ref}")
        elif not await self._move(portal, replaced.replacement):
            await self._client.leave(replaced.replacement)
        return None

    async def entered(self, room: RoomId) -> bool:
        """Tell whether a room that the bot was invited to replaces a portal's, and go on there.

        Raises:
            RemoteError: The homeserver could not be asked now.
            StoreUnavailable: Postgres is away.
        """
        before = predecessor_in(await self._client.state(room, CREATE, "") or {})
        portal = None if before is None else await self._book.portal_in(before)
        if before is None or portal is None:
            return False
        tombstone = await self._tombstone(before, room)
        if tombstone is None or not await self._is_authorised(tombstone):
            _ignore(before, UNAUTHORISED)
            return False
        return await self._move(portal, room)

    async def _tombstone(self, room: RoomId, replacement: RoomId) -> Replaced | None:
        """Return the tombstone of a room, if it leads to that one."""
        state = RoomState.of(await self._states.of(room))
        event = state.events.get((TOMBSTONE, ""), {})
        if state.text(TOMBSTONE, "replacement_room") != replacement:
            return None
        sender, ref = str(event.get("sender")), MessageRef(str(event.get("event_id")))
        return Replaced(room=room, sender=UserId(sender), ref=ref, replacement=replacement)

    async def _is_authorised(self, replaced: Replaced) -> bool:
        state = await self._state_at(replaced.room, replaced.ref)
        return state is not None and may_set(replaced.sender, TOMBSTONE, state)

    async def _state_at(self, room: RoomId, ref: MessageRef) -> RoomState | None:
        """Return what a room was at an event: whoever closes it may change its rights right after."""
        path = Path.v3.rooms[room].context[ref]
        try:
            found: Any = await self._client.call(Method.GET, path, query={"limit": "0"})
        except RejectedByHomeserver as error:
            if error.errcode == NOT_FOUND:
                return None
            raise
        events = found.get("state") if isinstance(found, dict) else None
        return RoomState.of(one for one in events or [] if isinstance(one, dict))

    async def _is_let_in(self, room: RoomId) -> bool:
        try:
            await self._client.join(room)
        except RejectedByHomeserver as error:
            log.info("not let in", room=room, error=str(error))
            return False
        return True

    async def _move(self, portal: Portal, room: RoomId) -> bool:
        state = RoomState.of(await self._states.of(room))
        if portal.room is None or predecessor_in(state.content(CREATE)) != portal.room:
            _ignore(room, NO_PREDECESSOR)
            return False
        if not await self._book.move(portal, room):
            _ignore(room, TAKEN)
            return False
        log.info("portal moved", portal=portal.id, room=room, before=portal.room)
        await self._repoint(portal, portal.room, room)
        level = missing_power(self._bot.user, state, BRIDGE_INFO)
        if level is not None:
            text = POWER_NEEDED.format(level=level, bot=self._bot.user)
            await self._bot.notice(room, text, key=f"power needed {portal.room}")
        return True

    async def _repoint(self, portal: Portal, before: RoomId, room: RoomId) -> None:
        """Have the alias lead to the new room, if the homeserver has not moved it itself."""
        localpart = self._names.portal_alias(portal.place)
        alias = self._names.alias(localpart)
        try:
            if await self._client.resolve(alias) == before:
                await self._client.drop_alias(localpart)
                path = Path.v3.directory.room[alias]
                await self._client.call(Method.PUT, path, {"room_id": room})
        except RejectedByHomeserver as error:
            log.warning("alias not moved", room=room, error=str(error))


def predecessor_in(creation: Json) -> RoomId | None:
    """Return the room that a room says it replaces."""
    named = creation.get("predecessor")
    room = named.get("room_id") if isinstance(named, Mapping) else None
    return RoomId(room) if isinstance(room, str) else None


def _ignore(room: RoomId, reason: str) -> None:
    IGNORED.labels(Side.MATRIX, reason).inc()
    log.info("room not followed", room=room, reason=reason)
