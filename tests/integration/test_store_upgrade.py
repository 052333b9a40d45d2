"""What lay in the queues before an upgrade is carried on after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bridge.domain.changes import Known
from bridge.domain.events import MessageSent
from bridge.domain.ids import MessageRef, Side, Version
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.readings import ReadingBook
from tests.contract.test_journal import claim_one, known, make_portal, place, raws
from tests.integration.stores import opened, world_on
from tests.kit.fake_store import FakeClock

LAST_BEFORE_CHANGES = 3
"""The number of the last schema that knew of messages only, and not of what happens to them."""

_OLD_EVENT = (
    b'{"kind":"message_sent","author":{"id":"anna","name":null},"version":"7",'
    b'"sent_at":"2026-03-02T08:00:00+00:00","part":0,"parts":1,"body":[1,["p","hello"]]}'
)


@pytest.fixture
async def store(empty_database: str) -> AsyncIterator[Database]:
    async with opened(empty_database) as made:
        yield made


@pytest.fixture
def old_files(tmp_path: Path) -> Path:
    for migration in schema.read(schema.folder())[:LAST_BEFORE_CHANGES]:
        (tmp_path / f"{migration.name}.sql").write_text(migration.script)
    return tmp_path


async def leave_something(store: Database, now: datetime) -> None:
    """What a version of that time has written: a delivery on its way, one that arrived, an entry."""
    await store.execute(
        "INSERT INTO portals (tenant_id, conversation_id, created_at) VALUES ($1, $2, $3)",
        place().tenant,
        place().conversation,
        now,
    )
    await store.execute("INSERT INTO streams VALUES (1, 'matrix', $1, NULL)", now)
    await store.execute(
        "INSERT INTO deliveries (portal_id, target, source, part, speaker, version, event, state,"
        " attempts, due_at, created_at)"
        " VALUES (1, 'matrix', '2', 0, 'anna', '7', $1, 'sending', 1, $2, $2)",
        _OLD_EVENT,
        now,
    )
    await store.execute(
        "INSERT INTO links VALUES (1, '1', '$1', 0, 'teams', '1', 'anna', $1, $1)", now
    )
    await store.execute(
        "INSERT INTO inbox (side, key, conversation, position, raw, received_at, due_at)"
        " VALUES ('matrix', '$2', '!room', 0, 'raw', $1, $1)",
        now,
    )


async def test_what_was_under_way_before_an_upgrade_is_carried_on(
    store: Database, old_files: Path
) -> None:
    now = FakeClock().now()
    await schema.upgrade(store, old_files)
    await leave_something(store, now)

    await schema.upgrade(store)

    async with world_on(store) as world:
        journal = world.process()
        portal = await make_portal(journal)
        (entry,) = await journal.claim_entries(Side.MATRIX, limit=10)
        (delivery,) = (await claim_one(journal)).deliveries
        arrived = await known(journal, Side.TEAMS, portal, "1")
    assert (raws([entry]), entry.found) == (["raw"], False)
    assert isinstance(delivery.event, MessageSent)
    assert (delivery.source, delivery.resumed, delivery.told) == (MessageRef("2"), True, False)
    assert arrived == Known(origin=Side.TEAMS, version=Version("1"), author="anna")


async def test_what_was_missed_before_an_upgrade_is_read_from_where_the_portal_was_made(
    store: Database, old_files: Path
) -> None:
    now = FakeClock().now()
    await schema.upgrade(store, old_files)
    await leave_something(store, now)

    await schema.upgrade(store)

    (unread,) = await ReadingBook(store).unread_since(
        now + timedelta(seconds=1), limit=9, channels=False
    )
    assert (unread.place, unread.read_until) == (place(), now)
