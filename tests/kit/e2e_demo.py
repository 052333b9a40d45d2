"""`teams-bridge demo` as somebody starts it in a terminal."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

START_LIMIT = timedelta(seconds=120)
STOP_LIMIT = timedelta(seconds=40)
OPEN_PAGE = re.compile(r"Open this page: +(http://\S+)")


class Demo:
    """The process and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Read until `pattern` is there."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_LIMIT.total_seconds()):
            while (found := pattern.search(self.said)) is None:
                piece = await self.process.stdout.readline()
                assert piece, self.said
                self.said += piece.decode()
        return found

    async def end(self) -> int:
        """Read to the end; return the exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_LIMIT.total_seconds()):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)


@asynccontextmanager
async def demo(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    """Start a demo whose files lie in `folder`; end it if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "demo", *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_environment(folder),
        start_new_session=True,
    )  # fmt: skip
    running = Demo(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            running.interrupt()
            async with asyncio.timeout(STOP_LIMIT.total_seconds()):
                await running.end()


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of whatever runs on files in `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # It has ended meanwhile.
            continue
        if str(folder).encode() in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def leavings(folder: Path) -> list[str]:
    """Return processes and files that a demo has left behind."""
    return [*processes_of(folder), *map(str, folder.iterdir())]
