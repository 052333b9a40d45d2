"""Looking at processes from outside: who works in a folder, and children that may be killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

CHILD_LIMIT = timedelta(seconds=60)


def processes_in(folder: Path) -> set[int]:
    """Every living process whose current folder this is."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.add(int(entry.name))
    return found


def gone(folder: Path) -> bool:
    """Whether everyone leaves the folder in time; returns when the last one has."""
    return all(ended(pid) for pid in processes_in(folder))


def ended(pid: int) -> bool:
    """Whether a process, not necessarily a child of ours, ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], CHILD_LIMIT.total_seconds())[0])
    finally:
        os.close(handle)


class Child:
    """A Python process of its own that runs `program`, so that it can die."""

    def __init__(
        self,
        program: str,
        *arguments: object,
        interpreter: str = sys.executable,
        user: int | None = None,
    ) -> None:
        self.errors = ""
        self.process = subprocess.Popen(  # noqa: S603 -- programs of the tests
            [interpreter, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            user=user,
            extra_groups=None if user is None else [],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.errors = self.process.communicate(timeout=CHILD_LIMIT.total_seconds())[1]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)
