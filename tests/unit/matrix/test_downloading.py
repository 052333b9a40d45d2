"""Files of Matrix on their way to disk: whatever a homeserver does ends in a named error, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from aiohttp import web

from bridge.convert.losses import FILE_REFUSED, FILE_TOO_LARGE, FILE_UNREADABLE
from bridge.convert.matrix_files import ENCRYPTED
from bridge.domain.pace import Pace
from bridge.errors import NotCopied, Refused, Rejected, Throttled, Unavailable
from bridge.matrix.connection import open_connections
from bridge.matrix.downloading import Downloader
from bridge.matrix.transfers import Places
from bridge.telemetry import Watch
from tests.unit.matrix.test_media import at

MB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Homeserver:
    """Answers as a test wants it."""

    reply: Reply
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.reply(request)


@asynccontextmanager
async def downloading(reply: Reply, *, size_max: int = MB) -> AsyncIterator[Downloader]:
    homeserver = Homeserver(reply)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", homeserver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = replace(at(url), bridge=replace(at(url).bridge, media_size_max=size_max))
    try:
        async with open_connections(config, Watch()) as connections:
            made = Downloader.of(config, connections, Watch())
            made.pace = Pace(grace=timedelta(milliseconds=300), bytes_per_second=100_000)
            yield made
    finally:
        await runner.cleanup()


def whole(data: bytes, kind: str = "image/png") -> Reply:
    async def reply(_: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type=kind)

    return reply


def status(number: int, errcode: str) -> Reply:
    async def reply(_: web.Request) -> web.StreamResponse:
        return web.json_response({"errcode": errcode, "error": "no"}, status=number)

    return reply


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    while True:
        await response.write(bytes(64 * 1024))


async def stalling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"x")
    await asyncio.Event().wait()
    return response


async def short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"x")
    if request.transport is not None:
        request.transport.close()
    return response


async def fetched(reply: Reply, uri: str = "mxc://far.org/abc", *, size_max: int = MB) -> bytes:
    async with downloading(reply, size_max=size_max) as made, made.open(uri, "tea") as file:
        assert file.size == len(await file.read(0, file.size))
        return await file.read(0, file.size)


async def test_a_file_is_what_its_bytes_say_and_can_be_read_from_anywhere() -> None:
    async with (
        downloading(whole(PNG, "text/html")) as made,
        made.open("mxc://h/a", "x.exe") as file,
    ):
        assert (file.mimetype, file.name, file.size) == ("image/png", "x.exe.png", len(PNG))
        assert await file.read(1, 3) == b"PNG"
        assert await file.read(len(PNG) - 1, 100) == b"\0"


@pytest.mark.parametrize(
    ("reply", "kind", "loss"),
    [
        (status(404, "M_NOT_FOUND"), NotCopied, FILE_UNREADABLE),
        (status(403, "M_FORBIDDEN"), NotCopied, FILE_UNREADABLE),
        (whole(bytes(MB + 1)), NotCopied, FILE_TOO_LARGE),
        (endless, NotCopied, FILE_TOO_LARGE),
        (status(502, "M_UNKNOWN"), Refused, ""),
        (status(504, "M_NOT_YET_UPLOADED"), Refused, ""),
        (status(500, "M_UNKNOWN"), Refused, ""),
        (stalling, Refused, ""),
        (short, Refused, ""),
    ],
)
async def test_whatever_a_homeserver_does_has_a_name(
    reply: Reply, kind: type[Refused], loss: str
) -> None:
    with pytest.raises(Refused) as raised:
        await fetched(reply)

    assert type(raised.value) is kind
    assert getattr(raised.value, "loss", "") == loss


@pytest.mark.parametrize(
    ("uri", "loss"),
    [
        (ENCRYPTED, FILE_REFUSED),
        ("https://evil.org/x", FILE_UNREADABLE),
        ("mxc://h.org/../../admin", FILE_UNREADABLE),
        ("mxc://h.org/a?x=1", FILE_UNREADABLE),
        ("mxc://h.org", FILE_UNREADABLE),
        ("", FILE_UNREADABLE),
    ],
)
async def test_an_address_that_is_none_is_not_asked_for(uri: str, loss: str) -> None:
    with pytest.raises(NotCopied) as raised:
        await fetched(whole(PNG), uri)

    assert raised.value.loss == loss


async def test_ones_own_homeserver_is_waited_for_another_one_is_not() -> None:
    own = at("http://x").homeserver.domain
    with pytest.raises(Unavailable):
        await fetched(status(502, "M_UNKNOWN"), f"mxc://{own}/abc")
    with pytest.raises(Throttled):
        await fetched(status(429, "M_LIMIT_EXCEEDED"))


async def test_nothing_is_fetched_where_nothing_may_be_copied() -> None:
    with pytest.raises(NotCopied, match="as configured"):
        await fetched(whole(PNG), size_max=0)


async def test_a_large_file_that_finds_no_place_is_put_off() -> None:
    async with downloading(whole(bytes(9 * MB)), size_max=10 * MB) as made:
        made.places = Places(large_max=1)
        async with made.open("mxc://h/a", "x"):
            with pytest.raises(Throttled):
                async with made.open("mxc://h/b", "x"):
                    pass
            async with made.place():
                pass
    assert not issubclass(Throttled, Rejected)
