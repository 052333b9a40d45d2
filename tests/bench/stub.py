"""A homeserver that does nothing and does it at once: what is left is the bridge's own work.

    bridge ─ PUT …/send/… ─▶ remembered by transaction ─▶ {"event_id": …}      about 10 us
           ─ anything else ─▶ as a homeserver would that finds everything in order
    measure ─ GET /_stub/… ─▶ what has arrived, when, and how often

    python -m tests.bench.stub      says its port, ends when its standard input ends

Instants are time.perf_counter(), which on Linux is one clock for all processes. `Stub` is the
measures' side of it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import httptools
import orjson
import uvloop
from typing_extensions import override

from tests.bench.figures import inversions, twice
from tests.bench.processes import program, until_input_ends

POLL_S = 0.02
SEND = b"/send/"
_SENT = re.compile(r"/rooms/(?P<room>[^/]+)/send/[^/]+/(?P<txn>[^/?]+)")
_HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_NOTHING = {"errcode": "M_NOT_FOUND", "error": "there is none"}


@dataclass(slots=True)
class _Homeserver:
    """What was sent. `delay` is how long a send takes, in seconds."""

    delay: float = 0.0
    sends: list[tuple[float, bytes, bytes]] = field(default_factory=list)
    answers: dict[bytes, bytes] = field(default_factory=dict)
    repeated: int = 0
    rooms: int = 0

    def send(self, target: bytes, body: bytes) -> bytes:
        """The same transaction is the same event, as on a homeserver."""
        key = target.partition(b"?")[0]
        known = self.answers.get(key)
        if known is not None:
            self.repeated += 1
            return known
        self.sends.append((time.perf_counter() + self.delay, target, body))
        made = b'{"event_id":"$%012d"}' % (len(self.answers) + 1)
        answer = self.answers[key] = _HEAD % (200, len(made)) + made
        return answer

    def answer(self, method: bytes, target: bytes) -> bytes:
        parts = urlsplit(target.decode())
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, found = self._control(parts.path, query) or self._api(method, parts.path, query)
        body = orjson.dumps(found)
        return _HEAD % (status, len(body)) + body

    def _control(self, path: str, query: dict[str, str]) -> tuple[int, object] | None:
        match path:
            case "/_stub/count":
                last = max((at for at, _, _ in self.sends[-64:]), default=0.0)
                return 200, {"count": len(self.sends), "repeated": self.repeated, "last": last}
            case "/_stub/sends":
                return 200, [_shown(*send) for send in self.sends[int(query.get("since", 0)) :]]
            case "/_stub/clear":
                # Not the answers: an event id is never given twice, a transaction never forgotten.
                self.sends.clear()
                self.repeated = 0
            case "/_stub/delay":
                self.delay = float(query["seconds"])
            case _:
                return None
        return 200, {}

    def _api(self, method: bytes, path: str, query: dict[str, str]) -> tuple[int, object]:
        status, found = 200, dict[str, object](event_id="$other", duration_ms=1)
        match path.split("/")[4:]:
            case ["account", "whoami"]:
                user = query.get("user_id", "@service:stub")
                found = {"user_id": user, "device_id": query.get("device_id")}
            case ["sync"]:
                found = {"next_batch": "s1", "rooms": {}}
            case ["joined_rooms"]:
                found = {"joined_rooms": []}
            case ["createRoom"]:
                self.rooms += 1
                found = {"room_id": f"!made{self.rooms}:stub"}
            case ["rooms", room, "join"]:
                found = {"room_id": unquote(room)}
            case ["rooms", _, "messages"]:
                found = {"chunk": [], "start": ""}
            case ["rooms", _, "joined_members"]:
                found = {"joined": {}}
            case ["profile" | "directory", *_] | ["rooms", _, "state", *_] if method == b"GET":
                status, found = 404, dict(_NOTHING)
            case _ if path.endswith("/versions"):
                found = {"versions": ["v1.11", "v1.17"]}
            case _:
                pass
        return status, found


def _shown(at: float, target: bytes, body: bytes) -> tuple[float, str, str, str]:
    found = _SENT.search(target.decode())
    room, txn = (found["room"], found["txn"]) if found else ("", "")
    return at, unquote(room), txn, str(orjson.loads(body).get("body"))


class _Line(asyncio.Protocol):
    """One connection; httptools calls the `on_` methods."""

    def __init__(self, homeserver: _Homeserver) -> None:
        self._homeserver = homeserver
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._target = b""
        self._body = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if SEND not in self._target:
            self._write(self._homeserver.answer(self._parser.get_method(), self._target))
            return
        answer = self._homeserver.send(self._target, self._body)
        if self._homeserver.delay:
            self._loop.call_later(self._homeserver.delay, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def serve() -> None:
    """Answer until the standard input ends."""
    homeserver = _Homeserver()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Line(homeserver), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await until_input_ends()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many messages have arrived, how many transactions came again, and when the last came."""

    count: int
    repeated: int
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message as the stub got it; `at` is when its send was answered."""

    at: float
    room: str
    txn: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What has arrived since the stub was cleared, and what of it was `wanted`."""

    wanted: frozenset[str]
    sends: tuple[Sent, ...]

    @property
    def of_them(self) -> list[Sent]:
        return [sent for sent in self.sends if sent.body in self.wanted]

    @property
    def last(self) -> float:
        """When the last of what was wanted came.

        Raises:
            RuntimeError: Nothing did.
        """
        if not self.of_them:
            raise RuntimeError("nothing arrived at the stub homeserver")
        return max(sent.at for sent in self.of_them)

    def faults(self) -> dict[str, int]:
        """Count what is missing, came twice, came in the wrong order, or was not wanted at all."""
        texts = [sent.body for sent in self.of_them]
        return {
            "lost": len(self.wanted - set(texts)),
            "twice": twice(texts),
            "inversions": inversions((sent.room, sent.body) for sent in self.of_them),
            "strange": len(self.sends) - len(texts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """A running stub, for whoever measures."""

    url: str
    pid: int
    session: aiohttp.ClientSession

    async def count(self) -> Count:
        return Count(**await self._ask("count"))

    async def sends(self, since: int = 0) -> list[Sent]:
        """Every message but the first so many, each once, in the order of arrival."""
        found = await self._ask(f"sends?since={since}")
        return [Sent(at=at, room=room, txn=txn, body=body) for at, room, txn, body in found]

    async def clear(self) -> None:
        """Count from nothing again; what was sent stays known, as on a homeserver."""
        await self._ask("clear")

    async def take(self, seconds: float) -> None:
        """Let a send take so long from now on."""
        await self._ask(f"delay?seconds={seconds}")

    async def reach(self, count: int, limit_s: float) -> Count:
        """Return as soon as so many have arrived, or how many have when the time is over."""
        deadline = time.perf_counter() + limit_s
        while True:
            found = await self.count()
            if found.count >= count or time.perf_counter() >= deadline:
                return found
            await asyncio.sleep(POLL_S)

    async def wait_for(self, bodies: Collection[str], limit_s: float) -> Arrived:
        """Return as soon as all of these have arrived, or what has when the time is over."""
        deadline, seen = time.perf_counter() + limit_s, list[Sent]()
        missing = set(bodies)
        while missing and time.perf_counter() < deadline:
            await self.reach(len(seen) + len(missing), deadline - time.perf_counter())
            seen += await self.sends(len(seen))
            missing = set(bodies).difference(sent.body for sent in seen)
        return Arrived(wanted=frozenset(bodies), sends=tuple(seen))

    async def _ask(self, what: str) -> Any:
        async with self.session.get(f"{self.url}/_stub/{what}") as answer:
            return orjson.loads(await answer.read())


@asynccontextmanager
async def open_stub(session: aiohttp.ClientSession) -> AsyncIterator[Stub]:
    """Run a stub while inside."""
    async with program("tests.bench.stub") as (pid, port):
        yield Stub(url=f"http://127.0.0.1:{port}", pid=pid, session=session)


if __name__ == "__main__":
    uvloop.run(serve())
