"""What strangers, and broken friends, send to the bridge's addresses."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.sandbox.tenant.client import Person
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]


class Doors:
    """The bridge's addresses, as anybody can reach them."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self.world = world
        self.session = session
        self.teams = world.bridge.wiring.webhook_url
        self.matrix = f"http://127.0.0.1:{world.slot.port}/_matrix/app/v1"

    async def post(self, address: str, **more: Any) -> tuple[int, str]:
        async with self.session.post(address, **more) as answer:
            return answer.status, await answer.text()

    async def notify(self, *items: Json, tokens: object = ()) -> int:
        body = {"value": list(items), "validationTokens": list(tokens)}  # type: ignore[call-overload]
        return (await self.post(f"{self.teams}/notifications", json=body))[0]

    async def transact(self, body: object, *, token: str | None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        address = f"{self.matrix}/transactions/{secrets.token_hex(4)}"
        async with self.session.put(address, json=body, headers=headers) as answer:
            return answer.status

    async def refused(self, hook: str, reason: str) -> float:
        return await asyncio.to_thread(
            self.world.bridge.metric, "teams_bridge_refused_total", hook=hook, reason=reason
        )


@pytest.fixture
async def doors(world: World) -> AsyncIterator[Doors]:
    await world.listens_to_everything()
    connector = aiohttp.TCPConnector(ssl=world.certificates.client_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Doors(world, session)


async def client_state(world: World) -> str:
    """Return the secret that only Graph and the bridge know."""
    (subscription,) = await world.subscriptions()
    return str(subscription["clientState"])


def item(world: World, chat: str, message: str, state: str | None, **more: object) -> Json:
    """A change notification of a message, without content."""
    return {
        "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
        "clientState": state,
        "changeType": "created",
        "tenantId": world.tenant.id,
        "resource": f"chats('{chat}')/messages('{message}')",
        **more,
    }


def sealed(**changes: object) -> Json:
    """Content that nobody at Microsoft has sealed."""
    junk = base64.b64encode(secrets.token_bytes(256)).decode()
    content = {
        "data": junk,
        "dataSignature": junk,
        "dataKey": junk,
        "encryptionCertificateId": "unknown",
        "encryptionCertificateThumbprint": "00",
    }
    return {"encryptedContent": content | changes}


async def test_only_the_homeserver_may_push_events(doors: Doors) -> None:
    right = doors.world.slot.hs_token

    assert await doors.transact({"events": []}, token=None) == 401
    assert await doors.transact({"events": []}, token="") == 401
    assert await doors.transact({"events": []}, token="x" * 100_0) == 403
    assert await doors.transact({"events": []}, token=right[:-1]) == 403
    assert await doors.transact({"events": []}, token=right) == 200
    assert (await doors.post(f"{doors.matrix}/ping", json={}))[0] == 401
    assert await doors.refused("matrix", "wrong_hs_token") == 2


async def test_hostile_events_are_turned_away_and_the_others_of_their_transaction_are_not(
    doors: Doors,
) -> None:
    world = doors.world
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    person = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    room = await world.opened(chat, tom, person)
    good = {
        "event_id": "$honest",
        "room_id": room,
        "sender": person.user,
        "type": "m.room.message",
        "origin_server_ts": 1,
        "content": {"msgtype": "m.text", "body": "an honest message"},
    }
    hostile: list[object] = [
        None,
        7,
        [],
        {},
        {**good, "event_id": "$" + "x" * 300},
        {**good, "event_id": "$nul\x00"},
        {**good, "sender": {"a": 1}},
        {**good, "content": "text"},
        {**good, "event_id": "$types", "content": {"msgtype": 7, "body": ["x"]}},
        {**good, "event_id": "$huge", "content": {"msgtype": "m.text", "body": "x" * 300_000}},
        {**good, "event_id": "$empty", "content": {}},
        {**good, "event_id": "$time", "origin_server_ts": "yesterday"},
        {**good, "event_id": "$deep", "content": {"msgtype": "m.text", "body": "d", **deep(500)}},
    ]

    token = world.slot.hs_token
    assert await doors.transact({"events": [*hostile, good]}, token=token) == 200
    assert await doors.transact({"events": {}}, token=token) == 400
    assert await doors.transact([], token=token) == 400

    await world.read_in_teams(chat, "an honest message")
    await world.at_rest()
    assert await doors.refused("matrix", "malformed") >= 6


def deep(levels: int) -> Json:
    found: Json = {}
    for _ in range(levels):
        found = {"m.relates_to": found}
    return found


async def test_a_notification_with_a_wrong_client_state_is_refused_and_the_others_are_not(
    doors: Doors,
) -> None:
    world = doors.world
    reader, chat, tom = await one_chat(world)
    await world.tenant.set_weather(lose=1.0)
    message = await world.say(chat, tom, "Graph lost the notification of this one")
    state = await client_state(world)
    good, bad = (item(world, chat, message, s) for s in (state, "guessed"))

    assert await doors.notify(bad) == 403
    assert await doors.notify(item(world, chat, message, None)) == 403
    assert await doors.notify(bad, good) == 202

    await world.read(reader, "Graph lost the notification of this one")
    assert await doors.refused("teams", "wrong_client_state") == 3


async def one_chat(world: World) -> tuple[Any, str, Person]:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, tom.id])
    await world.opened(chat, tom, reader)
    return reader, chat, tom


