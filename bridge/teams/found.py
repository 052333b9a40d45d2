"""Messages that we came upon when we looked: entries of our own making. Pure.

What Graph has answered to ourselves needs no proof; a hook stores `{"item": …}` whatever it is sent,
so that nobody else can write what is read here.
"""

from __future__ import annotations

from datetime import datetime

import orjson

from bridge.domain.ids import ConversationId, Place, Side, TenantId, digest, own_id
from bridge.errors import Unconvertible
from bridge.ports import Entry, NewEntry
from bridge.teams import payloads
from bridge.teams.payloads import ChatMessage, Json, milliseconds, text

_BEGIN = b'{"read":'


def entry_of_read(place: Place, message: Json, *, now: datetime) -> NewEntry:
    """Make an entry of a chatMessage that was read from Graph; once for each of its versions.

    Raises:
        Unconvertible: It has no id, or is nested without end.
    """
    read = payloads.chat_message(message)
    position = milliseconds(own_id(read.ref))
    return NewEntry(
        side=Side.TEAMS,
        key=digest(place.tenant, place.conversation, read.ref, "read", read.version),
        # As `notifications.entry_of` writes it: they must be read in one order.
        conversation=f"{place.tenant}/{place.conversation}",
        position=int(now.timestamp() * 1000) if position is None else position,
        raw=_packed(place, message),
        received_at=now,
        due_at=now,
        found=True,
    )


def read_message(entry: Entry) -> tuple[Place, ChatMessage] | None:
    """Read what `entry_of_read` wrote; None for what a hook has stored.

    Raises:
        Unconvertible: It is damaged.
    """
    if not entry.found or not entry.raw.startswith(_BEGIN):
        return None
    try:
        stored = orjson.loads(entry.raw)
    except orjson.JSONDecodeError as error:
        raise Unconvertible("a stored message that is no JSON") from error
    place = Place(
        tenant=TenantId(text(stored, "tenant") or ""),
        conversation=ConversationId(text(stored, "conversation") or ""),
    )
    return place, payloads.chat_message(stored["read"])


def _packed(place: Place, message: Json) -> bytes:
    stored = {"read": message, "tenant": place.tenant, "conversation": place.conversation}
    try:
        return orjson.dumps(stored)
    except TypeError as error:  # orjson reads 1,024 levels and writes 254.
        raise Unconvertible("a message that is nested without end") from error
