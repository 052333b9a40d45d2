"""What was done in Teams because somebody wanted it in Matrix. See `ports.granted`."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import override

from bridge.domain.granted import TOLD_BEFORE, TOLD_WITHIN, Granted
from bridge.domain.ids import MessageRef
from bridge.ports import granted as ports
from bridge.store.database import Database

PRUNED_AT_ONCE_MAX = 1_000

_NOTE = """
INSERT INTO granted (tenant_id, conversation_id, person, did, value, at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, conversation_id, person, did, value) WHERE message_id IS NULL
DO UPDATE SET at = EXCLUDED.at
"""
_WITHDRAW = """
DELETE FROM granted
WHERE tenant_id = $1 AND conversation_id = $2 AND person = $3 AND did = $4 AND value = $5
    AND message_id IS NULL
"""
_IS_TOLD = """
SELECT FROM granted WHERE tenant_id = $1 AND conversation_id = $2 AND message_id = $3
"""
# Two messages that say the same come one after the other to the row lock: the second finds it told.
_TELL = """
UPDATE granted SET message_id = $6
WHERE tenant_id = $1 AND conversation_id = $2 AND person = $3 AND did = $4 AND value = $5
    AND message_id IS NULL AND at BETWEEN $7 AND $8
"""
_PRUNE = """
DELETE FROM granted WHERE id IN (SELECT id FROM granted WHERE at < $1 ORDER BY at LIMIT $2)
"""


class GrantedBook(ports.GrantedBook):
    """Implements `ports.GrantedBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def note(self, granted: Granted, at: datetime) -> None:
        await self._database.execute(_NOTE, *_key(granted), at)

    @override
    async def withdraw(self, granted: Granted) -> None:
        await self._database.execute(_WITHDRAW, *_key(granted))

    @override
    async def is_told(self, granted: Granted, ref: MessageRef, at: datetime) -> bool:
        place = granted.place
        known = await self._database.fetchrow(_IS_TOLD, place.tenant, place.conversation, ref)
        if known is not None:
            return True
        since, until = at - TOLD_WITHIN, at + TOLD_BEFORE
        return bool(await self._database.execute(_TELL, *_key(granted), ref, since, until))


async def prune(database: Database, before: datetime) -> int:
    """Forget what was done before a time, a bounded batch after the other; return how many.

    Raises:
        StoreUnavailable: Postgres is away; some may have been removed.
    """
    removed = 0
    while batch := await database.execute(_PRUNE, before, PRUNED_AT_ONCE_MAX):
        removed += batch
    return removed


def _key(granted: Granted) -> tuple[str, str, str, str, str]:
    return (granted.place.tenant, granted.place.conversation, *granted.facts)
