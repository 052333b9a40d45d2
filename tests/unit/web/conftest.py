"""The bridge's HTTP server on the loopback, over a journal and books in memory."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.config import Listen
from bridge.matrix.appservice import Reader
from bridge.matrix.names import Names
from bridge.sandbox.processes import reserve_port
from bridge.teams.client_states import ClientStates
from bridge.teams.notifications import Lifecycle
from bridge.teams.own_posts import OwnPosts
from bridge.web.hooks import MatrixHooks, TeamsHooks
from bridge.web.server import Check, build, listening
from tests.kit.fake_journal import FakeClock, FakeJournal, FakeStore
from tests.unit.matrix.books import CONFIG

HS_TOKEN = "the homeserver's token " + "h" * 20
STATE = "the client state"
NAMES = Names.of(CONFIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]


STATES = ClientStates("a secret of the tests")


@dataclass
class Door:
    """The server, seen by whoever calls it."""

    base: str
    session: aiohttp.ClientSession
    clock: FakeClock
    journal: FakeJournal
    store: FakeStore = field(default_factory=FakeStore)
    lifecycles: list[Lifecycle] = field(default_factory=list)
    own: OwnPosts = field(default_factory=OwnPosts)
    missed: list[int] = field(default_factory=list)
    """How much was stored each time that a transaction seemed to be missing."""

    async def call(self, method: str, path: str, **more: Any) -> Reply:
        url = path if path.startswith("http") else self.base + path
        async with self.session.request(method, url, allow_redirects=False, **more) as answer:
            text = (await answer.read()).decode(errors="replace")
            return Reply(status=answer.status, text=text, headers=dict(answer.headers))

    async def post(self, path: str, body: bytes, **more: Any) -> Reply:
        return await self.call("POST", path, data=io.BytesIO(body), **more)

    async def put(self, path: str, body: bytes, **more: Any) -> Reply:
        return await self.call("PUT", path, data=io.BytesIO(body), **more)

    def keys(self) -> list[str]:
        """The keys of what was stored, in order."""
        return [entry.new.key for entry in self.store.inbox.values()]


@asynccontextmanager
async def serving(
    routes: Iterable[web.RouteDef], checks: Iterable[Check] = ()
) -> AsyncIterator[str]:
    """Serve routes as the product does; give the address."""
    with reserve_port() as reservation:
        port = reservation.getsockname()[1]
        listen = Listen(host="127.0.0.1", port=port)
        async with listening(build(routes, checks=checks), listen):
            yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    """Both receivers, at the paths of a real installation."""
    clock, store = FakeClock(), FakeStore()
    journal = FakeJournal(store, clock)
    lifecycles: list[Lifecycle] = []

    async def note(lifecycle: Lifecycle) -> None:
        lifecycles.append(lifecycle)

    teams = TeamsHooks(
        journal,
        clock,
        states=lambda: ("an older state", STATE),
        window=timedelta(milliseconds=250),
        lifecycle=note,
        person_of=STATES.person_of,
    )
    own = OwnPosts()
    teams.is_echo = own.is_echo
    missed: list[int] = []
    matrix = MatrixHooks(
        journal,
        clock,
        Reader(NAMES),
        hs_token=HS_TOKEN,
        missed=lambda: missed.append(len(journal.store.inbox)),
    )
    async with (
        serving([*teams.routes("/teams"), *matrix.routes()]) as base,
        aiohttp.ClientSession() as session,
    ):
        yield Door(
            base=base,
            session=session,
            clock=clock,
            own=own,
            missed=missed,
            journal=journal,
            store=store,
            lifecycles=lifecycles,
        )


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


@pytest.fixture(scope="module")
def knock() -> Iterator[Any]:
    """A door for tests that are no coroutines: `knock("post", path, body)` gives the reply."""
    with asyncio.Runner() as runner:
        context = open_door()
        opened = runner.run(context.__aenter__())
        yield lambda verb, *args, **more: runner.run(getattr(opened, verb)(*args, **more))
        runner.run(context.__aexit__(None, None, None))
