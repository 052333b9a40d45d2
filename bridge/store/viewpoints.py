"""How people see their chats in Teams, and what of it their own accounts show.

    note (with the news of an entry) ─▶ due ─▶ claim ─▶ show ─▶ settle
                                         ▲                        │ unless more was told meanwhile
                                         └────────────────────────┘

Of a person and a chat there is one row, however much is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import (
    ConversationId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    TeamsUserId,
    TenantId,
)
from bridge.domain.viewpoints import Shown, Viewpoint
from bridge.ports import DueView, ViewNews
from bridge.store.database import Database, Row, Session

SETTLES_AFTER = timedelta(seconds=2)
"""Whoever reads on reads more; and what they read is to be there before it is looked at."""

OLDEST_MS = 10**12
"""In 2001; what Graph calls read until the year 1 is not read."""

# Notifications come in any order: the furthest that was read counts, and what is hidden is asked for
# anew where it differs from what is shown. A look that is under way is followed by another.
_TELL = """
INSERT INTO viewpoints AS v (portal_id, person_id, told_at, asks, read_at, is_hidden, due_at)
SELECT p.id, $3, $6, $4::boolean IS NULL, $5, coalesce($4, false), $7 FROM portals p
WHERE p.tenant_id = $1 AND p.conversation_id = $2
ON CONFLICT (portal_id, person_id) DO UPDATE SET
    told_at = EXCLUDED.told_at,
    asks = v.asks OR EXCLUDED.asks,
    read_at = GREATEST(v.read_at, EXCLUDED.read_at),
    is_hidden = CASE WHEN EXCLUDED.asks THEN v.is_hidden ELSE EXCLUDED.is_hidden END,
    due_at = LEAST(v.due_at, EXCLUDED.due_at)
"""
_CLAIM = """
WITH due AS (
    SELECT portal_id, person_id FROM viewpoints
    WHERE due_at <= $1
    ORDER BY due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE viewpoints v SET due_at = $2 FROM due d
    WHERE v.portal_id = d.portal_id AND v.person_id = d.person_id
    RETURNING v.*
)
SELECT t.*, p.tenant_id, p.conversation_id, p.room_id, coalesce((
    SELECT true FROM deliveries d
    WHERE d.portal_id = t.portal_id AND d.target = 'matrix' AND d.state <> 'parked'
    LIMIT 1
), false) AS under_way
FROM taken t JOIN portals p ON p.id = t.portal_id
"""
# Ids of messages in chats are instants in ms, all of the same length.
_LAST = """
SELECT message_id, event_id FROM links
WHERE portal_id = $1 AND message_id <= $2
ORDER BY message_id DESC, part DESC
LIMIT 1
"""
_SHOW = """
UPDATE viewpoints SET shown_ref = $3, shown_hidden = $4 WHERE portal_id = $1 AND person_id = $2
"""
_SETTLE = """
UPDATE viewpoints SET
    due_at = CASE WHEN due_at = $3 THEN $4 ELSE due_at END,
    asks = asks AND (due_at <> $3 OR $5::boolean IS NULL),
    is_hidden = CASE WHEN due_at = $3 THEN coalesce($5, is_hidden) ELSE is_hidden END,
    read_at = GREATEST(read_at, $6)
WHERE portal_id = $1 AND person_id = $2
"""
_MARKING = """
INSERT INTO viewpoints AS v (portal_id, person_id, marking_since)
SELECT id, $3, $4 FROM portals WHERE tenant_id = $1 AND conversation_id = $2
ON CONFLICT (portal_id, person_id) DO UPDATE SET marking_since = EXCLUDED.marking_since
"""
_MARKED = """
UPDATE viewpoints v SET marking_since = NULL, marked_at = coalesce($4, v.marked_at)
FROM portals p
WHERE p.tenant_id = $1 AND p.conversation_id = $2 AND v.portal_id = p.id AND v.person_id = $3
"""


async def tell(session: Session, news: ViewNews, now: datetime) -> None:
    """Remember what was told of a view; of a chat that has no portal nobody wants to know."""
    view = news.view
    await session.execute(
        _TELL,
        news.place.tenant,
        news.place.conversation,
        news.person,
        None if view is None else view.is_hidden,
        None if view is None else view.read_at,
        now,
        now + SETTLES_AFTER,
    )


class ViewpointBook(ports.ViewpointBook):
    """Implements `ports.ViewpointBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def claim(self, *, now: datetime, until: datetime, limit: int) -> tuple[DueView, ...]:
        rows = await self._database.fetch(_CLAIM, now, until, limit)
        return tuple(_due(row) for row in rows)

    @override
    async def last_until(
        self, portal: PortalId, instant: datetime
    ) -> tuple[MessageRef, MessageRef] | None:
        until = int(instant.timestamp() * 1000)
        if until < OLDEST_MS:
            return None
        row = await self._database.fetchrow(_LAST, portal, str(until))
        return None if row is None else (MessageRef(row["message_id"]), MessageRef(row["event_id"]))

    @override
    async def show(self, due: DueView, shown: Shown) -> None:
        await self._database.execute(_SHOW, due.portal, due.person, shown.through, shown.hidden)

    @override
    async def settle(
        self, due: DueView, *, view: Viewpoint | None, next_at: datetime | None
    ) -> None:
        await self._database.execute(
            _SETTLE,
            due.portal,
            due.person,
            due.claimed_until,
            next_at,
            None if view is None else view.is_hidden,
            None if view is None else view.read_at,
        )


class MarkBook(ports.MarkBook):
    """Implements `ports.MarkBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def begin(self, person: TeamsUserId, place: Place, at: datetime) -> None:
        await self._database.execute(_MARKING, place.tenant, place.conversation, person, at)

    @override
    async def end(self, person: TeamsUserId, place: Place, at: datetime | None) -> None:
        await self._database.execute(_MARKED, place.tenant, place.conversation, person, at)


def _due(row: Row) -> DueView:
    return DueView(
        portal=PortalId(row["portal_id"]),
        place=Place(
            tenant=TenantId(row["tenant_id"]), conversation=ConversationId(row["conversation_id"])
        ),
        person=TeamsUserId(row["person_id"]),
        room=None if row["room_id"] is None else RoomId(row["room_id"]),
        view=Viewpoint(read_at=row["read_at"], is_hidden=row["is_hidden"]),
        asks=row["asks"],
        told_at=row["told_at"],
        shown=Shown(
            through=None if row["shown_ref"] is None else MessageRef(row["shown_ref"]),
            hidden=row["shown_hidden"],
            marking_since=row["marking_since"],
            marked_at=row["marked_at"],
        ),
        under_way=row["under_way"],
        claimed_until=row["due_at"],
    )
