"""One request to Graph: what is known afterwards, and to whom tokens are shown."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web
from hypothesis import given, strategies as st
from prometheus_client import REGISTRY

from bridge.errors import (
    NotOurs,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from bridge.http1 import Answer
from bridge.teams import calling, graph as graph_module, transport
from bridge.teams.answers import (
    GraphRejected,
    PermissionMissing,
    claims_of,
    code_and_message,
    failure,
    retry_after,
)
from bridge.teams.calling import Guard, Wire, open_pool
from bridge.teams.graph import Graph, TooLarge, has_more, segment
from bridge.teams.quota import WAIT_MAX, Priority
from bridge.teams.transport import open_session
from bridge.telemetry import Watch
from tests.unit.teams.memory import Bearer, OwnClock, teams_config

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]
ERROR = {"error": {"code": "Forbidden", "message": "No,\\n  not you"}}


@dataclass
class Service:
    """Answers as told, in order; the last answer is given again and again."""

    replies: list[Reply] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    def say(self, status: int, body: object = None, **headers: str) -> None:
        async def reply(_request: web.Request) -> web.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if body is None:
                return web.Response(status=status, headers=named)
            return web.json_response(body, status=status, headers=named)

        self.replies.append(reply)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await reply(request)


@dataclass
class World:
    service: Service
    graph: Graph
    watch: Watch
    bearer: Bearer
    clock: OwnClock

    async def post(self) -> object:
        return await self.graph.request("POST", "/things", credential=self.bearer, body={"a": 1})

    async def get(self) -> object:
        return await self.graph.request("GET", "/things", credential=self.bearer)

    async def say(self, chat: str = "a", *, guard: Guard | None = None) -> object:
        return await self.graph.request(
            "POST", f"/chats/{chat}/messages", credential=self.bearer, body={}, guard=guard
        )

    async def slept(self, times: int) -> None:
        """Return when someone waits for the clock, for the so-manieth time."""
        async with asyncio.timeout(10):
            while len(self.clock.slept) < times:
                await _turn()


@pytest.fixture(params=["aiohttp", "lean"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How small calls go; everything that asks for something goes by aiohttp always."""
    monkeypatch.setenv("no_proxy", "*")
    return str(request.param)


@asynccontextmanager
async def graph_at(url: str, way: str, watch: Watch, clock: OwnClock) -> AsyncIterator[Graph]:
    """Graph as the product opens it, for this way."""
    teams, trust = teams_config(graph_url=url), ssl.create_default_context()
    async with open_session(teams, trust) as session, open_pool(teams, trust) as pool:
        used = pool if way == "lean" else None
        yield Graph(teams, session=session, watch=watch, clock=clock, pool=used)


@pytest.fixture
async def world(way: str) -> AsyncIterator[World]:
    service, watch = Service(), Watch()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    clock = OwnClock()
    async with graph_at(service.url, way, watch, clock) as graph:
        yield World(service, graph, watch, Bearer(), clock)
    await runner.cleanup()


