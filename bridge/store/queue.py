"""What lies in the queues, for a person who looks after them: look, put back, take out.

    parked ──retry──▶ queued, due now
    anything that nobody is at ──drop──▶ gone, counted by side and reason

Safe beside running bridges: a delivery is touched under its stream's row lock, as everybody does
who appends or claims; an entry under its own. What a living process is at just now is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.domain.changes import Known
from bridge.domain.ids import Side, Version
from bridge.ports.operating import Item, ItemId, Outcome, State, Verdict, What
from bridge.store import states
from bridge.store.database import Database, Row, Session

ALL_MAX = 10_000
"""Items that one command takes by their kind; more of them take another."""
# What a process that is no more has left in `sending` is nobody's: its stream's lease has run out.
_DELIVERIES = """
SELECT d.id, d.target AS side, p.conversation_id, p.room_id, d.state = 'parked' AS is_parked,
    d.state = 'sending' AND s.owner IS NOT NULL AND s.due_at > $1 AS is_held,
    d.attempts, d.created_at, d.due_at, d.error, d.event AS raw,
    p.tenant_id, d.portal_id, d.source, d.part, d.what, d.speaker, d.author, d.version,
    d.position, d.uncertain, d.told, d.awaits_sign_in
FROM deliveries d
JOIN portals p ON p.id = d.portal_id
JOIN streams s ON s.portal_id = d.portal_id AND s.side = d.target
"""
_ENTRIES = """
SELECT e.id, e.side, e.conversation AS conversation_id, NULL AS room_id,
    e.state = 'parked' AS is_parked, e.owner IS NOT NULL AND e.lease_until > $1 AS is_held,
    e.attempts, e.received_at AS created_at, e.due_at, e.error, e.raw,
    e.key, e.position, e.found, e.told, e.awaits,
    e.awaits IS NOT NULL AND e.due_at > $1 AS awaits_sign_in
FROM inbox e
"""
_FACTS = {
    What.DELIVERY: (
        "tenant_id", "portal_id", "source", "part", "what", "speaker", "author", "version",
        "position", "uncertain", "told", "awaits_sign_in",
    ),
    What.ENTRY: ("key", "position", "found", "told", "awaits"),
}  # fmt: skip
_ONE = {
    What.DELIVERY: f"{_DELIVERIES} WHERE d.id = $2",
    What.ENTRY: f"{_ENTRIES} WHERE e.id = $2",
}
_SOME = {
    (What.DELIVERY, State.PARKED): f"""{_DELIVERIES}
WHERE d.state = 'parked' AND NOT d.awaits_sign_in AND ($2::text IS NULL OR d.target = $2)
ORDER BY d.id LIMIT $3""",
    (What.DELIVERY, State.AWAITING): f"""{_DELIVERIES}
WHERE d.awaits_sign_in AND ($2::text IS NULL OR d.target = $2) ORDER BY d.id LIMIT $3""",
    (What.DELIVERY, State.WAITING): f"""{_DELIVERIES}
WHERE d.state <> 'parked' AND ($2::text IS NULL OR d.target = $2) ORDER BY d.id LIMIT $3""",
    (What.ENTRY, State.PARKED): f"""{_ENTRIES}
WHERE e.state = 'parked' AND ($2::text IS NULL OR e.side = $2) ORDER BY e.id LIMIT $3""",
    (What.ENTRY, State.AWAITING): f"""{_ENTRIES}
WHERE e.awaits IS NOT NULL AND e.state = 'open' AND e.due_at > $1
    AND ($2::text IS NULL OR e.side = $2)
ORDER BY e.id LIMIT $3""",
    (What.ENTRY, State.WAITING): f"""{_ENTRIES}
WHERE e.state = 'open' AND (e.awaits IS NULL OR e.due_at <= $1) AND ($2::text IS NULL OR e.side = $2) ORDER BY e.id LIMIT $3""",
}
_LOCK = {
    What.DELIVERY: """
SELECT FROM streams s
WHERE (s.portal_id, s.side) = (SELECT d.portal_id, d.target FROM deliveries d WHERE d.id = $1)
FOR NO KEY UPDATE
""",
    What.ENTRY: "SELECT FROM inbox e WHERE e.id = $1 FOR UPDATE",
}
# `uncertain` stays, so that it is looked for before it is sent. Whoever was told that it is lost is
# to hear of it if it arrives: that they were told something stays, too.
_RETRY = {
    What.DELIVERY: """
UPDATE deliveries
SET state = 'queued', due_at = $2, attempts = 0, error = NULL, awaits_sign_in = false,
    behind = NULL, uncertain = uncertain OR state = 'sending',
    told = CASE WHEN told IS NULL THEN NULL ELSE 'waiting' END
WHERE id = $1
""",
    What.ENTRY: """
UPDATE inbox
SET state = 'open', due_at = $2, attempts = 0, error = NULL, told = false, owner = NULL,
    lease_until = NULL
