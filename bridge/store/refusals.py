"""Accounts that Microsoft refuses, and the deliveries and entries that wait for their people to sign in.

    wait           parked, awaits_sign_in ─┬─ sign-in, mend ──▶ queued, in its place in the stream
    wait_behind    the same, `behind` it   └─ too long ───────▶ parked, for a person

An account's row is locked before deliveries are, and streams are before deliveries, as everywhere:
who sets aside and who signs in at the same moment come one after the other, and nothing is left
lying. What refers to a message that waits has nothing to refer to: it waits behind that one, whoever
did it, and goes on with it. Who does so locks what it waits for. Deliveries are only ever queued
again for the Matrix user who wrote them, or for the one whose account says what others write. Which
sign-in was refused is told by its number, which is another after a new sign-in and when it is found
to be good again: clocks of two processes differ.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import Side, TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.ports import AWAITED_FOR, AWAITING, Clock, Delivery, Entry, Refusal
from bridge.store.database import Database, Row, Session, plain
from bridge.store.in_hand import IN_HAND, OWN_BEFORE

# Serialises sign-ins as one Teams user: the second sees what the first has written.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('sign_in/' || $1 || '/' || $2, 0))"
LOOK_EVERY = timedelta(hours=1)
"""An administrator may have consented, a policy been lifted, an account enabled again."""

_HELD = """
SELECT user_id, sign_in_number, refused_at FROM accounts
WHERE tenant_id = $1 AND teams_user_id = $2
FOR UPDATE
"""
_REFUSE = """
UPDATE accounts SET refused_at = $3, refusal = $4, refusal_told = false, look_at = $5
WHERE user_id = $1 AND sign_in_number = $2 AND refused_at IS NULL
"""
# An attempt that was refused for want of a token costs none.
_WAIT = f"""
UPDATE deliveries d
SET state = 'parked', awaits_sign_in = true, error = $4, uncertain = $5, attempts = d.attempts - 1
WHERE {IN_HAND}
"""  # noqa: S608 - made of a constant
# Its own words, not what happened to them since.
_WAITS = """
SELECT FROM deliveries
WHERE portal_id = $1 AND target = $2 AND source = $3 AND what = '' AND awaits_sign_in
FOR UPDATE
"""
_WAIT_BEHIND = f"""
UPDATE deliveries d
SET state = 'parked', awaits_sign_in = true, behind = $4, error = $5, uncertain = $6,
    attempts = d.attempts - 1
WHERE {IN_HAND}
"""  # noqa: S608 - made of a constant
_OWN_WAITS = f"""
SELECT FROM deliveries w JOIN deliveries d ON d.id = $1
WHERE {OWN_BEFORE}
LIMIT 1
"""
_HELD_BY = "SELECT sign_in_number, refused_at FROM accounts WHERE user_id = $1 FOR UPDATE"
# Only its reader may put an entry back; one that waits again stays where it is.
_WAIT_ENTRY = """
UPDATE inbox
SET owner = NULL, lease_until = NULL, error = $4, awaits = $3, due_at = $5,
    conversation = CASE WHEN awaits IS NULL THEN conversation || $6 || $3 ELSE conversation END
WHERE id = $1 AND owner = $2
"""
# What somebody is at just now is put aside by them, and not before this is committed.
_ENTRIES_GO_ON = """
UPDATE inbox SET due_at = $2, error = NULL
WHERE id IN (
    SELECT id FROM inbox WHERE awaits = $1 AND state = 'open' AND due_at > $2
    FOR NO KEY UPDATE SKIP LOCKED
)
"""
_COLUMNS = "user_id, tenant_id, teams_user_id, name, refusal, refused_at"
_UNTOLD = f"""
SELECT {_COLUMNS} FROM accounts
WHERE refused_at IS NOT NULL AND NOT refusal_told
ORDER BY look_at
LIMIT $1
"""  # noqa: S608 - made of a constant
_DUE = f"""
SELECT {_COLUMNS} FROM accounts
WHERE refused_at IS NOT NULL AND look_at <= $1
ORDER BY look_at
LIMIT $2
"""  # noqa: S608 - made of a constant
_MARK_TOLD = "UPDATE accounts SET refusal_told = true WHERE user_id = $1 AND refused_at = $2"
_LOOK_LATER = "UPDATE accounts SET look_at = $3 WHERE user_id = $1 AND refused_at = $2"
_MEND = """
UPDATE accounts
SET refused_at = NULL, refusal = NULL, refusal_told = false, look_at = NULL,
    sign_in_number = DEFAULT
