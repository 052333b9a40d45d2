"""Which conversations of Teams must be read, and from where."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import Place, PortalId
from bridge.ports import Unread
from bridge.store.database import Database, Row
from bridge.store.portals import columns, portal_of

# Whether it is a channel is compared with a parameter: of a mere LIKE, Postgres thinks before it has
# statistics that it leaves one row or none, and would sort them all instead of following the index.
_UNREAD = """
SELECT id, tenant_id, conversation_id, room_id, read_until FROM portals
WHERE read_until < $1 AND (conversation_id LIKE '%/%') = $3
ORDER BY read_until, id
LIMIT $2
"""
_ALL_AFTER = """
SELECT id, tenant_id, conversation_id, room_id, read_until FROM portals
WHERE id > $1
ORDER BY id
LIMIT $2
"""
_ALL_OF_KIND_AFTER = """
SELECT id, tenant_id, conversation_id, room_id, read_until FROM portals
WHERE id > $1 AND (conversation_id LIKE '%/%') = $3
ORDER BY id
LIMIT $2
"""
_KNOWN = """
SELECT p.tenant_id, p.conversation_id
FROM portals p
JOIN unnest($1::text[], $2::text[]) AS n (tenant_id, conversation_id)
    ON p.tenant_id = n.tenant_id AND p.conversation_id = n.conversation_id
"""
# A cursor moves on only from where it stands, and never back.
_MARK = """
UPDATE portals SET read_until = $4
WHERE tenant_id = $1 AND conversation_id = $2 AND read_until >= $3 AND read_until < $4
"""


class ReadingBook(ports.ReadingBook):
    """Implements `ports.ReadingBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def unread_since(
        self, before: datetime, *, limit: int, channels: bool
    ) -> tuple[Unread, ...]:
        return tuple(map(_unread, await self._database.fetch(_UNREAD, before, limit, channels)))

    @override
    async def all_after(
        self, portal: PortalId | None, *, limit: int, channels: bool | None = None
    ) -> tuple[Unread, ...]:
        if channels is None:
            rows = await self._database.fetch(_ALL_AFTER, portal or 0, limit)
        else:
            rows = await self._database.fetch(_ALL_OF_KIND_AFTER, portal or 0, limit, channels)
        return tuple(map(_unread, rows))

    @override
    async def unknown_among(self, places: Collection[Place]) -> tuple[Place, ...]:
        rows = await self._database.fetch(_KNOWN, *columns(places)) if places else []
        known = {(row["tenant_id"], row["conversation_id"]) for row in rows}
        return tuple(p for p in places if (p.tenant, p.conversation) not in known)

    @override
    async def mark_read(self, place: Place, *, since: datetime, until: datetime) -> None:
        await self._database.execute(_MARK, place.tenant, place.conversation, since, until)


def _unread(row: Row) -> Unread:
    portal = portal_of(row["id"], row)
    return Unread(portal=portal.id, place=portal.place, read_until=row["read_until"])
