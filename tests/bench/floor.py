"""As little as we could make a bridge that loses nothing: what CPU and latency are held against.

    POST notification ─▶ floor.inbox, committed ─▶ 202 ─▶ lane of its chat: decrypt ─▶ PUT ─┐
    PUT transaction   ─▶ floor.inbox, committed ─▶ 200 ─▶ lane of its room: POST to Graph ─┤
                                                          its end, committed ◀─────────────┘

    python -m tests.bench.floor PLAN      says its port, ends when its standard input ends

It keeps what it answered for, and order within a room; all that was stored in the meantime shares
one commit. Nothing else: no mapping, no conversion, no look for what came back or came before, no
leases, no limits, no retries, no metrics, no log. It is made of the leanest parts that the bridge
itself is made of, and uses them plainly: what it costs is about what these parts take, no proof
that others could not take less.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import orjson
import uvloop
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.http1 import Pool
from bridge.store.batches import Batches, Limits
from bridge.teams.calling import graph_base
from bridge.teams.notifications import decrypt
from tests.bench.processes import until_input_ends
from tests.bench.raw import DEVICE, IN_FLIGHT_MAX

BODY_BYTES_MAX = 8 * 1024 * 1024
ANSWER_LIMIT = timedelta(seconds=60)
LIMITS = Limits(batch=500, waiting=100_000)
SUCCESS = (200, 201)
_SCHEMA = """
DROP SCHEMA IF EXISTS floor CASCADE;
CREATE SCHEMA floor;
CREATE TABLE floor.inbox (key text PRIMARY KEY, raw bytea NOT NULL);
CREATE TABLE floor.links (key text PRIMARY KEY, far text NOT NULL);
"""
_APPEND = """
INSERT INTO floor.inbox (key, raw) SELECT * FROM unnest($1::text[], $2::bytea[])
ON CONFLICT DO NOTHING
"""
_END = """
WITH gone AS (DELETE FROM floor.inbox WHERE key = ANY ($1::text[]))
INSERT INTO floor.links (key, far) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that it is told: where everything is, and what belongs to what."""

    database: str
    homeserver: str
    as_token: str
    certificate: str
    """The id of the key that notifications are for."""
    private_key: str
    graph: str
    authority: str
    rooms: Mapping[str, tuple[str, str]]
    """Chat to room and ghost; of any other chat notifications are stored, and that is all."""
    chats: Mapping[str, tuple[str, str]]
    """Room to chat and access token of who writes there; of any other room events are dropped."""

    def write(self, path: Path) -> Path:
        """Put it where the program reads it."""
        path.write_bytes(orjson.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read what was written."""
        return cls(**orjson.loads(path.read_bytes()))


_Pair = tuple[str, bytes | str]
_Carry = Callable[[str, bytes], Awaitable[None]]


