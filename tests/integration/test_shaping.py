"""Looks at rooms and spaces: which are due, what is asked of whom, and when they are due again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from bridge.domain.ids import ChannelId, MessageRef, Place, RoomId, TeamId
from bridge.domain.portal import Conversation, ConversationKind, Portal, Team
from bridge.errors import (
    Gone,
    Rejected,
    RemoteError,
    StoreUnavailable,
    Throttled,
    Unavailable,
    Uncertain,
)
from bridge.ports import (
    ORGANISATION,
    ConversationNews,
    DueRoom,
    DueSpace,
    Keeper,
    Kept,
    Picture,
    RoomLook,
    SpaceLook,
    TeamNews,
)
from bridge.relay.shaping import (
    AGAIN_FIRST,
    AGAIN_MAX,
    AWAY_WAIT,
    DAY,
    LEASE,
    LOOKS_AT_ONCE,
    PIN_AGAIN,
    PIN_YOUNG,
    READ_BACK_PAUSE,
    Shaper,
)
from bridge.store.database import Database
from bridge.store.shapes import ShapeBook
from tests.contract.test_journal import PostgresWorld
from tests.integration.stores import opened, world_on
from tests.integration.test_store_shapes import (
    LINK,
    MINUTE,
    TEAM,
    TENANT,
    channel,
    chat,
    room_for,
)
from tests.unit.matrix.books import Tenant


class Graph(Tenant):
    """What Teams says; `error` is raised in its place, `pictures` are tag and bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.picture: Picture | None = None
        self.asked: list[Place | TeamId] = []

    @override
    async def describe(self, place: Place, *, as_of: datetime | None = None) -> Conversation:
        self.asked.append(place)
        if self.error is not None:
            raise self.error
        return await super().describe(place, as_of=as_of)

    @override
    async def team(self, team: TeamId, *, as_of: datetime | None = None) -> Team:
        self.asked.append(team)
        return await super().team(team, as_of=as_of)

    @override
    async def picture_of(self, team: TeamId, *, known: str | None) -> Picture | str | None:
        if self.picture is not None and self.picture.tag == known:
            return known
        return self.picture


@dataclass
class Hands(Keeper):
    """Does nothing but remember what it was asked to do; `meanwhile` happens during a look."""

    book: ShapeBook
    rooms: list[tuple[Place, RoomLook]] = field(default_factory=list)
    spaces: list[tuple[TeamId, SpaceLook]] = field(default_factory=list)
    put: list[bytes] = field(default_factory=list)
    is_all: bool = True
    error: Exception | None = None
    meanwhile: Callable[[], object] | None = None

    @override
    async def keep_room(self, due: DueRoom, look: RoomLook) -> Kept:
        self.rooms.append((due.portal.place, look))
        if self.error is not None:
            raise self.error
        name = look.conversation.topic if look.conversation else None
        return Kept(memory=due.memory, name=name, is_all=self.is_all)

    @override
    async def keep_space(self, due: DueSpace, look: SpaceLook) -> Kept:
        self.spaces.append((due.team, look))
        name = look.team.name if look.team and look.team.name else "All"
        if due.room is None:
            await self.book.remember_space(due, RoomId(f"!{name}:matrix.test"), name=name)
        return Kept(memory=due.memory, name=name)

    @override
    async def put_picture(self, picture: Picture) -> str | None:
        self.put.append(picture.content)
        return f"mxc://matrix.test/{picture.tag}"


@dataclass
class World:
    """A bridge's memory, with a shaper on it."""

    store: PostgresWorld
    book: ShapeBook
    graph: Graph
    hands: Hands
    read: list[tuple[Place, datetime]]
    shaper: Shaper

    async def read_back(self, place: Place, since: datetime) -> None:
        self.read.append((place, since))

    async def look(self) -> int:
        """Let everything be looked at that is due now; return how many looks that took."""
        looks = 0
        while before := await self.step():
            looks += before
        return looks

    async def step(self) -> int:
        """Begin as many looks as there is room for, and let them end."""
        begun = len(self.hands.rooms) + len(self.hands.spaces) + len(self.graph.asked)
        async with asyncio.TaskGroup() as tasks:
            self.shaper._tasks = tasks
            await self.shaper.step()
        return len(self.hands.rooms) + len(self.hands.spaces) + len(self.graph.asked) - begun

    def advance(self, by: timedelta) -> None:
        self.store.clock.advance(by)

    async def told(self, *news: ConversationNews | TeamNews) -> None:
        for one in news:
            await self.book.look_at(one)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def world(store: Database) -> AsyncIterator[World]:
    async with world_on(store) as made:
        yield world_of(made)


