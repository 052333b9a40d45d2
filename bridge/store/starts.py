"""Chats that somebody wants to have, written down before they are made."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from typing_extensions import override

from bridge.domain.ids import ConversationId, Place, RoomId, TeamsUserId, TenantId
from bridge.domain.portal import Portal
from bridge.ports import Clock, starting
from bridge.ports.starting import Start
from bridge.store.database import Database, Row, plain
from bridge.store.portals import in_place, make

PRUNED_AT_ONCE_MAX = 1_000

_FIND = """
SELECT key, tenant_id, person, members, is_group, topic, room_id, begun_at, conversation_id
FROM starts WHERE key = $1
"""
# Whoever comes second finds what the first has written.
_BEGIN = """
INSERT INTO starts (key, tenant_id, person, members, is_group, topic, room_id, begun_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (key) DO NOTHING
"""
_MADE = "UPDATE starts SET conversation_id = $2 WHERE key = $1"
_FORGET = "DELETE FROM starts WHERE key = $1"
_GIVE_UP_ROOM = "UPDATE starts SET room_id = NULL WHERE key = $1"
_IS_BEING_MADE = """
SELECT EXISTS (
    SELECT FROM starts
    WHERE tenant_id = $1 AND members = $2 AND begun_at > $3 AND room_id IS NOT NULL
) AS found
"""
_PRUNE = """
DELETE FROM starts WHERE key IN (
    SELECT key FROM starts WHERE begun_at < $1 ORDER BY begun_at LIMIT $2
)
"""


class StartBook(starting.StartBook):
    """Implements `ports.StartBook`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @override
    async def begin(self, start: Start) -> Start | None:
        topic = None if start.topic is None else plain(start.topic)
        values = (start.key, start.tenant, start.person, _sorted(start.members), start.is_group)
        if await self._database.execute(_BEGIN, *values, topic, start.room, start.begun_at):
            return None
        row = await self._database.fetchrow(_FIND, start.key)
        return None if row is None else _start(row)

    @override
    async def made(self, key: str, place: Place) -> None:
        await self._database.execute(_MADE, key, place.conversation)

    @override
    async def forget(self, key: str) -> None:
        await self._database.execute(_FORGET, key)

    @override
    async def is_being_made(
        self, tenant: TenantId, members: Collection[TeamsUserId], *, since: datetime
    ) -> bool:
        row = await self._database.fetchrow(_IS_BEING_MADE, tenant, _sorted(members), since)
        return row is not None and bool(row["found"])

    @override
    async def give_up_room(self, key: str) -> None:
        await self._database.execute(_GIVE_UP_ROOM, key)

    @override
    async def portal_of(self, place: Place) -> Portal:
        async with self._database.transaction() as session:
            await make(session, [place], self._clock.now())
            return (await in_place(session, [place]))[place]


async def prune(database: Database, before: datetime) -> int:
    """Forget what was begun before a time, a bounded batch after the other; return how many.

    Raises:
        StoreUnavailable: Postgres is away; some may have been removed.
    """
    removed = 0
    while batch := await database.execute(_PRUNE, before, PRUNED_AT_ONCE_MAX):
        removed += batch
    return removed


def _sorted(members: Collection[TeamsUserId]) -> list[str]:
    return sorted(set(members))


def _start(row: Row) -> Start:
    tenant, chat = TenantId(row["tenant_id"]), row["conversation_id"]
    return Start(
        key=row["key"],
        tenant=tenant,
        person=TeamsUserId(row["person"]),
        members=tuple(map(TeamsUserId, row["members"])),
        is_group=row["is_group"],
        topic=row["topic"],
        room=None if row["room_id"] is None else RoomId(row["room_id"]),
        begun_at=row["begun_at"],
        place=None if chat is None else Place(tenant=tenant, conversation=ConversationId(chat)),
    )
