"""Ghosts: which are set up on the homeserver, and how; with the last used ones in memory."""

from __future__ import annotations

from collections import OrderedDict

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import TenantId
from bridge.ports import Ghost
from bridge.store.database import Database, plain

GHOSTS_REMEMBERED_MAX = 10_000
"""At some 300 bytes each; a ghost that is not remembered costs one read."""

_FIND = "SELECT name, has_device FROM ghosts WHERE tenant_id = $1 AND person_id = $2"
_REMEMBER = """
INSERT INTO ghosts (tenant_id, person_id, name, has_device) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, person_id)
DO UPDATE SET name = EXCLUDED.name, has_device = EXCLUDED.has_device
"""


class GhostBook(ports.GhostBook):
    """Implements `ports.GhostBook`.

    Another process may rename a ghost without our memory learning it; then we set the name once
    more, which is harmless.
    """

    def __init__(self, database: Database, *, remembered_max: int = GHOSTS_REMEMBERED_MAX) -> None:
        self._database = database
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
        found = Ghost(tenant=tenant, person=person, name=row["name"], has_device=row["has_device"])
        self._note(found)
        return found

    @override
    async def remember_ghost(self, ghost: Ghost) -> None:
        name = None if ghost.name is None else plain(ghost.name)
        await self._database.execute(
            _REMEMBER, ghost.tenant, plain(ghost.person), name, ghost.has_device
        )
        self._note(ghost)

    def _note(self, ghost: Ghost) -> None:
        key = (ghost.tenant, ghost.person)
        self._recent[key] = ghost
        self._recent.move_to_end(key)
        if len(self._recent) > self._remembered_max:
            self._recent.popitem(last=False)