WHERE id = $1
""",
}
# A stream that a process has is due again when that one gives it back. One in which nothing is left
# is found to be so by whoever claims it.
_DUE = """
UPDATE streams SET due_at = $3
WHERE portal_id = $1 AND side = $2 AND (owner IS NULL OR due_at <= $3)
"""
_REMOVE = "DELETE FROM deliveries WHERE id = $1"
# As an entry that was read: one of Matrix leaves its key, and is not found anew.
_SETTLE = "SELECT settle_entries(ARRAY[$1::bigint], $2)"
# A message that was dropped stays known, or catching up would find it, new as ever.
_STAY_KNOWN = """
INSERT INTO message_states (portal_id, side, ref, origin, version, author, state)
VALUES ($1, $2, $3, $2, $4, $5, $6)
ON CONFLICT DO NOTHING
"""
_COUNT = """
INSERT INTO drops AS d (side, what, reason, count) VALUES ($1, $2, $3, 1)
ON CONFLICT (side, what, reason) DO UPDATE SET count = d.count + 1
"""


async def find(
    database: Database,
    *,
    side: Side | None,
    states_: Sequence[State],
    limit: int,
    now: datetime,
) -> tuple[Item, ...]:
    """Return what lies there, the oldest first.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    found: list[Item] = []
    for (what, state), statement in _SOME.items():
        if state in states_:
            rows = await database.fetch(statement, now, side, limit)
            found += [_item(what, row) for row in rows]
    return tuple(sorted(found, key=_age)[:limit])


async def look(database: Database, item: ItemId, *, now: datetime) -> Item | None:
    """Return one thing, None if there is none.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    row = await database.fetchrow(_ONE[item.what], now, item.number)
    return None if row is None else _item(item.what, row)


async def retry(database: Database, item: ItemId, *, now: datetime) -> Outcome:
    """Have something tried again, at once, as if it never was; it keeps its place in the order.

    Raises:
        StoreUnavailable: Postgres is away; whether it was done is unknown, and repeating harmless.
    """
    async with database.transaction() as session:
        outcome = await _take(session, item, now)
        if outcome.verdict is Verdict.DONE and outcome.item is not None:
            await session.execute(_RETRY[item.what], item.number, now)
            await _make_due(session, outcome.item, now)
    return outcome


async def drop(database: Database, item: ItemId, *, reason: str, now: datetime) -> Outcome:
    """Take something out for good, and count it.

    Raises:
        StoreUnavailable: Postgres is away; whether it was done is unknown.
    """
    async with database.transaction() as session:
        outcome = await _take(session, item, now)
        if outcome.verdict is Verdict.DONE and outcome.item is not None:
            await _remove(session, outcome.item, now)
            await _make_due(session, outcome.item, now)
            await session.execute(_COUNT, outcome.item.side, item.what, reason)
    return outcome


async def _take(session: Session, item: ItemId, now: datetime) -> Outcome:
    """Lock, and then look: what a process had in hand before the lock is written down now."""
    await session.fetch(_LOCK[item.what], item.number)
    row = await session.fetchrow(_ONE[item.what], now, item.number)
    if row is None:
        return Outcome(verdict=Verdict.UNKNOWN)
    found = _item(item.what, row)
    return Outcome(verdict=Verdict.BUSY if found.is_held else Verdict.DONE, item=found)


async def _remove(session: Session, item: Item, now: datetime) -> None:
    if item.id.what is What.ENTRY:
        await session.fetch(_SETTLE, item.id.number, now)
        return
    await session.execute(_REMOVE, item.id.number)
    if item.facts["what"] == "":
        await _stay_known(session, item)


async def _stay_known(session: Session, item: Item) -> None:
    facts, side = item.facts, item.side.other
    known = Known(origin=side, version=Version(str(facts["version"])))
    await session.execute(
        _STAY_KNOWN,
        facts["portal_id"],
        side,
        facts["source"],
        facts["version"],
        facts["author"],
        states.encode(known),
    )


async def _make_due(session: Session, item: Item, now: datetime) -> None:
    if item.id.what is What.DELIVERY:
        await session.execute(_DUE, item.facts["portal_id"], item.side, now)


def _state(what: What, row: Row) -> State:
    if row["awaits_sign_in"] and (what is What.DELIVERY or not row["is_parked"]):
        return State.AWAITING
    return State.PARKED if row["is_parked"] else State.WAITING


def _age(item: Item) -> tuple[datetime, ItemId]:
    return item.created_at, item.id


def _item(what: What, row: Row) -> Item:
    return Item(
        id=ItemId(what=what, number=row["id"]),
        side=Side(row["side"]),
        conversation=row["conversation_id"],
        room=row["room_id"],
        state=_state(what, row),
        is_held=row["is_held"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        error=row["error"],
        facts={name: row[name] for name in _FACTS[what]},
        raw=row["raw"],
    )
