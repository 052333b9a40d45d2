"""What refers to something that was said in a room which the conversation has left.

a delivery ─▶ the portal has had no other room? ─▶ as it is, nothing is asked
└─ where is what it refers to? ─┬─ in the room: as it is
└─ in a former one:
an answer       says so with a link; a thread begins anew
an edit         is said anew
a deletion      takes it back there: what is taken back must not stay
a reaction      is left out, and counted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from bridge.domain.content import Body, Link, Paragraph, Text, normalise
from bridge.domain.ids import MessageRef, PortalId, RoomId, Side
from bridge.matrix.answers import RejectedByHomeserver
from bridge.matrix.client import Client
from bridge.ports import Delivery, FarThread
from bridge.telemetry import IGNORED, log

ASKED_MAX = 4
"""Of the rooms that a conversation had, the latest."""
IN_FORMER_ROOM = "target_in_former_room"
_ANSWERS = "In answer to a message in the room before this one"


class FormerRooms:
    """Knows which rooms portals had; `learn` tells it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rooms: Mapping[PortalId, tuple[RoomId, ...]] = {}

    def learn(self, rooms: Mapping[PortalId, tuple[RoomId, ...]]) -> None:
        self._rooms = rooms

    async def holding(self, portal: PortalId, room: RoomId, ref: MessageRef) -> RoomId:
        """Return the room of a portal, `room` or a former one, in which an event is.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        former = self._rooms.get(portal, ())[:ASKED_MAX]
        if not former or await self._is_in(room, ref):
            return room
        for other in former:
            if await self._is_in(other, ref):
                return other
        return room

    async def _is_in(self, room: RoomId, ref: MessageRef) -> bool:
        try:
            return await self._client.event(room, ref) is not None
        except RejectedByHomeserver:  # The bot is not there any more.
            return False

    async def answering(
        self, delivery: Delivery, room: RoomId, answered: MessageRef | None, body: Body
    ) -> tuple[Delivery, MessageRef | None, Body]:
        """Return a message, what it answers and what it says, so that it refers to `room` alone.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        thread = delivery.far.thread
        if thread is not None and not await self._is_here(delivery, room, thread):
            delivery = without_thread(delivery)
            answered = answered or thread.root
        if answered is None:
            return delivery, answered, body
        there = await self.holding(delivery.portal.id, room, answered)
        if there == room:
            return delivery, answered, body
        return delivery, None, pointing(body, there, answered)

    async def _is_here(self, delivery: Delivery, room: RoomId, thread: FarThread) -> bool:
        return await self.holding(delivery.portal.id, room, thread.root) == room


def pointing(body: Body, room: RoomId, ref: MessageRef) -> Body:
    """Begin words with a link to what they answer in another room (spec: matrix.to URIs)."""
    address = f"https://matrix.to/#/{quote(room, safe='')}/{quote(ref, safe='')}"
    link = Link(href=address, content=(Text(text=_ANSWERS),))
    return normalise(Body(blocks=(Paragraph(content=(link,)), *body.blocks)))


def without_thread(delivery: Delivery) -> Delivery:
    """Return a delivery that stands in no thread."""
    return replace(delivery, far=replace(delivery.far, thread=None))


def leave_out(delivery: Delivery) -> None:
    """Count what has no place any more."""
    IGNORED.labels(Side.TEAMS, IN_FORMER_ROOM).inc()
    log.info("left out", delivery=delivery.id, portal=delivery.portal.id, reason=IN_FORMER_ROOM)
