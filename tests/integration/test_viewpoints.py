"""What the database knows of how people see their chats, and of whom to watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from bridge.domain.ids import MessageRef, PortalId, RoomId, TeamsUserId, UserId
from bridge.domain.portal import Account
from bridge.domain.receipts import Receipt
from bridge.domain.viewpoints import Shown, Viewpoint
from bridge.ports import DueView, Subscription, ViewNews
from bridge.store.accounts import AccountBook
from bridge.store.database import Database
from bridge.store.read_marks import ReadBook
from bridge.store.secrets import Vault
from bridge.store.subscriptions import SubscriptionBook
from bridge.store.viewpoints import SETTLES_AFTER, MarkBook, ViewpointBook
from bridge.store.watches import WatchBook
from tests.contract.test_journal import PostgresWorld, make_portal, place
from tests.integration.stores import opened, world_on
from tests.kit.fake_store import BEGINNING, FakeClock

ME, CHAT, ROOM = TeamsUserId("person-me"), "19:a@thread.v2", RoomId("!room:hs")
FIRST = 1_700_000_000_000
TENANT = place(CHAT).tenant
LEASE = timedelta(minutes=2)

_ROOM = "UPDATE portals SET room_id = $2 WHERE id = $1"
_LINK = """
INSERT INTO links (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
VALUES ($1, $2, $3, 0, 'teams', '1', 'ben', now(), now())
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def world(store: Database) -> AsyncIterator[PostgresWorld]:
    async with world_on(store) as made:
        yield made


async def chat(world: PostgresWorld) -> PortalId:
    portal = await make_portal(world.process(), CHAT)
    await world.database.execute(_ROOM, portal.id, ROOM)
    for number in range(3):
        ref = str(FIRST + number * 1000)
        await world.database.execute(_LINK, portal.id, ref, f"${number}")
    return portal.id


def view(seconds: float, *, hidden: bool = False) -> Viewpoint:
    moment = BEGINNING.fromtimestamp(FIRST / 1000 + seconds, BEGINNING.tzinfo)
    return Viewpoint(read_at=moment, is_hidden=hidden)


async def tell(world: PostgresWorld, seen: Viewpoint | None, name: str = CHAT) -> None:
    async with world.process().unit() as unit:
        await unit.note([ViewNews(place=place(name), person=ME, view=seen)])


async def due(world: PostgresWorld) -> DueView | None:
    """Return what is due once it has settled."""
    now = world.clock.now() + SETTLES_AFTER
    found = await ViewpointBook(world.database).claim(now=now, until=now + LEASE, limit=5)
    return found[0] if found else None


async def test_the_furthest_that_was_told_is_due_once(world: PostgresWorld) -> None:
    portal = await chat(world)
    await tell(world, view(1))
    await tell(world, view(0, hidden=True))  # It was overtaken.
    await tell(world, view(2), "19:of nobody@thread.v2")
    book = ViewpointBook(world.database)

    assert await book.claim(now=world.clock.now(), until=world.clock.now(), limit=5) == ()
    found = await due(world)

    assert found is not None
    assert (found.portal, found.person, found.room) == (portal, ME, ROOM)
    assert found.view == view(1, hidden=True)
    assert not found.asks
    assert found.shown == Shown()
    assert await due(world) is None, "somebody looks at it"
    assert await book.last_until(portal, found.view.read_at or BEGINNING) == ("1700000001000", "$1")
    year_one = BEGINNING.replace(year=1)
    assert await book.last_until(portal, year_one) is None


async def test_what_is_told_during_a_look_is_looked_at_after_it(world: PostgresWorld) -> None:
    await chat(world)
    await tell(world, None)
    book, first = ViewpointBook(world.database), await due(world)
    assert first is not None
    assert first.asks
    await tell(world, None)
    await book.show(first, Shown(through=MessageRef("1700000001000"), hidden=True))
    await book.settle(first, view=view(1, hidden=True), next_at=None)

    second = await due(world)

    assert second is not None
    assert second.asks
    assert second.shown == Shown(through=MessageRef("1700000001000"), hidden=True)
    await book.settle(second, view=view(2, hidden=True), next_at=second.claimed_until)
    world.clock.advance(LEASE)
    third = await due(world)
    assert third is not None
    assert not third.asks
    assert third.view == view(2, hidden=True)
    await book.settle(third, view=None, next_at=None)
    world.clock.advance(timedelta(days=1))
    assert await due(world) is None


async def test_what_was_marked_in_teams_is_known_and_what_is_shown_is_an_echo(
    world: PostgresWorld,
) -> None:
    await chat(world)
    marks, now = MarkBook(world.database), world.clock.now()
    await marks.begin(ME, place(CHAT), now)
    await tell(world, view(1))
    found = await due(world)
    assert found is not None
    assert found.shown.marking_since == now
    await marks.end(ME, place(CHAT), now)
    await ViewpointBook(world.database).show(found, Shown(through=MessageRef("1700000001000")))
    await marks.begin(ME, place(CHAT), now)
    await marks.end(ME, place(CHAT), None)
    await tell(world, view(1))
    world.clock.advance(LEASE)
    again = await due(world)
    assert again is not None
    assert again.shown == Shown(through=MessageRef("1700000001000"), marked_at=now)

    account = Account(user=UserId("@me:hs"), tenant=TENANT, teams_user=ME, name=None)
    await AccountBook(world.database, world.clock, vault()).sign_in(account, "cache")
    receipts = [
        Receipt(room=ROOM, user=account.user, ref=MessageRef(ref)) for ref in ("$0", "$1", "$2")
    ]
    reaches = await ReadBook(world.database).reach(receipts)
    assert [reach is not None and reach.is_echo for reach in reaches] == [True, True, False]


def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


async def test_who_signs_in_is_watched_by_one_process_until_they_sign_out(store: Database) -> None:
    clock, sealed = FakeClock(), vault()
    accounts = AccountBook(store, clock, sealed)
    account = Account(user=UserId("@me:hs"), tenant=TENANT, teams_user=ME, name="Me")
    relay = Account(
        user=UserId("@relay:hs"), tenant=TENANT, teams_user=TeamsUserId("relay"), name=None
    )
    await accounts.sign_in(account, "cache")
    await accounts.sign_in(relay, "cache")
    book = WatchBook(store, sealed, relay_account=relay.user)
    now = clock.now()
    until = now + LEASE

    (one,) = await book.claim(TENANT, now=now, until=until, limit=5)
    assert (one.account, one.missed) == (account, True)
    assert await book.claim(TENANT, now=now, until=until, limit=5) == ()
    await book.settle(one, claimed_until=until, next_at=until + LEASE, missed=False)
    assert await book.claim(TENANT, now=until, until=until, limit=5) == ()
    await book.ring(TENANT, ME)
    (rung,) = await book.claim(TENANT, now=now, until=until, limit=5)
    assert not rung.missed
    await book.miss(rung)
    await book.ring(TENANT, ME)  # During the look.
    await book.settle(rung, claimed_until=until, next_at=until + LEASE, missed=False)
    assert len(await book.claim(TENANT, now=now, until=until, limit=5)) == 1
    kept = await accounts.kept(TENANT, ME)
    assert kept is not None
    await accounts.refuse(kept, reason="revoked")
    await book.ring(TENANT, ME)
    assert await book.claim(TENANT, now=now, until=until, limit=5) == ()
    await accounts.sign_in(account, "cache")
    (anew,) = await book.claim(TENANT, now=now, until=until, limit=5)
    assert anew.missed


async def test_subscriptions_of_people_are_apart_and_found_when_left_over(store: Database) -> None:
    clock, sealed = FakeClock(), vault()
    accounts, book = AccountBook(store, clock, sealed), WatchBook(store, sealed)
    books = SubscriptionBook(store, clock, sealed)
    account = Account(user=UserId("@me:hs"), tenant=TENANT, teams_user=ME, name="Me")
    await accounts.sign_in(account, "cache")
    made = [
        Subscription(
            resource=resource,
            id="s1",
            client_state="state",
            certificate_id=None,
            expires_at=clock.now() + LEASE,
        )
        for resource in ("/users", f"/users/{ME}/chats?x=true", "/users/gone/chats?x=true")
    ]
    for one in made:
        await books.remember_subscription(one)

    assert await books.subscriptions() == (made[0],)
    assert await book.subscription(made[1].resource) == made[1]
    assert await book.count(clock.now()) == 2
    assert await book.count(clock.now() + LEASE) == 0
    assert await book.left_over(everybody=False, limit=5) == ((made[2].resource, "s1"),)
    assert len(await book.left_over(everybody=True, limit=5)) == 2
    await book.forget(made[2].resource)
    assert await book.left_over(everybody=False, limit=5) == ()
    assert await book.secret() == await WatchBook(store, sealed).secret() != ""
