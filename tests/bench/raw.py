"""The ceiling: what bare aiohttp gets out of the same homeserver, rooms, ghosts and bodies."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

IN_FLIGHT_MAX = 32
OK = 200
DEVICE = "TEAMS_BRIDGE"
"""The device of every ghost."""


class Raw:
    """Sends as the bridge's ghosts, past the bridge."""

    def __init__(self, homeserver: str, as_token: str) -> None:
        self._homeserver = homeserver
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=IN_FLIGHT_MAX),
            headers={"Authorization": f"Bearer {as_token}", "Content-Type": "application/json"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(self, room: str, ghost: str, text: str, *, careful: bool = False) -> None:
        """PUT one message, shaped as the bridge shapes it.

        `careful`: with the device and the time that the bridge gives, so that Synapse remembers the
        transaction in its database and the event has its own time.
        """
        txn = secrets.token_hex(20)
        more = f"&device_id={DEVICE}&ts={int(time.time() * 1000)}" if careful else ""
        url = URL(
            f"{self._homeserver}/_matrix/client/v3/rooms/{quote(room, safe='')}/send/"
            f"m.room.message/{txn}?user_id={quote(ghost, safe='')}{more}",
            encoded=True,
        )
        body = orjson.dumps(
            {
                "msgtype": "m.text",
                "body": text,
                "m.mentions": {},
                "raw": {"tenant": "t" * 36, "conversation": "c" * 48, "message": txn, "part": 0},
            }
        )
        async with self._session.put(url, data=body) as answer:
            await answer.read()
            if answer.status != OK:
                problem = f"the homeserver answered {answer.status}"
                raise RuntimeError(problem)

    async def send_ordered(
        self, rooms: Mapping[str, Sequence[tuple[str, str]]], *, careful: bool
    ) -> None:
        """Send (ghost, text) lists, one in flight per room and 32 altogether."""
        turn = asyncio.Semaphore(IN_FLIGHT_MAX)

        async def one(room: str, messages: Sequence[tuple[str, str]]) -> None:
            async with turn:
                for ghost, text in messages:
                    await self.send(room, ghost, text, careful=careful)

        async with asyncio.TaskGroup() as sending:
            for room, messages in rooms.items():
                sending.create_task(one(room, messages))
