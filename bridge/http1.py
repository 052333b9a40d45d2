"""HTTP/1.1 to one host, as lean as it gets: bytes that are ready out, one answer in.

    Pool.request ─ a free connection, or a new one ─▶ ready ─▶ write ─▶ httptools ─▶ Answer
         └ limit of connections, waited for in order           └ closed, garbled, too large, too late:
                                                                 an error

A message costs one call here. aiohttp's client takes eight to ten times the CPU for it (measured
with aiohttp 3.14 and 13.2 against a stub that answers at once: 98 and 10 us), most of it for what a
bridge does not need: redirects, cookies, proxies, decompression. It is still what everything is
called with that needs one of these, or whose bytes are never whole in memory.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import cast
from urllib.parse import urlsplit

import httptools
from aiohappyeyeballs import start_connection
from typing_extensions import override

from bridge.domain.values import dataclass

CONNECT_LIMIT = timedelta(seconds=5)
IDLE_MAX = timedelta(seconds=20)
"""A connection that was idle for longer is not used again: the other side may be about to close
it, and a request that meets the closing is one whose fate is unknown. Synapse closes after 60 s."""
ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""The members of a very large room are some ten megabytes."""
HEAD_BYTES_MAX = 1024 * 1024
"""Of an answer, with what of its body came along: a usual one has two kilobytes."""
NEXT_ADDRESS_AFTER = timedelta(milliseconds=250)
"""Where a host has several addresses and one is silent, IPv6 above all (RFC 8305, 8)."""
_INFORMATION_ENDS = 200
"""An answer below is a word in between; another follows."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Ready = Callable[[], Awaitable[None]]


class NotConnected(Exception):
    """Nothing was sent."""


class Broken(Exception):
    """It was sent, at least in part, and no answer came that could be read."""


class TooLarge(Broken):
    """An answer of more bytes than are read; `answer` has the first of them."""

    def __init__(self, answer: Answer, bytes_max: int) -> None:
        super().__init__(f"an answer of more than {bytes_max} bytes")
        self.answer = answer


class Unsendable(Exception):
    """A request that would not arrive as the one that was meant; nothing was sent."""


class Headers(Mapping[str, str]):
    """The headers of an answer, found in any case; of several of one name the first.

    Of most answers nobody asks for any: they are read when somebody does.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    @override
    def __getitem__(self, name: str) -> str:
        sought = name.lower().encode("latin-1", "replace")
        for known, value in self._pairs:
            if known.lower() == sought:
                return value.decode("latin-1")
        raise KeyError(name)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.decode("latin-1").lower() for name, _ in self._pairs))

    @override
    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; names of headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check(target: str, headers: Iterable[str]) -> None:
    """Let nothing into a request's head that would end one of its lines.

    Raises:
        Unsendable: There is such a thing in it.
    """
    if _CONTROL.search(target + "".join(headers)):
        raise Unsendable("a control character where HTTP has none")


