"""Send a Matrix event: the hot path, one PUT of bytes that are ready to go.

    /_matrix/client/v3/rooms/{room}/send/{type}/{txn}?user_id={sender}&device_id={device}&ts={ms}
    '------------- kept per room ------------'      '---------- kept per sender -------'

    /_matrix/client/v3/rooms/{room}/redact/{event}/{txn}?user_id={sender}&device_id={device}

The transaction id makes a repetition harmless: with a `device_id` (Matrix spec v1.17, "Identity
assertion" of the application service API) Synapse remembers (room, sender, device, txn id) in its
database for 24 hours and answers with the event it has (measured on Synapse 1.163.2, killed between
the two). Without, it remembers in memory only, and by (path, application service), so transaction
ids are never shared between senders.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

import orjson

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.values import dataclass
from bridge.errors import Uncertain
from bridge.http1 import Ready
from bridge.matrix.connection import Connection

MESSAGE = "m.room.message"
_ROOMS = "/_matrix/client/v3/rooms/"
ROOMS_KEPT_MAX = 4_096
SENDERS_KEPT_MAX = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An event to send; `content` is JSON, `sent_at` what it shows as its time (now, if None)."""

    room: RoomId
    sender: UserId
    device: str | None
    transaction: str
    content: bytes
    sent_at: datetime | None = None
    kind: str = MESSAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """An event to take back; a redaction shows the time at which it is made (it takes no `ts`)."""

    room: RoomId
    sender: UserId
    device: str | None
    transaction: str
    target: MessageRef
    content: bytes = b"{}"


def milliseconds(instant: datetime) -> int:
    """Return the Unix time in ms."""
    return round(instant.timestamp() * 1000)


class Sender:
    """Sends events as any user of ours; remembers nothing but prepared pieces of URLs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

        @lru_cache(maxsize=ROOMS_KEPT_MAX)
        def head(room: RoomId, kind: str) -> str:
            return f"{_ROOMS}{quote(room, safe='')}/send/{quote(kind, safe='')}/"

        @lru_cache(maxsize=SENDERS_KEPT_MAX)
        def tail(sender: UserId, device: str | None) -> str:
            masked = "" if device is None else f"&device_id={quote(device, safe='')}"
            return f"?user_id={quote(sender, safe='')}{masked}"

        self._head = head
        self._tail = tail

    async def send(self, outgoing: Outgoing, *, ready: Ready | None = None) -> MessageRef:
        """Send; repeating the same transaction id gives the same event.

        `ready` is awaited with a connection in hand, right before the event goes out.

        Raises:
            Refused: It was certainly not sent; RejectedByHomeserver with M_FORBIDDEN often means
                that the sender is not in the room.
            Uncertain: It may have been sent.
        """
        shown = "" if outgoing.sent_at is None else f"&ts={milliseconds(outgoing.sent_at)}"
        target = (
            f"{self._head(outgoing.room, outgoing.kind)}{quote(outgoing.transaction, safe='')}"
            f"{self._tail(outgoing.sender, outgoing.device)}{shown}"
        )
        return await self._put(target, outgoing.content, what="send", ready=ready)

    async def redact(self, redaction: Redaction) -> MessageRef:
        """Take an event back; repeating the same transaction id gives the same redaction.

        Raises:
            Refused: It was certainly not taken back; RejectedByHomeserver with M_FORBIDDEN if the
                sender may not, with M_NOT_FOUND if there is no such event.
            Uncertain: It may have been taken back.
        """
        target = (
            f"{_ROOMS}{quote(redaction.room, safe='')}/redact/{quote(redaction.target, safe='')}"
            f"/{quote(redaction.transaction, safe='')}"
            f"{self._tail(redaction.sender, redaction.device)}"
        )
        return await self._put(target, redaction.content, what="redact")

    async def _put(
        self, target: str, content: bytes, *, what: str, ready: Ready | None = None
    ) -> MessageRef:
        exchange = self._connection.exchange
        return _event_id(await exchange("PUT", target, content, what=what, ready=ready), what)


def _event_id(body: bytes, what: str) -> MessageRef:
    try:
        event_id = orjson.loads(body)["event_id"]
    except (orjson.JSONDecodeError, LookupError, TypeError) as error:
        problem = f"{what}: the answer of the homeserver names no event"
        raise Uncertain(problem) from error
    return MessageRef(str(event_id))
