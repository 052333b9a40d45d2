"""The two pools of connections to the homeserver."""

from __future__ import annotations

import asyncio
from dataclasses import replace

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
