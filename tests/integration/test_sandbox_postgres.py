"""The embedded Postgres: starts, stops, survives crashes, leaves nobody behind, says what is wrong."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count as count_up
from pathlib import Path

import asyncpg
import psycopg2
import pytest

from bridge.errors import ConfigError, InvariantBroken
from bridge.sandbox.postgres import DURABLE, THROWAWAY, EmbeddedPostgres
from tests.integration.processes import CHILD_LIMIT, Child, gone, processes_in

NOBODY_HAS_THIS_ID = 54_321
NUMBERS = count_up()


@pytest.fixture
def folder(scratch: Path) -> Path:
    """A name that no other test has used; short, for the socket below it."""
    return scratch / f"postgres-{next(NUMBERS)}"


@pytest.fixture(scope="module")
def prepared(scratch: Path) -> Path:
    with EmbeddedPostgres() as server:
        server.start(scratch / "prepared", tuning=THROWAWAY)
    return scratch / "prepared"


@pytest.fixture
def used(prepared: Path, folder: Path) -> Path:
    """A folder on which a server has run before."""
    subprocess.run(["cp", "-a", prepared, folder], check=True)  # noqa: S603, S607 -- keeps owners
    return folder


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres() as made:
        yield made


async def count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        number: int = await connection.fetchval("SELECT count(*) FROM kept")
        return number
    finally:
        await connection.close()


async def test_both_drivers_find_the_database_by_its_dsn(postgres: EmbeddedPostgres) -> None:
    dsn = postgres.create_database("both_drivers")

    connection = await asyncpg.connect(dsn)
    collation = await connection.fetchval(
        "SELECT datcollate || datctype FROM pg_database WHERE datname = current_database()"
    )
    await connection.close()
    psycopg2.connect(dsn).close()

    assert collation == "CC"  # Synapse accepts no other


async def test_a_database_is_made_once_and_keeps_its_rows(postgres: EmbeddedPostgres) -> None:
    dsn = postgres.create_database("made_once")
    postgres.run_script("made_once", "CREATE TABLE kept (x int); INSERT INTO kept VALUES (1)")

    assert postgres.create_database("made_once") == dsn
    assert await count(dsn) == 1


async def test_a_copy_of_a_template_has_its_rows(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("original")
    postgres.run_script("original", "CREATE TABLE kept (x int); INSERT INTO kept VALUES (1), (2)")

    assert await count(postgres.create_database("copy", template="original")) == 2


async def test_a_dropped_database_is_gone_though_someone_is_connected(
    postgres: EmbeddedPostgres,
) -> None:
    dsn = postgres.create_database("dropped")
    connection = await asyncpg.connect(dsn)

    postgres.drop_database("dropped")

    connection.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn)


def test_a_failing_script_says_why_and_changes_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("scripted")

    with pytest.raises(ConfigError, match='relation "absent" does not exist'):
        postgres.run_script("scripted", "CREATE TABLE kept (x int); SELECT * FROM absent")

    postgres.run_script("scripted", "CREATE TABLE kept (x int)")


def test_a_database_name_cannot_carry_sql(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(InvariantBroken):
        postgres.drop_database('x"; DROP DATABASE postgres; --')


async def test_each_test_has_a_database_of_its_own(database: str, empty_database: str) -> None:
    assert database != empty_database
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname='public'") > 0
    await connection.close()
    connection = await asyncpg.connect(empty_database)
    assert (
        await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname='public'") == 0
    )
    await connection.close()


async def test_what_was_committed_survives_a_crash(used: Path, server: EmbeddedPostgres) -> None:
    server.start(used, tuning=DURABLE)
    dsn = server.create_database("crash")
    server.run_script("crash", "CREATE TABLE kept (x int); INSERT INTO kept VALUES (1)")

    server.kill()
    server.start(used, tuning=DURABLE)

    assert await count(dsn) == 1


def test_a_stopped_server_leaves_no_process(used: Path, server: EmbeddedPostgres) -> None:
    server.start(used, tuning=THROWAWAY)
    assert processes_in(used / "data")

    server.stop()

    assert gone(used / "data")
    server.stop()


def test_a_long_path_is_no_obstacle(scratch: Path, server: EmbeddedPostgres) -> None:
    server.start(scratch / ("long" * 30) / "postgres", tuning=THROWAWAY)

    server.create_database("somewhere")

    assert len(str(server.socket_folder)) < 100
    elsewhere = server.socket_folder
    server.stop()
    assert not elsewhere.exists()


def test_a_folder_closed_to_the_servers_account_is_no_obstacle(
    scratch: Path, server: EmbeddedPostgres
) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)

    server.start(closed / "postgres", tuning=THROWAWAY)

    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "postgres").stat().st_mode & 0o777 == 0o700


START = """
import sys
from pathlib import Path
from bridge.sandbox.postgres import THROWAWAY, EmbeddedPostgres
with EmbeddedPostgres() as server:
    print(server.start(Path(sys.argv[1]), tuning=THROWAWAY), flush=True)
    sys.stdin.read()
