"""What processes use, as /proc tells it, and the small programs that a benchmark starts beside it.

A helper program says its port or its result as the last line of its standard output, and ends when
its standard input does: it cannot outlive whoever measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import cpu_ticks, parent, resident_bytes, started_tick

ROOT = Path(__file__).parents[2]
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
END_LIMIT_S = 10.0
IDLE_LOOK_S = 1.0
IDLE_SHARE_MAX = 0.06
"""Of a core: the loops that look once a second, the clock's ticks of 10 ms."""
IDLE_LIMIT_S = 30.0
OUTPUT_BYTES_MAX = 16 * 1024 * 1024
"""The longest line that a program may say."""


def cpu_ms(pid: int) -> float:
    """User and system time of a process and of its children that have ended."""
    return cpu_ticks(Path(f"/proc/{pid}/stat").read_text()) * 1000 / TICKS_PER_SECOND


def rss_bytes(pid: int) -> int:
    """What a process has in memory."""
    return resident_bytes(Path(f"/proc/{pid}/status").read_text())


def age_s(pid: int) -> float:
    """How long ago a process was started."""
    started = started_tick(Path(f"/proc/{pid}/stat").read_text()) / TICKS_PER_SECOND
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def tree_cpu_ms(root: int) -> float:
    """CPU time of a process and all that descend from it, those that have ended included."""
    parents: dict[int, list[int]] = {}
    times: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                stat = (entry / "stat").read_text()
                parents.setdefault(parent(stat), []).append(int(entry.name))
                times[int(entry.name)] = cpu_ticks(stat)
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += times.get(pid, 0)
        waiting += parents.get(pid, [])
    return total * 1000 / TICKS_PER_SECOND


async def until_idle(pids: Sequence[int]) -> None:
    """Return when processes have nothing left to do, or after a while all the same.

    A bridge that has just started reads back what it may have missed; that is no part of a load.
    """
    deadline = time.perf_counter() + IDLE_LIMIT_S
    busy = True
    while busy and time.perf_counter() < deadline:
        before = sum(map(cpu_ms, pids))
        await asyncio.sleep(IDLE_LOOK_S)
        busy = sum(map(cpu_ms, pids)) - before > IDLE_SHARE_MAX * IDLE_LOOK_S * 1000


@dataclass(slots=True)
class Others:
    """The share of the machine that neither the rig nor anything it started has used.

    What runs beside a benchmark spoils it: a round with more than a quarter is repeated.
    """

    started: float = 0.0
    busy: float = 0.0
    ours: float = 0.0

    def begin(self) -> None:
        self.started, self.busy, self.ours = time.perf_counter(), _busy_s(), _ours_s()

    def share(self) -> float:
        elapsed = (time.perf_counter() - self.started) * (os.cpu_count() or 1)
        others = (_busy_s() - self.busy) - (_ours_s() - self.ours)
        return max(0.0, others / elapsed)


def _busy_s() -> float:
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS_PER_SECOND


def _ours_s() -> float:
    return tree_cpu_ms(os.getpid()) / 1000


@asynccontextmanager
async def program(module: str, *arguments: str) -> AsyncIterator[tuple[int, str]]:
    """Run a helper program while inside; gives its process id and the first line it says.

    Raises:
        RuntimeError: It ended without a word.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=OUTPUT_BYTES_MAX,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        if not line:
            problem = f"{module} ended with code {await process.wait()}"
            raise RuntimeError(problem)
        yield process.pid, line.decode().strip()
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def result_of(module: str, *arguments: str) -> dict[str, Any]:
    """Run a helper program to its end; return the JSON that it says.

    Raises:
        RuntimeError: It ended without a word.
    """
    async with program(module, *arguments) as (_, line):
        found: dict[str, Any] = json.loads(line)
        return found


async def until_input_ends() -> None:
    """Return when whoever has started this program closes its standard input, or dies."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while await reader.read(1024):
        pass
