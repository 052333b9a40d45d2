"""What the tests of the store share: an open database and journals of several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.store.database import Database
from bridge.telemetry import Watch
from tests.contract.test_journal import PostgresWorld
from tests.kit.fake_store import FakeClock


@asynccontextmanager
async def opened(
    dsn: str, *, watch: Watch | None = None, connections_max: int = 4
) -> AsyncIterator[Database]:
    """A pool that is closed at the end."""
    database = await Database.open(dsn, connections_max=connections_max, watch=watch or Watch())
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def world_on(database: Database) -> AsyncIterator[PostgresWorld]:
    """Processes on one database, with a common time."""
    async with asyncio.TaskGroup() as tasks:
        world = PostgresWorld(database, tasks, FakeClock())
        try:
            yield world
        finally:
            for writer in world.writers:
                writer.cancel()