def world_of(store: PostgresWorld) -> World:
    """A process of its own on the memory of all."""
    book, graph = ShapeBook(store.database, store.clock), Graph()
    hands, read = Hands(book), list[tuple[Place, datetime]]()

    async def read_back(place: Place, since: datetime) -> None:
        read.append((place, since))

    shaper = Shaper(book, graph, hands, store.clock, asyncio.Event(), read_back=read_back)
    return World(store=store, book=book, graph=graph, hands=hands, read=read, shaper=shaper)


async def group(world: World, name: str = "19:chat@thread.v2") -> Portal:
    place = chat(name)
    world.graph.conversations[place] = Conversation(
        place=place, kind=ConversationKind.GROUP, topic="Tea", members=()
    )
    return await room_for(world.store, place, name="Tea")


async def team(world: World, name: str = "19:a@thread.tacv2") -> Portal:
    made = Team(id=TEAM, name="Garden", general=ChannelId("19:a@thread.tacv2"))
    world.graph.teams[TEAM] = made
    place = channel(name)
    world.graph.conversations[place] = Conversation(
        place=place, kind=ConversationKind.CHANNEL, topic="Roses", members=(), team=made
    )
    return await room_for(world.store, place, name="Roses")


# --- when ---


async def test_a_new_room_is_looked_at_once_and_for_news_again(world: World) -> None:
    portal = await group(world)
    await world.look()
    await world.look()
    assert len(world.hands.rooms) == 1
    await world.told(ConversationNews(place=portal.place), ConversationNews(place=portal.place))
    await world.look()
    assert len(world.hands.rooms) == 2


async def test_without_news_a_room_is_looked_at_once_a_day_if_something_was_said(
    world: World,
) -> None:
    portal = await group(world)
    await world.look()
    for _ in range(2):
        world.advance(DAY)
        await world.look()
    assert len(world.hands.rooms) == 1
    assert len(world.graph.asked) == 1, "nothing is asked of Graph either"
    now = world.store.clock.now()
    sent = str(int(now.timestamp() * 1000) + 1)
    await world.store.database.execute(LINK, portal.id, sent, "$1", 0, now)
    world.advance(DAY)
    await world.look()
    assert len(world.hands.rooms) == 2


async def test_what_is_not_done_yet_goes_on_at_once(world: World) -> None:
    await group(world)
    world.hands.is_all = False
    await world.step()
    await world.step()
    world.hands.is_all = True
    await world.look()
    assert len(world.hands.rooms) == 3


async def test_several_looks_run_at_once_and_no_more(world: World) -> None:
    for number in range(LOOKS_AT_ONCE * 2):
        await group(world, f"chat {number}")
    async with asyncio.TaskGroup() as tasks:
        world.shaper._tasks = tasks
        await world.shaper.step()
        await world.shaper.step()
        assert world.shaper._running == LOOKS_AT_ONCE
    assert len(world.hands.rooms) == LOOKS_AT_ONCE


async def test_news_do_not_wait_behind_a_backlog_nor_a_backlog_behind_news(world: World) -> None:
    for number in range(LOOKS_AT_ONCE * 4):
        await group(world, f"chat {number}")
        world.advance(timedelta(seconds=1))
    for _ in range(2):
        await world.step()
    seen = {place.conversation for place, _ in world.hands.rooms}
    assert {"chat 0", f"chat {LOOKS_AT_ONCE * 4 - 1}"} <= seen


async def test_two_processes_share_what_is_due_and_take_over_from_one_that_died(
    store: Database,
) -> None:
    async with world_on(store) as memory:
        one, other = world_of(memory), world_of(memory)
        for number in range(LOOKS_AT_ONCE * 2):
            await group(one, f"chat {number}")
        other.graph.conversations = one.graph.conversations
        await asyncio.gather(one.step(), other.step())
        seen = [place for world in (one, other) for place, _ in world.hands.rooms]
        assert len(seen) == len(set(seen)) == LOOKS_AT_ONCE * 2

        for place in seen:
            await one.told(ConversationNews(place=place))
        until = memory.clock.now() + LEASE
        died = await one.book.claim_rooms(limit=3, until=until, newest_first=False)
        assert len(died) == 3
        await other.look()
        assert len(other.hands.rooms) == LOOKS_AT_ONCE + len(seen) - 3
        other.advance(LEASE)
        await other.look()
        assert len(other.hands.rooms) == LOOKS_AT_ONCE + len(seen)


