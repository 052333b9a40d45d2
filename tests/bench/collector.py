"""Sees what arrives on the homeserver: a bare application service that is told of every event.

A client's /sync would not do: Synapse gives at most 100 events of a room there, and a first
collector "lost" some that were in its database.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

AS_TOKEN = "collector-as-token-" + "c" * 32
HS_TOKEN = "collector-hs-token-" + "c" * 32
ID = "collector"
BYTES_MAX = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message as the homeserver handed it over; `at` is time.perf_counter()."""

    at: float
    room: str
    event: str
    body: str


class Collector:
    """Listens; remembers arrivals by body."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.by_body: dict[str, list[Arrival]] = {}
        self.rooms_of_conversation: dict[str, str] = {}
        self._seen: set[str] = set()
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.forward: str | None = None
        """Where transactions go on to before they are answered, if anywhere."""
        self._session: aiohttp.ClientSession | None = None

    async def start(self, port: int) -> None:
        app = web.Application(client_max_size=BYTES_MAX)
        app.add_routes(
            [
                web.put("/_matrix/app/v1/transactions/{txn}", self._take),
                web.post("/_matrix/app/v1/ping", _pinged),
            ]
        )
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = port

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def wait_for(self, bodies: set[str], limit_s: float) -> float:
        """Return when the last of `bodies` arrived.

        Raises:
            TimeoutError: Not all of them did.
        """
        missing = set(bodies) - self.by_body.keys()
        async with asyncio.timeout(limit_s):
            while missing:
                self._news.clear()
                await self._news.wait()
                missing -= self.by_body.keys()
        return max(self.by_body[body][0].at for body in bodies)

    async def _take(self, request: web.Request) -> web.Response:
        now = time.perf_counter()
        raw = await request.read()
        for event in orjson.loads(raw)["events"]:
            self._note(event, now)
        self._news.set()
        if self.forward is not None and self._session is not None:
            async with self._session.put(self.forward, data=raw) as answer:
                await answer.read()
        return web.json_response({})

    def _note(self, event: dict[str, Any], now: float) -> None:
        if event["type"] != "m.room.message" or event["event_id"] in self._seen:
            return
        self._seen.add(event["event_id"])
        content = event["content"]
        arrival = Arrival(
            at=now, room=event["room_id"], event=event["event_id"], body=str(content.get("body"))
        )
        self.arrivals.append(arrival)
        self.by_body.setdefault(arrival.body, []).append(arrival)
        for value in content.values():
            if isinstance(value, dict) and "conversation" in value:
                self.rooms_of_conversation[value["conversation"]] = event["room_id"]


async def ping(homeserver: str) -> None:
    """Let the homeserver hand over at once what waits for the collector.

    Raises:
        RuntimeError: The homeserver does not reach it.
    """
    url = f"{homeserver}/_matrix/client/v1/appservice/{ID}/ping"
    headers = {"Authorization": f"Bearer {AS_TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={}, headers=headers) as answer,
    ):
        if not answer.ok:
            problem = f"the homeserver does not reach the collector: {await answer.text()}"
            raise RuntimeError(problem)


async def _pinged(_: web.Request) -> web.Response:
    return web.json_response({})


def registration(folder: Path, port: int) -> Path:
    """Write the file that makes the homeserver tell us of everything."""
    path = folder / "collector.yaml"
    document = {
        "id": ID,
        "url": f"http://127.0.0.1:{port}",
        "as_token": AS_TOKEN,
        "hs_token": HS_TOKEN,
        "sender_localpart": ID,
        "rate_limited": False,
        "namespaces": {"users": [{"exclusive": False, "regex": "@.*"}], "aliases": [], "rooms": []},
    }
    path.write_text(json.dumps(document))
    with suppress(OSError):
        path.chmod(0o644)
    return path