class Lanes:
    """One thing at a time in each lane; a lane is there while there is something in it."""

    def __init__(self, carry: _Carry) -> None:
        self._carry = carry
        self._waiting: dict[str, deque[tuple[str, bytes]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, lane: str, key: str, raw: bytes) -> None:
        """Let it be carried when all that was put before it has been."""
        waiting = self._waiting.get(lane)
        if waiting is not None:
            waiting.append((key, raw))
            return
        self._waiting[lane] = deque([(key, raw)])
        task = asyncio.get_running_loop().create_task(self._run(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def at_rest(self) -> None:
        """Return when nothing is carried any more."""
        await asyncio.gather(*self._tasks)

    async def _run(self, lane: str) -> None:
        waiting = self._waiting[lane]
        while waiting:
            await self._carry(*waiting.popleft())
        del self._waiting[lane]


class Floor:
    """Takes in, carries over, both ways."""

    def __init__(self, plan: Plan, database: asyncpg.Pool[Any]) -> None:
        self._plan = plan
        self._database = database
        key = load_pem_private_key(plan.private_key.encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._keys = {plan.certificate: key}
        self._homeserver = _pool(plan.homeserver, f"Bearer {plan.as_token}")
        trust = ssl.create_default_context(cafile=plan.authority) if plan.authority else None
        self._graph = _pool(graph_base(plan.graph), None, trust) if plan.graph else None
        self._inbox = Batches[Sequence[_Pair], None](self._append, limits=LIMITS, weigh=len)
        self._ends = Batches[_Pair, None](self._end, limits=LIMITS)
        self._inwards, self._outwards = Lanes(self._to_matrix), Lanes(self._to_teams)

    async def run(self) -> None:
        """Serve until the standard input ends; says the port."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/teams/notifications", self._notified)
        app.router.add_put("/transactions", self._handed_over)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        writers = [asyncio.create_task(one.run()) for one in (self._inbox, self._ends)]
        sys.stdout.write(f"{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await until_input_ends()
        await runner.cleanup()
        await asyncio.gather(self._inwards.at_rest(), self._outwards.at_rest())
        for writer in writers:
            writer.cancel()

    async def _notified(self, request: web.Request) -> web.Response:
        items = orjson.loads(await request.read())["value"]
        found = [(item["resource"], orjson.dumps(item)) for item in items]
        await self._inbox.submit(found)
        for (key, raw), item in zip(found, items, strict=True):
            chat = item["resource"].partition("('")[2].partition("')")[0]
            if chat in self._plan.rooms:
                self._inwards.put(chat, key, raw)
        return web.Response(status=202)

    async def _handed_over(self, request: web.Request) -> web.Response:
        events = [
            event
            for event in orjson.loads(await request.read())["events"]
            if event["room_id"] in self._plan.chats and event["type"] == "m.room.message"
        ]
        if events:
            found = [(event["event_id"], orjson.dumps(event)) for event in events]
            await self._inbox.submit(found)
            for (key, raw), event in zip(found, events, strict=True):
                self._outwards.put(event["room_id"], key, raw)
        return web.json_response({})

    async def _to_matrix(self, key: str, raw: bytes) -> None:
        message = orjson.loads(decrypt(orjson.loads(raw)["encryptedContent"], self._keys))
        room, ghost = self._plan.rooms[message["chatId"]]
        body = {
            "msgtype": "m.text",
            "body": message["body"]["content"],
            "m.mentions": {},
            "floor": {"conversation": message["chatId"], "message": message["id"], "part": 0},
        }
        target = (
            f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/"
            f"{quote(key, safe='')}?user_id={quote(ghost, safe='')}"
            f"&device_id={DEVICE}&ts={int(time.time() * 1000)}"
        )
        answer = await self._homeserver.request("PUT", target, orjson.dumps(body))
        assert answer.status in SUCCESS, answer
        await self._ends.submit((key, orjson.loads(answer.body)["event_id"]))

    async def _to_teams(self, key: str, raw: bytes) -> None:
        event = orjson.loads(raw)
        chat, token = self._plan.chats[event["room_id"]]
        body = {"body": {"contentType": "html", "content": event["content"]["body"]}}
        assert self._graph is not None
        answer = await self._graph.request(
            "POST",
            f"/chats/{chat}/messages",
            orjson.dumps(body),
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status in SUCCESS, answer
        await self._ends.submit((key, orjson.loads(answer.body)["id"]))

    async def _append(self, calls: Sequence[Sequence[_Pair]]) -> Sequence[None]:
        pairs = [pair for call in calls for pair in call]
        await self._write(_APPEND, pairs)
        return [None] * len(calls)

    async def _end(self, pairs: Sequence[_Pair]) -> Sequence[None]:
        await self._write(_END, pairs)
        return [None] * len(pairs)

    async def _write(self, statement: str, pairs: Sequence[_Pair]) -> None:
        async with self._database.acquire() as connection:
            await connection.execute(
                statement, [one for one, _ in pairs], [two for _, two in pairs]
            )


def _pool(address: str, authorization: str | None, trust: ssl.SSLContext | None = None) -> Pool:
    headers = {"Content-Type": "application/json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return Pool(
        address,
        connections_max=IN_FLIGHT_MAX,
        answer_limit=ANSWER_LIMIT,
        headers=headers,
        trust=trust,
    )


async def serve(plan: Plan) -> None:
    """Set up, and run to the end."""
    async with asyncpg.create_pool(plan.database, min_size=2, max_size=2) as database:
        await database.execute(_SCHEMA)
        with contextlib.suppress(asyncio.CancelledError):
            await Floor(plan, database).run()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.floor")
    parser.add_argument("plan", type=Path)
    uvloop.run(serve(Plan.read(parser.parse_args().plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
