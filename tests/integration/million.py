"""A database with a million rows, as after years, in every table of the hot path.

portals     20,000, one in ten with a stream and a conversation that are due
each        10 entries, 10 deliveries to Matrix (in two of three portals; else half are parked)
            and 3 to Teams, 10 links, 5 reactions, 5 states, 2 own changes
one portal  a backlog of 20,000 deliveries and as many entries
another     a post with 20,000 replies
besides     100,000 events of Matrix that were read; for ten portals a team of ten channels, ten ghosts,
            and ten messages that lost something
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.store.database import Database

TABLES = (
    "inbox",
    "deliveries",
    "links",
    "streams",
    "portals",
    "message_states",
    "own_changes",
    "reactions",
    "read_events",
    "ghosts",
    "spaces",
    "losses",
    "accounts",
)

_PORTALS = """
INSERT INTO portals (id, tenant_id, conversation_id, room_id, created_at, read_until)
OVERRIDING SYSTEM VALUE
SELECT n, 'tenant', 'chat ' || n, '!' || n, $1, $1::timestamptz - n * interval '1 second'
FROM generate_series(1, $2::integer) n
"""
_STREAMS = """
INSERT INTO streams (portal_id, side, due_at, behind)
SELECT p.id, s.side,
    CASE WHEN p.id % 10 = 0 THEN $1 ELSE $1::timestamptz + interval '1 hour' END, p.id % 30 <> 20
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN (VALUES ('teams'), ('matrix')) AS s (side)
"""
# Appended in another order than that of their positions.
_TO_MATRIX = """
INSERT INTO deliveries
    (portal_id, target, source, part, speaker, author, position, version, event, state, due_at,
    created_at)
SELECT p.id, 'matrix', 'message ' || n, 0, 'anna', 'anna', 1000 - n, '1', $2,
    CASE WHEN p.id % 3 = 0 AND n < 5 THEN 'parked' ELSE 'queued' END, $1, $1
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 10) n
"""
_TO_TEAMS = """
INSERT INTO deliveries
    (portal_id, target, source, part, what, speaker, author, version, event, state, uncertain,
    due_at, created_at)
SELECT p.id, 'teams', '$reaction ' || n, 0, '+1 anna x', 'anna', 'anna', '1', $2,
    CASE WHEN p.id % 100 = 0 AND n = 1 THEN 'sending' ELSE 'queued' END, p.id % 50 = 0, $1, $1
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 3) n
"""
_BACKLOG_OF_DELIVERIES = """
INSERT INTO deliveries
    (portal_id, target, source, part, speaker, author, position, version, event, state, due_at,
    created_at)
SELECT 10, 'matrix', 'backlog ' || n, 0, 'anna', 'anna', 100000 - n, '1', $2,
    CASE WHEN n % 4 = 0 THEN 'parked' ELSE 'queued' END, $1, $1
FROM generate_series(1, $3::integer) n
"""
_LINKS = """
INSERT INTO links
    (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
SELECT p.id, 'old ' || n, '$old ' || n, 0, 'teams', '1', 'anna', $1, $1
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 10) n
"""
_THREAD = """
INSERT INTO links
    (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
SELECT 7, 'old 1/' || n, '$reply ' || n, 0, 'teams', '1', 'anna',
    $1::timestamptz + n * interval '1 ms', $1
FROM generate_series(1, $2::integer) n
"""
_CHANNELS = """
INSERT INTO portals (id, tenant_id, conversation_id, created_at, read_until)
OVERRIDING SYSTEM VALUE
SELECT 100000 + n, 'tenant', 'team ' || n / 10 || '/channel ' || n, $1, $1
FROM generate_series(1, $2::integer) n
"""
_SPACES = """
INSERT INTO spaces (tenant_id, team_id) SELECT 'tenant', 'team ' || n
FROM generate_series(1, $1::integer) n
"""
_GHOSTS = """
INSERT INTO ghosts (tenant_id, person_id, name, has_device) SELECT 'tenant', 'person ' || n, 'A', true
FROM generate_series(1, $1::integer) n
"""
_ACCOUNTS = """
INSERT INTO accounts (user_id, tenant_id, teams_user_id, token_cache_sealed, signed_in_at)
SELECT '@' || n, 'tenant', 'person ' || n, '\\x00', $1 FROM generate_series(1, $2::integer) n
"""
_LOSSES = """
INSERT INTO losses (portal_id, message_id, name, noted_at)
SELECT n, 'old 1', 'card_media', $1 FROM generate_series(1, $2::integer) n
"""
_REACTIONS = """
INSERT INTO reactions (portal_id, message_id, person, key, event_id)
SELECT p.id, 'old ' || n, 'anna', 'x', '$r ' || n
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 5) n
"""
_STATES = """
INSERT INTO message_states (portal_id, side, ref, origin, version, author, state)
SELECT p.id, 'teams', 'old ' || n, 'teams', '2', 'anna', $1
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 5) n
"""
_OWN_CHANGES = """
INSERT INTO own_changes (id, portal_id, ref, kind, at, person, key, words)
SELECT -(2 * p.id + n), p.id, 'old ' || n, 'edit', $1, 'anna', '', 'words'
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 2) n
"""
_INBOX = """
INSERT INTO inbox
    (side, key, conversation, position, raw, received_at, due_at, owner, lease_until)
