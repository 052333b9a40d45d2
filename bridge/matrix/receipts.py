"""How far people have read: m.receipt of a transaction's ephemeral part -> Receipt. Pure but for `Moments`.

    {"type": "m.receipt", "room_id": "!…", "content": {"$event": {"m.read": {"@user": {"ts": …}}}}}

Only public receipts are pushed: `m.read.private` stays with its homeserver, and Synapse 1.163.2 gives
application services no `thread_id` (storage/databases/main/receipts.py). What else is ephemeral (typing,
presence) is not for us.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.receipts import Receipt
from bridge.matrix.appservice import is_id
from bridge.matrix.client import Client
from bridge.matrix.names import Names

RECEIPT = "m.receipt"
READ = "m.read"
RECEIPTS_MAX = 1_000
"""Of one transaction; a homeserver sends those of a hundred rooms at most."""

Json = Mapping[str, Any]


def receipts_in(ephemeral: object, names: Names) -> Iterator[Receipt]:
    """Yield the receipts of people of our homeserver; what makes no sense is left out."""
    left = RECEIPTS_MAX
    for event in ephemeral if isinstance(ephemeral, list) else ():
        if not isinstance(event, dict) or event.get("type") != RECEIPT:
            continue
        for receipt in _of_room(event, names):
            if left <= 0:
                return
            left -= 1
            yield receipt


def _of_room(event: Json, names: Names) -> Iterator[Receipt]:
    room = event.get("room_id")
    if not is_id(room, "!"):
        return
    for ref, kinds in _object(event.get("content")).items():
        for user in _object(_object(kinds).get(READ)):
            if is_id(ref, "$") and is_id(user, "@") and names.is_local(user):
                yield Receipt(room=RoomId(room), user=UserId(user), ref=MessageRef(ref))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


class Moments(ports.Moments):
    """Asks the homeserver when an event was sent."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @override
    async def sent_at(self, room: RoomId, ref: MessageRef) -> datetime | None:
        event = await self._client.event(room, ref) or {}
        at = event.get("origin_server_ts")
        if not isinstance(at, int) or isinstance(at, bool) or at < 0:
            return None
        try:
            return datetime.fromtimestamp(at / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return None
