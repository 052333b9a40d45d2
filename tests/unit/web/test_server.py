"""The server around the receivers: the operator's pages, bugs, broken connections, taken ports."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from bridge.config import Listen
from bridge.errors import ConfigError, StoreUnavailable
from bridge.telemetry import REFUSED
from bridge.web.server import Check, build, listening
from tests.kit.e2e_world import eventually
from tests.unit.web.conftest import Door, serving

STUMBLE = "/stumble/{token}"


async def stumble(_request: web.Request) -> web.Response:
    raise ZeroDivisionError


async def find_store_away(_request: web.Request) -> web.Response:
    raise StoreUnavailable("Postgres is away")


ROUTES = [web.get(STUMBLE, stumble), web.get("/away", find_store_away)]


@asynccontextmanager
async def visitor(*checks: Check) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    async with serving(ROUTES, checks) as base, aiohttp.ClientSession() as session:
        yield base, session


async def fine() -> str | None:
    return None


async def broken() -> str | None:
    return "graph: no subscription yet"


async def test_a_bug_answers_one_request_without_a_word_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with visitor() as (base, session), session.get(f"{base}/stumble/secret") as answer:
        assert answer.status == 500
        assert await answer.json() == {"error": "internal error"}

    told = capsys.readouterr()
    assert "bug in a request" in told.out + told.err
    assert "/stumble/{token}" in told.out + told.err


async def test_a_store_that_is_away_is_told_as_something_that_passes() -> None:
    async with visitor() as (base, session), session.get(f"{base}/away") as answer:
        assert answer.status == 503


async def test_ready_names_what_is_missing() -> None:
    async with visitor(fine, broken) as (base, session), session.get(f"{base}/ready") as answer:
        assert answer.status == 503
        assert await answer.json() == {"problems": ["graph: no subscription yet"]}
    async with visitor(fine) as (base, session), session.get(f"{base}/ready") as answer:
        assert answer.status == 200


async def test_health_and_metrics_answer_whatever_is_missing() -> None:
    async with visitor(broken) as (base, session):
        async with session.get(f"{base}/health") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        async with session.get(f"{base}/metrics") as answer:
            assert answer.status == 200
            assert "# TYPE teams_bridge_entries_total counter" in await answer.text()


async def test_addresses_that_strangers_try_make_no_labels_of_their_own() -> None:
    async with visitor() as (base, session):
        for path in ("/stumble/one", "/stumble/two", "/wp-login.php"):
            await (await session.get(base + path)).read()
        async with session.get(f"{base}/metrics") as answer:
            text = await answer.text()

    assert 'hook="/stumble/{token}"' in text
    assert 'hook="unknown"' in text
    assert "wp-login" not in text
    assert "stumble/one" not in text


async def test_a_body_that_breaks_off_is_no_bug(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    port = int(door.base.rpartition(":")[2])
    refused = REFUSED.labels("http", "broken_body")
    before = refused._value.get()

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (b"POST /teams/notifications HTTP/1.1", b"Host: x", b"Expect: 100-continue")
    writer.write(b"\r\n".join((*head, b"Content-Length: 999", b"", b"")))
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.close()
    await writer.wait_closed()

    await eventually(lambda: bool(refused._value.get() == before + 1), "the broken body")
    told = capsys.readouterr()
    assert "bug" not in told.out + told.err


async def test_what_is_no_http_is_refused_and_counted_without_a_traceback(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, unused_port: int
) -> None:
    refused = REFUSED.labels("http", "malformed")
    before = refused._value.get()
    server = build(ROUTES, checks=())

    async with listening(server, Listen(host="127.0.0.1", port=unused_port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_port)
        writer.write(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.close()
        await writer.wait_closed()

    assert refused._value.get() == before + 1
    assert caplog.records == []


async def test_a_taken_port_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} is taken by another program"):
            async with listening(build((), checks=()), Listen(host="127.0.0.1", port=port)):
                pass


async def test_an_address_of_another_machine_is_told_apart() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:80"):
        async with listening(build((), checks=()), Listen(host="192.0.2.1", port=80)):
            pass


async def test_nothing_listens_any_more_afterwards(unused_port: int) -> None:
    async with listening(build((), checks=()), Listen(host="127.0.0.1", port=unused_port)):
        _, writer = await asyncio.open_connection("127.0.0.1", unused_port)
        writer.close()
        await writer.wait_closed()

    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", unused_port)


async def test_an_unknown_address_is_not_found() -> None:
    async with serving(ROUTES) as base, aiohttp.ClientSession() as session:
        async with session.get(f"{base}/nothing") as answer:
            assert answer.status == 404
        async with session.post(f"{base}/health") as answer:
            assert answer.status == 405
