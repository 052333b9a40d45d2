"""The real homeserver: users, rooms, application services, crashes, and nobody left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.errors import ConfigError, InvariantBroken, Unavailable
from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.postgres import EmbeddedPostgres
from tests.integration.processes import Child, ended
from tests.kit.world import PASSWORD, Slot

ROOMS = "/_matrix/client/v3/createRoom"


class Matrix:
    """A few calls of the client-server API, as somebody."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def __call__(
        self, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> dict[str, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self._session.request(
            method, self._url + path, headers=headers, **options
        ) as response:
            answer: dict[str, Any] = await response.json()
            return {"status": response.status, **answer}


async def register(matrix: Matrix, slot: Slot, user: str) -> int:
    body: dict[str, Any] = {"username": user[1:].partition(":")[0], "inhibit_login": True}
    body["type"] = "m.login.application_service"
    path = "/_matrix/client/v3/register"
    status: int = (await matrix("POST", path, token=slot.as_token, json=body))["status"]
    return status


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
def matrix(session: aiohttp.ClientSession, homeserver: Homeserver) -> Matrix:
    return Matrix(session, homeserver.url)


@pytest.fixture
def own() -> Iterator[Homeserver]:
    """A homeserver that a test may stop and kill."""
    with Homeserver() as made:
        yield made


async def test_a_user_registers_signs_in_and_opens_a_room(matrix: Matrix, slot: Slot) -> None:
    alice = slot.register("alice")
    identifier = {"type": "m.id.user", "user": alice.id}
    signed_in = await matrix(
        "POST",
        "/_matrix/client/v3/login",
        json={"type": "m.login.password", "identifier": identifier, "password": PASSWORD},
    )
    room = await matrix("POST", ROOMS, token=signed_in["access_token"], json={"name": "Kitchen"})

    assert signed_in["user_id"] == alice.id
    assert room["status"] == 200


async def test_nobody_is_asked_to_slow_down(matrix: Matrix, slot: Slot) -> None:
    token = slot.register("hasty").access_token
    room = (await matrix("POST", ROOMS, token=token, json={}))["room_id"]
    path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/"
    body = {"msgtype": "m.text", "body": "more than a default homeserver allows"}

    sent = [await matrix("PUT", f"{path}{n}", token=token, json=body) for n in range(20)]

    assert {answer["status"] for answer in sent} == {200}


async def test_a_slot_speaks_for_its_ghosts_and_for_no_one_else(matrix: Matrix, slot: Slot) -> None:
    assert await register(matrix, slot, slot.ghost("anna")) == 200
    assert await register(matrix, slot, slot.bot) == 200
    assert await register(matrix, slot, "@somebody:matrix.test") == 400


async def test_the_bot_can_sync_and_bring_a_device(matrix: Matrix, slot: Slot) -> None:
    await register(matrix, slot, slot.bot)
    device = await matrix(
        "PUT",
        "/_matrix/client/v3/devices/TEAMS",
        token=slot.as_token,
        params={"user_id": slot.bot},
        json={},
    )
    sync = await matrix(
        "GET",
        "/_matrix/client/v3/sync",
        token=slot.as_token,
        params={"user_id": slot.bot, "device_id": "TEAMS", "timeout": "0"},
    )

    assert device["status"] == 201
    assert "next_batch" in sync


async def test_a_slots_listener_gets_what_concerns_its_ghosts(matrix: Matrix, slot: Slot) -> None:
    came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def transaction(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {slot.hs_token}"
        await came.put(await request.json())
        return web.json_response({})

    app = web.Application()
    app.router.add_put("/_matrix/app/v1/transactions/{id}", transaction)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", slot.port).start()
    try:
        token = slot.register("bob").access_token
        ghost = slot.ghost("anna")
        await register(matrix, slot, ghost)
        await matrix("POST", ROOMS, token=token, json={"invite": [ghost]})
        async with asyncio.timeout(30):
            event = (await came.get())["events"][0]
    finally:
        await runner.cleanup()

    assert (event["type"], event["state_key"]) == ("m.room.member", ghost)


def test_a_taken_name_is_refused_in_the_homeservers_words(slot: Slot) -> None:
    slot.register("carol")

    with pytest.raises(Unavailable, match="User ID already taken"):
        slot.register("carol")


async def test_it_comes_back_where_it_was_after_a_stop_and_a_crash(
    scratch: Path, own: Homeserver, session: aiohttp.ClientSession
) -> None:
    url = own.start(scratch / "comes-back", server_name="back.test")
    token = own.register_user("dora", PASSWORD)
    pid = own.pid

    own.kill()
    assert ended(pid)
    own.restart()
    own.restart()

    answer = await Matrix(session, url)("GET", "/_matrix/client/v3/account/whoami", token=token)
    assert answer["user_id"] == "@dora:back.test"
    assert own.url == url


def test_a_stopped_homeserver_leaves_no_process(scratch: Path, own: Homeserver) -> None:
    own.start(scratch / "stopped", server_name="stopped.test")
    pid = own.pid

    own.stop()

    assert ended(pid)
    with pytest.raises(InvariantBroken):
        _ = own.pid


async def test_it_lives_in_a_postgres_too(
    postgres: EmbeddedPostgres, scratch: Path, own: Homeserver
) -> None:
    dsn = postgres.create_database("synapse")

    own.start(scratch / "in-postgres", server_name="pg.test", database=dsn)

    assert own.register_user("emil", PASSWORD)


def test_why_it_did_not_start_is_told_from_its_log(scratch: Path, own: Homeserver) -> None:
    with pytest.raises(ConfigError, match="Error in configuration at 'listeners'"):
        own.start(scratch / "wrong", server_name="x", settings={"listeners": 3})


def test_a_taken_port_is_named(scratch: Path, own: Homeserver, homeserver: Homeserver) -> None:
    port = int(homeserver.url.rpartition(":")[2])

    with pytest.raises(ConfigError, match=rf"port {port} of 127\.0\.0\.1 is taken"):
        own.start(scratch / "taken", server_name="x", port=port)


START = """
import sys
from pathlib import Path
from bridge.sandbox.homeserver import Homeserver
with Homeserver() as server:
    server.start(Path(sys.argv[1]), server_name="orphan.test")
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_the_homeserver_follows_its_killed_owner(scratch: Path) -> None:
    with Child(START, scratch / "orphan") as owner:
        pid = int(owner.line())
        owner.process.kill()

    assert ended(pid)
