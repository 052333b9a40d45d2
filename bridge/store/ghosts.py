"""Ghosts: which are set up on the homeserver, and how, and whose person is to be looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import TenantId
from bridge.ports import Clock, DueGhost, Ghost
from bridge.store import likenesses
from bridge.store.database import Database, Row, plain

GHOSTS_REMEMBERED_MAX = 10_000
"""At some 300 bytes each; a ghost that is not remembered costs one read."""

_FIND = """
SELECT name, has_device, profile, looked_at FROM ghosts WHERE tenant_id = $1 AND person_id = $2
"""
# What the directory said last stays, whatever somebody writes who has not heard of it.
_REMEMBER = """
INSERT INTO ghosts (tenant_id, person_id, name, has_device, profile, looked_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, person_id)
DO UPDATE SET name = EXCLUDED.name, has_device = EXCLUDED.has_device, profile = EXCLUDED.profile
WHERE ghosts.looked_at IS NOT DISTINCT FROM EXCLUDED.looked_at
RETURNING true AS written
"""
# Locked in one order by everybody, lest two wait in a circle.
_RING = """
WITH rung AS MATERIALIZED (
    SELECT g.tenant_id, g.person_id
    FROM unnest($1::text[], $2::text[]) AS n (tenant_id, person_id)
    JOIN ghosts g USING (tenant_id, person_id)
    WHERE g.due_at IS NULL OR g.due_at > $3
    ORDER BY g.tenant_id, g.person_id
    FOR NO KEY UPDATE OF g
)
UPDATE ghosts g SET due_at = $3
FROM rung
WHERE g.tenant_id = rung.tenant_id AND g.person_id = rung.person_id
"""
# Two processes never get the same row: it is locked, then not due any more. Of a row that a process
# did not come back to, the lease is what is due.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT tenant_id, person_id FROM ghosts
    WHERE due_at <= $1
    ORDER BY due_at
    LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE ghosts g SET due_at = $2
FROM due
WHERE g.tenant_id = due.tenant_id AND g.person_id = due.person_id
RETURNING g.tenant_id, g.person_id, g.name, g.has_device, g.profile, g.looked_at
"""
# News that came during the look have moved what the lease had put there, and stay.
_SETTLE = """
UPDATE ghosts
SET name = $4, profile = $5, looked_at = $6,
    due_at = CASE WHEN due_at = $3 THEN NULL ELSE due_at END
WHERE tenant_id = $1 AND person_id = $2
"""
_PUT_BACK = """
UPDATE ghosts g SET due_at = $4
FROM unnest($1::text[], $2::text[]) AS n (tenant_id, person_id)
WHERE g.tenant_id = n.tenant_id AND g.person_id = n.person_id AND g.due_at = $3
"""


class GhostBook(ports.GhostBook, ports.LikenessBook):
    """Implements `ports.GhostBook` and `ports.LikenessBook`.

    Another process may change a ghost without our memory learning it; whoever writes on such ground
    is told so.
    """

    def __init__(
        self, database: Database, clock: Clock, *, remembered_max: int = GHOSTS_REMEMBERED_MAX
    ) -> None:
        self._database = database
        self._clock = clock
        self._remembered_max = remembered_max
        self._recent: OrderedDict[tuple[TenantId, str], Ghost] = OrderedDict()

    @override
    async def ghost(self, tenant: TenantId, person: str) -> Ghost | None:
        key = (tenant, person)
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        row = await self._database.fetchrow(_FIND, tenant, plain(person))
        if row is None:
            return None
        found = _ghost(tenant, person, row)
        self._note(found)
        return found

    @override
    async def remember_ghost(self, ghost: Ghost) -> bool:
        row = await self._database.fetchrow(
            _REMEMBER,
            ghost.tenant,
            plain(ghost.person),
            _text(ghost.name),
            ghost.has_device,
            likenesses.encode(ghost.likeness),
            ghost.looked_at,
        )
        if row is None:
            self.forget(ghost.tenant, ghost.person)
            return False
        self._note(ghost)
        return True

    @override
    def forget(self, tenant: TenantId, person: str) -> None:
        self._recent.pop((tenant, person), None)

    # --- who is due ---

    @override
    async def ring(self, people: Collection[tuple[TenantId, str]]) -> None:
        await self._database.execute(_RING, *_columns(people), self._clock.now())

    @override
    async def claim(self, *, limit: int, until: datetime) -> tuple[DueGhost, ...]:
        rows = await self._database.fetch(_CLAIM, self._clock.now(), until, limit)
        return tuple(
            DueGhost(ghost=_ghost(TenantId(row["tenant_id"]), row["person_id"], row), lease=until)
            for row in rows
        )

    @override
    async def settle(self, due: DueGhost, ghost: Ghost) -> None:
        await self._database.execute(
            _SETTLE,
            ghost.tenant,
            plain(ghost.person),
            due.lease,
            _text(ghost.name),
            likenesses.encode(ghost.likeness),
            ghost.looked_at,
        )
        self.forget(ghost.tenant, ghost.person)

    @override
    async def put_back(self, due: Sequence[DueGhost], *, at: datetime) -> None:
        for lease in {one.lease for one in due}:
            people = [(one.ghost.tenant, one.ghost.person) for one in due if one.lease == lease]
            await self._database.execute(_PUT_BACK, *_columns(people), lease, at)

    def _note(self, ghost: Ghost) -> None:
        key = (ghost.tenant, ghost.person)
        self._recent[key] = ghost
        self._recent.move_to_end(key)
        if len(self._recent) > self._remembered_max:
            self._recent.popitem(last=False)


def _ghost(tenant: TenantId, person: str, row: Row) -> Ghost:
    return Ghost(
        tenant=tenant,
        person=person,
        name=row["name"],
        has_device=row["has_device"],
        likeness=likenesses.decode(row["profile"]),
        looked_at=row["looked_at"],
    )


def _columns(people: Collection[tuple[TenantId, str]]) -> tuple[list[str], list[str]]:
    return [tenant for tenant, _ in people], [plain(person) for _, person in people]


def _text(name: str | None) -> str | None:
    return None if name is None else plain(name)
