"""The Microsoft side on the simulated tenant: sign-in, subscription, notifications, deliveries."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import orjson
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bridge.app.clock import SystemClock
from bridge.config import Teams
from bridge.domain.content import (
    Body,
    Mention,
    Paragraph,
    Target,
    TargetKind,
    Text,
    from_text,
    mentions,
    plain_text,
)
from bridge.domain.events import Event, MessageSent, Person, Sighting
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
    is_older,
)
from bridge.domain.portal import Account, ConversationKind, Portal
from bridge.errors import (
    ConfigError,
    Gone,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
    Unconvertible,
    Undecidable,
)
from bridge.ports import Certificate, Delivery, Entry, Subscription
from bridge.sandbox.installation import APPLICATION_PERMISSIONS
from bridge.sandbox.tenant.client import ControlledTenant, Person as User, TenantControl
from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tenant.tokens import Keyring
from bridge.sandbox.tls import Certificates
from bridge.teams.auth import Auth
from bridge.teams.certificates import make_certificate
from bridge.teams.notifications import Lifecycle
from bridge.teams.resources import CHAT_MESSAGES
from bridge.teams.scopes import SCOPES as DELEGATED
from bridge.teams.side import Surroundings, TeamsSide, open_teams
from bridge.teams.signed_in import SignedIn
from bridge.teams.subscriptions import Addresses
from bridge.telemetry import Watch
from bridge.web.hooks import TeamsHooks
from tests.kit.fake_granted import FakeGrantedBook
from tests.kit.fake_media import FakeRoomMedia
from tests.kit.witness import watched
from tests.unit.teams.books import Cursors, Readings
from tests.unit.teams.memory import (
    Accounts,
    HastyClock,
    Links,
    OwnClock,
    Subscriptions,
    WatchedPeople,
    teams_config,
)

SECRET = "a secret of the tests"  # noqa: S105
REDIRECT = "https://bridge.test/teams/signin/callback"
ROLES = list(APPLICATION_PERMISSIONS)
RESOURCE = CHAT_MESSAGES.path
LIFETIME = CHAT_MESSAGES.lifetime
PATIENCE_S = 60
"""Nine subscriptions take two handshakes each, and on two busy cores some 20 s have been seen."""


REQUIRED = tuple(one.name for one in DELEGATED if one.required)
SCOPES = (*REQUIRED, "openid", "profile", "offline_access")


@cache
def signing_keys() -> Keyring:
    """Those of all tenants: two pairs for each world were most of what it takes to set it up."""
    return Keyring(TenantClock().now)


@cache
def certificate() -> Certificate:
    """The one that the books of every world have already; that one is made is seen end to end."""
    return make_certificate(SystemClock().now())


async def agreed() -> None:
    """Nobody has taken over."""


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
    granted: FakeGrantedBook

    @property
    def history(self) -> list[Subscription]:
        """What was written down of the subscription to chat messages."""
        return [one for one in self.books.history if one.resource == RESOURCE]

    async def subscriptions(self, resource: str = RESOURCE) -> list[dict[str, object]]:
        """What there is at Graph for a resource."""
        return [s for s in await self.tenant.subscriptions() if s["resource"] == resource]

    @property
    def gaps(self) -> list[str]:
        """How often the catch-up of chats was rung for."""
        return ["gap"] * len(self.side.catch_ups[0]._rung)

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

    async def deliver(self, delivery: Delivery) -> MessageRef:
        return await self.side.endpoint.deliver(delivery, confirm=agreed)

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
        witness = stack.enter_context(watched(judge_requests=True))
        server = await stack.enter_async_context(
            TenantServer(callback_ssl=trust, keyring=signing_keys(), observer=witness)
        )
        base = await server.start(ssl_context=certificates.server_context())
        control = await stack.enter_async_context(TenantControl(base, ssl=trust))
        tenant = await control.create_tenant()
        await tenant.change_settings(throttling=False)  # What is tested here is not it.
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
            delegated_scopes=list(SCOPES),
        )
        assert client_id == teams.client_id
        clock, watch, links = HastyClock(None), Watch(), Links()
        books, accounts = Subscriptions(), Accounts()
        await books.add_certificate(certificate())
        made: list[TeamsSide] = []

        def states() -> tuple[str, ...]:
            return made[0].keepers.accepted_states()

        async def lifecycle(event: Lifecycle) -> None:
            await made[0].note(event)

        def person_of(state: object) -> TeamsUserId | None:
            return made[0].watches.person_of(state)

        hooks = TeamsHooks(
            links.as_journal(),
            clock,
            states=states,
            window=timedelta(0),
            lifecycle=lifecycle,
            person_of=person_of,
        )
        port = await stack.enter_async_context(serve(hooks, certificates))

        granted = FakeGrantedBook()
        around = Surroundings(
            journal=links.as_journal(),
            accounts=accounts,
            subscriptions=books,
            watches=WatchedPeople(books, accounts),
            clock=clock,
            watch=watch,
            addresses=Addresses.below(f"https://127.0.0.1:{port}/teams"),
            cursors=Cursors(),
            reading=Readings(),
            room_media=FakeRoomMedia(),
            granted=granted,
        )
        side = await stack.enter_async_context(open_teams(teams, around))
        made.append(side)
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
            granted=granted,
        )


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
    await world.side.keepers.prepare()
    async with asyncio.TaskGroup() as group:
        group.create_task(world.side.keepers.run(stop))
        try:
            await until(world, lambda: world.side.keepers.is_alive)
            yield
        finally:
            stop.set()


async def until(world: World, happened: object) -> None:
    """Wait for the tenant and us; every round asks the tenant, which takes its time by itself."""
    assert callable(happened)
    async with asyncio.timeout(PATIENCE_S):
        while not happened():
            await world.tenant.pending()


async def sighted(world: World, entry: Entry) -> Sighting:
    (sighting,) = (await world.side.endpoint.take_in(entry)).sightings
    assert isinstance(sighting, Sighting)
    return sighting


async def said(world: World, entry: Entry) -> str:
    return plain_text((await sighted(world, entry)).body)


# --- from Teams -------------------------------------------------------------------------------


async def test_a_message_typed_in_teams_becomes_a_sighting(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice Liddell", "Bob Builder")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        ref = await world.tenant.type(chat, alice.id, "<p>hello <b>Bob</b></p>")
        entry = await world.links.next_entry()
        sighting = await sighted(world, entry)
    assert sighting.origin == world.place(chat)
    assert sighting.ref == ref
    assert sighting.version
    assert sighting.author == Person(id=alice.id, name="Alice Liddell")
    assert plain_text(sighting.body) == "hello Bob"
    assert int(sighting.sent_at.timestamp() * 1000) == int(ref)
    requests = [f"{r['method']} {r['path']}" for r in await world.tenant.requests()]
    assert not [r for r in requests if "/messages/" in r], "a letter needs no reading"


async def test_a_text_message_its_edit_and_its_end_are_seen_as_they_are(
    world: World,
) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
    async with kept(world):
        ref = await world.tenant.type(chat, bob.id, "1 < 2", content_type="text")
        created = await world.links.next_entry()
        await world.tenant.edit(chat, ref, "<p>1 &lt; 3</p>")
        edited = await world.links.next_entry()
        await world.tenant.delete(chat, ref)
        deleted = await world.links.next_entry()
    first = await sighted(world, created)
    second = await sighted(world, edited)
    assert (plain_text(first.body), plain_text(second.body)) == ("1 < 2", "1 < 3")
    assert first.ref == second.ref
    third = await sighted(world, deleted)
    assert (first.edited, bool(second.edited), third.edited) == ("", True, second.edited)
    assert (first.deleted, second.deleted, third.deleted) == (False, False, True)
    assert first.ref == third.ref
    assert is_older(first.version, second.version)
    assert is_older(second.version, third.version)


async def test_a_bell_brings_the_same_message_as_a_letter(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "<p>hello</p>")
        letter = await world.links.next_entry()
    bell = replace(letter, raw=_without(letter.raw, "encryptedContent"))
    endpoint = world.side.endpoint
    assert await endpoint.take_in(bell) == await endpoint.take_in(letter)


async def test_a_letter_for_an_unknown_certificate_is_read_from_graph(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "<p>hello</p>")
        letter = await world.links.next_entry()
    world.books.kept.clear()
    await world.side.keepers.prepare()
    assert await said(world, letter) == "hello"


async def test_without_validation_tokens_every_letter_is_a_bell(world: World) -> None:
    await world.tenant.change_settings(validation_tokens=False)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "<p>hello</p>")
        assert await said(world, await world.links.next_entry()) == "hello"
    assert world.watch.is_away("validation tokens")


async def test_a_letter_may_be_read_long_after_its_tokens_have_expired(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "<p>hello</p>")
        letter = await world.links.next_entry()
    world.clock.advance(timedelta(hours=8))
    requests = len(await world.tenant.requests())
    assert await said(world, letter) == "hello"
    assert len(await world.tenant.requests()) == requests, "it was no bell"


async def test_a_token_that_was_too_old_when_it_came_makes_a_bell(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "<p>hello</p>")
        letter = await world.links.next_entry()
    late = replace(letter, received_at=letter.received_at + timedelta(hours=29))
    assert await said(world, late) == "hello"


async def test_a_letter_whose_content_was_changed_is_refused_and_counted(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "<p>hello</p>")
        letter = await world.links.next_entry()
    stored = orjson.loads(letter.raw)
    sealed = stored["item"]["encryptedContent"]
    sealed["data"] = (
        "A" + sealed["data"][1:] if sealed["data"][0] != "A" else "B" + sealed["data"][1:]
    )
    before = _refused("bad_signature")
    reading = await world.side.endpoint.take_in(replace(letter, raw=orjson.dumps(stored)))
    assert [i.reason for i in reading.ignored] == ["bad_signature"]
    assert _refused("bad_signature") == before + 1


async def test_letters_that_are_opened_together_say_the_same_and_are_judged_the_same(
    world: World,
) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    endpoint = world.side.endpoint
    async with kept(world):
        for words in ("one", "two", "three"):
            await world.tenant.type(chat, alice.id, words)
        letters = [await world.links.next_entry() for _ in range(3)]
        bell = replace(letters[0], raw=_without(letters[0].raw, "encryptedContent"))
        garbled = replace(letters[0], raw=b"no JSON")
        spoilt = orjson.loads(letters[0].raw)
        spoilt["item"]["encryptedContent"]["dataSignature"] = "AAAA"
        forged = replace(letters[0], raw=orjson.dumps(spoilt))
        unproven = orjson.loads(letters[0].raw)
        unproven["tokens"] = ["no token"]
        doubted = replace(letters[0], raw=orjson.dumps(unproven))
        together = [*letters, bell, garbled, forged, doubted]

        ahead = await endpoint.prepare(together)

        assert [replace(entry, opened=None) for entry in ahead] == together
        assert [entry.opened is not None for entry in ahead] == [True] * 3 + [False] * 3 + [True]
        for opened, letter in zip(ahead[:4], together[:4], strict=True):
            assert await endpoint.take_in(opened) == await endpoint.take_in(letter)
        with pytest.raises(Unconvertible):
            await endpoint.take_in(ahead[4])
        refused = [(await endpoint.take_in(entry)).ignored for entry in ahead[5:]]
        assert [[one.reason for one in some] for some in refused] == [
            ["bad_signature"],
            ["bad_token"],
        ]


async def test_tokens_of_version_one_and_of_rotated_keys_are_believed(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "one")
        assert await said(world, await world.links.next_entry()) == "one"
        await world.tenant.change_settings(validation_token_version=1)
        await world.tenant.rotate_keys()
        await world.tenant.type(chat, alice.id, "two")
        letter = await world.links.next_entry()
        with pytest.raises(Unavailable, match="new key"):
            await world.side.endpoint.take_in(letter)
        world.clock.advance(timedelta(minutes=1))
        assert await said(world, letter) == "two"


async def test_a_message_that_is_gone_when_the_bell_is_followed_is_ignored(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "hello")
        letter = await world.links.next_entry()
    stored = orjson.loads(_without(letter.raw, "encryptedContent"))
    stored["item"]["resource"] = f"chats('{chat}')/messages('1')"
    reading = await world.side.endpoint.take_in(replace(letter, raw=orjson.dumps(stored)))
    assert [i.reason for i in reading.ignored] == ["gone"]


async def test_a_bell_waits_while_graph_is_away(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "hello")
        letter = await world.links.next_entry()
    bell = replace(letter, raw=_without(letter.raw, "encryptedContent"))
    for how in ("drop", "unavailable"):
        await world.tenant.set_weather(away=how)
        with pytest.raises(Unavailable):
            await world.side.endpoint.take_in(bell)
        assert world.watch.is_away("graph")
    await world.tenant.clear_weather()
    assert await said(world, bell) == "hello"
    assert not world.watch.is_away("graph")


async def test_an_item_of_another_tenant_is_refused(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    async with kept(world):
        await world.tenant.type(chat, alice.id, "hello")
        letter = await world.links.next_entry()
    stored = orjson.loads(letter.raw)
    stored["item"]["tenantId"] = "00000000-0000-4000-8000-000000000000"
    reading = await world.side.endpoint.take_in(replace(letter, raw=orjson.dumps(stored)))
    assert [i.reason for i in reading.ignored] == ["wrong_tenant"]


# --- the subscription -------------------------------------------------------------------------


async def test_the_intent_is_stored_before_graph_is_asked(world: World) -> None:
    async with kept(world):
        pass
    intent, made = world.history
    assert intent.id is None
    assert intent.client_state == made.client_state
    assert made.id is not None
    assert made.client_state in world.side.keepers.accepted_states()
    assert world.gaps == []


async def test_a_restart_goes_on_with_the_subscription_there_is(world: World) -> None:
    async with kept(world):
        pass
    async with kept(world):
        pass
    assert len(await world.subscriptions()) == 1
    assert len(world.history) == 2
    assert world.gaps == []


async def test_a_crash_before_graphs_answer_was_stored_ends_in_one_subscription(
    world: World,
) -> None:
    async with kept(world):
        pass
    await world.books.remember_subscription(replace(world.books.known[RESOURCE], id=None))
    async with kept(world):
        (only,) = await world.subscriptions()
    assert world.books.known[RESOURCE].id == only["id"]
    assert world.gaps == ["gap"]


async def test_it_is_renewed_when_a_third_of_its_life_is_left(world: World) -> None:
    async with kept(world):
        before = world.books.known[RESOURCE]
        await step(world, LIFETIME * 2 / 3 + timedelta(minutes=1))
        await until(world, lambda: world.books.known[RESOURCE].expires_at > before.expires_at)
    assert world.books.known[RESOURCE].id == before.id
    assert world.gaps == []


async def test_it_is_renewed_when_graph_asks_to_reauthorize(world: World) -> None:
    async with kept(world):
        known = world.books.known[RESOURCE]
        await world.tenant.challenge(str(known.id))
        await until(world, lambda: len(world.history) > 2)
    requests = [f"{r['method']} {r['path']}" for r in await world.tenant.requests()]
    assert f"PATCH /v1.0/subscriptions/{known.id}" in requests
    assert not [r for r in requests if r.endswith("/reauthorize")]


@pytest.mark.parametrize("told", [True, False])
async def test_a_subscription_that_is_gone_is_made_anew_and_the_gap_is_told(
    world: World, told: bool
) -> None:
    async with kept(world):
        known = world.books.known[RESOURCE]
        await world.tenant.kill_subscription(str(known.id), lifecycle=told)
        if not told:
            await step(world, timedelta(hours=1))
        await until(world, lambda: world.gaps)
    made = world.books.known[RESOURCE]
    assert made.id not in {None, known.id}
    assert made.client_state == known.client_state, "what is under way must still be accepted"


async def test_one_that_ran_out_while_we_were_down_is_made_anew(world: World) -> None:
    async with kept(world):
        pass
    await step(world, LIFETIME + timedelta(minutes=1))
    async with kept(world):
        pass
    assert world.gaps == ["gap"]


async def test_a_subscription_of_ours_that_is_not_in_the_book_is_replaced(world: World) -> None:
    async with kept(world):
        pass
    world.books.known.clear()
    async with kept(world):
        (only,) = await world.subscriptions()
    assert only["id"] == world.books.known[RESOURCE].id


async def test_without_the_permission_an_operator_is_told_which(world: World) -> None:
    await world.tenant.change_app(world.teams.client_id, application_permissions=[])
    stop = asyncio.Event()
    await world.side.keepers.prepare()
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(world.side.keepers.run(stop))
            await until(world, lambda: world.watch.is_away("subscription"))
            stop.set()
    (said_so,) = [line for line in logs if line["event"].startswith("subscription away")]
    assert "Chat.Read.All" in said_so["hint"]
    assert "admin consent" in said_so["hint"]


async def test_a_certificate_near_its_end_is_replaced_at_the_next_renewal(world: World) -> None:
    old = make_certificate(world.clock.now() - timedelta(days=350))
    await world.books.add_certificate(old)
    world.books.kept[:] = [old]
    async with kept(world):
        assert world.books.known[RESOURCE].certificate_id != old.id
        assert set(world.side.endpoint.reader.keyring.keys) >= {old.id}


# --- sign-in ----------------------------------------------------------------------------------


async def test_whoever_signs_in_is_named_by_microsoft(world: World) -> None:
    alice = await world.tenant.add_user("Alice Liddell")
    signed_in = await world.consent(alice)
    assert signed_in.tenant == world.teams.tenant_id
    assert signed_in.teams_user == alice.id
    assert signed_in.name == "Alice Liddell"
    assert signed_in.upn == alice.upn
    assert "refresh" not in repr(signed_in).lower()


async def test_a_sign_in_uses_pkce_and_asks_for_no_more_than_it_takes(world: World) -> None:
    flow = await world.side.auth.begin_sign_in(REDIRECT, "ticket", "alice@example.org")
    query = dict(parse_qsl(urlsplit(str(flow["auth_uri"])).query))
    assert query["code_challenge_method"] == "S256"
    assert set(query["scope"].split()) == set(SCOPES)
    assert query["login_hint"] == "alice@example.org"


async def test_a_sign_in_with_a_changed_state_is_refused(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    flow = await world.side.auth.begin_sign_in(REDIRECT, "ticket")
    query = await world.browse(flow, alice)
    with pytest.raises(Unauthorized, match="not begun here"):
        await world.side.auth.finish_sign_in(flow, {**query, "state": "another"})


async def test_a_code_works_once(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    flow = await world.side.auth.begin_sign_in(REDIRECT, "ticket")
    query = await world.browse(flow, alice)
    await world.side.auth.finish_sign_in(flow, query)
    with pytest.raises(Unauthorized, match="AADSTS54005"):
        await world.side.auth.finish_sign_in(flow, query)


async def test_a_code_of_another_flow_is_refused(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    first = await world.side.auth.begin_sign_in(REDIRECT, "ticket")
    second = await world.side.auth.begin_sign_in(REDIRECT, "ticket")
    query = await world.browse(first, alice)
    with pytest.raises(Unauthorized):
        await world.side.auth.finish_sign_in(second, query)


async def test_a_declined_sign_in_says_so(world: World) -> None:
    flow = await world.side.auth.begin_sign_in(REDIRECT, "ticket")
    query = {"error": "access_denied", "error_description": "AADSTS65004: no", "state": "ticket"}
    with pytest.raises(Unauthorized, match="declined"):
        await world.side.auth.finish_sign_in(flow, query)


async def test_a_wrong_secret_locks_everyone_out_and_says_what_to_do(
    certificates: Certificates,
) -> None:
    async with make_world(certificates) as world:
        await world.tenant.expire_secret(world.teams.client_id)
        with pytest.raises(Unauthorized, match=r"has expired.*AADSTS7000222") as raised:
            await world.side.auth.app_token()
        assert raised.value.everyone


async def test_a_certificate_in_place_of_a_secret(
    certificates: Certificates, tmp_path: Path
) -> None:
    async with make_world(certificates) as world:
        pair = make_certificate(world.clock.now())
        file = tmp_path / "app.pem"
        file.write_text(pair.private_key + pair.certificate)
        await world.tenant.change_app(world.teams.client_id, certificate=pair.certificate)
        teams = replace(world.teams, client_secret=None, certificate_file=file)
        auth = Auth(teams, book=world.accounts, clock=world.clock, watch=world.watch)
        assert await auth.app_token()
        await auth.close()


async def test_entra_being_away_is_told_apart_from_being_refused(world: World) -> None:
    await world.tenant.set_weather(away="drop")
    with pytest.raises(Unavailable):
        await world.side.auth.app_token()
    assert world.watch.is_away("sign-in")
    await world.tenant.set_weather(away="unavailable")
    with pytest.raises(Unavailable):
        await world.side.auth.app_token()
    await world.tenant.clear_weather()
    assert await world.side.auth.app_token()
    assert not world.watch.is_away("sign-in")


async def test_many_who_need_a_token_ask_for_it_once(world: World) -> None:
    tokens = await asyncio.gather(*(world.side.auth.app_token() for _ in range(20)))
    assert len(set(tokens)) == 1
    asked = [r for r in await world.tenant.requests() if str(r["path"]).endswith("/token")]
    assert len(asked) == 1


# --- to Teams ---------------------------------------------------------------------------------


async def test_a_delivery_is_posted_as_the_speaker(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    delivery = world.delivery(chat, alice.id, "hello\nBob")
    ref = await world.deliver(delivery)
    (message,) = await world.tenant.messages(chat)
    assert message["id"] == ref
    assert message["from"]["user"]["id"] == alice.id  # type: ignore[index]
    assert world.accounts.reads <= 2
    await world.deliver(delivery)
    assert world.accounts.reads <= 2, "the hot path does not read the book"


async def test_nobody_speaks_who_is_not_signed_in(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    with pytest.raises(Unauthorized, match="sign in") as raised:
        await world.deliver(world.delivery(chat, alice.id, "hello"))
    assert not raised.value.everyone


async def test_a_revoked_sign_in_asks_for_a_new_one(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    await world.deliver(world.delivery(chat, alice.id, "one"))
    await world.tenant.revoke_sessions(alice.id, access_tokens=True)
    with pytest.raises(Unauthorized, match="sign in again") as raised:
        await world.deliver(world.delivery(chat, alice.id, "two"))
    assert not raised.value.everyone


async def test_an_expired_token_is_refreshed_and_the_new_cache_kept(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    account = await world.sign_in(alice)
    before = world.accounts.caches[account.user]
    await world.tenant.advance_clock(timedelta(hours=29))
    await world.deliver(world.delivery(chat, alice.id, "hello"))
    assert world.accounts.caches[account.user] != before


@pytest.mark.parametrize("kept_attributes", [True, False])
async def test_what_an_uncertain_attempt_left_is_found(world: World, kept_attributes: bool) -> None:
    await world.tenant.change_settings(keep_unknown_attributes=kept_attributes)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    await world.tenant.type(chat, bob.id, "<p>I say it &amp; mean it</p>")
    delivery = world.delivery(chat, alice.id, "I say it & mean it")
    await world.tenant.add_fault("/messages", method="POST", kind="drop_after")
    with pytest.raises(Uncertain):
        await world.deliver(delivery)
    found = await world.side.endpoint.find(delivery)
    assert found == (await world.tenant.messages(chat))[-1]["id"]
    other = world.delivery(chat, alice.id, "something else", source="$other")
    assert await world.side.endpoint.find(other) is None


@pytest.mark.parametrize("kept_attributes", [True, False])
@pytest.mark.parametrize("change", ["edit", "delete"])
async def test_what_its_author_changed_before_it_was_looked_for_cannot_be_told(
    world: World, change: str, kept_attributes: bool
) -> None:
    await world.tenant.change_settings(keep_unknown_attributes=kept_attributes)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    delivery = world.delivery(chat, alice.id, "hello")
    await world.tenant.add_fault("/messages", method="POST", kind="drop_after")
    with pytest.raises(Uncertain):
        await world.deliver(delivery)
    (ref,) = [MessageRef(str(m["id"])) for m in await world.tenant.messages(chat)]
    if change == "edit":
        await world.tenant.edit(chat, ref, "<p>hello, all</p>")
    else:
        await world.tenant.delete(chat, ref)
    with pytest.raises(Undecidable, match=f"message {ref} was edited or deleted"):
        await world.side.endpoint.find(delivery)
    world.links.linked.add((PortalId(1), ref))
    assert await world.side.endpoint.find(delivery) is None, "it is known to be another"


async def test_of_equal_messages_the_oldest_that_is_not_linked_is_ours(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    first, second = (
        world.delivery(chat, alice.id, "ok", source=source) for source in ("$one", "$two")
    )
    one = await world.deliver(first)
    two = await world.deliver(second)
    world.links.linked.add((PortalId(1), one))
    assert await world.side.endpoint.find(second) == two
    world.links.linked.add((PortalId(1), two))
    assert await world.side.endpoint.find(second) is None


async def test_with_attributes_kept_the_same_words_are_not_mistaken(world: World) -> None:
    await world.tenant.change_settings(keep_unknown_attributes=True)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    await world.deliver(world.delivery(chat, alice.id, "ok", source="$one"))
    await world.tenant.type(chat, alice.id, "ok")
    assert await world.side.endpoint.find(world.delivery(chat, alice.id, "ok", source="$2")) is None


async def test_a_chat_with_many_messages_since_is_searched_page_by_page(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    delivery = world.delivery(chat, alice.id, "mine")
    ref = await world.deliver(delivery)
    noise: list[dict[str, object]] = [
        {"user": bob.id, "content": f"noise {number}"} for number in range(120)
    ]
    await world.tenant.type_many(chat, noise)
    assert await world.side.endpoint.find(delivery) == ref


async def test_a_dropped_connection_before_anything_was_done_leaves_no_trace(
    world: World,
) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    delivery = world.delivery(chat, alice.id, "hello")
    await world.tenant.add_fault("/messages", method="POST", kind="drop_before")
    with pytest.raises(Uncertain):
        await world.deliver(delivery)
    assert await world.side.endpoint.find(delivery) is None


async def test_a_throttled_delivery_waits_as_long_as_it_was_told(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    await world.tenant.add_fault("/messages", method="POST", status=429, retry_after_seconds=17)
    with pytest.raises(Throttled) as raised:
        await world.deliver(world.delivery(chat, alice.id, "hello"))
    assert raised.value.retry_after == timedelta(seconds=17)


@pytest.mark.parametrize(
    ("status", "kind"), [(503, Unavailable), (502, Uncertain), (500, Uncertain)]
)
async def test_what_is_known_after_a_failed_post(
    world: World, status: int, kind: type[Exception]
) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    await world.tenant.add_fault("/messages", method="POST", status=status)
    with pytest.raises(kind):
        await world.deliver(world.delivery(chat, alice.id, "hello"))


async def test_who_left_the_chat_can_no_longer_speak_in_it(world: World) -> None:
    alice, bob, carol = await world.tenant.add_users("Alice", "Bob", "Carol")
    chat = await world.tenant.create_chat("group", [bob.id, carol.id])
    await world.sign_in(alice)
    with pytest.raises(Rejected, match="no longer in the chat"):
        await world.deliver(world.delivery(chat, alice.id, "hello"))


async def test_a_long_message_fits_in_parts_that_teams_takes(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    whole = world.delivery(chat, alice.id, "lorem <ipsum> " * 5_000)
    parts = world.side.endpoint.fit(whole.event)
    assert len(parts) > 1
    assert [numbers(part) for part in parts] == [
        (number, len(parts)) for number in range(len(parts))
    ]
    for event in parts:
        await world.deliver(replace(whole, event=event))
    with pytest.raises(Rejected, match="too large"):
        await world.deliver(whole)


def numbers(event: Event) -> tuple[int, int]:
    assert isinstance(event, MessageSent)
    return event.part, event.parts


async def test_a_mention_reaches_the_one_who_is_mentioned(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    await world.sign_in(alice)
    mention = Mention(target=Target(kind=TargetKind.TEAMS_USER, id=bob.id), text="Bob")
    body = Body(blocks=(Paragraph(content=(Text(text="hello "), mention)),))
    blank = world.delivery(chat, alice.id, "")
    assert isinstance(blank.event, MessageSent)
    async with kept(world):
        await world.deliver(replace(blank, event=replace(blank.event, body=body)))
        sighting = await sighted(world, await world.links.next_entry())
    assert mention in mentions(sighting.body)


# --- the directory ----------------------------------------------------------------------------


async def test_the_directory_describes_a_chat(world: World) -> None:
    people = await world.tenant.add_users(*(f"Person {number}" for number in range(40)))
    chat = await world.tenant.create_chat("group", [p.id for p in people], topic="Tea")
    described = await world.side.directory.describe(world.place(chat))
    assert described.kind is ConversationKind.GROUP
    assert described.topic == "Tea"
    assert {(m.id, m.name) for m in described.members} == {(p.id, p.display_name) for p in people}


async def test_the_directory_knows_whose_chats_are_whose(world: World) -> None:
    people = await world.tenant.add_users("Alice", *(f"Person {number}" for number in range(60)))
    alice, *others = people
    chats = {await world.tenant.create_chat("oneOnOne", [alice.id, o.id]) for o in others}
    found = await world.side.directory.conversations_of(TeamsUserId(alice.id))
    assert {place.conversation for place in found} == chats


async def test_a_chat_that_graph_does_not_know_is_gone(world: World) -> None:
    with pytest.raises(Gone):
        await world.side.directory.describe(world.place("19:nowhere@thread.v2"))


async def test_a_name_comes_from_the_chat_and_is_remembered(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("oneOnOne", [alice.id, bob.id])
    place, who = world.place(chat), TeamsUserId(alice.id)
    assert await world.side.directory.name_of(place, who) == "Alice"
    await world.tenant.set_weather(away="drop")
    assert await world.side.directory.name_of(place, who) == "Alice"
    world.clock.advance(timedelta(days=1))
    assert await world.side.directory.name_of(place, who) == "Alice", "an old name beats none"
    assert await world.side.directory.name_of(place, TeamsUserId("nobody")) is None


def test_a_certificate_file_that_is_of_no_use_is_named(tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    file.write_text("nothing")
    teams = teams_config(client_secret=None, certificate_file=file)
    with pytest.raises(
        ConfigError, match=r"teams\.certificate_file: .*app\.pem holds no private key"
    ):
        Auth(teams, book=Accounts(), clock=OwnClock(), watch=Watch())


async def step(world: World, by: timedelta) -> None:
    """Move both clocks; the bridge's sleepers wake."""
    await world.tenant.advance_clock(by)
    world.clock.advance(by)


def _without(raw: bytes, name: str) -> bytes:
    stored = orjson.loads(raw)
    del stored["item"][name]
    return orjson.dumps(stored)


def _refused(reason: str) -> float:
    labels = {"hook": "teams", "reason": reason}
    return REGISTRY.get_sample_value("teams_bridge_refused_total", labels) or 0
