"""HTTP/1.1 to one host, as lean as it gets: bytes that are ready out, one answer in.

    Pool.request ─ a free connection, or a new one ─▶ write ─▶ httptools ─▶ Answer
         └ limit of connections, waited for in order   └ closed, garbled, too large, too late: an error

A message costs one call here. aiohttp's client takes eight to ten times the CPU for it (measured
with aiohttp 3.14 and 13.2 against a stub that answers at once: 98 and 10 us), most of it for what a
bridge does not need: redirects, cookies, proxies, decompression. It is still what everything but
the homeserver is called with.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from urllib.parse import urlsplit

import httptools
from typing_extensions import override

CONNECT_LIMIT = timedelta(seconds=5)
IDLE_MAX = timedelta(seconds=20)
"""A connection that was idle for longer is not used again: the other side may be about to close
it, and a request that meets the closing is one whose fate is unknown. Synapse closes after 60 s."""
ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""The members of a very large room are some ten megabytes."""
_INFORMATION_ENDS = 200
"""An answer below is a word in between; another follows."""


Ready = Callable[[], Awaitable[None]]


class NotConnected(Exception):
    """Nothing was sent."""


class Broken(Exception):
    """It was sent, at least in part, and no answer came that could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pool:
    """So many connections to one address at most; the last used is used first."""

    def __init__(
        self,
        address: str,
        *,
        connections_max: int,
        answer_limit: timedelta,
        headers: Mapping[str, str],
        trust: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._trust = (trust or ssl.create_default_context()) if self._secure else None
        self._answer_limit = answer_limit.total_seconds()
        fixed = {"Host": parts.netloc.rpartition("@")[2], **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._room = asyncio.Semaphore(connections_max)
        self._idle: list[_Line] = []
        self._closed = False

    async def request(
        self, method: str, target: str, body: bytes | None, *, ready: Ready | None = None
    ) -> Answer:
        """Make one request; `target` is path and query, percent-encoded, below the address.

        `ready` is awaited with the connection in hand, right before anything is sent: if the server
        restarts after that, the request meets a closed connection. What it raises passes through.

        Raises:
            NotConnected: Nothing was sent.
            Broken: It was sent, and no answer came that could be read, or none in time.
        """
        head = f"{method} {self._prefix}{target} HTTP/1.1\r\n{self._headers}"
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        raw = f"{head}\r\n".encode() + (body or b"")
        async with self._room:
            line = await self._take()
            try:
                if ready is not None:
                    await ready()
                answer = await line.exchange(raw, self._answer_limit)
            except BaseException:
                line.close()
                raise
            self._give_back(line)
            return answer

    def close(self) -> None:
        """Close what is idle now, and the rest when it is done."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _take(self) -> _Line:
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if line.is_open and now - line.idle_since <= IDLE_MAX.total_seconds():
                return line
            line.close()
        return await self._connect()

    def _give_back(self, line: _Line) -> None:
        if self._closed or not line.is_open:
            line.close()
        else:
            line.idle_since = asyncio.get_running_loop().time()
            self._idle.append(line)

    async def _connect(self) -> _Line:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_LIMIT.total_seconds()):
                _, line = await loop.create_connection(
                    _Line, self._host, self._port, ssl=self._trust
                )
        except TimeoutError as error:
            problem = f"no connection to {self._host}:{self._port} in {CONNECT_LIMIT.seconds} s"
            raise NotConnected(problem) from error
        except OSError as error:
            raise NotConnected(str(error)) from error
        return line


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, then the next."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, raw: bytes, limit: float) -> Answer:
        """Send a request and wait for its answer, for so many seconds."""
        if self._transport is None:
            raise NotConnected("the connection was closed")
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        alarm = loop.call_later(limit, self._fail, f"no answer in {limit:g} s")
        try:
            self._transport.write(raw)
            return await self._waiting
        finally:
            alarm.cancel()
            self._waiting = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"the connection was closed{f': {exc}' if exc else ''}")

    @override
    def eof_received(self) -> None:
        # A body that ends with the connection is cut as likely as whole: nobody we call sends one.
        self._fail("the connection was closed in the middle of an answer")

    @override
    def data_received(self, data: bytes) -> None:
        if self._waiting is None:  # Nobody asked: whatever it is, it is no answer.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"an answer that is no HTTP: {error}")

    # httptools calls these.

    def on_message_begin(self) -> None:
        self._headers = {}
        self._body = bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > ANSWER_BYTES_MAX:
            self._fail(f"an answer of more than {ANSWER_BYTES_MAX} bytes")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _INFORMATION_ENDS:
            return
        if not self._parser.should_keep_alive():
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(
                Answer(status=status, headers=self._headers, body=bytes(self._body))
            )

    def _fail(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Broken(why))
        self.close()
