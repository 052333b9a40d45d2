"""Graph's limits on the simulated tenant that keeps them: hardly ever refused, hardly ever idle.

    speakers ── Graph, with its gate ── the way there and back ──▶ tenant, with its limits

Both go by one clock, which moves only while everybody waits: a minute takes seconds, and a busy
machine is no busy network. How long a call is on its way is drawn from a seed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import aiohttp
import pytest
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, TCPConnector
from typing_extensions import override

from bridge.errors import Throttled
from bridge.sandbox.tenant.client import ControlledTenant, TenantControl
from bridge.sandbox.tenant.client_limits import change_limits, limits
from bridge.sandbox.tenant.client_teams import Place as ChannelPlace, TeamsClient
from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tls import Certificates
from bridge.teams.graph import Graph, Token, segment
from bridge.teams.quota import Priority
from bridge.teams.quota_table import MARGIN
from bridge.telemetry import Watch
from tests.kit.witness import watched
from tests.unit.sandbox.tenant.place import DELEGATED, Papers, Place, furnish
from tests.unit.teams.memory import BeatClock, teams_config

DURATION = timedelta(seconds=30)
PER_CHAT = DURATION.total_seconds()
"""Messages that Graph takes in one chat in that time."""
PER_TENANT = 20 * DURATION.total_seconds()
GOODPUT = 0.98
REFUSED_MAX = 0.005
THERE_MAX = MARGIN
"""Seconds by which the ways of two calls to Graph may differ."""
BACK_MAX = 0.3


class Same(TenantClock):
    """The clock of the bridge, for the tenant."""

    def __init__(self, clock: BeatClock) -> None:
        super().__init__()
        self._clock = clock

    @override
    def now(self) -> datetime:
        return self._clock.now()


@dataclass
class OneToken:
    """A credential whose one token is good for as long as the test runs."""

    bearer: str
    everyone: bool = False

    async def token(self, *, refused: str | None = None, claims: str | None = None) -> Token:
        assert refused is None
        return Token(self.bearer)


@dataclass
class Hall:
    """Chats of Alice's, everyone who speaks in them, and what was said and refused."""

    place: Place
    graph: Graph
    clock: BeatClock
    alice: OneToken
    app: OneToken
    chats: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    put_off: Counter[str] = field(default_factory=Counter)
    speakers: list[Callable[[], Coroutine[None, None, None]]] = field(default_factory=list)

    @property
    def tenant(self) -> ControlledTenant:
        return self.place.tenant

    async def open_chats(self, number: int) -> list[str]:
        people = [self.place.alice.id, self.place.bob.id]
        self.chats = [
            await self.tenant.create_chat("group", people, topic=f"Tea {n}") for n in range(number)
        ]
        return self.chats

    async def open_channels(self, number: int) -> list[ChannelPlace]:
        """Channels of one team."""
        teams = TeamsClient(self.tenant)
        people = [self.place.alice.id, self.place.bob.id]
        team = await teams.create_team("Tea", owners=people)
        return [await teams.create_channel(team.id, f"Tea {n}") for n in range(number)]

    def speaks_in(self, channel: ChannelPlace) -> None:
        """Someone who posts the next thing at once."""

        async def speak() -> None:
            while True:
                await self._try(channel.channel, self._post(f"{channel.path}/messages"))

        self.speakers.append(speak)

    def speaks(self, chat: str, *, every: timedelta | None = None) -> None:
        """Someone who says the next thing at once, or after a while."""

        async def speak() -> None:
            while True:
                await self._try(chat, self._say(chat))
                if every is not None:
                    await self.clock.sleep(every)

        self.speakers.append(speak)

    def reads(self, chat: str, priority: Priority) -> None:
        """Someone who reads the chat over and over."""
        path = f"/chats/{segment(chat)}/messages?$top=1"

        async def read() -> None:
            while True:
                page = self.graph.request("GET", path, credential=self.app, priority=priority)
                await self._try(f"{priority.name} {chat}", page)

        self.speakers.append(read)

    async def play(self) -> None:
        """Let all of them do so for a while."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(speak()) for speak in self.speakers]
            await self.clock.beat(len(tasks), DURATION)
            for task in tasks:
                task.cancel()

    async def refused_share(self) -> float:
        refused = (await limits(self.tenant))["refused"]
        assert isinstance(refused, dict)
        return sum(refused.values()) / (sum(self.said.values()) + sum(refused.values()))

    def _say(self, chat: str) -> Awaitable[object]:
        return self._post(f"/chats/{segment(chat)}/messages")

    def _post(self, path: str) -> Awaitable[object]:
        return self.graph.request(
            "POST",
            path,
            credential=self.alice,
            body={"body": {"contentType": "text", "content": "tea?"}},
        )

    async def _try(self, what: str, call: Awaitable[object]) -> None:
        try:
            await call
        except Throttled as error:
            self.put_off[what] += 1
            await self.clock.sleep(error.retry_after)
        else:
            self.said[what] += 1


@pytest.fixture
async def hall(certificates: Certificates) -> AsyncIterator[Hall]:
    trust = certificates.client_context()
    clock = BeatClock(datetime.now(UTC))  # noqa: TID251 -- tokens are of this time
    with watched(judge_requests=True) as witness:
        async with (
            TenantServer(callback_ssl=trust, observer=witness) as server,
            aiohttp.ClientSession(connector=TCPConnector(ssl=trust)) as session,
        ):
            base = await server.start(ssl_context=certificates.server_context())
            async with TenantControl(base, ssl=trust) as control:
                papers = Papers(ca=certificates.authority, key=certificates.authority)
                place = await furnish(server, control, session, papers)
                server.realm.tenants[place.tenant.id].clock = Same(clock)
                server._graph._limits._clock = Same(clock)
                async with _far_away(clock, trust) as far:
                    yield Hall(
                        place=place,
                        graph=Graph(
                            teams_config(graph_url=base), session=far, watch=Watch(), clock=clock
                        ),
                        clock=clock,
                        alice=OneToken(await place.user_token(place.alice)),
                        app=OneToken(await place.app_token(), everyone=True),
                    )


def _far_away(clock: BeatClock, trust: object) -> aiohttp.ClientSession:
    """A session whose calls take their time on the way there, and on the way back."""
    seed = Random(7)  # noqa: S311 -- a run is a function of its seed

    async def travel(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        await clock.sleep(timedelta(seconds=seed.uniform(0, THERE_MAX)))
        response = await handler(request)
        await clock.sleep(timedelta(seconds=seed.uniform(0, BACK_MAX)))
        return response

    connector = TCPConnector(ssl=trust, limit=0)  # type: ignore[arg-type]
    return aiohttp.ClientSession(connector=connector, middlewares=(travel,))


async def test_a_chat_that_floods_has_its_second_and_the_others_never_notice(hall: Hall) -> None:
    flooded, *quiet = await hall.open_chats(10)
    await change_limits(hall.tenant, on=True)
    for _ in range(8):
        hall.speaks(flooded)
    for chat in quiet:
        hall.speaks(chat, every=timedelta(seconds=1.5))
    await hall.play()
    assert hall.said[flooded] >= GOODPUT * PER_CHAT
    assert hall.put_off[flooded] > 0
    assert [hall.put_off[chat] for chat in quiet] == [0] * 9
    assert min(hall.said[chat] for chat in quiet) >= PER_CHAT / (1.5 + THERE_MAX + BACK_MAX)
    assert await hall.refused_share() < REFUSED_MAX


@pytest.mark.parametrize("chats", [10, 30])
async def test_what_graph_takes_is_used_to_the_full_and_shared(hall: Hall, chats: int) -> None:
    for chat in await hall.open_chats(chats):
        hall.speaks(chat)
        hall.speaks(chat)
    await change_limits(hall.tenant, on=True)
    await hall.play()
    budget = min(chats * PER_CHAT, PER_TENANT)
    assert sum(hall.said.values()) >= GOODPUT * budget
    assert min(hall.said[chat] for chat in hall.chats) >= 0.9 * budget / chats
    assert await hall.refused_share() < REFUSED_MAX


async def test_reading_history_takes_what_speaking_leaves(hall: Hall) -> None:
    chats = await hall.open_chats(25)
    await change_limits(hall.tenant, on=True)
    hall.speaks(chats[0])
    hall.reads(chats[0], Priority.HISTORY)
    for chat in chats[1:]:
        hall.reads(chat, Priority.HISTORY)
        hall.reads(chat, Priority.AUDIT)
    await hall.play()
    by_kind = Counter(
        {kind: sum(n for what, n in hall.said.items() if what.startswith(kind))
         for kind in ("HISTORY", "AUDIT")}
    )  # fmt: skip
    assert hall.said[chats[0]] >= 0.7 * PER_CHAT
    assert sum(by_kind.values()) >= 0.9 * PER_TENANT
    assert by_kind["HISTORY"] > 5 * by_kind["AUDIT"]
    assert await hall.refused_share() < REFUSED_MAX


@pytest.mark.parametrize("channels", [1, 3, 8])
async def test_the_channels_of_a_team_share_what_graph_takes_of_it(
    hall: Hall, channels: int
) -> None:
    """One message a second and channel, four requests a second and team."""
    await hall.tenant.change_app(
        hall.place.app, delegated_scopes=[*DELEGATED, "ChannelMessage.Send"]
    )
    hall.place._tokens.clear()
    hall.alice = OneToken(await hall.place.user_token(hall.place.alice))
    places = await hall.open_channels(channels)
    for place in places:
        hall.speaks_in(place)
    await change_limits(hall.tenant, on=True)
    await hall.play()
    budget = min(channels, 4) * DURATION.total_seconds()
    # A bucket of four is used as one of three that never stands still.
    assert sum(hall.said.values()) >= 0.9 * budget
    assert min(hall.said[place.channel] for place in places) >= 0.7 * budget / channels
    assert await hall.refused_share() < REFUSED_MAX


async def test_what_someone_else_takes_of_the_limits_is_learnt_from_graph(hall: Hall) -> None:
    """Another process of the same app halves what there is; who is told to wait waits."""
    for chat in await hall.open_chats(10):
        hall.speaks(chat)
    await change_limits(hall.tenant, on=True, scale=0.5)
    await hall.play()
    told = await limits(hall.tenant)
    refused = sum(dict(told["refused"]).values())  # type: ignore[call-overload]
    assert refused > 0
    assert sum(hall.said.values()) >= 0.6 * 10 * PER_CHAT * 0.5
    assert refused <= sum(hall.said.values())
