"""Both ways of a call to Graph, against servers that do what servers must not: the same is known."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.errors import NotOurs, Rejected, RemoteError, Unavailable, Uncertain
from bridge.sandbox.tls import Certificates, issue
from bridge.teams.calling import WHOLE_BYTES_MAX, Guard, graph_base, open_pool
from bridge.teams.graph import Graph
from bridge.teams.transport import open_session, ssl_context
from bridge.telemetry import Watch
from tests.kit.raw_host import OK, Host, hosting, until
from tests.unit.teams.memory import Bearer, OwnClock, teams_config


@pytest.fixture(params=["aiohttp", "lean"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("no_proxy", "*")
    return str(request.param)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    now = datetime.now(UTC)  # noqa: TID251 -- certificates are of this time
    return issue(tmp_path_factory.mktemp("tls"), now=now)


class Caller:
    """Writes to one host, in one of the ways."""

    def __init__(self, graph: Graph, watch: Watch) -> None:
        self.graph = graph
        self.watch = watch

    async def write(
        self,
        path: str = "/things",
        *,
        repeatable: bool = False,
        guard: Guard | None = None,
        headers: dict[str, str] | None = None,
        text: str = "",
    ) -> object:
        return await self.graph.request(
            "POST",
            path,
            credential=Bearer(),
            body={"text": text} if text else None,
            repeatable=repeatable,
            guard=guard,
            headers=headers,
        )

    async def fate(self, *, repeatable: bool = False) -> type[RemoteError]:
        with pytest.raises(RemoteError) as caught:
            await self.write(repeatable=repeatable)
        return type(caught.value)


@asynccontextmanager
async def calling_to(
    host: Host, way: str, *, scheme: str = "http", ca_file: Path | None = None
) -> AsyncIterator[Caller]:
    url = f"{scheme}://127.0.0.1:{host.port}"
    teams, watch = teams_config(graph_url=url, ca_file=ca_file), Watch()
    trust = ssl_context(teams)
    async with open_session(teams, trust) as session, open_pool(teams, trust) as pool:
        used = pool if way == "lean" else None
        graph = Graph(teams, session=session, watch=watch, clock=OwnClock(), pool=used)
        yield Caller(graph, watch)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 20\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
    ids=["nothing", "another protocol", "cut", "cut chunks", "a word in between"],
)
async def test_after_an_answer_that_cannot_be_read_nobody_knows(way: str, raw: bytes) -> None:
    async with hosting(raw, raw, OK) as host, calling_to(host, way) as caller:
        host.hangs_up = True
        assert await caller.fate() is Uncertain
        assert await caller.fate(repeatable=True) is Unavailable
        assert caller.watch.is_away("graph")
        assert await caller.write() == {}
        assert not caller.watch.is_away("graph")
        assert host.connections == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["chunked", "after a word in between", "without body"],
)
async def test_answers_of_every_form_are_read(way: str, raw: bytes) -> None:
    async with hosting(raw, raw) as host, calling_to(host, way) as caller:
        assert [await caller.write() for _ in range(2)] == [{}, {}]
        assert host.connections == 1


async def test_a_gateway_that_ends_with_its_connection_is_understood(way: str) -> None:
    raw = b"HTTP/1.1 503 Unavailable\r\nConnection: close\r\n\r\n<html>"
    async with hosting(raw) as host, calling_to(host, way) as caller:
        host.hangs_up = True
        assert await caller.fate() is Unavailable


async def test_what_is_said_of_a_call_is_the_same_in_both_ways(way: str) -> None:
    async with hosting(OK, OK) as host, calling_to(host, way) as caller:
        await caller.write(headers={"If-Match": "x"}, text="Grüße")
        await caller.write()
        said, empty = [_headers(raw) for raw in host.requests]
        assert host.requests[0].startswith(b"POST /v1.0/things HTTP/1.1\r\n")
        encoding = said.pop(b"accept-encoding")
        assert (encoding == b"identity") == (way == "lean")
        assert said == {
            b"host": f"127.0.0.1:{host.port}".encode(),
            b"user-agent": b"matrix-teams-bridge",
            b"accept": b"application/json",
            b"prefer": b"include-unknown-enum-members",
            b"if-match": b"x",
            b"authorization": b"Bearer token-1",
            b"content-type": b"application/json",
            b"content-length": b"18",
        }
        assert empty[b"content-length"] == b"0"


def _headers(raw: bytes) -> dict[bytes, bytes]:
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    pairs = [line.partition(b": ") for line in lines]
    return {name.lower(): value for name, _, value in pairs}


async def test_what_is_long_is_written_whole_and_what_is_asked_for_may_be_compressed(
    way: str,
) -> None:
    async with hosting(OK, OK) as host, calling_to(host, way) as caller:
        await caller.write(text="x" * WHOLE_BYTES_MAX)
        assert host.requests[0].count(b"x") >= WHOLE_BYTES_MAX
        await caller.graph.request("GET", "/things", credential=Bearer())
        assert b"gzip" in _headers(host.requests[1])[b"accept-encoding"]


@pytest.mark.parametrize("bad", ["\r\nX: y", "\n", "\r", "\0"])
async def test_nothing_is_smuggled_into_a_head(way: str, bad: str) -> None:
    async with hosting(OK) as host, calling_to(host, way) as caller:
        with pytest.raises(Rejected, match="control character"):
            await caller.write(f"/things{bad}")
        with pytest.raises(Rejected, match="control character"):
            await caller.write(headers={"If-Match": f"x{bad}"})
        assert host.connections == 0


async def test_a_redirect_is_not_followed(way: str) -> None:
    raw = b"HTTP/1.1 307 No\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with hosting(raw, OK) as host, calling_to(host, way) as caller:
        assert await caller.fate() is Uncertain
        assert len(host.requests) == 1


async def test_a_guard_is_asked_with_the_connection_in_hand(way: str) -> None:
    async with hosting(OK) as host, calling_to(host, way) as caller:

        async def object_() -> None:
            await until(lambda: host.connections == 1)
            raise NotOurs("the lease has run out")

        with pytest.raises(NotOurs):
            await caller.write(guard=object_)
        assert host.requests == []
        assert not caller.watch.is_away("graph")


async def test_whoever_gives_up_waiting_hangs_up(way: str) -> None:
    async with hosting(None, OK) as host, calling_to(host, way) as caller:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(caller.write())
            await host.heard(1)
            call.cancel()
        assert await caller.write() == {}
        assert host.connections == 2


async def test_whom_nobody_vouches_for_is_told_nothing(
    way: str, certificates: Certificates
) -> None:
    secure = certificates.server_context()
    async with hosting(OK, secure=secure) as host:
        async with calling_to(host, way, scheme="https") as caller:
            assert await caller.fate() is Unavailable
        ca_file = certificates.authority
        async with calling_to(host, way, scheme="https", ca_file=ca_file) as caller:
            assert await caller.write() == {}
        assert len(host.requests) == 1


async def test_a_proxy_of_graph_keeps_everything_with_the_client_that_knows_proxies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", ".example.org")
    trust = ssl.create_default_context()
    for url, lean in [("https://graph.test", False), ("https://graph.example.org", True)]:
        async with open_pool(teams_config(graph_url=url), trust) as pool:
            assert (pool is not None) == lean


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://graph.microsoft.com", "https://graph.microsoft.com/v1.0"),
        ("https://graph.microsoft.com/", "https://graph.microsoft.com/v1.0"),
        ("https://graph.test/v1.0/", "https://graph.test/v1.0"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1.0"),
    ],
)
def test_the_address_of_graph_has_its_version_once(url: str, base: str) -> None:
    assert graph_base(url) == base