# --- what goes wrong ---


@pytest.mark.parametrize("error", [Rejected("no"), Uncertain("perhaps"), RuntimeError("a bug")])
async def test_a_look_that_fails_is_repeated_ever_later_and_forgotten_when_it_goes_well(
    world: World, error: Exception
) -> None:
    with capture_logs():  # The traceback of a bug is long.
        await fail_and_go_well(world, error)


async def fail_and_go_well(world: World, error: Exception) -> None:
    await group(world)
    world.graph.error = error
    waits = [AGAIN_FIRST * (1 << number) for number in range(3)]
    for wait in waits:
        await world.step()
        world.advance(wait - timedelta(seconds=1))
        assert await world.step() == 0
        world.advance(timedelta(seconds=1))
    for _ in range(20):
        await world.step()
        world.advance(AGAIN_MAX)
    world.graph.error = None
    await world.step()
    assert len(world.hands.rooms) == 1
    await world.told(ConversationNews(place=chat()))
    world.graph.error = error
    await world.step()
    world.advance(AGAIN_FIRST)
    assert await world.step() == 1


async def test_that_the_store_is_away_is_no_bug_of_a_look(world: World) -> None:
    await group(world)
    world.graph.error = StoreUnavailable("away")
    with capture_logs() as said:
        await world.step()
    assert [line["event"] for line in said if line["log_level"] == "error"] == []
    world.graph.error = None
    world.advance(LEASE)
    await world.step()
    assert len(world.hands.rooms) == 1


async def test_graph_is_asked_again_when_it_has_time(world: World) -> None:
    await group(world)
    world.graph.error = Throttled("later", retry_after=timedelta(minutes=7))
    await world.step()
    world.graph.error = None
    world.advance(timedelta(minutes=6, seconds=59))
    assert await world.step() == 0
    world.advance(timedelta(seconds=1))
    await world.step()
    assert len(world.hands.rooms) == 1


async def test_while_a_network_is_away_nobody_is_looked_at(world: World) -> None:
    for number in range(LOOKS_AT_ONCE + 1):
        await group(world, f"chat {number}")
    world.hands.error = Unavailable("away")
    await world.step()
    assert len(world.hands.rooms) == LOOKS_AT_ONCE
    await world.step()
    assert len(world.hands.rooms) == LOOKS_AT_ONCE
    world.advance(AWAY_WAIT)
    world.hands.error = None
    await world.step()
    assert len(world.hands.rooms) == LOOKS_AT_ONCE + 1


# --- reading back ---


async def test_news_of_a_conversation_have_it_read_back_once_for_all_of_some_seconds(
    world: World,
) -> None:
    portal = await group(world)
    made_at = world.store.clock.now()
    await world.look()
    assert world.read == []
    world.advance(MINUTE)
    await world.told(ConversationNews(place=portal.place))
    await world.look()
    assert world.read == [(portal.place, made_at)]
    world.advance(timedelta(seconds=1))
    await world.told(ConversationNews(place=portal.place))
    await world.look()
    assert len(world.read) == 1
    world.advance(READ_BACK_PAUSE)
    await world.look()
    assert len(world.read) == 2
    world.advance(READ_BACK_PAUSE)
    await world.look()
    assert len(world.read) == 2


async def test_what_a_message_told_is_looked_at_and_not_read_back_for(world: World) -> None:
    portal = await group(world)
    await world.look()
    world.advance(MINUTE)
    looks = len(world.hands.rooms)
    await world.told(ConversationNews(place=portal.place, is_told=True))
    await world.look()
    assert (len(world.hands.rooms), world.read) == (looks + 1, [])
    await world.told(ConversationNews(place=portal.place, is_told=True))
    await world.told(ConversationNews(place=portal.place))
    await world.look()
    assert len(world.read) == 1


async def test_what_could_not_be_read_back_is_read_when_the_look_is_repeated(
    world: World,
) -> None:
    portal = await group(world)
    await world.look()
    errors: list[RemoteError] = [Rejected("no")]

    async def read_back(place: Place, since: datetime) -> None:
        if errors:
            raise errors.pop()
        world.read.append((place, since))

    world.shaper.read_back = read_back
    await world.told(ConversationNews(place=portal.place))
    await world.step()
    world.advance(AGAIN_FIRST)
    await world.step()
    assert len(world.read) == 1


