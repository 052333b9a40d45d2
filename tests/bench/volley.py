"""Posts bodies that are ready at a webhook, from a process of its own, as fast as it answers or at a rate.

    python -m tests.bench.volley FILE --port P --path /teams/notifications [--in-flight 32]
    python -m tests.bench.volley FILE --port P --path /teams/notifications --rate 1000

One body per line of FILE. Says one line of JSON. At a rate, what cannot leave in time because every
connection is taken waits, and its waiting counts: a server that stalls cannot hide it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import httptools
import uvloop
from typing_extensions import override

from tests.bench.figures import percentile

CONNECTIONS_MAX = 512
"""Open at a time when there is a rate."""
SLOW_S = 2.9
"""Graph's limit is 3 s."""
ANSWER_LIMIT_S = 15.0
TAKEN = 202
BROKEN = 0


class Line(asyncio.Protocol):
    """One connection: a request, its answer, then the next. A status of 0 is no answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[int] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def post(self, raw: bytes) -> int:
        if self._transport is None:
            return BROKEN
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                return await self._waiting
        except TimeoutError:
            self.close()
            return BROKEN

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._answer(BROKEN)

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        keeps = self._parser.should_keep_alive()
        self._answer(self._parser.get_status_code())
        if not keeps:
            self.close()

    def _answer(self, status: int) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(status)


class Volley:
    """Posts requests and remembers what became of each: status and seconds."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._idle: list[Line] = []
        self.statuses = [BROKEN] * len(requests)
        self.seconds = [0.0] * len(requests)

    async def as_fast_as_answered(self, in_flight: int) -> float:
        """Keep so many in flight; return how long it took."""
        numbers = iter(range(len(self._requests)))

        async def lane() -> None:
            for number in numbers:
                await self._one(number, time.perf_counter())

        started = time.perf_counter()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(in_flight):
                lanes.create_task(lane())
        return time.perf_counter() - started

    async def at(self, rate: float) -> float:
        """Post so many each second; return how long it took until the last was answered."""
        room = asyncio.Semaphore(CONNECTIONS_MAX)
        started = time.perf_counter()

        async def one(number: int, due: float) -> None:
            async with room:
                await self._one(number, due)

        async with asyncio.TaskGroup() as posts:
            for number in range(len(self._requests)):
                due = started + number / rate
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                posts.create_task(one(number, due))
        return time.perf_counter() - started

    async def _one(self, number: int, due: float) -> None:
        try:
            line = await self._line()
        except OSError:
            self.seconds[number] = time.perf_counter() - due
            return
        self.statuses[number] = await line.post(self._requests[number])
        self.seconds[number] = time.perf_counter() - due
        if line.is_open:
            self._idle.append(line)

    async def _line(self) -> Line:
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Line, "127.0.0.1", self._port)
        return made

    def result(self, took: float) -> dict[str, object]:
        """What to say; `taken` are the numbers of the bodies that were answered with 202."""
        milliseconds = [s * 1000 for s in self.seconds]
        return {
            "per_s": round(len(self._requests) / took, 1),
            "p50_ms": round(percentile(milliseconds, 50), 2),
            "p99_ms": round(percentile(milliseconds, 99), 2),
            "max_ms": round(max(milliseconds), 1),
            "slow": sum(s > SLOW_S for s in self.seconds),
            "statuses": {str(k): n for k, n in sorted(Counter(self.statuses).items())},
            "taken": [n for n, status in enumerate(self.statuses) if status == TAKEN],
        }


def request(path: str, body: bytes) -> bytes:
    """The bytes of a POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def run(options: argparse.Namespace) -> dict[str, object]:
    bodies = options.file.read_bytes().splitlines()
    volley = Volley(options.port, [request(options.path, body) for body in bodies])
    if options.rate:
        return volley.result(await volley.at(options.rate))
    return volley.result(await volley.as_fast_as_answered(options.in_flight))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.volley")
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.0, help="POSTs per second")
    sys.stdout.write(json.dumps(uvloop.run(run(parser.parse_args()))) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
