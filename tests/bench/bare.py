"""The denominators without a homeserver: bare aiohttp on uvloop, each in a process of its own.

python -m tests.bench.bare put --url U --count N   sends to a stub, 32 in flight; says JSON
python -m tests.bench.bare intake                  answers POSTs 202, keeps nothing; says its port
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

import aiohttp
import orjson
import uvloop
from aiohttp import web
from yarl import URL

from tests.bench.processes import until_input_ends
from tests.bench.raw import IN_FLIGHT_MAX

BODY_BYTES_MAX = 8 * 1024 * 1024
ROOMS = 50


async def put(url: str, count: int) -> dict[str, float]:
    """Send as fast as aiohttp can: addresses encoded beforehand, bodies ready."""
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT_MAX)
    body = orjson.dumps(
        {"msgtype": "m.text", "body": "a message of a usual length", "m.mentions": {}}
    )
    query = "user_id=%40teams_0%3Astub&device_id=TEAMS_BRIDGE"
    run = time.monotonic_ns()

    async def one(session: aiohttp.ClientSession, lane: int) -> None:
        head = f"{url}/_matrix/client/v3/rooms/%21{lane % ROOMS}%3Astub/send/m.room.message/"
        for number in range(lane, count, IN_FLIGHT_MAX):
            target = URL(f"{head}{run}-{number}?{query}", encoded=True)
            async with session.put(target, data=body) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=connector) as session:
        started, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as lanes:
            for lane in range(IN_FLIGHT_MAX):
                lanes.create_task(one(session, lane))
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
    return {"per_s": count / seconds, "cpu_ms": used * 1000 / count}


async def take(request: web.Request) -> web.Response:
    """Read, parse, say yes: what any receiver must do, and nothing more."""
    orjson.loads(await request.read())
    return web.Response(status=202)


async def intake() -> None:
    """Answer until the standard input ends."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/{rest:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    _say(str(runner.addresses[0][1]))
    await until_input_ends()
    await runner.cleanup()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare")
    parser.add_argument("what", choices=("put", "intake"))
    parser.add_argument("--url", default="")
    parser.add_argument("--count", type=int, default=1_000)
    options = parser.parse_args()
    if options.what == "intake":
        uvloop.run(intake())
    else:
        _say(json.dumps(uvloop.run(put(options.url, options.count))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
