"""What we have sent as a real user, known again when the homeserver brings it. Pure.

A ghost's event is ours by its sender. What a person has done in Teams is sent by their own account,
from which anything else may come as well: such an event carries a mark that says who sends it, where,
and what it is: a message or reaction by the time that it was given (`?ts=`), a redaction by what it
takes back. So a mark that is copied along says nothing: forwarded by the same person, the message is
another one. It needs no answer of ours and no memory, and is as good after a crash or a restored
database.

Whoever forges a mark keeps their own event from Teams, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.domain.ids import MessageRef, RoomId, UserId

MARK = "io.github.matrix-teams-bridge.own_account"
DOUBLE_PUPPET = "fi.mau.double_puppet_source"
"""By which mautrix' bridges leave alone what another bridge has said as somebody."""
SOURCE = "matrix-teams-bridge"

_REDACTION = "m.room.redaction"


def mark(sender: UserId, room: RoomId, what: int | MessageRef) -> dict[str, object]:
    """Return what an event's content must have besides; `what` is its time in ms, or its target."""
    return {MARK: {"as": sender, "in": room, "what": what}, DOUBLE_PUPPET: SOURCE}


def is_marked(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is one that we have sent as its sender."""
    content = event.get("content")
    found = content.get(MARK) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        return False
    return (
        found.get("as") == event.get("sender")
        and found.get("in") == event.get("room_id")
        and _is_what(found.get("what"), event)
    )


def _is_what(what: object, event: Mapping[str, Any]) -> bool:
    if event.get("type") == _REDACTION:
        # Where it stands depends on the room's version (Matrix spec v1.19, m.room.redaction).
        content = event.get("content")
        inside = content.get("redacts") if isinstance(content, dict) else None
        return isinstance(what, str) and what in {event.get("redacts"), inside}
    at = event.get("origin_server_ts")
    return type(what) is int and type(at) is int and what == at