class Pool:
    """So many connections to one address at most; the last used is used first."""

    def __init__(  # noqa: PLR0913 - each says one thing about the connections
        self,
        address: str,
        *,
        connections_max: int,
        answer_limit: timedelta,
        headers: Mapping[str, str],
        trust: ssl.SSLContext | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
        turn_limit: timedelta | None = None,
    ) -> None:
        """Connect to nothing yet.

        `headers`: of every request. `bytes_max`: of an answer. `turn_limit`: how long a request
        waits for a connection that others use; for ever if None.

        Raises:
            Unsendable: A header holds what no header can.
        """
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._trust = (trust or ssl.create_default_context()) if self._secure else None
        self._answer_limit = answer_limit.total_seconds()
        self._bytes_max = bytes_max
        self._turn_limit = turn_limit
        lines = _lines({"Host": parts.netloc.rpartition("@")[2], **headers})
        check(self._prefix, lines)
        self._headers = "".join(f"{line}\r\n" for line in lines)
        self._room = asyncio.Semaphore(connections_max)
        self._idle: list[_Line] = []
        self._closed = False

    async def request(
        self,
        method: str,
        target: str,
        body: bytes | None,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        ready: Ready | None = None,
    ) -> Answer:
        """Make one request; `target` is path and query, percent-encoded, below the address.

        `ready` is awaited with the connection in hand, right before anything is sent: if the server
        restarts after that, the request meets a closed connection. What it raises passes through.

        Raises:
            NotConnected: Nothing was sent.
            Unsendable: Nothing was sent, and never will be: see `check`.
            TooLarge: It was answered with more than is read.
            Broken: It was sent, and no answer came that could be read, or none in time.
        """
        raw = self._written(method, target, body, _lines(headers))
        await self._take_turn()
        try:
            line = self._free_line() or await self._connect()
            try:
                if ready is not None:
                    await ready()
                answer = await line.exchange(raw, self._answer_limit)
            except BaseException:
                line.close()
                raise
            self._give_back(line)
            return answer
        finally:
            self._room.release()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is done."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _written(self, method: str, target: str, body: bytes | None, lines: list[str]) -> bytes:
        check(target, lines)
        if " " in target:
            raise Unsendable("a space where HTTP has none")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        own = "".join([f"{line}\r\n" for line in lines])
        head = f"{method} {self._prefix}{target} HTTP/1.1\r\n{self._headers}{own}\r\n"
        return head.encode() + (body or b"")

    async def _take_turn(self) -> None:
        if self._turn_limit is None or not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(self._turn_limit.total_seconds()):
                await self._room.acquire()
        except TimeoutError as error:
            problem = f"no connection to {self._host}:{self._port} was free for a while"
            raise NotConnected(problem) from error

    def _free_line(self) -> _Line | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if line.is_open and now - line.idle_since <= IDLE_MAX.total_seconds():
                return line
            line.close()
        return None

    def _give_back(self, line: _Line) -> None:
        if self._closed or not line.is_open:
            line.close()
        else:
            line.idle_since = asyncio.get_running_loop().time()
            self._idle.append(line)

    async def _connect(self) -> _Line:
        try:
            async with asyncio.timeout(CONNECT_LIMIT.total_seconds()):
                return await self._connected()
        except TimeoutError as error:
            problem = f"no connection to {self._host}:{self._port} in {CONNECT_LIMIT.seconds} s"
            raise NotConnected(problem) from error
        except OSError as error:
            raise NotConnected(str(error)) from error

    async def _connected(self) -> _Line:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        # uvloop's create_connection would wait for each address in turn.
        sock = await start_connection(
            addresses, happy_eyeballs_delay=NEXT_ADDRESS_AFTER.total_seconds()
        )
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, line = await loop.create_connection(
            lambda: _Line(self._bytes_max),
            sock=sock,
            ssl=self._trust,
            server_hostname=self._host if self._trust else None,
        )
        return line


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, then the next."""

    def __init__(self, bytes_max: int) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._bytes_max = bytes_max
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._head_bytes = 0
        self._head_is_whole = False
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, raw: bytes, limit: float) -> Answer:
        """Send a request and wait for its answer, for so many seconds."""
        if self._transport is None or self._transport.is_closing():
            raise NotConnected("the connection was closed")
        loop = asyncio.get_running_loop()
        self._head_bytes, self._head_is_whole = 0, False
        self._waiting = loop.create_future()
        alarm = loop.call_later(limit, self._break, f"no answer in {limit:g} s")
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
        self._break(f"the connection was closed{f': {exc}' if exc else ''}")

    @override
    def eof_received(self) -> None:
        known = Headers(self._headers)
        if not ("Content-Length" in known or "Transfer-Encoding" in known) and self._head_is_whole:
            self._finish()  # The end of the connection is that of the body; some gateway's, usually.
        self._break("the connection was closed in the middle of an answer")

    @override
    def data_received(self, data: bytes) -> None:
        if self._waiting is None:  # Nobody asked: whatever it is, it is no answer.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(f"an answer that is no HTTP: {error}")
            return
        if not self._head_is_whole:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._break(f"an answer whose head has more than {HEAD_BYTES_MAX} bytes")

    # httptools calls these.

    def on_message_begin(self) -> None:
        if not self._is_awaited():
            self.close()  # A second answer to one request: the next must not take it for its own.
        self._headers = []
        self._body = bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_is_whole = self._parser.get_status_code() >= _INFORMATION_ENDS

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._bytes_max and self._is_awaited():
            self._fail(TooLarge(self._answer(), self._bytes_max))

    def on_message_complete(self) -> None:
        if not self._head_is_whole:
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._finish()

    def _is_awaited(self) -> bool:
        return self._waiting is not None and not self._waiting.done()

    def _finish(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._answer())

    def _answer(self) -> Answer:
        return Answer(
            status=self._parser.get_status_code(),
            headers=Headers(self._headers),
            body=bytes(self._body[: self._bytes_max]),
        )

    def _break(self, why: str) -> None:
        self._fail(Broken(why))

    def _fail(self, error: Broken) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self.close()
