"""Uploads in pieces: whatever the far end answers, it ends, and our token goes nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import cast

import aiohttp
import pytest
from aiohttp import web

from bridge.errors import Refused, RemoteError
from bridge.teams.answers import GraphRejected
from bridge.teams.graph import Graph
from bridge.teams.hosts import Hosts
from bridge.teams.upload_sessions import FAILURES_MAX, PIECE_BYTES, Uploads
from tests.kit.fake_media import RoomFile
from tests.unit.teams.memory import Bearer, HastyClock, teams_config
from tests.unit.teams.test_endpoint import Script

PATH = "/users/x/drive/root:/F/a"
FILE = RoomFile(data=bytes(PIECE_BYTES + 10))
Answer = tuple[int, object]


@dataclass
class Far:
    """Answers what a test has put there, in turn; the last one again and again."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    with_token: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.with_token += "Authorization" in request.headers
        await request.read()
        if request.method == "DELETE":
            return web.Response(status=204)
        self.asked.append((request.method, request.headers.get("Content-Range", "")))
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.json_response(body, status=status)


@dataclass
class World:
    far: Far
    script: Script
    uploads: Uploads

    async def put(self, *answers: Answer, file: RoomFile = FILE) -> bool:
        self.far.answers = list(answers)
        return await self.uploads.put(PATH, file, credential=Bearer())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        far, script = Far(), Script()
        app = web.Application(client_max_size=100 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", far.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        session = await stack.enter_async_context(aiohttp.ClientSession())
        script.answers[f"{PATH}:/createUploadSession"] = {"uploadUrl": f"{base}/up?tempauth=x"}
        hosts = Hosts.of(teams_config(graph_url=base))
        graph = cast(Graph, script)
        uploads = Uploads(graph=graph, session=session, hosts=hosts, clock=HastyClock(None))
        yield World(far, script, uploads)


def at(start: int) -> Answer:
    return (202, {"nextExpectedRanges": [f"{start}-"]})


DONE: Answer = (201, {"id": "x"})
SECOND = f"bytes {PIECE_BYTES}-{PIECE_BYTES + 9}/{PIECE_BYTES + 10}"


async def test_pieces_are_sent_in_order_and_without_our_token(world: World) -> None:
    assert await world.put(at(PIECE_BYTES), DONE) is True

    assert world.far.asked == [
        ("PUT", f"bytes 0-{PIECE_BYTES - 1}/{PIECE_BYTES + 10}"),
        ("PUT", SECOND),
    ]
    assert world.far.with_token == 0
    ((_, _, wish),) = world.script.calls
    assert wish == {"item": {"@microsoft.graph.conflictBehavior": "fail"}}


async def test_after_a_failure_it_is_asked_where_it_stands(world: World) -> None:
    await world.put((503, {}), at(PIECE_BYTES), DONE)

    assert [method for method, _ in world.far.asked] == ["PUT", "GET", "PUT"]
    assert world.far.asked[-1][1] == SECOND


async def test_what_is_expected_elsewhere_is_sent_from_there(world: World) -> None:
    await world.put((416, {}), at(PIECE_BYTES), DONE)

    assert world.far.asked[-1][1] == SECOND


async def test_a_session_that_is_gone_is_begun_anew_once(world: World) -> None:
    with pytest.raises(Refused):
        await world.put((404, {}))

    assert len(world.script.calls) == 2


async def test_what_is_there_already_is_not_sent(world: World) -> None:
    taken = GraphRejected("taken", status=409, code="nameAlreadyExists")
    world.script.answers[f"{PATH}:/createUploadSession"] = taken

    assert await world.put(DONE) is False
    assert world.far.asked == []


async def test_what_is_there_by_its_last_piece_counts_as_there(world: World) -> None:
    assert await world.put(at(PIECE_BYTES), (409, {})) is False


async def test_an_upload_that_stands_still_ends(world: World) -> None:
    with pytest.raises(Refused):
        await world.put(at(0))

    assert len(world.far.asked) == FAILURES_MAX


@pytest.mark.parametrize(
    "answer",
    [
        (202, []),
        (202, {}),
        (202, {"nextExpectedRanges": ["x"]}),
        (202, {"nextExpectedRanges": ["99999999999-"]}),
        (202, {"nextExpectedRanges": [None]}),
        (302, {}),
        (401, {}),
        (507, {}),
    ],
)
async def test_nonsense_ends_in_a_named_error(world: World, answer: Answer) -> None:
    with pytest.raises(RemoteError) as raised:
        await world.put(answer)

    assert "tempauth" not in str(raised.value)


async def test_nothing_is_put_to_where_none_is_to_be_put(world: World) -> None:
    for url in ("https://evil.example/up", "http://10.0.0.1/up", "", "file:///etc"):
        world.script.answers[f"{PATH}:/createUploadSession"] = {"uploadUrl": url}
        with pytest.raises(Refused):
            await world.put(DONE)
    assert world.far.asked == []
