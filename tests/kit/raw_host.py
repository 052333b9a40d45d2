"""A server that answers with the bytes it was told to answer with, be they HTTP or not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Host:
    """Answers each request with the next of `answers`; an empty one hangs up, None says nothing."""

    answers: Iterator[bytes | None]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    hung_up: int = 0
    hangs_up: bool = False
    """After each answer."""

    async def heard(self, requests: int) -> None:
        """Return when so many requests have arrived."""
        await until(lambda: len(self.requests) >= requests)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await _request(reader):
                self.requests.append(head)
                answer = next(self.answers)
                if answer is None:
                    await reader.read()
                    break
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
                if self.hangs_up:
                    break
        except OSError:
            pass
        finally:
            self.hung_up += 1
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            head += await reader.readexactly(int(value))
    return head


@asynccontextmanager
async def hosting(
    *answers: bytes | None, secure: ssl.SSLContext | None = None
) -> AsyncIterator[Host]:
    host = Host(iter(answers))
    server = await asyncio.start_server(host.talk, "127.0.0.1", 0, ssl=secure)
    host.port = server.sockets[0].getsockname()[1]
    async with server:
        yield host


async def until(done: Callable[[], bool]) -> None:
    """Return when it is so."""
    async with asyncio.timeout(10):
        while not done():
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
