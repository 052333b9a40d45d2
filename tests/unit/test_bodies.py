"""Bodies of answers: whole in however many pieces they come, and never more than wanted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.app.clock import SystemClock
from bridge.bodies import read_body

MAX = 1_000


async def body_of(*pieces: bytes) -> bytes:
    """Have a server answer in these pieces, each when the last was read."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await SystemClock().sleep(timedelta(milliseconds=10))
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as session,
        session.get(server.make_url("/")) as response,
    ):
        return await read_body(response, MAX)


async def test_a_body_that_comes_in_pieces_is_whole() -> None:
    assert await body_of(b'{"content_uri":', b'"mxc://here/', b'abc"}') == (
        b'{"content_uri":"mxc://here/abc"}'
    )


@pytest.mark.parametrize("size", [0, 1, MAX - 1, MAX])
async def test_what_is_within_the_limit_is_whole(size: int) -> None:
    assert await body_of(b"x" * size) == b"x" * size


async def test_of_what_is_larger_the_beginning_is_returned_without_waiting_for_the_end() -> None:
    pieces = [bytes([65 + n]) * 400 for n in range(10)]
    async with asyncio.timeout(5):
        assert await body_of(*pieces) == b"".join(pieces)[:MAX]
