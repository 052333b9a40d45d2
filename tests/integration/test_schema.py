"""The schema: from nothing, by two at once, and never from files it was not made of."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import bridge
from bridge.errors import ConfigError
from bridge.store import schema
from bridge.store.database import Database
from bridge.telemetry import Watch

NAMES = [migration.name for migration in schema.read(schema.folder())]


@pytest.fixture
async def store(empty_database: str) -> AsyncIterator[Database]:
    opened = await Database.open(empty_database, connections_max=4, watch=Watch())
    yield opened
    await opened.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the migrations, for a test to change."""
    for path in schema.folder().glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


async def test_an_empty_database_gets_every_migration_once(store: Database) -> None:
    assert await schema.status(store) == schema.Status(applied=(), pending=tuple(NAMES))

    assert await schema.upgrade(store) == NAMES
    assert await schema.upgrade(store) == []

    assert await schema.status(store) == schema.Status(applied=tuple(NAMES), pending=())


async def test_of_two_that_upgrade_at_once_one_does_it(store: Database) -> None:
    done = await asyncio.gather(*(schema.upgrade(store) for _ in range(4)))

    assert sorted(done) == [[], [], [], NAMES]


async def test_a_new_migration_is_applied_alone(store: Database, files: Path) -> None:
    await schema.upgrade(store)
    number = len(NAMES) + 1
    new = files / f"{number:04}_create_novelties.sql"
    new.write_text("CREATE TABLE novelties (id integer); INSERT INTO novelties VALUES (1), (2);")

    assert (await schema.status(store, files)).pending == (new.stem,)
    assert await schema.upgrade(store, files) == [new.stem]

    assert len(await store.fetch("SELECT id FROM novelties")) == 2


async def test_a_migration_that_fails_leaves_nothing_behind(store: Database, files: Path) -> None:
    broken = files / f"{len(NAMES) + 1:04}_create_trouble.sql"
    broken.write_text("CREATE TABLE trouble (id integer); SELECT 1 / 0;")

    with pytest.raises(Exception, match="division by zero"):
        await schema.upgrade(store, files)

    assert (await schema.status(store, files)).pending == (broken.stem,)
    (row,) = await store.fetch("SELECT to_regclass('trouble') IS NULL AS missing")
    assert row["missing"]


async def test_a_database_of_a_newer_version_is_refused(store: Database, files: Path) -> None:
    new = files / f"{len(NAMES) + 1:04}_create_novelties.sql"
    new.write_text("CREATE TABLE novelties (id integer);")
    await schema.upgrade(store, files)

    for act in (schema.upgrade, schema.status):
        with pytest.raises(ConfigError, match="start that newer version, or restore the backup"):
            await act(store)


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(
    store: Database, files: Path
) -> None:
    await schema.upgrade(store, files)
    first = files / f"{NAMES[0]}.sql"
    first.write_text(first.read_text() + "\n-- improved\n")

    for act in (schema.upgrade, schema.status):
        with pytest.raises(ConfigError, match=NAMES[0]):
            await act(store, files)


def test_the_wheel_carries_the_migrations_where_the_program_looks_for_them() -> None:
    project = tomllib.loads((Path(bridge.__file__).parents[1] / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert included["migrations"] == "bridge/migrations"
    assert NAMES[0] == "0001_create_queues"
