"""What could not be carried over, counted and listed for an operator; `news.lose` writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.domain.values import dataclass
from bridge.store.database import Database

_KINDS = """
SELECT l.name, count(*) AS messages, count(DISTINCT l.portal_id) AS conversations,
    min(l.noted_at) AS first_at, max(l.noted_at) AS last_at
FROM losses l
WHERE l.noted_at >= $1
GROUP BY l.name
ORDER BY messages DESC, l.name
"""
# Losses are of messages that crossed, or are about to: what is counted as a whole are the messages
# of Teams that have a link.
_WHOLE = """
SELECT
    (SELECT count(*) FROM links k WHERE k.origin = 'teams' AND k.part = 0 AND k.linked_at >= $1)
        AS messages,
    (SELECT count(DISTINCT (l.portal_id, l.message_id)) FROM losses l WHERE l.noted_at >= $1)
        AS lossy
"""
_CASES = """
SELECT l.name, p.conversation_id, l.message_id, p.room_id, k.event_id, l.noted_at
FROM losses l
JOIN portals p ON p.id = l.portal_id
LEFT JOIN links k ON k.portal_id = l.portal_id AND k.message_id = l.message_id AND k.part = 0
WHERE l.name = $1 AND l.noted_at >= $2
ORDER BY l.noted_at DESC, l.portal_id, l.message_id
LIMIT $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossKind:
    """One kind of loss: in how many messages of how many conversations, and when."""

    name: str
    messages: int
    conversations: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """How many messages of Teams crossed, and how many of them not as a whole."""

    messages: int
    lossy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCase:
    """One message of which something could not be carried over; `event` is None until it crossed."""

    name: str
    conversation: str
    message: str
    room: str | None
    event: str | None
    noted_at: datetime


async def kinds(database: Database, since: datetime) -> Sequence[LossKind]:
    """Return what was lost since then, the most frequent first.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    return [LossKind(**dict(row)) for row in await database.fetch(_KINDS, since)]


async def whole(database: Database, since: datetime) -> Whole:
    """Count what crossed since then.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    row = await database.fetchrow(_WHOLE, since)
    return (
        Whole(messages=row["messages"], lossy=row["lossy"]) if row else Whole(messages=0, lossy=0)
    )


async def cases(
    database: Database, name: str, since: datetime, *, limit: int
) -> Sequence[LossCase]:
    """Return messages of which this was lost, the newest first.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    rows = await database.fetch(_CASES, name, since, limit)
    return [
        LossCase(
            name=row["name"],
            conversation=row["conversation_id"],
            message=row["message_id"],
            room=row["room_id"],
            event=row["event_id"],
            noted_at=row["noted_at"],
        )
        for row in rows
    ]
