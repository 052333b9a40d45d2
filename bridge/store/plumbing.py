"""What people have decided about portals; implements `ports.PlumbingBook`.

a decision ─▶ one transaction: the portal, the room that it leaves, `portal_decisions` ─▶ decided()
other processes ─▶ relay.decisions: the count has changed ─▶ what is remembered is let go of
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import Place, PortalId, RoomId, Side
from bridge.domain.portal import Direction, Portal
from bridge.ports import Clock, Joined
from bridge.store.database import Database, Session, plain
from bridge.store.portals import in_place, in_rooms, make

FORMER_ROOMS_MAX = 100_000
"""Of all portals together, the latest; some 100 bytes each in memory."""

# The locks of the rows keep two decisions about one portal apart, the unique index those about one
# room.
_LOCK = "SELECT room_id FROM portals WHERE id = $1 FOR NO KEY UPDATE"
_ROOM_TAKEN = "SELECT id FROM portals WHERE room_id = $1 AND id <> $2"
_COUNT = "UPDATE portal_decisions SET count = count + 1"
_COUNTED = "SELECT count FROM portal_decisions"
# A room that is joined anew is not a former one any more.
_NOT_FORMER = "DELETE FROM former_rooms WHERE room_id = $1"
# Others may come into it now: what is for one person alone is said elsewhere.
_NOT_A_DESK = "DELETE FROM desk_rooms WHERE room_id = $1"
_FORMER = """
INSERT INTO former_rooms (room_id, portal_id, is_replaced, left_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (room_id) DO UPDATE
SET portal_id = EXCLUDED.portal_id, is_replaced = EXCLUDED.is_replaced, left_at = EXCLUDED.left_at
"""
_JOIN = """
UPDATE portals SET room_id = $2, room_name = $3, is_plumbed = true, shape = NULL, shape_due_at = $4,
    shape_lease = NULL, gone_at = NULL
WHERE id = $1
"""
_MOVE = """
UPDATE portals SET room_id = $2, shape = NULL, shape_due_at = $3, shape_lease = NULL WHERE id = $1
"""
_PART = """
UPDATE portals SET room_id = NULL, is_plumbed = false, to_matrix = true, to_teams = true,
    relayed = NULL, shape = NULL, shape_due_at = NULL, shape_lease = NULL
WHERE id = $1
"""
# Its rights and what it can do follow at the next look.
_DIRECT = "UPDATE portals SET to_matrix = $2, to_teams = $3, shape_due_at = $4 WHERE id = $1"
_RELAY = "UPDATE portals SET relayed = $2 WHERE id = $1"
_FORMER_ROOMS = "SELECT portal_id, room_id FROM former_rooms ORDER BY left_at DESC LIMIT $1"


class PlumbingBook(ports.PlumbingBook):
    """Writes decisions; `forget` is called after each one in this process."""

    def __init__(self, database: Database, clock: Clock, *, forget: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._forget = forget
        self._bell = asyncio.Event()

    @property
    @override
    def bell(self) -> asyncio.Event:
        return self._bell

    def _decided(self) -> None:
        self._forget()
        self._bell.set()

    @override
    async def portal_in(self, room: RoomId) -> Portal | None:
        found = await in_rooms(self._database, [room])
        portal = found.get(room)
        return None if portal is None or portal.replaced else portal

    @override
    async def portal_of(self, place: Place) -> Portal | None:
        return (await in_place(self._database, [place])).get(place)

    @override
    async def join(
        self, place: Place, room: RoomId, *, name: str, leaving: RoomId | None
    ) -> Joined:
        now = self._clock.now()
        async with self._database.transaction() as session:
            await make(session, [place], now)
            portal = (await in_place(session, [place]))[place]
            before = await _locked_room(session, portal.id)
            if before == room:
                return Joined.DONE
            if before != leaving:
                return Joined.CONVERSATION_TAKEN
            if await session.fetch(_ROOM_TAKEN, room, portal.id):
                return Joined.ROOM_TAKEN
            if before is not None:
                await session.execute(_FORMER, before, portal.id, True, now)
            await session.execute(_NOT_FORMER, room)
            await session.execute(_NOT_A_DESK, room)
            await session.execute(_JOIN, portal.id, room, plain(name), now)
            await session.execute(_COUNT)
        self._decided()
        return Joined.DONE

    @override
    async def part(self, portal: Portal) -> None:
        async with self._database.transaction() as session:
            room = await _locked_room(session, portal.id)
            if room is None or room != portal.room:
                return
            await session.execute(_FORMER, room, portal.id, False, self._clock.now())
            await session.execute(_PART, portal.id)
            await session.execute(_COUNT)
        self._decided()

    @override
    async def move(self, portal: Portal, room: RoomId) -> bool:
        now = self._clock.now()
        async with self._database.transaction() as session:
            before = await _locked_room(session, portal.id)
            if before == room:
                return True
            if before != portal.room or await session.fetch(_ROOM_TAKEN, room, portal.id):
                return False
            if before is not None:
                await session.execute(_FORMER, before, portal.id, True, now)
            await session.execute(_NOT_FORMER, room)
            await session.execute(_MOVE, portal.id, room, now)
            await session.execute(_COUNT)
        self._decided()
        return True

    @override
    async def direct(self, portal: PortalId, direction: Direction) -> None:
        ways = (direction.carries(Side.TEAMS), direction.carries(Side.MATRIX))
        async with self._database.transaction() as session:
            await session.execute(_DIRECT, portal, *ways, self._clock.now())
            await session.execute(_COUNT)
        self._decided()

    @override
    async def relay(self, portal: PortalId, *, on: bool) -> None:
        async with self._database.transaction() as session:
            await session.execute(_RELAY, portal, on)
            await session.execute(_COUNT)
        self._decided()

    @override
    async def former_rooms(self) -> Mapping[PortalId, tuple[RoomId, ...]]:
        found: dict[PortalId, tuple[RoomId, ...]] = {}
        for row in await self._database.fetch(_FORMER_ROOMS, FORMER_ROOMS_MAX):
            portal = PortalId(row["portal_id"])
            found[portal] = (*found.get(portal, ()), RoomId(row["room_id"]))
        return found

    @override
    async def decisions(self) -> int:
        row = await self._database.fetchrow(_COUNTED)
        return 0 if row is None else int(row["count"])


async def _locked_room(session: Session, portal: PortalId) -> RoomId | None:
    rows = await session.fetch(_LOCK, portal)
    return RoomId(rows[0]["room_id"]) if rows and rows[0]["room_id"] is not None else None
