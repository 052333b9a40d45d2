"""Rooms and spaces that are due: leased to one process, settled without losing news."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, strategies as st

from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    MessageRef,
    Place,
    RoomId,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
    channel_place,
)
from bridge.domain.portal import Account, Portal
from bridge.domain.shape import Memory
from bridge.ports import ORGANISATION, ConversationNews, DueRoom, Kept, KnownSpace, TeamNews
from bridge.store import memories
from bridge.store.accounts import AccountBook
from bridge.store.database import Database
from bridge.store.gauges import Gauges
from bridge.store.portals import PortalBook
from bridge.store.secrets import Vault
from bridge.store.shapes import ShapeBook
from bridge.telemetry import LOOKS_DUE
from tests.contract.test_journal import PostgresWorld, make_portal
from tests.integration.stores import opened, world_on

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TENANT = TenantId("tenant")
TEAM = TeamId("a-team")
ANNA = UserId("@anna:matrix.test")
LINK = """
INSERT INTO links (portal_id, message_id, event_id, part, origin, version, author, sent_at, linked_at)
VALUES ($1, $2, $3, $4, 'teams', '', '', $5, $5)
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def world(store: Database) -> AsyncIterator[PostgresWorld]:
    async with world_on(store) as made:
        yield made


@pytest.fixture
def book(store: Database, world: PostgresWorld) -> ShapeBook:
    return ShapeBook(store, world.clock)


def portals_of(world: PostgresWorld) -> PortalBook:
    return PortalBook(world.database, world.clock)


async def room_for(world: PostgresWorld, place: Place, *, name: str = "a room") -> Portal:
    """Make a portal with a room, which is due at once."""
    async with world.process().unit() as unit:
        portal = (await unit.portals([place]))[place]
    room = RoomId(f"!{portal.id}:matrix.test")
    await portals_of(world).remember_room(portal, room, name=name)
    return replace(portal, room=room)


def chat(name: str = "19:chat@thread.v2") -> Place:
    return Place(tenant=TENANT, conversation=ConversationId(name))


def channel(name: str = "19:a@thread.tacv2") -> Place:
    return channel_place(TENANT, Channel(team=TEAM, channel=ChannelId(name)))


async def claim(book: ShapeBook, world: PostgresWorld, *, limit: int = 9) -> tuple[DueRoom, ...]:
    until = world.clock.now() + MINUTE
    return await book.claim_rooms(limit=limit, until=until, newest_first=False)


async def test_a_new_room_is_due_and_leased_to_one(book: ShapeBook, world: PostgresWorld) -> None:
    made_at = world.clock.now()
    portal = await room_for(world, chat())
    (due,) = await claim(book, world)
    assert (due.portal, due.due_at, due.memory) == (portal, made_at, Memory())
    assert await claim(book, world) == ()
    world.clock.advance(2 * MINUTE)  # Whoever had it is no more.
    (again,) = await claim(book, world)
    assert (again.portal, again.due_at) == (portal, due.lease)


async def test_a_portal_without_a_room_is_never_due(book: ShapeBook, world: PostgresWorld) -> None:
    portal = await make_portal(world.process())
    await book.look_at(ConversationNews(place=portal.place))
    assert await claim(book, world) == ()


async def test_what_was_settled_is_due_when_it_was_said_or_when_there_are_news(
    book: ShapeBook, world: PostgresWorld
) -> None:
    await room_for(world, chat())
    memory = Memory(let_in={ANNA: TeamsUserId("anna")}, failures=2)
    (due,) = await claim(book, world)
    await book.settle_room(due, Kept(memory=memory), next_at=world.clock.now() + DAY)
    assert await claim(book, world) == ()
    await book.look_at(ConversationNews(place=chat()))
    (again,) = await claim(book, world)
    assert (again.due_at, again.memory) == (world.clock.now(), memory)
    await book.settle_room(again, Kept(memory=memory), next_at=world.clock.now() + DAY)
    world.clock.advance(DAY)
    assert len(await claim(book, world)) == 1


async def test_news_that_come_during_a_look_are_looked_at_afterwards(
    book: ShapeBook, world: PostgresWorld
) -> None:
    await room_for(world, chat())
    (due,) = await claim(book, world)
    await book.look_at(ConversationNews(place=chat()))
    assert await claim(book, world) == (), "two looks at once may end in the wrong order"
    await book.settle_room(due, Kept(memory=Memory(failures=1)), next_at=world.clock.now() + DAY)
    (again,) = await claim(book, world)
    assert again.memory.failures == 1


async def test_a_look_knows_whether_there_are_news_of_the_conversation_itself(
    book: ShapeBook, world: PostgresWorld
) -> None:
    portal = await room_for(world, channel())
    assert portal.room is not None

    async def is_news() -> bool:
        (due,) = await claim(book, world)
        await book.settle_room(due, Kept(memory=Memory()), next_at=world.clock.now() + DAY)
        return due.has_news

    assert not await is_news()
    await book.look_at(TeamNews(tenant=TENANT, team=TEAM))
    assert not await is_news()
    await portals_of(world).look_later(portal.room, after=timedelta(0))
    await book.look_at(ConversationNews(place=channel()))  # Due already, but not for news.
    assert await is_news()
    await book.look_below(TENANT, TEAM)
    assert not await is_news()


