"""What senders in Matrix were told of what has not arrived in Teams.

Kept with what has not arrived, and gone with it: `deliveries.told`, `inbox.told`.
"""

from __future__ import annotations

from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import DeliveryId, EntryId, MessageRef, PortalId, RoomId
from bridge.errors import Unconvertible
from bridge.ports import Fate, Told, Undelivered
from bridge.store import events
from bridge.store.database import Database, Row

# By the index of what is untold; what is being sent is left alone until it is known how that ends.
_DELIVERIES = """
SELECT d.id, d.portal_id, p.room_id, d.source, d.what, d.event AS raw, d.error,
    d.state = 'parked' AND NOT d.awaits_sign_in AS is_parked,
    d.awaits_sign_in AND d.behind IS NULL AS awaits_sign_in, d.created_at, d.told,
    EXISTS (
        SELECT FROM accounts a
        WHERE a.tenant_id = p.tenant_id AND a.teams_user_id = d.speaker AND a.user_id <> d.author
    ) AS is_relayed
FROM deliveries d
JOIN portals p ON p.id = d.portal_id
WHERE d.target = 'teams' AND d.error IS NOT NULL
    AND (d.told IS NULL OR (d.told = 'waiting' AND d.state = 'parked' AND NOT d.awaits_sign_in))
    AND (
        (d.state = 'parked' AND NOT d.awaits_sign_in)
        OR ((d.state = 'queued' OR d.awaits_sign_in) AND d.created_at <= $1)
    )
    AND p.room_id IS NOT NULL
ORDER BY d.id
LIMIT $2
"""
_ENTRIES = """
SELECT id, NULL::bigint AS portal_id, conversation AS room_id, key AS source, '' AS what, raw,
    coalesce(error, '') AS error, true AS is_parked, false AS awaits_sign_in,
    received_at AS created_at, NULL AS told, false AS is_relayed
FROM inbox
WHERE state = 'parked' AND side = 'matrix' AND NOT told
ORDER BY id
LIMIT $1
"""
# All parts at once, told or not: a message is told once, and corrected when its last part is there.
_MARK = """
UPDATE deliveries
SET told = CASE told WHEN 'parked' THEN told ELSE $4 END
WHERE portal_id = $1 AND target = 'teams' AND source = $2 AND what = $3
RETURNING state
"""
_MARK_ENTRY = "UPDATE inbox SET told = true WHERE id = $1"
_HAS_ARRIVED = "SELECT FROM links WHERE portal_id = $1 AND event_id = $2 LIMIT 1"
_IS_OPEN = """
SELECT FROM deliveries
WHERE portal_id = $1 AND target = 'teams' AND source = $2 AND what = $3
LIMIT 1
"""


class TidingsBook(ports.TidingsBook):
    """Implements `ports.TidingsBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def untold(self, *, waiting_since: datetime, limit: int) -> tuple[Undelivered, ...]:
        rows = await self._database.fetch(_DELIVERIES, waiting_since, limit)
        if len(rows) < limit:
            rows += await self._database.fetch(_ENTRIES, limit - len(rows))
        return tuple(map(_undelivered, rows))

    @override
    async def mark(self, undelivered: Undelivered, told: Told) -> Fate:
        portal, source = undelivered.portal, undelivered.source
        if portal is None:
            there = await self._database.execute(_MARK_ENTRY, undelivered.id)
            return Fate.RESTING if there else Fate.GONE
        rows = await self._database.fetch(_MARK, portal, source, undelivered.slot, told)
        if rows:
            sending = any(row["state"] == "sending" for row in rows)
            return Fate.UNDER_WAY if sending else Fate.RESTING
        if undelivered.slot or not await self._database.fetch(_HAS_ARRIVED, portal, source):
            return Fate.GONE
        return Fate.ARRIVED

    @override
    async def is_open(self, portal: PortalId, source: MessageRef, slot: str) -> bool:
        return bool(await self._database.fetch(_IS_OPEN, portal, source, slot))


def _undelivered(row: Row) -> Undelivered:
    is_entry = row["portal_id"] is None
    event = None
    if not is_entry:
        try:
            event = events.decode(row["raw"])
        except Unconvertible:  # It was parked for that; nobody can be told.
            event = None
    return Undelivered(
        id=EntryId(row["id"]) if is_entry else DeliveryId(row["id"]),
        portal=None if is_entry else PortalId(row["portal_id"]),
        room=RoomId(row["room_id"]),
        source=MessageRef(row["source"]),
        slot=row["what"],
        event=event,
        raw=row["raw"],
        error=row["error"],
        is_parked=row["is_parked"],
        awaits_sign_in=row["awaits_sign_in"],
        is_relayed=row["is_relayed"],
        created_at=row["created_at"],
        told=None if row["told"] is None else Told(row["told"]),
    )
