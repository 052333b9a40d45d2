"""Pairings: which Matrix account is a person's own, and why somebody has none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.pairing import Claim, Source, Verdict, Why, verdict
from bridge.domain.portal import Account
from bridge.ports.pairing import Pairing, PairingBook as Port, Standing, WhoIsWho
from bridge.store.database import Database, Row, Session

_STANDING = """
SELECT p.user_id, p.source, p.why, p.rules, p.asked_at, p.tried_at, p.changed_at,
    a.user_id AS signed_in
FROM (SELECT $1::text AS tenant_id, $2::text AS person_id) who
LEFT JOIN pairings p ON p.tenant_id = who.tenant_id AND p.person_id = who.person_id
LEFT JOIN accounts a ON a.tenant_id = who.tenant_id AND a.teams_user_id = who.person_id
"""
# Serialises the claims for an account: the second sees what the first has written.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('pairing/' || $1, 0))"
# Claims by rules that are no more do not count; those of whoever is signed in are in their accounts.
_RIVALS = """
SELECT person_id, source FROM pairings
WHERE user_id = $1 AND NOT (tenant_id = $2 AND person_id = $3) AND source <> 1 AND rules = $4
UNION ALL
SELECT teams_user_id, 1 FROM accounts
WHERE user_id = $1 AND NOT (tenant_id = $2 AND teams_user_id = $3)
"""
# First those who lose the account; then whoever has it by what is no more.
_LOSE = """
UPDATE pairings SET why = $3, changed_at = $4
WHERE user_id = $1 AND person_id = ANY ($2::text[]) AND why IS DISTINCT FROM $3
RETURNING person_id
"""
_GIVE_UP = """
UPDATE pairings SET why = 'taken', changed_at = $4
WHERE user_id = $1 AND why IS NULL AND NOT (tenant_id = $2 AND person_id = $3)
RETURNING person_id
"""
_WRITE = """
INSERT INTO pairings
    (tenant_id, person_id, user_id, source, why, rules, asked_at, tried_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, person_id) DO UPDATE SET
    user_id = EXCLUDED.user_id, source = EXCLUDED.source, why = EXCLUDED.why,
    rules = EXCLUDED.rules, asked_at = EXCLUDED.asked_at, tried_at = EXCLUDED.tried_at,
    changed_at = EXCLUDED.changed_at
"""
_PAIRED_AMONG = """
SELECT user_id, tenant_id, person_id FROM pairings
WHERE tenant_id = $1 AND person_id = ANY ($2::text[])
    AND user_id IS NOT NULL AND why IS NULL AND source <> 1
"""
_PAIRED_OF = """
SELECT user_id, tenant_id, person_id FROM pairings
WHERE tenant_id = $1 AND user_id IS NOT NULL AND why IS NULL AND source <> 1
ORDER BY user_id
"""
_PAIRED_WITH = """
SELECT user_id, tenant_id, person_id FROM pairings
WHERE user_id = $1 AND why IS NULL AND source <> 1
"""
# Somebody else may have been given the account since.
_TRIED = """
UPDATE pairings SET tried_at = $4, why = COALESCE(why, $5),
    changed_at = CASE WHEN $5::text IS NULL THEN changed_at ELSE $4 END