async def _turn() -> None:
    """Let everything else run once."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


async def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_request_carries_its_token_and_json(world: World) -> None:
    world.service.say(201, {"id": "7"})
    assert await world.post() == {"id": "7"}
    (request,) = world.service.requests
    assert request.path == "/v1.0/things"
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["Content-Type"] == "application/json"
    assert "include-unknown-enum-members" in request.headers["Prefer"]
    assert world.service.bodies == [b'{"a":1}']


async def test_ids_arrive_as_they_are(world: World) -> None:
    world.service.say(200, {})
    chat = "19:it's/a@thread.v2?x=1#%41"
    await world.graph.request("GET", f"/chats/{segment(chat)}", credential=world.bearer)
    assert world.service.requests[0].rel_url.raw_parts[-1] == segment(chat)


async def test_an_answer_without_body_is_an_empty_object(world: World) -> None:
    world.service.say(204)
    assert await world.post() == {}


@pytest.mark.parametrize(
    ("status", "get", "post"),
    [
        (400, GraphRejected, GraphRejected),
        (403, GraphRejected, GraphRejected),
        (404, GraphRejected, GraphRejected),
        (405, GraphRejected, GraphRejected),
        (408, Unavailable, Unavailable),
        (409, GraphRejected, GraphRejected),
        (412, GraphRejected, GraphRejected),
        (413, GraphRejected, GraphRejected),
        (423, GraphRejected, GraphRejected),
        (429, Throttled, Throttled),
        (500, Uncertain, Uncertain),
        (501, Uncertain, Uncertain),
        (502, Unavailable, Uncertain),
        (503, Unavailable, Unavailable),
        (504, Unavailable, Uncertain),
        (507, Uncertain, Uncertain),
        (509, Throttled, Throttled),
        (302, Unavailable, Uncertain),
    ],
)
async def test_what_is_known_after_each_status(
    world: World, status: int, get: type[RemoteError], post: type[RemoteError]
) -> None:
    world.service.say(status, ERROR)
    with pytest.raises(RemoteError) as after_get:
        await world.get()
    with pytest.raises(RemoteError) as after_post:
        await world.post()
    assert (type(after_get.value), type(after_post.value)) == (get, post)


async def test_a_rejection_has_graphs_status_and_code(world: World) -> None:
    world.service.say(403, ERROR)
    with pytest.raises(GraphRejected, match="POST /things: Graph answers 403 Forbidden") as raised:
        await world.post()
    assert (raised.value.status, raised.value.code) == (403, "Forbidden")
    assert not world.watch.is_away("graph")


@pytest.mark.parametrize(("everyone", "kind"), [(True, "role"), (False, "scope")])
async def test_a_missing_permission_is_no_flaw_of_the_request(
    world: World, everyone: bool, kind: str
) -> None:
    world.bearer = Bearer(everyone=everyone)
    message = f"Missing {kind} permissions on the request. API requires one of 'Chat.Read.All'."
    world.service.say(403, {"error": {"code": "Forbidden", "message": message}})
    with pytest.raises(PermissionMissing, match=r"Chat\.Read\.All") as raised:
        await world.get()
    assert raised.value.everyone is everyone


@pytest.mark.parametrize(
    ("told", "waits"), [("17", 17), ("0", 1), ("", 10), ("soon", 10), ("9" * 9, 10)]
)
async def test_throttling_waits_as_told(world: World, told: str, waits: int) -> None:
    world.service.say(429, ERROR, Retry_After=told)
    with pytest.raises(Throttled) as raised:
        await world.post()
    assert raised.value.retry_after == timedelta(seconds=waits)


async def test_a_connection_that_is_refused_was_certainly_not_used(world: World, way: str) -> None:
    async with graph_at("http://127.0.0.1:9", way, world.watch, OwnClock()) as graph:
        with pytest.raises(Unavailable):
            await graph.request("POST", "/x", credential=world.bearer, body={})
    assert world.watch.is_away("graph")
    world.service.say(200, {})
    await world.get()
    assert not world.watch.is_away("graph")


async def test_a_connection_that_breaks_leaves_a_post_uncertain(world: World) -> None:
    world.service.replies = [drop]
    with pytest.raises(Uncertain):
        await world.post()
    with pytest.raises(Unavailable):
        await world.get()
    assert world.watch.is_away("graph")


async def test_an_answer_that_does_not_come_leaves_a_post_uncertain(
    world: World, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    world.service.replies = [hang]
    for module in (transport, calling):
        monkeypatch.setattr(module, "CALL_TIMEOUT", timedelta(seconds=0.05))
    async with graph_at(world.service.url, way, world.watch, OwnClock()) as graph:
        with pytest.raises(Uncertain):
            await graph.request("POST", "/x", credential=world.bearer, body={})
        with pytest.raises(Unavailable):
            await graph.request("GET", "/x", credential=world.bearer)
    never.set()


@pytest.mark.parametrize("body", ["<html>", "[1]", "{", '"x"'])
async def test_an_answer_that_is_no_json_leaves_a_post_uncertain(world: World, body: str) -> None:
    async def reply(_request: web.Request) -> web.Response:
        return web.Response(status=201, text=body)

    world.service.replies = [reply]
    with pytest.raises(Uncertain):
        await world.post()


async def test_an_answer_that_is_too_large_is_not_swallowed(
    world: World, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (graph_module, calling):
        monkeypatch.setattr(module, "RESPONSE_BYTES_MAX", 10)
    async with graph_at(world.service.url, way, world.watch, world.clock) as world.graph:
        world.service.say(200, {"much": "x" * 100})
        for call in (world.get, world.post):
            with pytest.raises(TooLarge):
                await call()
        world.service.replies.clear()
        world.service.say(404, {"much": "x" * 100})
        with pytest.raises(GraphRejected):
            await world.post()


# --- tokens -----------------------------------------------------------------------------------


async def test_a_refused_token_is_renewed_once(world: World) -> None:
    world.service.say(401, ERROR)
    world.service.say(201, {"id": "7"})
    assert await world.post() == {"id": "7"}
    assert [r.headers["Authorization"] for r in world.service.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert world.bearer.claims == [None]


@pytest.mark.parametrize("everyone", [True, False])
async def test_a_token_refused_twice_is_unauthorized(world: World, everyone: bool) -> None:
    world.bearer = Bearer(everyone=everyone)
    world.service.say(401, ERROR)
    with pytest.raises(Unauthorized) as raised:
        await world.post()
    assert raised.value.everyone is everyone
    assert raised.value.sign_in == (None if everyone else 2), "that of the second token"
    assert len(world.service.requests) == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_claims_challenge_is_answered_with_a_token_for_it(
    world: World, status: int
) -> None:
    claims = '{"access_token":{"nbf":{"essential":true}}}'
    encoded = base64.b64encode(claims.encode()).decode().rstrip("=")
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    world.service.say(status, ERROR, WWW_Authenticate=challenge)
    world.service.say(200, {"ok": True})
    assert await world.get() == {"ok": True}
    assert world.bearer.claims == [claims]


@pytest.mark.parametrize("claims", ["!", "e30", "bm9qc29u", "/w=="])
def test_claims_that_make_no_sense_are_none(claims: str) -> None:
    answer = Answer(status=401, headers={"WWW-Authenticate": f'Bearer claims="{claims}"'}, body=b"")
    assert claims_of(answer) in {None, "{}"}


# --- limits -----------------------------------------------------------------------------------


async def test_a_call_waits_until_graph_would_take_it(world: World) -> None:
    world.service.say(201, {"id": "7"})
    await world.say()
    async with asyncio.TaskGroup() as group:
        group.create_task(world.say())
        await world.slept(1)
        await world.say("b")
        assert len(world.service.requests) == 2
        world.clock.advance(world.clock.slept[0])
    assert [r.path.split("/")[3] for r in world.service.requests] == ["a", "b", "a"]


async def test_a_call_that_would_wait_too_long_is_not_made(world: World) -> None:
    world.service.say(201, {"id": "7"})
    await world.say()
    async with asyncio.TaskGroup() as group:
        group.create_task(world.say())
        await world.slept(1)
        before = _throttled("post chat message")
        with pytest.raises(Throttled, match="used up") as raised:
            await world.say()
        assert raised.value.retry_after > WAIT_MAX
        assert _throttled("post chat message") == before, "it was not Graph that said so"
        world.clock.advance(world.clock.slept[0])
    assert len(world.service.requests) == 2


async def test_the_second_send_after_a_refused_token_passes_the_gate_too(world: World) -> None:
    world.service.say(401, ERROR)
    world.service.say(201, {"id": "7"})
    async with asyncio.TaskGroup() as group:
        group.create_task(world.say())
        await world.slept(1)
        assert len(world.service.requests) == 1
        assert world.bearer.number == 2, "the token is there before the gate is passed"
        world.clock.advance(world.clock.slept[0])
    assert len(world.service.requests) == 2


@pytest.mark.parametrize("status", [429, 503])
async def test_what_graph_says_holds_for_all_calls_to_the_chat(world: World, status: int) -> None:
    world.service.say(status, ERROR, Retry_After="17")
    world.service.say(201, {"id": "7"})
    before = _throttled("post chat message")
    with pytest.raises(Throttled):
        await world.say()
    assert _throttled("post chat message") - before == (status == 429)
    with pytest.raises(Throttled) as raised:
        await world.say()
    assert raised.value.retry_after == timedelta(seconds=17)
    assert await world.say("b") == {"id": "7"}
    assert len(world.service.requests) == 2
    world.clock.advance(timedelta(seconds=17))
    assert await world.say() == {"id": "7"}


async def test_a_503_that_names_no_time_closes_nothing(world: World) -> None:
    world.service.say(503, ERROR)
    world.service.say(201, {"id": "7"})
    with pytest.raises(Unavailable):
        await world.say()
    world.clock.advance(timedelta(seconds=1.1))
    assert await world.say() == {"id": "7"}


async def test_calls_are_as_urgent_as_their_callers_say(world: World) -> None:
    world.service.say(200, {"value": []})
    before = [_passed(priority) for priority in Priority]
    path = "/chats/a/messages"
    async for _ in world.graph.pages(path, credential=world.bearer, priority=Priority.AUDIT):
        pass
    await world.graph.request("GET", "/chats/b", credential=world.bearer, priority=Priority.HISTORY)
    await world.say("c")
    after = [_passed(priority) for priority in Priority]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 0, 0, 1, 1]


def _throttled(kind: str) -> float:
    name = "teams_bridge_graph_throttled_total"
    return REGISTRY.get_sample_value(name, {"kind": kind}) or 0


def _passed(priority: Priority) -> float:
    name, label = "teams_bridge_graph_waits_seconds_count", priority.name.lower()
    return REGISTRY.get_sample_value(name, {"priority": label}) or 0


# --- guards -----------------------------------------------------------------------------------


async def test_a_guard_that_objects_keeps_the_call_from_being_made(world: World) -> None:
    async def object_() -> None:
        raise NotOurs("the lease has run out")

    world.service.say(201, {"id": "7"})
    with pytest.raises(NotOurs):
        await world.say(guard=object_)
    await world.say("b")
    with pytest.raises(NotOurs):
        await world.say("c", guard=object_)
    assert [request.path for request in world.service.requests] == ["/v1.0/chats/b/messages"]
    assert not world.watch.is_away("graph")


async def test_a_guard_is_asked_again_before_the_second_send(world: World) -> None:
    asked: list[int] = []

    async def once() -> None:
        asked.append(len(world.service.requests))
        if len(asked) > 1:
            raise NotOurs("the lease has run out")

    world.service.say(401, ERROR)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(_raised(NotOurs, world.say(guard=once)))
        await world.slept(1)
        assert asked == [0]
        world.clock.advance(world.clock.slept[0])
        await call
    assert asked == [0, 1]
    assert len(world.service.requests) == 1


async def test_a_guard_is_asked_after_the_wait_at_the_gate(world: World) -> None:
    asked: list[timedelta] = []
    world.service.say(201, {"id": "7"})
    await world.say()
    start = world.clock.now()

    async def ask() -> None:
        asked.append(world.clock.now() - start)

    async with asyncio.TaskGroup() as group:
        group.create_task(world.say(guard=ask))
        await world.slept(1)
        assert asked == []
        world.clock.advance(world.clock.slept[0])
    assert asked == [world.clock.slept[0]]


async def test_a_guard_is_asked_when_there_is_a_connection_and_not_before(
    world: World, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        arrived.set()
        await go_on.wait()
        return web.json_response({})

    world.service.replies = [hang]
    asked: list[bool] = []

    async def ask() -> None:
        asked.append(go_on.is_set())

    for module in (transport, calling):
        monkeypatch.setattr(module, "CONNECTIONS_MAX", 1)
    async with (
        graph_at(world.service.url, way, world.watch, world.clock) as world.graph,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(world.say("a"))
        await arrived.wait()
        group.create_task(world.say("b", guard=ask))
        async with asyncio.timeout(10):
            while not _waits_for_connection(world.graph._wire):
                await _turn()
        go_on.set()
    assert asked == [True]


def _waits_for_connection(wire: Wire) -> bool:
    if wire._pool is not None:
        return bool(wire._pool._room._waiters)
    connector = wire._session.connector
    assert connector is not None
    return bool(connector._waiters)


async def _raised(kind: type[Exception], call: Awaitable[object]) -> None:
    with pytest.raises(kind):
        await call


# --- pages ------------------------------------------------------------------------------------


async def test_pages_are_followed_to_their_end_or_limit(world: World) -> None:
    base = f"{world.service.url}/v1.0"
    world.service.say(200, {"value": [1], "@odata.nextLink": f"{base}/x?$skiptoken=a%2Fb"})
    world.service.say(200, {"value": [2], "@odata.nextLink": f"{base}/x?$skiptoken=c"})
    world.service.say(200, {"value": [3]})
    pages = [p async for p in world.graph.pages("/x", credential=world.bearer)]
    assert [page["value"] for page in pages] == [[1], [2], [3]]
    assert not has_more(pages[-1])
    assert world.service.requests[1].rel_url.raw_query_string == "$skiptoken=a%2Fb"
    world.service.replies.clear()
    world.service.say(200, {"value": [], "@odata.nextLink": f"{base}/x"})
    pages = [p async for p in world.graph.pages("/x", credential=world.bearer, pages_max=4)]
    assert len(pages) == 4
    assert has_more(pages[-1])


@pytest.mark.parametrize("link", ["https://evil.test/v1.0/x", "/v1.0/x", "{base}.evil.test/x"])
async def test_a_token_does_not_follow_a_link_to_another_host(world: World, link: str) -> None:
    base = f"{world.service.url}/v1.0"
    world.service.say(200, {"value": [], "@odata.nextLink": link.format(base=base)})
    with pytest.raises(Rejected, match="another address"):
        async for _ in world.graph.pages("/x", credential=world.bearer):
            pass


@given(st.integers(min_value=100, max_value=599), st.binary(max_size=80), st.booleans(), st.text())
def test_every_answer_means_something(
    status: int, body: bytes, repeatable: bool, told: str
) -> None:
    answer = Answer(status=status, headers={"Retry-After": told}, body=body)
    error = failure("GET /x", answer, repeatable=repeatable, everyone=False)
    assert (error is None) == (200 <= status < 300)
    if isinstance(error, Uncertain):
        assert status >= 500 or not repeatable


def test_graphs_words_are_bounded_and_on_one_line() -> None:
    code, message = code_and_message(
        b'{"error":{"code":"c","message":"a\\nb ' + b"x" * 900 + b'"}}'
    )
    assert code == "c"
    assert message.startswith("a b x")
    assert len(message) == 300
    for body in (b"", b"[]", b'{"error":3}', b'{"error":{"code":3,"message":null}}'):
        assert code_and_message(body) == ("", "")


def test_a_wait_is_at_least_a_second() -> None:
    answer = Answer(status=503, headers={"Retry-After": "0"}, body=b"")
    assert retry_after(answer) == timedelta(seconds=1)
