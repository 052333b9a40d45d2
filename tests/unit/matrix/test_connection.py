"""The two pools of connections to the homeserver."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

import pytest

from bridge.matrix.connection import ASKING_MAX, open_connections
from bridge.telemetry import Watch
from tests.unit.matrix.books import CONFIG

PATIENCE_S = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def test_no_message_waits_for_a_connection_behind_what_is_asked() -> None:
    asked, free = asyncio.Semaphore(0), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):
            asked.release()
            await free.wait()
        writer.write(OK)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    homeserver = replace(CONFIG.homeserver, address=f"http://127.0.0.1:{port}", ca_file=None)
    async with (
        server,
        open_connections(replace(CONFIG, homeserver=homeserver), Watch()) as connections,
        asyncio.timeout(PATIENCE_S),
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(2 * ASKING_MAX):
            tasks.create_task(connections.asking.exchange("GET", "/sync", None, what="sync"))
        for _ in range(ASKING_MAX):
            await asked.acquire()
        assert await connections.sending.exchange("PUT", "/send", b"", what="send") == b"{}"
        free.set()


@pytest.mark.parametrize(("scheme", "times"), [("https", 1), ("http", 0)])
async def test_the_certificates_of_the_system_are_read_once_if_at_all(
    scheme: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []

    def make(cafile: object = None) -> ssl.SSLContext:
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", make)
    homeserver = replace(CONFIG.homeserver, address=f"{scheme}://matrix.test", ca_file=None)
    people = replace(CONFIG.double_puppets, as_token="a second token")  # noqa: S106 -- of nobody

    async with open_connections(
        replace(CONFIG, homeserver=homeserver, double_puppets=people), Watch()
    ):
        assert len(made) == times
