"""Whose views of their chats are followed, and the subscriptions for them. See `ports.viewpoints`."""

from __future__ import annotations

import secrets
from datetime import datetime

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.ports import Subscription, Watched
from bridge.store.database import Database
from bridge.store.secrets import Vault
from bridge.store.subscriptions import subscription_of

SECRET_BYTES = 32
SECRET = "states of people's subscriptions"  # noqa: S105 - its name
_OF_PEOPLE = "resource LIKE '/users/_%'"

_CLAIM = """
WITH due AS (
    SELECT user_id FROM accounts
    WHERE refused_at IS NULL AND watch_due_at <= $2 AND tenant_id = $1
        AND user_id IS DISTINCT FROM $5
    ORDER BY watch_due_at
    LIMIT $4
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE accounts a SET watch_due_at = $3 FROM due d WHERE a.user_id = d.user_id
RETURNING a.user_id, a.tenant_id, a.teams_user_id, a.name, a.watch_missed
"""
_SETTLE = """
UPDATE accounts SET watch_missed = $5,
    watch_due_at = CASE WHEN watch_due_at = $3 THEN $4 ELSE watch_due_at END
WHERE user_id = $1 AND teams_user_id = $2
"""
_RING = """
UPDATE accounts SET watch_due_at = LEAST(watch_due_at, 'epoch')
WHERE tenant_id = $1 AND teams_user_id = $2
"""
_MISS = "UPDATE accounts SET watch_missed = true WHERE user_id = $1 AND teams_user_id = $2"
_SUBSCRIPTION = """
SELECT resource, graph_id, client_state_sealed, certificate_id, expires_at FROM subscriptions
WHERE resource = $1
"""
_FORGET = "DELETE FROM subscriptions WHERE resource = $1"
_COUNT = f"""
SELECT count(*) AS count FROM subscriptions
WHERE {_OF_PEOPLE} AND graph_id IS NOT NULL AND expires_at > $1
"""  # noqa: S608 - made of constants
_LEFT_OVER = f"""
SELECT s.resource, s.graph_id FROM subscriptions s
WHERE {_OF_PEOPLE} AND ($1 OR NOT EXISTS (
    SELECT FROM accounts a WHERE a.teams_user_id = split_part(s.resource, '/', 3)
        AND a.user_id IS DISTINCT FROM $3
))
ORDER BY s.resource
LIMIT $2
"""  # noqa: S608 - made of constants
_ADD_SECRET = """
INSERT INTO own_secrets (name, value_sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
"""  # noqa: S105 - SQL
_READ_SECRET = "SELECT value_sealed FROM own_secrets WHERE name = $1"  # noqa: S105 - SQL


class WatchBook(ports.WatchBook):
    """Implements `ports.WatchBook`; `relay_account` reads for nobody."""

    def __init__(
        self, database: Database, vault: Vault, *, relay_account: UserId | None = None
    ) -> None:
        self._database = database
        self._vault = vault
        self._relay_account = relay_account

    @override
    async def claim(
        self, tenant: TenantId, *, now: datetime, until: datetime, limit: int
    ) -> tuple[Watched, ...]:
        rows = await self._database.fetch(_CLAIM, tenant, now, until, limit, self._relay_account)
        return tuple(
            Watched(
                account=Account(
                    user=UserId(row["user_id"]),
                    tenant=TenantId(row["tenant_id"]),
                    teams_user=TeamsUserId(row["teams_user_id"]),
                    name=row["name"],
                ),
                missed=row["watch_missed"],
            )
            for row in rows
        )

    @override
    async def settle(
        self, watched: Watched, *, claimed_until: datetime, next_at: datetime, missed: bool
    ) -> None:
        account = watched.account
        await self._database.execute(
            _SETTLE, account.user, account.teams_user, claimed_until, next_at, missed
        )

    @override
    async def ring(self, tenant: TenantId, person: TeamsUserId) -> None:
        await self._database.execute(_RING, tenant, person)

    @override
    async def miss(self, watched: Watched) -> None:
        await self._database.execute(_MISS, watched.account.user, watched.account.teams_user)

    @override
    async def subscription(self, resource: str) -> Subscription | None:
        row = await self._database.fetchrow(_SUBSCRIPTION, resource)
        return None if row is None else subscription_of(row, self._vault)

    @override
    async def forget(self, resource: str) -> None:
        await self._database.execute(_FORGET, resource)

    @override
    async def count(self, now: datetime) -> int:
        row = await self._database.fetchrow(_COUNT, now)
        return 0 if row is None else int(row["count"])

    @override
    async def left_over(self, *, everybody: bool, limit: int) -> tuple[tuple[str, str | None], ...]:
        rows = await self._database.fetch(_LEFT_OVER, everybody, limit, self._relay_account)
        return tuple((row["resource"], row["graph_id"]) for row in rows)

    @override
    async def secret(self) -> str:
        made = self._vault.seal(secrets.token_urlsafe(SECRET_BYTES))
        await self._database.execute(_ADD_SECRET, SECRET, made)
        row = await self._database.fetchrow(_READ_SECRET, SECRET)
        assert row is not None  # noqa: S101 -- just written, and never deleted
        return self._vault.open(row["value_sealed"])
