"""The Microsoft side on the simulated tenant: sign-in, subscription, notifications, deliveries."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import orjson
import pytest
from aiohttp import web
from cryptography import x509
from prometheus_client import REGISTRY

from bridge.config import Teams
from bridge.domain.content import Body, from_text, plain_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MessageRef,
    Place,
    PortalId,
    Side,
    TeamsUserId,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Account, ConversationKind, Portal
from bridge.errors import (
    ConfigError,
    Rejected,
    Throttled,
    Unauthorized,
    Uncertain,
    Unavailable,
    Unconvertible,
)
from bridge.ports import Delivery, Entry
from bridge.sandbox.tenant.client import ControlledTenant, Person as User, TenantControl
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tls import Certificates
from bridge.teams.answers import GraphRejected
from bridge.teams.auth import SignedIn
from bridge.teams.certificates import make_certificate
from bridge.teams.side import Surroundings, TeamsSide, open_teams
from bridge.teams.subscriptions import LIFETIME, RESOURCE, Addresses
from bridge.telemetry import Watch
from bridge.web.hooks import TeamsHooks
from tests.unit.teams.memory import Accounts, Links, OwnClock, Subscriptions, teams_config

SECRET = "a secret of the tests"  # noqa: S105
REDIRECT = "https://bridge.test/teams/signin/callback"
TURNS = 50
ROLES = ["Chat.Read.All"]


@dataclass
class World:
    """A tenant with an app, the Microsoft side, and a hook that Graph can reach."""

    tenant: ControlledTenant
    teams: Teams
    side: TeamsSide
    books: Subscriptions
    accounts: Accounts
    links: Links
    clock: OwnClock
    watch: Watch
    trust: ssl.SSLContext
    gaps: list[str] = field(default_factory=list)

    async def sign_in(self, person: User, user: str = "@alice:example.org") -> Account:
        signed_in = await self.consent(person)
        account = Account(
            user=UserId(user),
            tenant=signed_in.tenant,
            teams_user=signed_in.teams_user,
            name=signed_in.name,
        )
        await self.accounts.sign_in(account, signed_in.token_cache)
        return account

    async def consent(self, person: User, *, state: str = "ticket") -> SignedIn:
        flow = await self.side.auth.begin_sign_in(REDIRECT, state)
        return await self.side.auth.finish_sign_in(flow, await self.browse(flow, person))

    async def browse(self, flow: dict[str, object], person: User) -> dict[str, str]:
        """What a browser does at Microsoft's page: choose an account; return what comes back."""
        address = str(flow["auth_uri"])
        query = dict(parse_qsl(urlsplit(address).query))
        form = {**query, "user": person.id}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.trust)) as browser,
            browser.post(address.partition("?")[0], data=form, allow_redirects=False) as answer,
        ):
            assert answer.status == 302, unescape(re.sub("<[^>]*>", " ", await answer.text()))
            return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    async def subscribed(self) -> None:
        async with asyncio.timeout(20):
            while not self.side.keeper.is_alive:
                await asyncio.wait_for(self.books_changed(), 20)

    async def books_changed(self) -> None:
        await self.tenant.subscriptions()

    def place(self, chat: str) -> Place:
        return Place(tenant=TenantId(self.teams.tenant_id), conversation=ConversationId(chat))

    def delivery(
        self, chat: str, speaker: str, words: str, *, source: str = "$event", attempts: int = 1
    ) -> Delivery:
        return Delivery(
            id=DeliveryId(1),
            portal=Portal(id=PortalId(1), place=self.place(chat), room=None),
            target=Side.TEAMS,
            source=MessageRef(source),
            speaker=speaker,
            event=MessageSent(
                author=Person(id="@alice:example.org"),
                version=Version(""),
                sent_at=self.clock.now(),
                body=from_text(words),
            ),
            attempts=attempts,
            resumed=attempts > 1,
            created_at=self.clock.now(),
        )


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with make_world(certificates) as made:
        yield made


