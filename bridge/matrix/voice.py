"""By whom a delivery is heard in a room: by its author's own account, by their ghost, or by the bot.

send ─▶ puppets.of ─┬─ own account ─▶ PUT as them ─┬─ 403: not in the room, let them in, once more
│                              ├─ M_UNKNOWN_DEVICE: prove the account, once more
│                              └─ not to be done: look for an earlier attempt ┐
└─ none ───────────────────────────────────────────────────▶ ghosts.ensure ◀──┘
PUT as the ghost ─┬─ 403: join, once more
└─ M_UNKNOWN_DEVICE: set the ghost up, once more
"""

from __future__ import annotations

import orjson

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.matrix import saying
from bridge.matrix.answers import FORBIDDEN, UNKNOWN_DEVICE, RejectedByHomeserver
from bridge.matrix.as_bot import Send, as_bot
from bridge.matrix.client import Client
from bridge.matrix.echo import mark
from bridge.matrix.entrance import Entrance
from bridge.matrix.ghosts import Ghosts, Identity
from bridge.matrix.profiles import under
from bridge.matrix.rooms import Rooms
from bridge.matrix.saying import MARKER
from bridge.matrix.sender import MESSAGE, Outgoing, Sender, milliseconds
from bridge.matrix.showing import Content
from bridge.ports import Confirm, Delivery
from bridge.telemetry import PAIRINGS, log

OWN_TRIES_MAX = 3
"""As the author themselves: a device may have to be made again, and they to be brought in."""
_NOT_ALLOWED = frozenset({"M_USER_SUSPENDED", "M_USER_LOCKED", "M_USER_DEACTIVATED"})


class Voice:
    """Sends as whoever is to be heard; remembers nothing."""

    def __init__(self, sender: Sender, client: Client, *, ghosts: Ghosts, rooms: Rooms) -> None:
        self._sender = sender
        self._client = client
        self._ghosts = ghosts
        self._rooms = rooms
        self._entrance = Entrance(rooms, client)

    async def send(
        self,
        delivery: Delivery,
        room: RoomId,
        content: Content,
        confirm: Confirm,
        *,
        kind: str = MESSAGE,
    ) -> MessageRef:
        """Send as the author: as themselves, or as their ghost.

        Raises:
            Refused: It was certainly not sent.
            Uncertain: It may have been sent.
            StoreUnavailable: Postgres is away.
        """
        send = self._sending(delivery, room, content, confirm, kind=kind)
        own = await self.own(delivery)
        if own is not None:
            sent = await self._as_themselves(delivery, room, own, send)
            if sent is not None:
                return sent
        return await self._as_ghost(delivery, room, send)

    async def send_as(
        self, own: Identity, delivery: Delivery, room: RoomId, content: Content, confirm: Confirm
    ) -> MessageRef | None:
        """Send as the author themselves; None if that is certainly not possible, and was not done.

        Raises: as `send`.
        """
        send = self._sending(delivery, room, content, confirm)
        return await self._as_themselves(delivery, room, own, send)

    def _sending(
        self,
        delivery: Delivery,
        room: RoomId,
        content: Content,
        confirm: Confirm,
        *,
        kind: str = MESSAGE,
    ) -> Send:
        """Say how; without a device the homeserver may forget the transaction, and take it twice."""
        name = "message" if kind == MESSAGE else kind

        async def send(who: Identity) -> MessageRef:
            outgoing = Outgoing(
                room=room,
                sender=who.user,
                device=who.device,
                transaction=saying.transaction_of(delivery, name),
                content=orjson.dumps(_as_said(content, delivery, room, kind, who)),
                sent_at=delivery.event.sent_at,
                kind=kind,
            )
            ready = confirm if who.device is None else None
            sender = self._rooms.puppets.sender if who.own else None
            return await (sender or self._sender).send(outgoing, ready=ready)

        return send

    async def own(self, delivery: Delivery) -> Identity | None:
        """Return the author's own account, if they speak by one."""
        return await self._rooms.puppets.of(delivery.portal.place.tenant, delivery.event.author)

    async def _as_themselves(
        self, delivery: Delivery, room: RoomId, own: Identity, send: Send
    ) -> MessageRef | None:
        """Send as the author themselves; None if that is certainly not possible, and was not done."""
        for _ in range(OWN_TRIES_MAX):
            try:
                return await send(own)
            except RejectedByHomeserver as error:
                if error.errcode == UNKNOWN_DEVICE:
                    tenant = delivery.portal.place.tenant
                    renewed = await self._rooms.puppets.renew(tenant, delivery.event.author)
                    if renewed is None:
                        break
                    own = renewed
                elif error.errcode == FORBIDDEN:
                    if not await self._entrance.let_in(own.user, room):
                        break
                elif error.errcode in _NOT_ALLOWED:
                    break
                else:
                    raise
        PAIRINGS.labels("kept_out").inc()
        log.info("heard by their ghost this time", room=room, user=own.user)
        return await self.marked(room, delivery, own.user)  # An earlier attempt may have arrived.

    async def _as_ghost(self, delivery: Delivery, room: RoomId, send: Send) -> MessageRef:
        """Send as the author's ghost; once more if it had to be brought in, or made again.

        What nobody did is told by the bot.
        """
        tenant, author = delivery.portal.place.tenant, delivery.event.author
        if not author.id:
            return await as_bot(self._ghosts, send)
        ghost = await self._ghosts.ensure(tenant, author)
        try:
            return await send(ghost)
        except RejectedByHomeserver as error:
            if error.errcode == UNKNOWN_DEVICE:
                ghost = await self._ghosts.renew(tenant, author)
            elif error.errcode == FORBIDDEN:
                ghost = await self._bring_in(delivery, room, ghost)
            else:
                raise
        return await send(ghost)

    async def _bring_in(self, delivery: Delivery, room: RoomId, ghost: Identity) -> Identity:
        """Let the ghost join; one that cannot even do that was perhaps never registered there."""
        try:
            await self._rooms.join(ghost.user, room)
        except RejectedByHomeserver as error:
            if error.errcode != FORBIDDEN:
                raise
            tenant = delivery.portal.place.tenant
            ghost = await self._ghosts.renew(tenant, delivery.event.author)
            await self._rooms.join(ghost.user, room)
        return ghost

    async def users(self, delivery: Delivery) -> tuple[UserId, ...]:
        """Return by whom the author may have been heard."""
        names, author = self._ghosts.names, delivery.event.author.id
        own = await self.own(delivery)
        heard = names.ghost(author) if author else names.bot
        return (heard,) if own is None else (heard, own.user)

    async def marked(self, room: RoomId, delivery: Delivery, *also: UserId) -> MessageRef | None:
        """Return what an attempt has left of the author, or of others, if it is there.

        Raises:
            RemoteError: The room could not be read now.
        """
        marker = saying.marker_of(delivery)
        users = {*await self.users(delivery), *also}
        for seen in await self._client.messages_of(room, *sorted(users)):
            content = seen.get("content")
            if isinstance(content, dict) and content.get(MARKER) == marker:
                return MessageRef(str(seen["event_id"]))
        return None


def _as_said(
    content: Content, delivery: Delivery, room: RoomId, kind: str, who: Identity
) -> Content:
    """Add what tells whom it is from: the name it is said under, or that we say it as a person."""
    if who.own:
        return content | mark(who.user, room, milliseconds(delivery.event.sent_at))
    if kind != MESSAGE or who.said_as is None:
        return content
    return under(who.said_as, content)
