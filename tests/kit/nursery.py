"""Where bridges are born that are not started from scratch: a process that has all imported, and forks.

Most of a bridge's start is Python that imports; of an end-to-end test it was the half. Run as a
script of its own it listens at a socket, and is the parent of what it forks:

    Nursery.launch(command) --- argv, log --> nursery --fork--> the bridge: its own session and log,
          Process  <------ pid, then its end ----'                  `cli.main(argv)`, and its own end

A child lives as long as both the nursery and whoever asked for it. Nothing of the bridge but its
imports has happened before the fork. That it also starts from scratch is seen where that matters:
`test_start_problems.py`, the demo, the crash tests.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from bridge.sandbox.leash import PR_SET_PDEATHSIG, demand, libc
from bridge.sandbox.processes import Command, Process, spawn

START_LIMIT = timedelta(seconds=60)
STOP_LIMIT = timedelta(seconds=5)
ANSWER_LIMIT = timedelta(seconds=20)
MESSAGE_BYTES_MAX = 65_536
PROGRAM = (sys.executable, "-m", "bridge")


class Nursery:
    """The nursery as whoever wants a bridge sees it."""

    def __init__(self, address: Path) -> None:
        self._address = str(address)

    def launch(self, command: Command) -> Process:
        """Start a bridge; stands for `spawn` of the same command.

        Raises:
            ValueError: The command is no bridge's.
        """
        program, argv = tuple(command.argv[:3]), list(command.argv[3:])
        if program != PROGRAM or command.account is not None:
            problem = f"no command of a bridge: {command.argv}"
            raise ValueError(problem)
        command.log.touch()  # It is there when this returns, however slow the child.
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.settimeout(ANSWER_LIMIT.total_seconds())
        line.connect(self._address)
        line.send(json.dumps({"argv": argv, "log": str(command.log)}).encode())
        return Process(command, _Child(line, pid=int(line.recv(MESSAGE_BYTES_MAX))))


class _Child:
    """What `Process` needs of a child that is another process's; it is reaped when we hang up."""

    def __init__(self, line: socket.socket, *, pid: int) -> None:
        self.pid = pid
        self._line = line
        self._lock = threading.Lock()
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None and self._lock.acquire(blocking=False):
            try:
                with suppress(BlockingIOError):
                    self._hear(0)
            finally:
                self._lock.release()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            try:
                return self._hear(timeout)
            except TimeoutError as error:
                raise subprocess.TimeoutExpired(PROGRAM, timeout or 0) from error

    def _hear(self, timeout: float | None) -> int:
        if self._code is None:
            self._line.settimeout(timeout)
            # Nothing comes if the nursery is gone; its children were told to go as well.
            self._code = int(self._line.recv(MESSAGE_BYTES_MAX) or -signal.SIGTERM)
            self._line.close()
        return self._code


@contextmanager
def running_nursery(folder: Path) -> Iterator[Nursery]:
    """Run a nursery as long as it is needed; `folder` is made."""
    folder.mkdir()
    address = folder / "door"
    # Without -P the modules beside this file would hide those of the standard library.
    argv = (sys.executable, "-P", __file__, str(address))
    process = spawn(Command(name="the nursery", argv=argv, log=folder / "nursery.log"))
    try:
        process.wait_until(address.exists, START_LIMIT)
        yield Nursery(address)
    finally:
        process.stop(STOP_LIMIT)


class _Desk:
    """The nursery itself: one thread, which alone may fork."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self._selector = selectors.DefaultSelector()
        self._ends, wakes = socket.socketpair()
        self._ends.setblocking(False)
        wakes.setblocking(False)
        self._wakes = wakes
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        self._children: dict[socket.socket, int] = {}
        self._told: set[int] = set()
        for one in (door, self._ends):
            self._selector.register(one, selectors.EVENT_READ)

    def tend(self) -> list[str]:
        """Serve until told to end; returns in a child alone, with its arguments."""
        while True:
            for key, _ in self._selector.select():
                line = key.fileobj
                assert isinstance(line, socket.socket)
                if line is self._door:
                    self._selector.register(line.accept()[0], selectors.EVENT_READ)
                elif line is self._ends:
                    line.recv(MESSAGE_BYTES_MAX)
                    self._tell_ends()
                elif (argv := self._answer(line)) is not None:
                    return argv

    def _answer(self, line: socket.socket) -> list[str] | None:
        """Fork for who asks, reap for who hangs up; return the arguments in a child."""
        message = line.recv(MESSAGE_BYTES_MAX)
        if not message:
            self._hang_up(line)
            return None
        wish = json.loads(message)
        ours = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._leave()
            _become_a_program(ours, wish["log"])
            return list(wish["argv"])
        self._children[line] = pid
        line.send(str(pid).encode())
        return None

    def _hang_up(self, line: socket.socket) -> None:
        self._selector.unregister(line)
        line.close()
        pid = self._children.pop(line, None)
        if pid is not None:
            if pid not in self._told:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            self._told.discard(pid)
            os.waitpid(pid, 0)

    def _tell_ends(self) -> None:
        for line, pid in self._children.items():
            if pid in self._told:
                continue
            # Not reaped: until they hang up who asked may still signal the number.
            end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end is not None:
                self._told.add(pid)
                code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                with suppress(OSError):
                    line.send(str(code).encode())

    def _leave(self) -> None:
        """Forget in a child that it was a nursery."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for one in (self._door, self._ends, self._wakes, *self._children):
            one.close()


def _become_a_program(parent: int, log: str) -> None:
    """Be what `spawn` makes of a child."""
    os.setsid()
    demand(libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit("the nursery died before its child started")
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in (1, 2):
        os.dup2(opened, number)
    os.close(opened)


def main(address: str) -> int:
    import bridge.app  # noqa: F401 -- what `run` imports when it runs
    from bridge.cli import main as bridge_main

    assert threading.active_count() == 1, "a fork copies the thread that forks, and no other"
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        new = f"{address}.new"
        door.bind(new)
        door.listen()
        Path(new).rename(address)  # Who finds it may call.
        argv: Sequence[str] = _Desk(door).tend()
    sys.argv = ["teams-bridge", *argv]
    return bridge_main(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
