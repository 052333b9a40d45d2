"""What msal is given to speak HTTP with: from its thread, through the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.errors import Throttled, Unavailable
from bridge.teams.msal_errors import plainly
from bridge.teams.msal_transport import ANSWER_BYTES_MAX, Later, MsalAnswer, MsalTransport
from tests.unit.teams.memory import teams_config


@dataclass
class Entra:
    """Answers what it is told; `asked` is the method, form and headers of every request."""

    transport: MsalTransport
    status: int = 200
    body: bytes = b"\xffsaid"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.method, form, dict(request.headers)))
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def entra() -> AsyncIterator[Entra]:
    transport = MsalTransport(teams_config())
    there = Entra(transport)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.answer)
    async with TestServer(app) as server:
        there.url = str(server.make_url("/keys"))
        transport.open()
        try:
            yield there
        finally:
            await transport.close()


async def in_thread(work: Callable[[], MsalAnswer]) -> MsalAnswer:
    return await asyncio.to_thread(work)


async def test_a_form_is_sent_without_what_is_empty() -> None:
    async with entra() as there:
        there.headers = {"X-Request": "7"}
        form = {"scope": "a b&c", "claims": None}
        answer = await in_thread(
            lambda: there.transport.post(there.url, data=form, headers={"Accept": "x/y"})
        )
        [(method, sent, headers)] = there.asked
    assert (method, sent) == ("POST", {"scope": "a b&c"})
    assert headers["Accept"] == "x/y"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert (answer.status_code, answer.text) == (200, "\N{REPLACEMENT CHARACTER}said")
    assert answer.headers["x-request"] == "7"


async def test_a_document_is_fetched_once() -> None:
    async with entra() as there:
        for _ in range(2):
            await in_thread(lambda: there.transport.get(there.url))
        assert len(there.asked) == 1
        await in_thread(lambda: there.transport.get(there.url, params={"for": "someone"}))
        assert len(there.asked) == 2


async def test_a_secret_follows_no_redirect() -> None:
    async with entra() as there:
        there.status, there.headers = 307, {"Location": "/elsewhere"}
        answer = await in_thread(lambda: there.transport.post(there.url, data={"secret": "s"}))
        assert (answer.status_code, len(there.asked)) == (307, 1)


async def test_cookies_of_one_sign_in_are_not_sent_with_the_next() -> None:
    async with entra() as there:
        there.headers = {"Set-Cookie": "who=maria; Path=/"}
        for _ in range(2):
            await in_thread(lambda: there.transport.post(there.url))
        assert "Cookie" not in there.asked[1][2]


@pytest.mark.parametrize(("status", "meaning"), [(429, Throttled), (503, Unavailable)])
async def test_later_is_said_as_such(status: int, meaning: type[Exception]) -> None:
    async with entra() as there:
        there.status = status
        with pytest.raises(Later):
            await in_thread(lambda: there.transport.get(there.url))
        with pytest.raises(meaning):
            await asyncio.to_thread(plainly, lambda: there.transport.post(there.url))


async def test_nobody_there_is_away() -> None:
    async with entra() as there:
        pass
    other = MsalTransport(teams_config())
    other.open()
    try:
        with pytest.raises(Unavailable):
            await asyncio.to_thread(plainly, lambda: other.post(there.url))
    finally:
        await other.close()


def test_it_must_be_open() -> None:
    with pytest.raises(Unavailable):
        plainly(lambda: MsalTransport(teams_config()).get("https://login.test/"))


async def test_an_answer_without_end_is_cut() -> None:
    async with entra() as there:
        there.body = b"x" * (ANSWER_BYTES_MAX + 1)
        answer = await in_thread(lambda: there.transport.get(there.url))
        assert len(answer.text) == ANSWER_BYTES_MAX
