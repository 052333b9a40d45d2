"""Looking at everything of a kind: what becomes news, and that being killed loses nothing of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from bridge.domain.ids import ConversationId, Place, Side, TeamsUserId, TenantId
from bridge.errors import StoreUnavailable, Unavailable
from bridge.ports import ConversationNews, News, PersonNews, TeamNews
from bridge.teams.addresses import channel, team_id
from bridge.teams.directory import Directory
from bridge.teams.resources import Covers
from bridge.teams.unnoticed import BATCH, Unnoticed
from bridge.telemetry import Watch
from tests.unit.teams.books import Cursors, Readings
from tests.unit.teams.memory import NOW, TENANT, Links, OwnClock

OURS = TenantId(TENANT)
CHATS = [Place(tenant=OURS, conversation=ConversationId(f"19:{n}@thread.v2")) for n in range(3)]
CHANNELS = [channel(OURS, team, name) for team, name in (("t1", "a"), ("t1", "b"), ("t2", "c"))]
PEOPLE = tuple(TeamsUserId(f"person-{n}") for n in range(BATCH + 5))


@dataclass
class People:
    """A directory that knows who there is, if it answers."""

    errors: list[Exception] = field(default_factory=list)

    async def people(self) -> tuple[TeamsUserId, ...]:
        if self.errors:
            raise self.errors.pop(0)
        return PEOPLE


@dataclass
class Stage:
    clock: OwnClock = field(default_factory=OwnClock)
    watch: Watch = field(default_factory=Watch)
    links: Links = field(default_factory=Links)
    cursors: Cursors = field(default_factory=Cursors)
    reading: Readings = field(default_factory=Readings)
    people: People = field(default_factory=People)

    def __post_init__(self) -> None:
        for place in (*CHATS, *CHANNELS):
            self.reading.add(place, NOW)

    def unnoticed(self) -> Unnoticed:
        """Another process, on the same database."""
        return Unnoticed(
            tenant=OURS,
            directory=cast(Directory, self.people),
            reading=self.reading,
            cursors=self.cursors,
            journal=self.links.as_journal(),
            clock=self.clock,
            watch=self.watch,
        )


@pytest.mark.parametrize(
    ("kind", "news"),
    [
        (Covers.CHATS, [ConversationNews(place=place) for place in CHATS]),
        (Covers.CHANNELS, [ConversationNews(place=place) for place in CHANNELS]),
        (Covers.TEAMS, [TeamNews(tenant=OURS, team=team_id(team)) for team in ("t1", "t2")]),
        (Covers.PEOPLE, [PersonNews(tenant=OURS, person=person) for person in PEOPLE]),
    ],
)
async def test_everything_of_a_kind_becomes_news_once(kind: Covers, news: list[News]) -> None:
    stage = Stage()
    unnoticed = stage.unnoticed()
    await unnoticed.step()
    assert stage.links.noted == []
    await unnoticed.ring(kind)
    await unnoticed.step()
    assert stage.links.noted == news
    await unnoticed.step()
    assert stage.links.noted == news


async def test_what_a_process_that_was_killed_had_left_the_next_one_does() -> None:
    stage = Stage()
    for number in range(BATCH):
        place = Place(tenant=OURS, conversation=ConversationId(f"19:more{number}@thread.v2"))
        stage.reading.add(place, NOW)
    first = stage.unnoticed()
    await first.ring(Covers.CHATS)
    batches = first._places(Covers.CHATS, "0")
    reached, news = await anext(batches)
    stage.links.noted += news
    await stage.cursors.move(Side.TEAMS, "unnoticed chats", reached)
    await stage.unnoticed().step()
    assert len(stage.links.noted) == len(CHATS) + BATCH
    assert len(set(stage.links.noted)) == len(stage.links.noted)


async def test_a_graph_or_a_store_that_is_away_is_waited_for() -> None:
    stage = Stage(people=People([Unavailable("away"), Unavailable("away")]))
    unnoticed, stop = stage.unnoticed(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(unnoticed.run(stop))
        await unnoticed.ring(Covers.PEOPLE)
        await turns()
        assert stage.watch.is_away("looking at everything")
        stage.cursors.away = True
        stage.clock.advance(timedelta(minutes=1))
        await turns()
        stage.cursors.away = False
        for _ in range(3):
            stage.clock.advance(timedelta(minutes=1))
            await turns()
        assert len(stage.links.noted) == len(PEOPLE)
        assert not stage.watch.is_away("looking at everything")
        stop.set()


async def test_what_could_not_be_noted_is_told_to_whoever_asked() -> None:
    stage = Stage()
    stage.cursors.away = True
    with pytest.raises(StoreUnavailable):
        await stage.unnoticed().ring(Covers.CHATS)


async def turns() -> None:
    for _ in range(30):
        await asyncio.sleep(0)  # noqa: TID251 -- turns of the loop, not time