WHERE tenant_id = $1 AND person_id = $2 AND user_id = $3
RETURNING why, changed_at
"""


class PairingBook(Port):
    """Implements `ports.PairingBook`; keeps nothing in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def standing(self, tenant: TenantId, person: TeamsUserId) -> Standing:
        row = await self._database.fetchrow(_STANDING, tenant, person)
        if row is None:
            return Standing()
        signed_in = row["signed_in"]
        return Standing(
            signed_in=None if signed_in is None else UserId(signed_in),
            pairing=None if row["rules"] is None else _pairing(tenant, person, row),
        )

    @override
    async def settle(
        self, pairing: Pairing, claim: Claim | None
    ) -> tuple[Pairing, tuple[TeamsUserId, ...]]:
        if claim is None:
            await self._database.execute(_WRITE, *_values(pairing))
            return pairing, ()
        async with self._database.transaction() as session:
            await session.execute(_LOCK, claim.user)
            said = await _verdict(session, pairing, claim)
            lost = await _losers(session, pairing, claim, said)
            settled = replace(pairing, why=said.why or pairing.why)
            await session.execute(_WRITE, *_values(settled))
        return settled, lost

    @override
    async def tried(self, pairing: Pairing) -> Pairing:
        row = await self._database.fetchrow(
            _TRIED,
            pairing.tenant,
            pairing.person,
            pairing.user,
            pairing.tried_at,
            pairing.why,
        )
        if row is None:  # They claim another account by now.
            return replace(pairing, why=Why.TAKEN)
        why = None if row["why"] is None else Why(row["why"])
        return replace(pairing, why=why, changed_at=row["changed_at"])

    async def paired_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]:
        """Return the accounts by which some of these people speak."""
        rows = await self._database.fetch(_PAIRED_AMONG, tenant, list(people)) if people else []
        return tuple(map(_account, rows))

    @override
    async def paired_of(self, tenant: TenantId) -> tuple[Account, ...]:
        return tuple(map(_account, await self._database.fetch(_PAIRED_OF, tenant)))

    async def paired_with(self, user: UserId) -> Account | None:
        """Return who speaks by an account."""
        row = await self._database.fetchrow(_PAIRED_WITH, user)
        return None if row is None else _account(row)


class Paired(WhoIsWho):
    """Whoever has signed in, and whoever is paired without."""

    def __init__(self, accounts: ports.AccountBook, pairings: PairingBook) -> None:
        self._accounts = accounts
        self._pairings = pairings

    @override
    async def account_of(self, user: UserId) -> Account | None:
        return await self._accounts.account_of(user) or await self._pairings.paired_with(user)

    @override
    async def accounts_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]:
        signed_in = await self._accounts.accounts_among(tenant, people)
        known = {account.teams_user for account in signed_in}
        others = await self._pairings.paired_among(tenant, [p for p in people if p not in known])
        return (*signed_in, *others)


async def _verdict(session: Session, pairing: Pairing, claim: Claim) -> Verdict:
    rows = await session.fetch(_RIVALS, claim.user, pairing.tenant, pairing.person, pairing.rules)
    rivals = [
        Claim(person=TeamsUserId(row["person_id"]), user=claim.user, source=Source(row["source"]))
        for row in rows
    ]
    return verdict(claim, rivals)


async def _losers(
    session: Session, pairing: Pairing, claim: Claim, said: Verdict
) -> tuple[TeamsUserId, ...]:
    rows: list[Row] = []
    for why in set(said.losers.values()):
        people = [person for person, reason in said.losers.items() if reason is why]
        rows += await session.fetch(_LOSE, claim.user, people, why, pairing.asked_at)
    if said.why is None and pairing.why is None:
        given_up = (claim.user, pairing.tenant, pairing.person, pairing.asked_at)
        rows += await session.fetch(_GIVE_UP, *given_up)
    return tuple(TeamsUserId(row["person_id"]) for row in rows)


def _values(pairing: Pairing) -> tuple[object, ...]:
    return (
        pairing.tenant,
        pairing.person,
        pairing.user,
        pairing.source,
        pairing.why,
        pairing.rules,
        pairing.asked_at,
        pairing.tried_at,
        pairing.changed_at,
    )


def _pairing(tenant: TenantId, person: TeamsUserId, row: Row) -> Pairing:
    user, source, why = row["user_id"], row["source"], row["why"]
    return Pairing(
        tenant=tenant,
        person=person,
        user=None if user is None else UserId(user),
        source=None if source is None else Source(source),
        why=None if why is None else Why(why),
        rules=row["rules"],
        asked_at=row["asked_at"],
        tried_at=row["tried_at"],
        changed_at=row["changed_at"],
    )


def _account(row: Row) -> Account:
    return Account(
        user=UserId(row["user_id"]),
        tenant=TenantId(row["tenant_id"]),
        teams_user=TeamsUserId(row["person_id"]),
        name=None,
    )
