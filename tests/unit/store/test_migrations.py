"""The files of migrations: named, numbered, and safe to run in a transaction of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.errors import InvariantBroken
from bridge.store import schema


def test_every_migration_says_why() -> None:
    for migration in schema.read(schema.folder()):
        assert migration.script.startswith("-- "), migration.name


def test_no_migration_ends_the_transaction_it_runs_in() -> None:
    for migration in schema.read(schema.folder()):
        assert not re.search(
            r"^\s*(COMMIT|ROLLBACK|BEGIN)\s*;", migration.script, re.MULTILINE | re.IGNORECASE
        )
        assert "CONCURRENTLY" not in migration.script


def test_no_lease_or_waiting_time_depends_on_the_servers_clock() -> None:
    for migration in schema.read(schema.folder()):
        code = re.sub(r"--.*", "", migration.script)
        assert not re.search(r"\bnow\(\)|current_timestamp|clock_timestamp", code, re.IGNORECASE)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["0002_create_things.sql"],
        ["0001_create_things.sql", "0003_create_more.sql"],
        ["0001_create_things.sql", "0001_create_more.sql"],
        ["1_create_things.sql"],
        ["0001_things.sql"],
    ],
)
def test_names_that_are_not_in_order_are_a_bug(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")

    with pytest.raises(InvariantBroken):
        schema.read(tmp_path)