@asynccontextmanager
async def make_world(certificates: Certificates, **changes: object) -> AsyncIterator[World]:
    trust = certificates.client_context()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_let_tls_close)
        server = await stack.enter_async_context(TenantServer(callback_ssl=trust))
        base = await server.start(ssl_context=certificates.server_context())
        control = await stack.enter_async_context(TenantControl(base, ssl=trust))
        tenant = await control.create_tenant()
        teams = teams_config(
            tenant_id=tenant.id,
            graph_url=base,
            login_url=base,
            client_secret=SECRET,
            ca_file=certificates.authority,
        )
        client_id = await tenant.register_app(
            name="bridge",
            client_id=teams.client_id,
            secret=SECRET,
            redirect_uris=[REDIRECT],
            application_permissions=ROLES,
        )
        assert client_id == teams.client_id
        clock, watch, links = OwnClock(None), Watch(), Links()
        books, accounts, gaps = Subscriptions(), Accounts(), list[str]()
        states: list[TeamsSide] = []
        hooks = TeamsHooks(
            links.as_journal(),
            clock,
            states=lambda: states[0].keeper.accepted_states(),
            window=timedelta(0),
            lifecycle=lambda lifecycle: states[0].keeper.note(lifecycle),
        )
        port = await stack.enter_async_context(serve(hooks, certificates))

        async def on_gap() -> None:
            gaps.append("gap")

        around = Surroundings(
            journal=links.as_journal(),
            accounts=accounts,
            subscriptions=books,
            clock=clock,
            watch=watch,
            addresses=Addresses.below(f"https://127.0.0.1:{port}/teams"),
            on_gap=on_gap,
        )
        side = await stack.enter_async_context(open_teams(teams, around))
        states.append(side)
        yield World(
            tenant=tenant,
            teams=teams,
            side=side,
            books=books,
            accounts=accounts,
            links=links,
            clock=clock,
            watch=watch,
            trust=trust,
            gaps=gaps,
        )


async def _let_tls_close() -> None:
    """asyncio ends a TLS connection some turns of the loop after it was asked to."""
    for _ in range(TURNS):
        await asyncio.sleep(0)  # noqa: TID251 -- turns, not time


@asynccontextmanager
async def serve(hooks: TeamsHooks, certificates: Certificates) -> AsyncIterator[int]:
    app = web.Application()
    app.add_routes(hooks.routes("/teams"))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server_context())
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def kept(world: World) -> AsyncIterator[None]:
    """The keeper at work, with a subscription made."""
    stop = asyncio.Event()
    await world.side.keeper.prepare()
    async with asyncio.TaskGroup() as group:
        group.create_task(world.side.keeper.run(stop))
        try:
            await until(world, lambda: world.side.keeper.is_alive)
            yield
        finally:
            stop.set()


async def until(world: World, happened: object) -> None:
    """Wait for the tenant and us; every round asks the tenant, which takes its time by itself."""
    assert callable(happened)
    async with asyncio.timeout(20):
        while not happened():
            await world.tenant.pending()


async def said(world: World, entry: Entry) -> str:
    reading = await world.side.endpoint.take_in(entry)
    (sighting,) = reading.sightings
    return plain_text(sighting.body)


# --- from Teams -------------------------------------------------------------------------------


async def test_a_message_typed_in_teams_becomes_a_sighting(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice Liddell", "Bob Builder")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        ref = await world.tenant.type(chat, alice.id, "<p>hello <b>Bob</b></p>")
        entry = await world.links.next_entry()
        reading = await world.side.endpoint.take_in(entry)
    (sighting,) = reading.sightings
    assert sighting.origin == world.place(chat)
    assert sighting.ref == ref
    assert sighting.version
    assert sighting.author == Person(id=alice.id, name="Alice Liddell")
    assert plain_text(sighting.body) == "hello Bob"
    assert int(sighting.sent_at.timestamp() * 1000) == int(ref)
    requests = [f"{r['method']} {r['path']}" for r in await world.tenant.requests()]
    assert not [r for r in requests if "/messages/" in r], "a letter needs no reading"
