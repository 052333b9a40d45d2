"""Sign-ins under way: a ticket names one, its hash is all that is kept of it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import UserId
from bridge.ports import Clock
from bridge.store.database import Database
from bridge.store.secrets import Vault

SIGN_INS_PER_USER_MAX = 5
"""Older ones go first; a user who asks for a link again and again fills no table."""
PRUNED_AT_ONCE_MAX = 1_000

_OPEN = """
WITH surplus AS (
    DELETE FROM sign_ins WHERE ticket_hash IN (
        SELECT ticket_hash FROM sign_ins WHERE user_id = $2
        ORDER BY expires_at DESC, ticket_hash
        OFFSET $4
    )
)
INSERT INTO sign_ins (ticket_hash, user_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (ticket_hash) DO NOTHING
"""
_STORE_FLOW = "UPDATE sign_ins SET flow_sealed = $2 WHERE ticket_hash = $1 AND expires_at > $3"
_USER = "SELECT user_id FROM sign_ins WHERE ticket_hash = $1 AND expires_at > $2"
# One statement: of two that come with one ticket, one gets the flow.
_TAKE = """
DELETE FROM sign_ins
WHERE ticket_hash = $1 AND expires_at > $2 AND flow_sealed IS NOT NULL
RETURNING user_id, flow_sealed
"""
_PRUNE = """
DELETE FROM sign_ins WHERE ticket_hash IN (
    SELECT ticket_hash FROM sign_ins WHERE expires_at <= $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


class SignInBook(ports.SignInBook):
    """Implements `ports.SignInBook`."""

    def __init__(self, database: Database, clock: Clock, vault: Vault) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault

    @override
    async def open_sign_in(self, ticket: str, user: UserId, *, expires_at: datetime) -> None:
        kept = SIGN_INS_PER_USER_MAX - 1
        await self._database.execute(_OPEN, _hash(ticket), user, expires_at, kept)

    @override
    async def store_flow(self, ticket: str, flow: str) -> bool:
        sealed = self._vault.seal(flow)
        return (
            await self._database.execute(_STORE_FLOW, _hash(ticket), sealed, self._clock.now()) > 0
        )

    @override
    async def user_of_ticket(self, ticket: str) -> UserId | None:
        row = await self._database.fetchrow(_USER, _hash(ticket), self._clock.now())
        return None if row is None else UserId(row["user_id"])

    @override
    async def take_flow(self, ticket: str) -> tuple[UserId, str] | None:
        row = await self._database.fetchrow(_TAKE, _hash(ticket), self._clock.now())
        if row is None:
            return None
        return UserId(row["user_id"]), self._vault.open(row["flow_sealed"])


async def prune(database: Database, now: datetime) -> int:
    """Remove sign-ins that have ended, a bounded batch after the other; return how many.

    Raises:
        StoreUnavailable: Postgres is away; some may have been removed.
    """
    removed = 0
    while batch := await database.execute(_PRUNE, now, PRUNED_AT_ONCE_MAX):
        removed += batch
    return removed


def _hash(ticket: str) -> bytes:
    # A ticket is random and long: a plain hash of it cannot be guessed backwards.
    return hashlib.sha256(ticket.encode()).digest()