# --- pins ---


async def test_a_pin_whose_message_is_on_its_way_is_looked_for_again(world: World) -> None:
    portal = await group(world)
    now = world.store.clock.now()
    young = MessageRef(str(int(now.timestamp() * 1000)))
    old = MessageRef(str(int((now - PIN_YOUNG - MINUTE).timestamp() * 1000)))
    world.graph.pins[portal.place] = (old, young)
    await world.look()
    assert list(world.hands.rooms[-1][1].pins or ()) == []
    await world.store.database.execute(LINK, portal.id, young, "$young", 0, now)
    world.advance(PIN_AGAIN)
    await world.look()
    assert list(world.hands.rooms[-1][1].pins or ()) == ["$young"]
    world.advance(PIN_AGAIN)
    assert await world.step() == 0


# --- what is gone ---


async def test_a_conversation_that_is_gone_is_looked_at_as_such_until_it_is_back(
    world: World,
) -> None:
    portal = await group(world)
    await world.look()
    world.graph.error = Gone("not found")
    await world.told(ConversationNews(place=portal.place))
    await world.look()
    assert world.hands.rooms[-1][1].conversation is None
    world.graph.error = None
    await world.told(ConversationNews(place=portal.place))
    await world.look()
    assert world.hands.rooms[-1][1].conversation is not None


# --- spaces ---


async def test_a_channel_has_the_spaces_made_that_it_belongs_to(world: World) -> None:
    portal = await team(world)
    await world.look()
    spaces = dict(world.hands.spaces)
    assert spaces.keys() == {TEAM, ORGANISATION}
    assert [child.room for child in spaces[TEAM].children] == [portal.room]
    assert spaces[TEAM].parent == "!All:matrix.test"
    assert [child.room for child in spaces[ORGANISATION].children] == ["!Garden:matrix.test"]
    assert world.hands.rooms[-1][1].space.room == "!Garden:matrix.test"
    assert await world.step() == 0


async def test_another_channel_or_another_name_is_shown_in_the_space(world: World) -> None:
    await team(world)
    await world.look()
    other = await team(world, "19:b@thread.tacv2")
    await world.look()
    children = world.hands.spaces[-1][1].children
    assert {child.room for child in children} >= {other.room}
    looks = len(world.hands.spaces)
    renamed = replace(world.graph.conversations[other.place], topic="Tulips")
    world.graph.conversations[other.place] = renamed
    await world.told(ConversationNews(place=other.place))
    await world.look()
    assert len(world.hands.spaces) == looks + 1
    names = {child.name for child in world.hands.spaces[-1][1].children}
    assert names == {"Roses", "Tulips"}


async def test_a_picture_is_put_there_once_and_shown_by_the_channels_as_well(
    world: World,
) -> None:
    await team(world)
    world.graph.picture = Picture(tag="1", content=b"one")
    await world.look()
    assert world.hands.put == [b"one"]
    assert world.hands.rooms[-1][1].space.picture == "mxc://matrix.test/1"
    await world.told(TeamNews(tenant=TENANT, team=TEAM))
    await world.look()
    assert world.hands.put == [b"one"]
    world.graph.picture = None
    await world.told(TeamNews(tenant=TENANT, team=TEAM))
    await world.look()
    assert world.hands.rooms[-1][1].space.picture is None


async def test_news_of_a_team_have_its_general_channel_read_back(world: World) -> None:
    general = await team(world)
    other = await team(world, "19:b@thread.tacv2")
    await world.look()
    world.advance(READ_BACK_PAUSE)
    await world.look()
    world.advance(READ_BACK_PAUSE)
    world.read.clear()
    await world.told(TeamNews(tenant=TENANT, team=TEAM))
    await world.look()
    assert [place for place, _ in world.read] == [general.place]
    assert other.place != general.place


async def test_a_team_that_is_gone_is_in_no_space_and_asked_for_once_a_day(world: World) -> None:
    await team(world)
    await world.look()
    del world.graph.teams[TEAM]
    world.graph.error = Gone("not found")
    await world.told(TeamNews(tenant=TENANT, team=TEAM))
    await world.look()
    assert world.hands.rooms[-1][1].conversation is None
    (last,) = [look for key, look in world.hands.spaces[-1:] if key == ORGANISATION]
    assert last.children == ()
    world.advance(DAY)
    asked = len(world.graph.asked)
    await world.look()
    assert len(world.graph.asked) == asked + 2, "the team, and its channel"