"""


def test_the_server_follows_its_killed_owner(used: Path, server: EmbeddedPostgres) -> None:
    with Child(START, used) as owner:
        assert owner.line().startswith("postgresql://")
        owner.process.kill()

    assert gone(used / "data")
    server.start(used, tuning=THROWAWAY)


def test_ctrl_c_stops_the_server_with_its_owner(used: Path) -> None:
    with Child(START, used) as owner:
        owner.line()
        owner.interrupt()

    assert gone(used / "data")


def test_a_crash_of_everything_is_no_obstacle(used: Path, server: EmbeddedPostgres) -> None:
    server.start(used, tuning=THROWAWAY)
    pid_file = used / "data/postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    owner = pid_file.stat().st_uid
    server.kill()

    # Meanwhile the number belongs to another process of that account, which stops a plain Postgres.
    with subprocess.Popen(["sleep", "infinity"], user=owner) as other:  # noqa: S607 -- any will do
        pid_file.write_text("\n".join([str(other.pid), *rest]))
        server.start(used, tuning=THROWAWAY)
        other.kill()


def test_a_folder_in_use_is_refused(used: Path, server: EmbeddedPostgres) -> None:
    server.start(used, tuning=THROWAWAY)

    with EmbeddedPostgres() as other, pytest.raises(ConfigError, match="another process uses"):
        other.start(used, tuning=THROWAWAY)

    server.create_database("still_there")


async def test_a_command_beside_the_bridge_shares_its_server(
    used: Path, server: EmbeddedPostgres
) -> None:
    server.start(used, tuning=THROWAWAY)

    with EmbeddedPostgres() as beside:
        beside.start(used, shared=True)
        dsn = beside.create_database("shared")

    server.run_script("shared", "CREATE TABLE kept (x int)")
    assert await count(dsn) == 0


def test_a_command_without_a_bridge_has_its_own_server(
    used: Path, server: EmbeddedPostgres
) -> None:
    server.start(used, tuning=THROWAWAY, shared=True)

    assert processes_in(used / "data")
    server.stop()
    assert gone(used / "data")


def test_a_folder_with_other_things_is_left_alone(folder: Path, server: EmbeddedPostgres) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "thesis.odt").touch()

    with pytest.raises(ConfigError, match=r"holds 'thesis\.odt'"):
        server.start(folder)

    assert folder.stat().st_mode & 0o777 == 0o755
    assert [entry.name for entry in folder.iterdir()] == ["thesis.odt"]


def test_a_database_of_another_version_is_left_alone(used: Path, server: EmbeddedPostgres) -> None:
    server.start(used, tuning=THROWAWAY)
    server.stop()
    (used / "data/PG_VERSION").write_text("16\n")

    with pytest.raises(ConfigError, match="was made by Postgres 16 and this is Postgres 18"):
        server.start(used, tuning=THROWAWAY)


def test_a_half_made_cluster_is_made_again(folder: Path, server: EmbeddedPostgres) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new/PG_VERSION").write_text("18\n")

    server.start(folder, tuning=THROWAWAY)

    assert not (folder / "data.new").exists()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    used: Path, server: EmbeddedPostgres
) -> None:
    server.start(used, tuning=THROWAWAY)
    server.stop()
    (used / "data/global/pg_control").unlink()

    with pytest.raises(ConfigError, match="pg_control"):
        server.start(used, tuning=THROWAWAY)

    assert gone(used / "data")


def test_a_folder_that_cannot_be_made_is_named(server: EmbeddedPostgres) -> None:
    with pytest.raises(ConfigError, match="cannot use the folder /proc/here: "):
        server.start(Path("/proc/here"))


def test_an_ordinary_user_runs_it_as_itself(interpreter: str, nobodys: Path) -> None:
    nobody = nobodys.stat().st_uid

    with Child(START, nobodys / "new", interpreter=interpreter, user=nobody) as owner:
        assert owner.line().startswith("postgresql://")
        assert (nobodys / "new/data").stat().st_uid == nobody


@pytest.mark.parametrize(
    ("user", "place", "problem"),
    [
        (pwd.getpwnam("nobody").pw_uid, "..", "cannot use the folder"),
        (NOBODY_HAS_THIS_ID, ".", "has no entry in /etc/passwd"),
    ],
)
def test_an_ordinary_user_is_told_what_is_missing(
    interpreter: str, nobodys: Path, user: int, place: str, problem: str
) -> None:
    with Child(START, nobodys / place / "new", interpreter=interpreter, user=user) as owner:
        assert owner.process.wait(CHILD_LIMIT.total_seconds()) == 1

    assert problem in owner.errors


@pytest.fixture
def nobodys(folder: Path) -> Path:
    """A folder that belongs to the account `nobody`."""
    folder.mkdir()
    os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    return folder


@pytest.fixture(scope="module")
def interpreter() -> str:
    """A Python that the account `nobody` can start with our packages."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody").pw_uid
    for path in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            probe = Child(PROBE, interpreter=path, user=nobody)
            with probe:
                pass
            if probe.process.returncode == 0:
                return path
    pytest.skip("this checkout or its Python is closed to other accounts")


PROBE = "from bridge.sandbox.postgres import EmbeddedPostgres; EmbeddedPostgres()"


def test_the_durable_server_keeps_what_it_promises(folder: Path, server: EmbeddedPostgres) -> None:
    server.start(folder)

    with psycopg2.connect(server.dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name IN %s", (PROMISED,))
        found = dict(cursor.fetchall())
    connection.close()

    assert found == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
    }


PROMISED = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "listen_addresses")