async def test_news_that_come_during_a_look_at_news_are_news_again(
    book: ShapeBook, world: PostgresWorld
) -> None:
    await room_for(world, chat())
    await book.look_at(ConversationNews(place=chat()))
    (due,) = await claim(book, world)
    await book.look_at(ConversationNews(place=chat()))
    await book.settle_room(due, Kept(memory=Memory()), next_at=world.clock.now() + DAY)
    (again,) = await claim(book, world)
    assert due.has_news
    assert again.has_news


async def test_a_lease_that_has_run_out_ends_nobody_elses(
    book: ShapeBook, world: PostgresWorld
) -> None:
    await room_for(world, chat())
    (late,) = await claim(book, world)
    world.clock.advance(2 * MINUTE)
    (other,) = await claim(book, world)
    await book.settle_room(late, Kept(memory=Memory()), next_at=world.clock.now())
    assert await claim(book, world) == ()
    assert other.lease > late.lease


async def test_the_oldest_come_first_or_the_newest(book: ShapeBook, world: PostgresWorld) -> None:
    for name in "abc":
        await room_for(world, chat(name))
        world.clock.advance(MINUTE)
    until = world.clock.now() + MINUTE
    (oldest,) = await book.claim_rooms(limit=1, until=until, newest_first=False)
    (newest,) = await book.claim_rooms(limit=1, until=until, newest_first=True)
    assert (oldest.portal.place, newest.portal.place) == (chat("a"), chat("c"))


async def test_news_of_a_team_are_news_of_its_channels_and_its_space(
    book: ShapeBook, world: PostgresWorld
) -> None:
    await room_for(world, channel())
    await room_for(world, chat())
    for due in await claim(book, world):
        await book.settle_room(due, Kept(memory=Memory()), next_at=world.clock.now() + DAY)
    await book.want_spaces(TENANT, TEAM, anew=False)
    for space in await book.claim_spaces(limit=9, until=world.clock.now() + MINUTE):
        await book.settle_space(space, Kept(memory=Memory()), next_at=world.clock.now() + DAY)
    await book.look_at(TeamNews(tenant=TENANT, team=TEAM))
    assert [due.portal.place for due in await claim(book, world)] == [channel()]
    spaces = await book.claim_spaces(limit=9, until=world.clock.now() + MINUTE)
    assert [space.team for space in spaces] == [TEAM]


async def test_a_space_is_looked_at_by_one_at_a_time(book: ShapeBook, world: PostgresWorld) -> None:
    await book.want_spaces(TENANT, TEAM, anew=False)
    until = world.clock.now() + MINUTE
    spaces = await book.claim_spaces(limit=9, until=until)
    await book.look_at(TeamNews(tenant=TENANT, team=TEAM))
    assert await book.claim_spaces(limit=9, until=until) == ()
    for space in spaces:
        await book.settle_space(space, Kept(memory=Memory()), next_at=world.clock.now() + DAY)
    (again,) = await book.claim_spaces(limit=9, until=until)
    assert again.team == TEAM
    world.clock.advance(MINUTE)
    assert len(await book.claim_spaces(limit=9, until=until + MINUTE)) == 1


async def test_spaces_are_wanted_once_and_linked_when_they_are_there(
    book: ShapeBook, world: PostgresWorld
) -> None:
    portal = await room_for(world, channel(), name="Cups (Tea)")
    (due,) = await claim(book, world)
    await book.settle_room(
        due, Kept(memory=Memory(), name="Mugs (Tea)"), next_at=world.clock.now() + DAY
    )
    for _ in range(2):
        await book.want_spaces(TENANT, TEAM, anew=False)
    until = world.clock.now() + MINUTE
    spaces = {space.team: space for space in await book.claim_spaces(limit=9, until=until)}
    assert spaces.keys() == {TEAM, ORGANISATION}
    assert await book.space_of(TENANT, TEAM) == KnownSpace()
    assert await book.spaces_of(TENANT) == ()

    await book.remember_space(spaces[TEAM], RoomId("!team:matrix.test"), name="Tea")
    for space in spaces.values():
        await book.settle_space(space, Kept(memory=Memory()), next_at=world.clock.now() + DAY)
    assert (await book.space_of(TENANT, TEAM)).room == "!team:matrix.test"
    (team,) = await book.spaces_of(TENANT)
    assert (team.key, team.room, team.name) == (TEAM, "!team:matrix.test", "Tea")
    assert [one.portal for one in await claim(book, world)] == [portal]
    (child,) = await book.channels_of(TENANT, TEAM)
    assert (child.key, child.room, child.name) == ("19:a@thread.tacv2", portal.room, "Mugs (Tea)")
    until = world.clock.now() + MINUTE
    (above,) = await book.claim_spaces(limit=9, until=until)
    assert above.team == ORGANISATION

    await book.remember_space(above, RoomId("!all:matrix.test"), name="All")
    (below,) = await book.claim_spaces(limit=9, until=until)
    assert (below.team, below.room) == (TEAM, "!team:matrix.test")


