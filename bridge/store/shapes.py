"""Rooms and spaces as they were shown last, and which are to be looked at. See `ports.shapes`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import (
    ConversationId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
    channel_of,
)
from bridge.domain.portal import Account
from bridge.ports import ORGANISATION, ChildRoom, Clock, DueRoom, DueSpace, Kept, KnownSpace, News
from bridge.store import memories, news as noting
from bridge.store.database import Database, Row, plain
from bridge.store.portals import decided

# Two looks never have the same row: it is locked, then leased. What is due meanwhile waits for the
# lease to end: a look that has seen less must not have the last word.
_CLAIM_ROOMS = {
    newest_first: f"""
WITH due AS MATERIALIZED (
    SELECT id, shape_due_at FROM portals
    WHERE shape_due_at <= $1 AND room_id IS NOT NULL
        AND (shape_lease IS NULL OR shape_lease <= $1)
    ORDER BY shape_due_at {"DESC" if newest_first else ""}, id {"DESC" if newest_first else ""}
    LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE portals p SET shape_due_at = $2, shape_lease = $2
FROM due
WHERE p.id = due.id
RETURNING p.id, p.tenant_id, p.conversation_id, p.room_id, p.room_name, p.shape, p.shape_news,
    p.read_until, p.gone_at, p.to_matrix, p.to_teams, p.is_plumbed, p.relayed, false AS replaced,
    due.shape_due_at AS due_at
"""  # noqa: S608 -- of two constants
    for newest_first in (False, True)
}
_CLAIM_SPACES = """
WITH due AS MATERIALIZED (
    SELECT tenant_id, team_id, shape_due_at FROM spaces
    WHERE shape_due_at <= $1 AND (shape_lease IS NULL OR shape_lease <= $1)
    ORDER BY shape_due_at
    LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE spaces s SET shape_due_at = $2, shape_lease = $2
FROM due
WHERE s.tenant_id = due.tenant_id AND s.team_id = due.team_id
RETURNING s.tenant_id, s.team_id, s.room_id, s.name, s.shape, s.gone_at, due.shape_due_at AS due_at
"""
# News that came during the look have moved what the claim had put there, and stay. Whoever has lost
# the lease leaves all as it is.
_SETTLE_ROOM = """
UPDATE portals
SET shape = $3, gone_at = $5, room_name = coalesce($6, room_name),
    shape_news = shape_news AND shape_due_at <> $2,
    shape_due_at = CASE WHEN shape_due_at = $2 THEN $4 ELSE shape_due_at END,
    shape_lease = NULL
WHERE id = $1 AND shape_lease = $2
"""
_SETTLE_SPACE = """
UPDATE spaces
SET shape = $4, gone_at = $6, name = coalesce($7, name),
    shape_due_at = CASE WHEN shape_due_at = $3 THEN $5 ELSE shape_due_at END,
    shape_lease = NULL
WHERE tenant_id = $1 AND team_id = $2 AND shape_lease = $3
"""
_WANT_SPACES = """
INSERT INTO spaces (tenant_id, team_id, shape_due_at)
VALUES ($1, $2, $4), ($1, $3, $4)
ON CONFLICT DO NOTHING
"""
_LOOK_AT_SPACE = """
UPDATE spaces SET shape_due_at = $3
WHERE tenant_id = $1 AND team_id = $2 AND (shape_due_at IS NULL OR shape_due_at > $3)
"""
_LOOK_BELOW_TEAM = """
UPDATE portals SET shape_due_at = $3
WHERE tenant_id = $1 AND split_part(conversation_id, '/', 1) = $2 AND conversation_id LIKE '%/%'
    AND (shape_due_at IS NULL OR shape_due_at > $3)
"""
_LOOK_BELOW_ALL = """
UPDATE spaces SET shape_due_at = $3
WHERE tenant_id = $1 AND team_id <> $2 AND (shape_due_at IS NULL OR shape_due_at > $3)
"""
_REMEMBER_SPACE = """
UPDATE spaces SET room_id = $3, name = $4 WHERE tenant_id = $1 AND team_id = $2
"""
_SPACE_OF = "SELECT room_id, shape FROM spaces WHERE tenant_id = $1 AND team_id = $2"
_CHANNELS_OF = """
SELECT conversation_id AS key, room_id, room_name AS name FROM portals
WHERE tenant_id = $1 AND split_part(conversation_id, '/', 1) = $2 AND conversation_id LIKE '%/%'
    AND room_id IS NOT NULL AND gone_at IS NULL
"""
_SPACES_OF = """
SELECT team_id AS key, room_id, name FROM spaces
WHERE tenant_id = $1 AND team_id <> '' AND room_id IS NOT NULL AND gone_at IS NULL
"""
_ACCOUNTS_OF = """
SELECT user_id, tenant_id, teams_user_id, name FROM accounts
WHERE tenant_id = $1
ORDER BY user_id
"""
# A message of a chat is called after the time in ms at which it was created.
_SAID_SINCE = """
SELECT EXISTS (SELECT FROM links WHERE portal_id = $1 AND message_id >= $2) AS said
"""
# Message by message, by the key: as one condition the plan would read all links of the portal.
_EVENTS_OF = """
SELECT n.message_id, l.event_id
FROM unnest($2::text[]) AS n (message_id)
CROSS JOIN LATERAL (
    SELECT event_id FROM links
    WHERE portal_id = $1 AND message_id = n.message_id
    ORDER BY part
    LIMIT 1
) l
"""


class ShapeBook(ports.ShapeBook):
    """Implements `ports.ShapeBook`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @override
    async def claim_rooms(
        self, *, limit: int, until: datetime, newest_first: bool
    ) -> tuple[DueRoom, ...]:
        statement = _CLAIM_ROOMS[newest_first]
        rows = await self._database.fetch(statement, self._clock.now(), until, limit)
        return tuple(_due_room(row, until) for row in rows)

    @override
    async def claim_spaces(self, *, limit: int, until: datetime) -> tuple[DueSpace, ...]:
        rows = await self._database.fetch(_CLAIM_SPACES, self._clock.now(), until, limit)
        return tuple(_due_space(row, until) for row in rows)

    @override
    async def settle_room(
        self, due: DueRoom, kept: Kept, *, next_at: datetime, gone_at: datetime | None = None
    ) -> None:
        raw = memories.encode(kept.memory)
        name = None if kept.name is None else plain(kept.name)
        await self._database.execute(
            _SETTLE_ROOM, due.portal.id, due.lease, raw, next_at, gone_at, name
        )

    @override
    async def settle_space(
        self, due: DueSpace, kept: Kept, *, next_at: datetime, gone_at: datetime | None = None
    ) -> None:
        raw = memories.encode(kept.memory)
        name = None if kept.name is None else plain(kept.name)
        await self._database.execute(
            _SETTLE_SPACE, due.tenant, due.team, due.lease, raw, next_at, gone_at, name
        )

    @override
    async def want_spaces(self, tenant: TenantId, team: TeamId, *, anew: bool) -> None:
        now = self._clock.now()
        await self._database.execute(_WANT_SPACES, tenant, ORGANISATION, team, now)
        if anew:
            await self._database.execute(_LOOK_AT_SPACE, tenant, team, now)

    @override
    async def remember_space(self, due: DueSpace, room: RoomId, *, name: str) -> None:
        now = self._clock.now()
        async with self._database.transaction() as session:
            # From the top to the bottom, as everybody does, lest two wait in a circle.
            if due.team != ORGANISATION:
                await session.execute(_LOOK_AT_SPACE, due.tenant, ORGANISATION, now)
            await session.execute(_REMEMBER_SPACE, due.tenant, due.team, room, plain(name))
            await session.execute(_below(due.team), due.tenant, due.team, now)

    @override
    async def look_below(self, tenant: TenantId, team: TeamId) -> None:
        await self._database.execute(_below(team), tenant, team, self._clock.now())

    @override
    async def look_at(self, news: News) -> None:
        async with self._database.transaction() as session:
            await noting.note(session, (news,), self._clock.now())

    @override
    async def space_of(self, tenant: TenantId, team: TeamId) -> KnownSpace:
        row = await self._database.fetchrow(_SPACE_OF, tenant, team)
        if row is None or row["room_id"] is None:
            return KnownSpace()
        picture = memories.decode(row["shape"]).picture
        return KnownSpace(room=RoomId(row["room_id"]), picture=picture)

    @override
    async def channels_of(self, tenant: TenantId, team: TeamId) -> tuple[ChildRoom, ...]:
        rows = await self._database.fetch(_CHANNELS_OF, tenant, team)
        return tuple(
            ChildRoom(
                key=_channel_id(tenant, row), room=RoomId(row["room_id"]), name=row["name"] or ""
            )
            for row in rows
        )

    @override
    async def spaces_of(self, tenant: TenantId) -> tuple[ChildRoom, ...]:
        rows = await self._database.fetch(_SPACES_OF, tenant)
        return tuple(
            ChildRoom(key=row["key"], room=RoomId(row["room_id"]), name=row["name"] or "")
            for row in rows
        )

    @override
    async def accounts_of(self, tenant: TenantId) -> tuple[Account, ...]:
        return tuple(map(_account, await self._database.fetch(_ACCOUNTS_OF, tenant)))

    @override
    async def said_since(self, portal: PortalId, since: datetime) -> bool:
        first = str(int(since.timestamp() * 1000))
        row = await self._database.fetchrow(_SAID_SINCE, portal, first)
        return bool(row and row["said"])

    @override
    async def events_of(
        self, portal: PortalId, messages: Collection[MessageRef]
    ) -> Mapping[MessageRef, MessageRef]:
        if not messages:
            return {}
        rows = await self._database.fetch(_EVENTS_OF, portal, list(messages))
        return {MessageRef(row["message_id"]): MessageRef(row["event_id"]) for row in rows}


def _below(team: TeamId) -> str:
    return _LOOK_BELOW_ALL if team == ORGANISATION else _LOOK_BELOW_TEAM


def _due_room(row: Row, lease: datetime) -> DueRoom:
    return DueRoom(
        portal=decided(row),
        name=row["room_name"],
        memory=memories.decode(row["shape"]),
        due_at=row["due_at"],
        has_news=row["shape_news"],
        lease=lease,
        read_until=row["read_until"],
        gone_at=row["gone_at"],
    )


def _due_space(row: Row, lease: datetime) -> DueSpace:
    room = row["room_id"]
    return DueSpace(
        tenant=TenantId(row["tenant_id"]),
        team=TeamId(row["team_id"]),
        room=None if room is None else RoomId(room),
        name=row["name"],
        memory=memories.decode(row["shape"]),
        due_at=row["due_at"],
        lease=lease,
        gone_at=row["gone_at"],
    )


def _channel_id(tenant: TenantId, row: Row) -> str:
    place = Place(tenant=tenant, conversation=ConversationId(row["key"]))
    channel = channel_of(place)
    return channel.channel if channel else row["key"]


def _account(row: Row) -> Account:
    return Account(
        user=UserId(row["user_id"]),
        tenant=TenantId(row["tenant_id"]),
        teams_user=TeamsUserId(row["teams_user_id"]),
        name=row["name"],
    )
