"""Reading bytes from servers that lie, lead elsewhere, stand still and never end."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, strategies as st

from bridge.domain.pace import Pace
from bridge.errors import (
    NotCopied,
    Refused,
    RemoteError,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from bridge.teams.downloads import REDIRECTS_MAX, Downloads, _name
from bridge.teams.graph import Graph
from bridge.teams.hosts import Hosts
from bridge.telemetry import Watch
from tests.unit.teams.memory import Bearer, HastyClock, teams_config

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEA = b"tea" * 100_000


@dataclass
class Server:
    """Answers each path as told; remembers what it was asked."""

    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.replies[request.path](request)

    def say(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def reply(_request: web.Request) -> web.Response:
            return web.Response(status=status, body=body, headers=named)

        self.replies[path] = reply

    @property
    def tokens(self) -> dict[str, str | None]:
        return {r.path: r.headers.get("Authorization") for r in self.requests}


@dataclass
class World:
    server: Server
    elsewhere: Server
    downloads: Downloads
    bearer: Bearer

    async def read(self, handle: str) -> bytes:
        async with self.downloads.open(handle) as stream:
            found = b"".join([piece async for piece in stream.pieces])
            assert stream.size in {None, len(found)}
            return found

    async def fails(self, handle: str) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.read(handle)
        assert "tempauth" not in str(caught.value)
        return caught.value


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        server, elsewhere = [await started(stack) for _ in range(2)]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        files = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        teams, bearer = teams_config(graph_url=server.url), Bearer()
        graph = Graph(teams, session=session, watch=Watch(), clock=HastyClock())
        downloads = Downloads(
            graph=graph,
            credential=bearer,
            session=files,
            hosts=Hosts.of(teams),
            pace=Pace(grace=timedelta(milliseconds=200), bytes_per_second=100_000),
        )
        yield World(server, elsewhere, downloads, bearer)


async def started(stack: AsyncExitStack) -> Server:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return server


async def test_a_path_of_graph_is_read_with_our_token(world: World) -> None:
    world.server.say("/v1.0/x", body=TEA)

    assert await world.read("/x") == TEA
    assert world.server.tokens == {"/v1.0/x": "Bearer token-1"}


async def test_where_graph_leads_to_is_read_without_it(world: World) -> None:
    world.server.say("/v1.0/x", 302, Location=f"{world.server.url}/_files/a?tempauth=v1.x")
    world.server.say("/_files/a", body=TEA, Content_Type="image/png")

    async with world.downloads.open("/x") as stream:
        assert (stream.size, stream.mimetype) == (len(TEA), "image/png")
    assert world.server.tokens == {"/v1.0/x": "Bearer token-1", "/_files/a": None}


async def test_an_address_of_graph_is_read_without_a_token(world: World) -> None:
    world.server.say("/_files/a", body=TEA)

    assert await world.read(f"{world.server.url}/_files/a") == TEA
    assert world.server.tokens == {"/_files/a": None}


async def test_a_relative_redirect_stays_on_its_host(world: World) -> None:
    world.server.say("/_files/a", 307, Location="/_files/b")
    world.server.say("/_files/b", body=TEA)

    assert await world.read(f"{world.server.url}/_files/a") == TEA


@pytest.mark.parametrize("first", ["/x", "address"])
async def test_what_leads_elsewhere_is_not_followed(world: World, first: str) -> None:
    for path in ("/v1.0/x", "/_files/a"):
        world.server.say(path, 302, Location=f"{world.elsewhere.url}/secret?tempauth=1")

    error = await world.fails("/x" if first == "/x" else f"{world.server.url}/_files/a")

    assert isinstance(error, NotCopied)
    assert error.loss == "file_unreadable"
    assert world.elsewhere.requests == []


@pytest.mark.parametrize(
    "location", ["", "http://[", "ftp://x/", "//evil.test/", "http://a@127.0.0.1/", "\\\\evil"]
)
async def test_a_redirect_to_nowhere_is_not_followed(world: World, location: str) -> None:
    world.server.say("/v1.0/x", 302, Location=location)

    assert isinstance(await world.fails("/x"), NotCopied | Refused)
    assert len(world.server.requests) <= 1 + REDIRECTS_MAX


async def test_a_circle_of_redirects_ends(world: World) -> None:
    world.server.say("/_files/a", 302, Location="/_files/a")

    assert isinstance(await world.fails(f"{world.server.url}/_files/a"), Refused)
    assert len(world.server.requests) == 1 + REDIRECTS_MAX


async def test_an_address_elsewhere_is_not_asked(world: World) -> None:
    assert isinstance(await world.fails(f"{world.elsewhere.url}/a"), NotCopied)
    assert isinstance(await world.fails("file:///etc/passwd"), NotCopied)
    assert world.elsewhere.requests == []


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (404, {}, NotCopied),
        (403, {}, NotCopied),
        (410, {}, NotCopied),
        (416, {}, NotCopied),
        (204, {}, Refused),
        (401, {}, Refused),
        (500, {}, Refused),
        (502, {}, Refused),
        (503, {}, Unavailable),
        (503, {"Retry_After": "7"}, Throttled),
        (429, {"Retry_After": "7"}, Throttled),
        (429, {}, Throttled),
    ],
)
async def test_a_refusal_says_whether_to_come_back(
    world: World, status: int, headers: dict[str, str], error: type[RemoteError]
) -> None:
    world.server.say("/_files/a", status, b"", **headers)

    found = await world.fails(f"{world.server.url}/_files/a")

    assert type(found) is error
    if isinstance(found, Throttled):
        assert found.retry_after == timedelta(seconds=7 if headers else 10)


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotCopied), (403, NotCopied), (429, Throttled), (500, Uncertain)]
)
async def test_graph_says_it_in_its_own_way(
    world: World, status: int, error: type[RemoteError]
) -> None:
    world.server.say("/v1.0/x", status)

    assert type(await world.fails("/x")) is error


async def test_a_permission_that_is_missing_leaves_the_file(world: World) -> None:
    said = (
        b'{"error": {"code": "Forbidden", "message": "Missing role permissions on the request."}}'
    )
    world.server.say("/v1.0/x", 403, said)

    assert type(await world.fails("/x")) is NotCopied


async def test_a_token_that_was_refused_is_replaced_once(world: World) -> None:
    world.server.say("/v1.0/x", 401)

    assert type(await world.fails("/x")) is Unauthorized
    assert [r.headers["Authorization"] for r in world.server.requests] == [
        "Bearer token-1", "Bearer token-2",
    ]  # fmt: skip


async def test_a_file_that_comes_short_is_broken_off(world: World) -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x" * 10)
        assert request.transport is not None
        request.transport.abort()
        return response

    world.server.replies["/_files/a"] = short

    assert type(await world.fails(f"{world.server.url}/_files/a")) is Refused


async def test_a_file_that_never_ends_is_stopped_by_who_reads(world: World) -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(64 * 1024))
        finally:
            ended.set()

    world.server.replies["/_files/a"] = endless
    received = 0
    async with world.downloads.open(f"{world.server.url}/_files/a") as stream:
        assert stream.size is None
        async for piece in stream.pieces:
            received += len(piece)
            if received > 5_000_000:
                break

    await asyncio.wait_for(ended.wait(), 5)


async def test_a_file_that_trickles_is_given_up(world: World) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b"x")
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        return response

    world.server.replies["/_files/a"] = trickle

    error = await world.fails(f"{world.server.url}/_files/a")

    assert type(error) is Refused
    assert "too slowly" in str(error)


async def test_a_file_that_stands_still_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = aiohttp.ClientTimeout(total=None, sock_read=0.1)
    monkeypatch.setattr(world.downloads._session, "_timeout", limit)
    still = asyncio.Event()

    async def stand(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"x")
        await still.wait()
        return response

    world.server.replies["/_files/a"] = stand

    error = await world.fails(f"{world.server.url}/_files/a")
    still.set()
    assert type(error) is Refused


async def test_what_comes_compressed_unasked_is_refused(world: World) -> None:
    world.server.say("/_files/a", body=gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")

    assert type(await world.fails(f"{world.server.url}/_files/a")) is Refused


async def test_a_server_that_is_away_is_waited_for(world: World) -> None:
    away = Hosts.of(teams_config(graph_url="http://127.0.0.1:1"))
    world.downloads._hosts = away

    assert type(await world.fails("http://127.0.0.1:1/a")) is Unavailable


async def test_the_name_of_a_file_is_in_its_head(world: World) -> None:
    disposition = "attachment; filename*=UTF-8''t%C3%A9.pdf"
    world.server.say("/_files/a", body=b"x", Content_Disposition=disposition)

    async with world.downloads.open(f"{world.server.url}/_files/a") as stream:
        assert stream.name == "té.pdf"


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n")))
def test_whatever_a_name_is_nothing_is_raised(disposition: str) -> None:
    assert isinstance(_name(disposition), str)
    assert isinstance(_name(f"attachment; filename*={disposition}"), str)