SELECT 'teams', 'key ' || p.id || '/' || n, 'chat ' || p.id, n, '\\x00', $1,
    CASE WHEN p.id % 10 = 0 THEN $1 ELSE $1::timestamptz + interval '1 hour' END,
    CASE WHEN p.id % 1000 = 0 THEN gen_random_uuid() END,
    CASE WHEN p.id % 1000 = 0 THEN $1::timestamptz + interval '1 minute' END
FROM generate_series(1, {portals}) AS p (id) CROSS JOIN generate_series(1, 10) n
"""
# Half of it is held, and comes along with what is due.
_BACKLOG_OF_ENTRIES = """
INSERT INTO inbox (side, key, conversation, position, raw, received_at, due_at)
SELECT 'matrix', '$backlog ' || n, '!10', 0, '\\x00', $1,
    $1::timestamptz + CASE WHEN n % 2 = 0 THEN interval '0' ELSE interval '1 hour' END
FROM generate_series(1, $2::integer) n
"""
_READ_EVENTS = """
INSERT INTO read_events (key, read_at)
SELECT '$read ' || n, $1::timestamptz - n * interval '1 second'
FROM generate_series(1, $2::integer) n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many portals there are, how much waits in one of them, and how much was read."""

    portals: int
    backlog: int
    read_events: int


MILLION = Size(portals=20_000, backlog=20_000, read_events=100_000)
TENTH = Size(portals=2_000, backlog=2_000, read_events=10_000)


async def make_room(database: Database) -> None:
    """Leave the numbers of the portals that are to be filled in to them."""
    await database.execute("ALTER TABLE portals ALTER id RESTART WITH 1000000")


async def fill(
    database: Database,
    size: Size,
    now: datetime,
    *,
    message: bytes,
    reaction: bytes,
    state: bytes,
) -> None:
    """Insert it all, each table with one statement of the database's own."""
    per_portal = (
        (_STREAMS, now),
        (_TO_MATRIX, now, message),
        (_TO_TEAMS, now, reaction),
        (_LINKS, now),
        (_REACTIONS,),
        (_STATES, state),
        (_OWN_CHANGES, now),
        (_INBOX, now),
    )
    async with database.patient_session() as session:
        await session.execute(_PORTALS, now, size.portals)
        for statement, *values in per_portal:
            await session.execute(statement.format(portals=size.portals), *values)
        await session.execute(_BACKLOG_OF_DELIVERIES, now, message, size.backlog)
        await session.execute(_BACKLOG_OF_ENTRIES, now, size.backlog)
        await session.execute(_READ_EVENTS, now, size.read_events)
        await session.execute(_THREAD, now, size.backlog)
        await session.execute(_CHANNELS, now, size.portals)
        await session.execute(_SPACES, size.portals)
        await session.execute(_GHOSTS, size.portals)
        await session.execute(_LOSSES, now, size.portals)
        await session.execute(_ACCOUNTS, now, size.portals)


async def analyze(database: Database) -> None:
    """Let the planner know how large the tables are now."""
    async with database.patient_session() as session:
        await session.execute(f"ANALYZE {', '.join(TABLES)}")
