"""What is done as real users of the homeserver, with the second registration.

The homeserver does not keep an application service from sending as an account that was deactivated
(measured on Synapse 1.163.2). But it lets nobody sign in as one, and it takes all devices from it: so
a device of ours is signed in once, which proves the account, and everything is sent as that device;
when the homeserver knows it no more, we must prove the account again. Nor is it kept from sending
as one that is locked (MSC3939), which keeps its devices: the sign-in alone tells, so it is repeated
now and then. As one that is suspended (MSC3823) it lets nobody send, though everybody sign in (all
measured on Synapse 1.163.2). What the sign-in gives is thrown away: the second registration's token is all that is ever used. A homeserver that leaves
sign-in to another service (MSC3861) is asked for the account's status in its place, by MSC3720.
"""

from __future__ import annotations

from typing import Any

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.pairing import Why
from bridge.errors import Rejected
from bridge.matrix.answers import FORBIDDEN, NOT_FOUND, RejectedByHomeserver
from bridge.matrix.client import Client
from bridge.matrix.echo import DOUBLE_PUPPET, SOURCE
from bridge.matrix.ghosts import DEVICE, DEVICE_NAME
from bridge.matrix.paths import Method, Path
from bridge.matrix.sender import Sender
from bridge.telemetry import log

DIRECT = "m.direct"
LOW_PRIORITY = "m.lowpriority"
USER_LOCKED = "M_USER_LOCKED"
LOGIN_UNSUPPORTED = "M_APPSERVICE_LOGIN_UNSUPPORTED"
_NO_LOGIN = frozenset({LOGIN_UNSUPPORTED, "M_UNRECOGNIZED"})
_STATUS = Path.unstable["org.matrix.msc3720"].account_status


class AsPeople:
    """Acts as whoever is named; `join_rooms`: people are brought in where they were invited."""

    def __init__(self, client: Client, sender: Sender, *, join_rooms: bool = True) -> None:
        self.sender = sender
        self.join_rooms = join_rooms
        self._client = client

    async def prove(self, user: UserId) -> Why | None:
        """Return why an account cannot be used; None: it is there and active, and has our device now.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        try:
            await self._client.whoami(user)  # Refused where there is no account.
            try:
                await self._sign_in(user)
            except RejectedByHomeserver as error:
                if error.errcode not in _NO_LOGIN:
                    raise
                if not await self._is_active(user):
                    return Why.NO_ACCOUNT
                await self._client.put_device(user, DEVICE, DEVICE_NAME)
        except Rejected as error:
            log.debug("account cannot be used", user=user, error=str(error))
            is_locked = isinstance(error, RejectedByHomeserver) and error.errcode == USER_LOCKED
            return Why.LOCKED if is_locked else Why.NO_ACCOUNT
        return None

    async def _sign_in(self, user: UserId) -> None:
        request = {
            "type": "m.login.application_service",
            "identifier": {"type": "m.id.user", "user": user},
            "device_id": DEVICE,
            "initial_device_display_name": DEVICE_NAME,
        }
        await self._client.call(Method.POST, Path.v3.login, request, user=user)

    async def _is_active(self, user: UserId) -> bool:
        answer: Any = await self._client.call(Method.POST, _STATUS, {"user_ids": [user]}, user=user)
        statuses = answer.get("account_statuses") if isinstance(answer, dict) else None
        status = statuses.get(user) if isinstance(statuses, dict) else None
        return (
            isinstance(status, dict)
            and status.get("exists") is True
            and status.get("deactivated") is False
        )

    async def join(self, user: UserId, room: RoomId) -> None:
        """Accept an invitation for somebody.

        Raises:
            RemoteError: They could not be brought in.
        """
        await self._client.join(room, user)

    async def mark_direct(self, user: UserId, room: RoomId, other: UserId) -> None:
        """Add a room to those that clients show as a chat with somebody.

        Account data are written as a whole: what a client writes in the same moment may be lost, as
        between two clients (Matrix spec v1.19, client-server § direct messaging).

        Raises:
            RemoteError: It was not marked, or perhaps.
        """
        path = Path.v3.user[user].account_data[DIRECT]
        try:
            found: Any = await self._client.call(Method.GET, path, user=user)
        except RejectedByHomeserver as error:
            if error.errcode not in {NOT_FOUND, FORBIDDEN}:
                raise
            found = None
        marks: dict[str, Any] = dict(found) if isinstance(found, dict) else {}
        rooms = marks.get(other)
        known = [str(one) for one in rooms] if isinstance(rooms, list) else []
        if room not in known:
            await self._client.call(Method.PUT, path, {**marks, other: [*known, room]}, user=user)

    # --- what they have read and hidden ---

    async def mark_read(
        self, user: UserId, room: RoomId, event: MessageRef, *, is_public: bool
    ) -> None:
        """Show that somebody has read up to an event, to all or to themselves; never moves back.

        Raises:
            RemoteError: It is not shown, or perhaps.
        """
        receipt = "m.read" if is_public else "m.read.private"
        markers = {"m.fully_read": event, receipt: event}
        path = Path.v3.rooms[room].read_markers
        await self._client.call(Method.POST, path, markers, user=user)

    async def lower_priority(self, user: UserId, room: RoomId) -> bool:
        """Tag a room for somebody; return False if it is tagged so already.

        Raises:
            RemoteError: It was not tagged, or perhaps.
        """
        tags = await self._tags(user, room)
        if LOW_PRIORITY in tags:
            return False
        path = Path.v3.user[user].rooms[room].tags[LOW_PRIORITY]
        await self._client.call(Method.PUT, path, {DOUBLE_PUPPET: SOURCE}, user=user)
        return True

    async def restore_priority(self, user: UserId, room: RoomId) -> bool:
        """Take our own tag away; return False if there is none, or it is somebody else's.

        Raises:
            RemoteError: It is still there, or perhaps.
        """
        tag = (await self._tags(user, room)).get(LOW_PRIORITY)
        if not isinstance(tag, dict) or tag.get(DOUBLE_PUPPET) != SOURCE:
            return False
        path = Path.v3.user[user].rooms[room].tags[LOW_PRIORITY]
        await self._client.call(Method.DELETE, path, user=user)
        return True

    async def _tags(self, user: UserId, room: RoomId) -> dict[str, Any]:
        path = Path.v3.user[user].rooms[room].tags
        found: Any = await self._client.call(Method.GET, path, user=user)
        tags = found.get("tags") if isinstance(found, dict) else None
        return tags if isinstance(tags, dict) else {}
