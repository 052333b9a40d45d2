"""Child processes that never outlive us: a database, a homeserver.

    spawn ----> leash.py ----exec----> the program (its own session: Ctrl-C is ours to hand on)
                   `-- we die, even by SIGKILL: the kernel sends it `stop_signal`

Everything here blocks, because a sandbox is started before and stopped after the event loop; from
inside a loop call it through `asyncio.to_thread`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from bridge.errors import ConfigError

LEASH = Path(__file__).with_name("leash.py")
POLL_INTERVAL = timedelta(milliseconds=20)
KILL_LIMIT = timedelta(seconds=10)
INHERITED = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
LOG_TAIL_LINES = 12
LOG_TAIL_BYTES = 16_384
LOG_BYTES_MAX = 4 * 1024 * 1024  # looked at when a child starts

# The kernel's death signal follows the *thread* that started the child (prctl(2), "Caveats"), and a
# thread of `asyncio.to_thread` ends with its loop. This one ends with the process.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The system account a child runs as; `reach` lets it pass folders that are closed to it."""

    name: str
    uid: int
    gid: int
    reach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to start: what, under which name in messages, and how it wants to be stopped.

    Of our own environment it sees only `INHERITED`: the bridge's secrets may be in the rest.
    """

    name: str
    argv: Sequence[str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Child(Protocol):
    """Of `subprocess.Popen` what a `Process` needs; the process group has the number of `pid`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int:
        """Raises: subprocess.TimeoutExpired."""
        ...


class Process:
    """A running child; whoever holds it must `stop` or `kill` it, which both wait for its end."""

    def __init__(self, command: Command, popen: Child) -> None:
        self._command = command
        self._popen = popen

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._popen.poll()

    def stop(self, limit: timedelta) -> None:
        """Ask it to end; after `limit` end it."""
        self._signal(self._command.stop_signal)
        try:
            self._popen.wait(limit.total_seconds())
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and its process group at once, as a crash would."""
        self._signal(signal.SIGKILL)
        self._popen.wait(KILL_LIMIT.total_seconds())

    def wait_until(self, ready: Callable[[], bool], limit: timedelta) -> None:
        """Wait for `ready`; a child that dies or is too slow is an error, and stopped.

        Raises:
            ConfigError: With the last lines of its log.
        """
        deadline = time.monotonic() + limit.total_seconds()
        while not ready():
            if self.exit_code is not None:
                raise self._ended()
            if time.monotonic() > deadline:
                self.kill()
                raise self._too_slow(limit)
            time.sleep(POLL_INTERVAL.total_seconds())

    def wait(self, limit: timedelta) -> None:
        """Wait for its good end.

        Raises:
            ConfigError: It ended badly, or still runs after `limit`; with its last lines.
        """
        try:
            code = self._popen.wait(limit.total_seconds())
        except subprocess.TimeoutExpired as error:
            raise self._too_slow(limit) from error
        if code != 0:
            raise self._ended()

    def _signal(self, number: signal.Signals) -> None:
        # Not reaped yet, so the id is still ours: a group that is gone has nothing left to stop.
        if self._popen.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def _ended(self) -> ConfigError:
        return self._failed(f"ended with code {self.exit_code}")

    def _too_slow(self, limit: timedelta) -> ConfigError:
        return self._failed(f"was not ready within {limit.total_seconds():.0f} s")

    def _failed(self, why: str) -> ConfigError:
        tail = last_lines(self._command.log)
        return ConfigError(
            (f"{self._command.name} {why}; the end of {self._command.log}:\n{tail}",)
        )


def spawn(command: Command) -> Process:
    """Start a child on the leash; its output is added to the command's log.

    Raises:
        ConfigError: The log could not be written or the child not started.
    """
    try:
        with _open_log(command.log) as log:
            popen = _SPAWNER.submit(_popen, command, log.fileno()).result()
    except OSError as error:
        raise ConfigError((f"cannot start {command.name}: {error}",)) from error
    return Process(command, popen)


def run(command: Command, limit: timedelta) -> None:
    """Run a program to its end.

    Raises:
        ConfigError: It did not end within `limit`, or ended with an error; with its last lines.
    """
    process = spawn(command)
    try:
        process.wait(limit)
    except BaseException:
        process.kill()  # Ctrl-C among others
        raise


def _open_log(path: Path) -> BinaryIO:
    full = path.exists() and path.stat().st_size > LOG_BYTES_MAX
    return path.open("wb" if full else "ab")


def _popen(command: Command, log: int) -> subprocess.Popen[bytes]:
    account = command.account
    who = "" if account is None else f"{account.uid}:{account.gid}:{int(account.reach)}"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    leash = (str(LEASH), str(os.getpid()), str(int(command.stop_signal)), who)
    return subprocess.Popen(  # noqa: S603 -- our own argument lists, no shell
        [sys.executable, "-I", "-S", *leash, *command.argv],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={**inherited, **command.environment},
        start_new_session=True,
    )


def last_lines(log: Path) -> str:
    """The end of a log file, for a message; empty when there is none."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])
    return ""


def reserve_port(port: int = 0) -> socket.socket:
    """Keep a TCP port of the loopback for a server of ours, also while that is not running.

    The socket is bound and never listens. On Linux a server that sets SO_REUSEADDR, as asyncio and
    Twisted do, may still listen there, and nobody is given the port by chance (socket(7)).

    Raises:
        ConfigError: The port is taken.
    """
    reservation = socket.socket()
    try:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", port))
    except OSError as error:
        reservation.close()
        raise ConfigError((f"port {port} of 127.0.0.1 is taken: {error.strerror}",)) from error
    return reservation