WHERE user_id = $1 AND refused_at = $2
"""
_WAITING = """
deliveries d JOIN portals p ON p.id = d.portal_id
WHERE d.awaits_sign_in AND d.speaker = $1 AND ($2::text IS NULL OR d.author = $2) AND p.tenant_id = $3
"""
_LOCK_STREAMS = f"""
SELECT FROM streams s
WHERE s.side = $4 AND s.portal_id IN (SELECT d.portal_id FROM {_WAITING})
ORDER BY s.portal_id
FOR NO KEY UPDATE
"""  # noqa: S608 - made of a constant
# What was told stays: whoever was told that it waits is to hear that it has arrived.
_GO_ON = f"""
WITH waiting AS (SELECT d.id FROM {_WAITING})
UPDATE deliveries d
SET state = 'queued', awaits_sign_in = false, behind = NULL, due_at = $4, error = NULL
FROM waiting w WHERE d.id = w.id
RETURNING d.portal_id, d.source
"""  # noqa: S608 - made of a constant
# After it, as a statement of its own: it sees what has come to wait behind that until the last moment.
_FOLLOW = """
UPDATE deliveries d
SET state = 'queued', awaits_sign_in = false, behind = NULL, due_at = $4, error = NULL
FROM unnest($1::bigint[], $2::text[]) AS gone_on (portal_id, source)
WHERE d.portal_id = gone_on.portal_id AND d.behind = gone_on.source AND d.awaits_sign_in AND EXISTS (
    SELECT FROM accounts a
    WHERE a.tenant_id = $3 AND a.teams_user_id = d.speaker AND a.user_id IN (d.author, $5)
)
"""
# A stream that a process has is due again when that one gives it back.
_STREAMS_DUE = """
UPDATE streams SET due_at = $3
WHERE portal_id = ANY ($1::bigint[]) AND side = $2 AND (owner IS NULL OR due_at <= $3)
"""
_GIVE_UP = """
UPDATE deliveries SET awaits_sign_in = false, behind = NULL, error = left($3 || coalesce(error, ''), 2000)
WHERE id IN (
    SELECT id FROM deliveries WHERE awaits_sign_in AND created_at < $1
    ORDER BY id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""
_NOBODY_CAME = "nobody signed in again for too long: "


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedSignIn:
    """That a user's sign-in was refused: which (None if there was none), why, and when."""

    user: UserId
    sign_in: int | None
    reason: str
    at: datetime


class Awaiting(ports.Awaiting):
    """Implements `ports.Awaiting`; `owner` names this process in its leases."""

    def __init__(self, database: Database, clock: Clock, *, owner: UUID) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner

    @override
    async def wait(self, delivery: Delivery, *, reason: str, sign_in: int | None) -> bool:
        text = plain(reason)
        async with self._database.transaction() as session:
            held = await _held(session, delivery)
            if held is not None and _is_good(held, sign_in):
                return False
            in_hand = (delivery.id, delivery.attempts, self._owner)
            await session.execute(_WAIT, *in_hand, text, delivery.resumed)
            if held is not None:
                user, number = UserId(held["user_id"]), held["sign_in_number"]
                await refuse(session, user, number, text, self._clock.now())
        return True

    @override
    async def wait_after_own(self, delivery: Delivery, *, reason: str) -> bool:
        async with self._database.transaction() as session:
            await _held(session, delivery)
            if await session.fetchrow(_OWN_WAITS, delivery.id) is None:
                return False
            in_hand = (delivery.id, delivery.attempts, self._owner)
            await session.execute(_WAIT, *in_hand, plain(reason), delivery.resumed)
        return True

    @override
    async def wait_behind(self, delivery: Delivery, *, reason: str) -> bool:
        refers_to = delivery.event.target
        async with self._database.transaction() as session:
            slot = (delivery.portal.id, delivery.target, refers_to)
            if await session.fetchrow(_WAITS, *slot) is None:
                return False
            in_hand = (delivery.id, delivery.attempts, self._owner)
            await session.execute(
                _WAIT_BEHIND, *in_hand, refers_to, plain(reason), delivery.resumed
            )
        return True


class RefusalBook(ports.RefusalBook):
    """Implements `ports.RefusalBook`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.relay_account: UserId | None = None
        self._database = database
        self._clock = clock

    @override
    async def untold(self, *, limit: int) -> tuple[Refusal, ...]:
        return tuple(map(_refusal, await self._database.fetch(_UNTOLD, limit)))

    @override
    async def mark_told(self, refusal: Refusal) -> None:
        await self._database.execute(_MARK_TOLD, refusal.account.user, refusal.refused_at)

    @override
    async def due(self, *, limit: int) -> tuple[Refusal, ...]:
        return tuple(map(_refusal, await self._database.fetch(_DUE, self._clock.now(), limit)))

    @override
    async def look_later(self, refusal: Refusal, *, at: datetime) -> None:
        await self._database.execute(_LOOK_LATER, refusal.account.user, refusal.refused_at, at)

    @override
    async def mend(self, refusal: Refusal) -> int | None:
        account = refusal.account
        async with self._database.transaction() as session:
            if not await session.execute(_MEND, account.user, refusal.refused_at):
                return None
            now = self._clock.now()
            return await go_on(session, account, now, relay_account=self.relay_account)

    @override
    async def give_up(self, *, before: datetime, limit: int) -> int:
        return await self._database.execute(_GIVE_UP, before, limit, _NOBODY_CAME)


async def _held(session: Session, delivery: Delivery) -> Row | None:
    """Lock the account of a delivery's speaker; if there is none, whoever would make one waits for us."""
    speaker = (delivery.portal.place.tenant, delivery.speaker)
    held = await session.fetchrow(_HELD, *speaker)
    if held is None:
        await session.execute(LOCK, *speaker)
        held = await session.fetchrow(_HELD, *speaker)
    return held


async def refuse(
    session: Session | Database, user: UserId, number: int, reason: str, now: datetime
) -> None:
    """Note, unless it is known or they have signed in since, that an account is refused.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    await session.execute(_REFUSE, user, number, now, plain(reason), now + LOOK_EVERY)


async def go_on(
    session: Session, account: Account, now: datetime, *, relay_account: UserId | None
) -> int:
    """Queue what waited for this account, and behind that, in its places; its row is locked already.

    What they wanted to be changed is due as well.

    For the Matrix user whose account says what others write, also what others wrote.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    author = None if account.user == relay_account else account.user
    who = (account.teams_user, author, account.tenant)
    await session.fetch(_LOCK_STREAMS, *who, Side.TEAMS)
    rows = await session.fetch(_GO_ON, *who, now)
    gone_on = ([row["portal_id"] for row in rows], [row["source"] for row in rows])
    await session.execute(_FOLLOW, *gone_on, account.tenant, now, relay_account)
    portals = sorted(set(gone_on[0]))
    await session.execute(_STREAMS_DUE, portals, Side.TEAMS, now)
    return len(rows) + await session.execute(_ENTRIES_GO_ON, account.user, now)


async def wait_entry(session: Session, entry: Entry, owner: UUID, refused: RefusedSignIn) -> None:
    """Set an entry aside until a user has signed in, unless they have another sign-in by now.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    user, text, now = refused.user, refused.reason, refused.at
    held = await session.fetchrow(_HELD_BY, user)
    is_back = held is not None and _is_good(held, refused.sign_in)
    until = now if is_back else max(entry.received_at + AWAITED_FOR, now + LOOK_EVERY)
    await session.execute(_WAIT_ENTRY, entry.id, owner, user, text, until, AWAITING)
    if held is not None and not is_back:
        await refuse(session, user, held["sign_in_number"], text, now)


def _is_good(held: Row, refused: int | None) -> bool:
    """Tell whether an account has another sign-in than the one that was refused, and of use."""
    return held["refused_at"] is None and held["sign_in_number"] != refused


def _refusal(row: Row) -> Refusal:
    account = Account(
        user=UserId(row["user_id"]),
        tenant=TenantId(row["tenant_id"]),
        teams_user=TeamsUserId(row["teams_user_id"]),
        name=row["name"],
    )
    return Refusal(account=account, reason=row["refusal"], refused_at=row["refused_at"])
