"""The books: what a side remembers is there again, sealed where it must be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from bridge.domain.ids import RoomId, Side, TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.errors import ConfigError
from bridge.ports import Certificate, Ghost, Subscription, Unread
from bridge.store.accounts import AccountBook
from bridge.store.cursors import CursorBook
from bridge.store.database import Database
from bridge.store.ghosts import GhostBook
from bridge.store.inbox import PRUNED_AT_ONCE_MAX, prune_read_events
from bridge.store.portals import PortalBook
from bridge.store.readings import ReadingBook
from bridge.store.rooms import RoomBook
from bridge.store.secrets import Vault
from bridge.store.sign_ins import SIGN_INS_PER_USER_MAX, SignInBook, prune
from bridge.store.subscriptions import SubscriptionBook
from tests.contract.test_journal import PostgresWorld, entry, make_portal, place
from tests.integration.stores import opened, world_on
from tests.kit.fake_store import FakeClock

MINUTE = timedelta(minutes=1)
TENANT = TenantId("tenant")
ANNA, BERT = UserId("@anna:matrix.test"), UserId("@bert:matrix.test")
SECRET = "what nobody may read"  # noqa: S105 -- of a test


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def world(store: Database) -> AsyncIterator[PostgresWorld]:
    async with world_on(store) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


@pytest.fixture
def accounts(store: Database, clock: FakeClock, vault: Vault) -> AccountBook:
    return AccountBook(store, clock, vault)


@pytest.fixture
def sign_ins(store: Database, clock: FakeClock, vault: Vault) -> SignInBook:
    return SignInBook(store, clock, vault)


def account(user: UserId, teams_user: str = "anna", name: str | None = "Anna") -> Account:
    return Account(user=user, tenant=TENANT, teams_user=TeamsUserId(teams_user), name=name)


# --- portals and rooms ---


async def test_a_portal_remembers_its_room(store: Database, world: PostgresWorld) -> None:
    book = PortalBook(store, world.clock)
    journal = world.process()
    portal, other = await make_portal(journal), await make_portal(journal, "other")
    assert await book.room_of(portal.id) is None

    await book.remember_room(portal, RoomId("!room:matrix.test"), name="a name\x00with a NUL")
    assert book.bell.is_set(), "people are let in at once"
    await book.remember_room(portal, RoomId("!other:matrix.test"), name="Late")

    assert await book.room_of(portal.id) == "!room:matrix.test", "people have joined it meanwhile"
    assert await book.rooms_of([place(), other.place]) == ("!room:matrix.test",)
    assert await book.rooms_of([]) == ()


async def test_rooms_are_listed_by_their_names(store: Database, world: PostgresWorld) -> None:
    book = PortalBook(store, world.clock)
    journal = world.process()
    first, second, third = [await make_portal(journal, name) for name in ("1", "2", "3")]
    await make_portal(journal, "without a room")
    await book.remember_room(first, RoomId("!b:matrix.test"), name="beta")
    await book.remember_room(second, RoomId("!a:matrix.test"), name="Alpha")
    await book.remember_room(third, RoomId("!c:matrix.test"), name="")

    places = [first.place, second.place, third.place, place("without a room"), place("unknown")]
    found = await book.named_rooms(places)

    assert [(one.room, one.name) for one in found] == [
        ("!c:matrix.test", None),
        ("!a:matrix.test", "Alpha"),
        ("!b:matrix.test", "beta"),
    ]
    assert await book.named_rooms([]) == ()


async def test_the_bot_finds_its_room_with_a_user_again(store: Database) -> None:
    book = RoomBook(store)
    assert await book.desk_room(ANNA) is None

    await book.remember_desk_room(ANNA, RoomId("!one:matrix.test"))
    await book.remember_desk_room(ANNA, RoomId("!two:matrix.test"))

    assert await book.desk_room(ANNA) == "!two:matrix.test"


async def test_a_cursor_moves(store: Database, clock: FakeClock) -> None:
    book = CursorBook(store, clock)
    assert await book.cursor(Side.MATRIX, "sync") is None

    await book.move(Side.MATRIX, "sync", "s1")
    await book.move(Side.MATRIX, "sync", "s2")
    await book.move(Side.TEAMS, "sync", "t1")

    assert await book.cursor(Side.MATRIX, "sync") == "s2"


# --- what was read ---


async def test_a_conversation_is_read_from_where_its_portal_was_made(
    store: Database, world: PostgresWorld
) -> None:
    book, now = ReadingBook(store), world.clock.now()
    portal = await make_portal(world.process())
    unread = Unread(portal=portal.id, place=place(), read_until=now)

    assert await book.unread_since(now, limit=9, channels=False) == ()
    assert await book.unread_since(now + MINUTE, limit=9, channels=False) == (unread,)


async def test_a_mark_moves_on_only_from_where_it_stands_and_never_back(
    store: Database, world: PostgresWorld
) -> None:
    book, now = ReadingBook(store), world.clock.now()
    await make_portal(world.process())

    async def mark(since: timedelta, until: timedelta) -> timedelta:
        await book.mark_read(place(), since=now + since, until=now + until)
        (unread,) = await book.all_after(None, limit=9)
        return unread.read_until - now

    assert await mark(-MINUTE, MINUTE) == MINUTE
    assert await mark(MINUTE, 2 * MINUTE) == 2 * MINUTE
    assert await mark(timedelta(), MINUTE) == 2 * MINUTE
    assert await mark(3 * MINUTE, 4 * MINUTE) == 2 * MINUTE  # What lies between is unread.
    await book.mark_read(place("of nobody"), since=now, until=now + MINUTE)


async def test_the_longest_unread_comes_first_and_all_come_by_their_number(
    store: Database, world: PostgresWorld
) -> None:
    book, now = ReadingBook(store), world.clock.now()
    journal = world.process()
    portals = [await make_portal(journal, name) for name in "abcd"]
    for number, portal in enumerate(portals):
        await book.mark_read(portal.place, since=now, until=now + (9 - number) * MINUTE)
    before = now + 9 * MINUTE

    unread = await book.unread_since(before, limit=2, channels=False)
    first = await book.all_after(None, limit=3)
    rest = await book.all_after(first[-1].portal, limit=3)

    assert [one.portal for one in unread] == [portals[3].id, portals[2].id]
    assert [one.place for one in (*first, *rest)] == [portal.place for portal in portals]
    assert await book.all_after(portals[3].id, limit=3) == ()


async def test_chats_and_channels_are_read_apart(store: Database, world: PostgresWorld) -> None:
    book, later = ReadingBook(store), world.clock.now() + MINUTE
    journal = world.process()
    chat, channel = [await make_portal(journal, name) for name in ("chat", "team/channel")]

    for portal, channels in ((chat, False), (channel, True)):
        (unread,) = await book.unread_since(later, limit=9, channels=channels)
        assert unread.portal == portal.id
        (found,) = await book.all_after(None, limit=9, channels=channels)
        assert found.portal == portal.id
    assert len(await book.all_after(None, limit=9)) == 2


async def test_a_conversation_without_a_portal_is_told_from_the_others(
    store: Database, world: PostgresWorld
) -> None:
    book = ReadingBook(store)
    await make_portal(world.process(), "known")
    strangers = (place("one"), place("another"))

    assert set(await book.unknown_among([place("known"), *strangers])) == set(strangers)
    assert await book.unknown_among([place("known")]) == ()
    assert await book.unknown_among([]) == ()


async def test_what_was_read_in_matrix_long_ago_is_forgotten_in_short_bites(
    store: Database, world: PostgresWorld
) -> None:
    now = world.clock.now()
    await store.execute(
        "INSERT INTO read_events SELECT 'old ' || n, $1 FROM generate_series(1, $2::integer) n",
        now - MINUTE,
        PRUNED_AT_ONCE_MAX + 10,
    )
    await store.execute("INSERT INTO read_events VALUES ('young', $1)", now)

    assert await prune_read_events(store, now) == PRUNED_AT_ONCE_MAX + 10
    assert await prune_read_events(store, now) == 0

    young = [entry(world, key, side=Side.MATRIX) for key in ("young", "old 1")]
    assert await world.process().append_entries(young) == 1


# --- ghosts ---


async def test_a_ghost_is_remembered_beyond_the_memory_of_a_process(
    store: Database, clock: FakeClock
) -> None:
    book = GhostBook(store, clock, remembered_max=2)
    ghosts = [
        Ghost(tenant=TENANT, person=f"person {n}", name=None, has_device=False) for n in range(4)
    ]
    assert await book.ghost(TENANT, "person 0") is None
    for ghost in ghosts:
        await book.remember_ghost(ghost)
    renamed = Ghost(tenant=TENANT, person="person 0", name="Anna", has_device=True)
    await book.remember_ghost(renamed)

    for reader in (book, GhostBook(store, clock)):
        assert await reader.ghost(TENANT, "person 0") == renamed
        assert await reader.ghost(TENANT, "person 1") == ghosts[1]
        assert await reader.ghost(TENANT, "person 1") == ghosts[1]
        assert await reader.ghost(TENANT, "stranger") is None


# --- accounts ---


async def test_an_account_is_found_by_its_matrix_and_by_its_teams_user(
    accounts: AccountBook,
) -> None:
    anna, bert = account(ANNA), account(BERT, "bert", None)
    assert await accounts.account_of(ANNA) is None
    assert await accounts.sign_in(anna, SECRET) is None
    assert await accounts.sign_in(bert, SECRET) is None

    assert await accounts.account_of(ANNA) == anna
    asked = [ANNA, BERT, UserId("@carl:example.org")]
    assert await accounts.accounts_of(asked) == {ANNA: anna, BERT: bert}
    people = [TeamsUserId(name) for name in ("anna", "bert", "carl")]
    assert set(await accounts.accounts_among(TENANT, people)) == {anna, bert}
    assert await accounts.accounts_among(TenantId("other"), people) == ()
    assert await accounts.accounts_among(TENANT, []) == ()


async def test_a_teams_user_belongs_to_one_matrix_user_until_they_sign_out(
    accounts: AccountBook,
) -> None:
    await accounts.sign_in(account(ANNA), SECRET)

    assert await accounts.sign_in(account(BERT), "bert's") == ANNA
    assert await accounts.account_of(BERT) is None
    assert await accounts.token_cache(ANNA) == SECRET

    await accounts.sign_out(ANNA)
    assert await accounts.sign_in(account(BERT), "bert's") is None
    assert await accounts.sign_in(account(ANNA), SECRET) == BERT


async def test_of_two_who_claim_one_account_at_once_one_gets_it(accounts: AccountBook) -> None:
    both = [accounts.sign_in(account(user), SECRET) for user in (ANNA, BERT)]
    holders = set(await asyncio.gather(*both))

    (holder,) = holders - {None}
    assert len(holders) == 2
    assert await accounts.account_of(UserId(str(holder))) is not None


async def test_who_is_refused_another_account_keeps_the_one_they_have(
    accounts: AccountBook,
) -> None:
    await accounts.sign_in(account(ANNA), SECRET)
    await accounts.sign_in(account(BERT, "bert"), "bert's")

    assert await accounts.sign_in(account(BERT), "stolen") == ANNA

    assert await accounts.account_of(BERT) == account(BERT, "bert")
    assert await accounts.token_cache(BERT) == "bert's"


async def test_signing_out_ends_the_account(accounts: AccountBook) -> None:
    await accounts.sign_in(account(ANNA), SECRET)

    assert await accounts.sign_out(ANNA)
    assert not await accounts.sign_out(ANNA)

    assert await accounts.account_of(ANNA) is None
    assert await accounts.token_cache(ANNA) is None
    await accounts.store_token_cache(ANNA, "too late")
    assert await accounts.token_cache(ANNA) is None


async def test_a_token_cache_is_kept_sealed(
    accounts: AccountBook, store: Database, clock: FakeClock
) -> None:
    await accounts.sign_in(account(ANNA), SECRET)
    assert await accounts.token_cache(ANNA) == SECRET
    await accounts.store_token_cache(ANNA, f"{SECRET}, newer")
    assert await accounts.token_cache(ANNA) == f"{SECRET}, newer"

    (row,) = await store.fetch("SELECT accounts::text AS everything FROM accounts")
    assert SECRET.encode().hex() not in row["everything"]
    assert SECRET not in row["everything"]
    stranger = AccountBook(store, clock, Vault([Fernet.generate_key().decode()]))
    with pytest.raises(ConfigError, match="put the key that wrote it back"):
        await stranger.token_cache(ANNA)


async def test_who_has_signed_in_is_welcomed_once(accounts: AccountBook, clock: FakeClock) -> None:
    await accounts.sign_in(account(ANNA), SECRET)
    clock.advance(MINUTE)
    await accounts.sign_in(account(BERT, "bert"), SECRET)

    assert await accounts.unwelcomed(limit=1) == (account(ANNA),)
    await accounts.mark_welcomed(ANNA)
    assert await accounts.unwelcomed(limit=9) == (account(BERT, "bert"),)

    await accounts.sign_in(account(ANNA), SECRET)
    assert account(ANNA) not in await accounts.unwelcomed(limit=9)
    await accounts.sign_in(account(ANNA, "anna's other account"), SECRET)
    assert account(ANNA, "anna's other account") in await accounts.unwelcomed(limit=9)


# --- sign-ins ---


async def test_a_ticket_leads_to_its_user_and_gives_its_flow_once(
    sign_ins: SignInBook, clock: FakeClock
) -> None:
    await sign_ins.open_sign_in("ticket", ANNA, expires_at=clock.now() + MINUTE)

    assert await sign_ins.user_of_ticket("ticket") == ANNA
    assert await sign_ins.take_flow("ticket") is None
    assert await sign_ins.store_flow("ticket", SECRET)
    assert await sign_ins.take_flow("ticket") == (ANNA, SECRET)

    assert await sign_ins.take_flow("ticket") is None
    assert await sign_ins.user_of_ticket("ticket") is None
    assert not await sign_ins.store_flow("ticket", SECRET)
    assert not await sign_ins.store_flow("no ticket", SECRET)


async def test_a_ticket_ends(sign_ins: SignInBook, clock: FakeClock) -> None:
    await sign_ins.open_sign_in("ticket", ANNA, expires_at=clock.now() + MINUTE)
    await sign_ins.store_flow("ticket", SECRET)
    clock.advance(MINUTE)

    assert await sign_ins.user_of_ticket("ticket") is None
    assert not await sign_ins.store_flow("ticket", SECRET)
    assert await sign_ins.take_flow("ticket") is None


async def test_neither_ticket_nor_flow_can_be_read_in_the_database(
    sign_ins: SignInBook, store: Database, clock: FakeClock
) -> None:
    await sign_ins.open_sign_in("ticket", ANNA, expires_at=clock.now() + MINUTE)
    await sign_ins.store_flow("ticket", SECRET)

    (row,) = await store.fetch("SELECT ticket_hash, flow_sealed FROM sign_ins")

    assert b"ticket" not in row["ticket_hash"]
    assert SECRET.encode() not in row["flow_sealed"]


async def test_a_user_has_few_sign_ins_under_way(sign_ins: SignInBook, clock: FakeClock) -> None:
    await sign_ins.open_sign_in("of bert", BERT, expires_at=clock.now() + MINUTE)
    for number in range(SIGN_INS_PER_USER_MAX + 2):
        clock.advance(timedelta(seconds=1))
        await sign_ins.open_sign_in(f"{number}", ANNA, expires_at=clock.now() + MINUTE)

    users = [await sign_ins.user_of_ticket(f"{n}") for n in range(SIGN_INS_PER_USER_MAX + 2)]

    assert users == [None, None, *[ANNA] * SIGN_INS_PER_USER_MAX]
    assert await sign_ins.user_of_ticket("of bert") == BERT


async def test_pruning_removes_what_has_ended_and_nothing_else(
    sign_ins: SignInBook, store: Database, clock: FakeClock
) -> None:
    now = clock.now()
    await store.execute(
        "INSERT INTO sign_ins SELECT sha256(n::text::bytea), '@u' || n, NULL, $1::timestamptz"
        " FROM generate_series(1, 2500) n",
        now,
    )
    await sign_ins.open_sign_in("open", ANNA, expires_at=now + MINUTE)

    assert await prune(store, now) == 2500
    assert await prune(store, now) == 0
    assert await sign_ins.user_of_ticket("open") == ANNA


# --- subscriptions ---


async def test_certificates_come_newest_first_with_their_keys_sealed(
    store: Database, clock: FakeClock, vault: Vault
) -> None:
    book = SubscriptionBook(store, clock, vault)
    old, young = (
        Certificate(id=name, certificate=f"PEM of {name}", private_key=f"{SECRET} of {name}")
        for name in ("old", "young")
    )
    await book.add_certificate(old)
    await book.add_certificate(young)
    await book.add_certificate(old)

    assert await book.certificates() == (young, old)
    rows = await store.fetch("SELECT private_key_sealed FROM certificates")
    assert not any(SECRET.encode() in row["private_key_sealed"] for row in rows)


async def test_a_resource_has_one_subscription(
    store: Database, clock: FakeClock, vault: Vault
) -> None:
    book = SubscriptionBook(store, clock, vault)
    await book.add_certificate(Certificate(id="key", certificate="PEM", private_key="PEM"))
    intended = Subscription(
        resource="/chats/getAllMessages",
        id=None,
        client_state=SECRET,
        certificate_id="key",
        expires_at=clock.now() + MINUTE,
    )
    made = Subscription(
        resource=intended.resource,
        id="subscription",
        client_state=SECRET,
        certificate_id="key",
        expires_at=clock.now() + 2 * MINUTE,
    )

    assert await book.subscriptions() == ()
    await book.remember_subscription(intended)
    assert await book.subscriptions() == (intended,)
    await book.remember_subscription(made)
    assert await book.subscriptions() == (made,)