async def test_a_channel_that_is_gone_is_in_no_space(book: ShapeBook, world: PostgresWorld) -> None:
    await room_for(world, channel())
    (due,) = await claim(book, world)
    now = world.clock.now()
    await book.settle_room(due, Kept(memory=Memory()), next_at=now, gone_at=now)
    assert await book.channels_of(TENANT, TEAM) == ()
    (again,) = await claim(book, world)
    assert again.gone_at == now


async def test_who_may_be_missing_is_looked_for_in_chats_teams_and_spaces(
    book: ShapeBook, world: PostgresWorld
) -> None:
    for place in (chat(), channel(), chat("19:another@thread.v2")):
        await room_for(world, place)
    await book.want_spaces(TENANT, TEAM, anew=False)
    later = world.clock.now() + DAY
    for due in await claim(book, world):
        await book.settle_room(due, Kept(memory=Memory()), next_at=later)
    for space in await book.claim_spaces(limit=9, until=world.clock.now() + MINUTE):
        await book.settle_space(space, Kept(memory=Memory()), next_at=later)
    await portals_of(world).look_at(TENANT, chats=[chat()], teams=[ORGANISATION, TEAM])
    found = await claim(book, world)
    assert {due.portal.place for due in found} == {chat(), channel()}
    assert not any(due.has_news for due in found)
    spaces = await book.claim_spaces(limit=9, until=world.clock.now() + MINUTE)
    assert {space.team for space in spaces} == {ORGANISATION, TEAM}


async def test_a_look_that_may_wait_comes_no_later_than_one_that_was_planned(
    book: ShapeBook, world: PostgresWorld
) -> None:
    portal = await room_for(world, chat())
    assert portal.room is not None
    (due,) = await claim(book, world)
    now = world.clock.now()
    await book.settle_room(due, Kept(memory=Memory()), next_at=now + DAY)
    await portals_of(world).look_later(portal.room, after=10 * MINUTE)
    await portals_of(world).look_later(portal.room, after=20 * MINUTE)
    world.clock.advance(10 * MINUTE)
    assert len(await claim(book, world)) == 1


async def test_a_room_knows_whether_something_was_said_and_what_a_pin_is(
    book: ShapeBook, world: PostgresWorld
) -> None:
    portal = await room_for(world, chat())
    then = world.clock.now()
    old, new = (str(int((then + d).timestamp() * 1000)) for d in (-MINUTE, MINUTE))
    await world.database.execute(LINK, portal.id, old, "$old", 0, then - MINUTE)
    assert not await book.said_since(portal.id, then)
    await world.database.execute(LINK, portal.id, new, "$second", 1, then + MINUTE)
    assert await book.said_since(portal.id, then)
    assert not await book.said_since(portal.id, then + 2 * MINUTE)
    await world.database.execute(LINK, portal.id, new, "$first", 0, then + MINUTE)
    known = await book.events_of(portal.id, [MessageRef(new), MessageRef("unknown")])
    assert known == {new: "$first"}
    assert await book.events_of(portal.id, []) == {}


async def test_how_much_is_due_is_shown(book: ShapeBook, world: PostgresWorld) -> None:
    await room_for(world, channel())
    await room_for(world, chat())
    await book.want_spaces(TENANT, TEAM, anew=False)
    await claim(book, world, limit=1)
    await Gauges(world.database, world.clock).refresh()
    assert LOOKS_DUE.labels("room")._value.get() == 1
    assert LOOKS_DUE.labels("space")._value.get() == 2


async def test_everybody_who_is_signed_in_is_known(book: ShapeBook, world: PostgresWorld) -> None:
    vault = Vault([Fernet.generate_key().decode()])
    account = Account(user=ANNA, tenant=TENANT, teams_user=TeamsUserId("anna"), name="Anna")
    await AccountBook(world.database, world.clock, vault).sign_in(account, "tokens")
    assert await book.accounts_of(TENANT) == (account,)
    assert await book.accounts_of(TenantId("another")) == ()


INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC))
MEMORIES = st.builds(
    Memory,
    let_in=st.dictionaries(st.text().map(UserId), st.text().map(TeamsUserId)),
    picture=st.none() | st.text(min_size=1),
    picture_tag=st.none() | st.text(min_size=1),
    looked_at=INSTANTS,
    read_back_at=INSTANTS,
    read_again=st.booleans(),
    daily=st.booleans(),
    next_at=INSTANTS,
    failures=st.integers(0, 100),
)


@given(MEMORIES)
def test_a_memory_is_read_as_it_was_written(memory: Memory) -> None:
    assert memories.decode(memories.encode(memory)) == memory


@given(st.none() | st.binary() | st.sampled_from([b"[]", b'{"let_in": 1}', b'{"failures": "x"}']))
def test_what_is_no_memory_is_nothing_remembered(raw: bytes | None) -> None:
    assert memories.decode(raw) == Memory()