async def test_bodies_that_are_no_notifications_are_refused(doors: Doors) -> None:
    address = f"{doors.teams}/notifications"

    assert (await doors.post(address, data=b"{"))[0] == 400
    assert (await doors.post(address, data=b"\xff\xfe"))[0] == 400
    assert (await doors.post(address, json={"value": "x"}))[0] == 400
    assert (await doors.post(address, json={"value": [{}] * 2_000}))[0] == 400
    assert (await doors.post(address, json={"value": []}))[0] == 202
    assert (await doors.post(address, data=io.BytesIO(b"x" * (9 * 1024 * 1024))))[0] == 413
    assert (await doors.post(f"{doors.teams}/lifecycle", data=b"{"))[0] == 400
    assert await doors.refused("teams", "not_a_notification") == 5
    assert await doors.refused("teams", "too_large") == 1


async def test_the_validation_token_comes_back_letter_by_letter_and_never_as_a_page(
    doors: Doors,
) -> None:
    echo = "Validation: <script>alert(1)</script> &+% ünïcode"

    for name in ("notifications", "lifecycle"):
        address = f"{doors.teams}/{name}"
        async with doors.session.post(address, params={"validationToken": echo}) as answer:
            assert answer.status == 200
            assert await answer.text() == echo
            assert answer.content_type == "text/plain"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_what_fits_no_request_line_is_refused_without_a_word_in_the_log(doors: Doors) -> None:
    before = doors.world.bridge.log.read_text()

    status, _ = await doors.post(
        f"{doors.teams}/notifications", params={"validationToken": "x" * 20_000}
    )

    assert status == 400
    assert doors.world.bridge.log.read_text() == before
    assert await doors.refused("http", "malformed") == 1


async def test_content_with_a_token_that_is_not_microsofts_is_refused_and_counted(
    doors: Doors,
) -> None:
    """Whoever knows the client state still needs Microsoft's keys."""
    world = doors.world
    reader, chat, tom = await one_chat(world)
    state = await client_state(world)
    forged = item(world, chat, "1700000000000", state, **sealed())

    assert await doors.notify(forged, tokens=["not.a.token"]) == 202
    assert await doors.notify(forged | {"id": "2"}, tokens=["x" * 10_000]) == 202

    await eventually(lambda: refusals(world, "bad_token") >= 1, "the forgery to be refused")
    await world.say(chat, tom, "business as usual")
    await world.read(reader, "business as usual")


async def test_content_that_was_changed_on_its_way_is_refused_and_counted(world: World) -> None:
    reader, chat, tom = await one_chat(world)
    await world.stop()
    async with listener(world.slot.port) as letters:
        await world.say(chat, tom, "the genuine one")
        letter = json.loads(await letters.get())
    forged = letter["value"][0]
    forged["resource"] = f"chats('{chat}')/messages('1700000000000')"
    forged["resourceData"] = None
    content = bytearray(base64.b64decode(forged["encryptedContent"]["data"]))
    content[20] ^= 1
    forged["encryptedContent"]["data"] = base64.b64encode(content).decode()
    await world.start()

    connector = aiohttp.TCPConnector(ssl=world.certificates.client_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        address = f"{world.bridge.wiring.webhook_url}/notifications"
        assert (await Doors(world, session).post(address, json=letter))[0] == 202

    await eventually(lambda: refusals(world, "bad_signature") == 1, "the forgery to be refused")
    await world.read(reader, "the genuine one")


@asynccontextmanager
async def listener(port: int) -> AsyncIterator[asyncio.Queue[bytes]]:
    """Stand where the bridge stands, take what Graph sends, and answer that it must come again."""
    letters: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        letters.put_nowait(await request.read())
        return web.Response(status=503)

    app = web.Application()
    app.router.add_post("/teams/notifications", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield letters
    finally:
        await runner.cleanup()


def refusals(world: World, reason: str) -> float:
    return world.bridge.metric("teams_bridge_refused_total", hook="teams", reason=reason)
