"""Who reads Matrix waits for what was missed, and no longer than that makes sense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import cast

from typing_extensions import override

from bridge.domain.ids import Side
from bridge.errors import RemoteError, Unavailable, Uncertain
from bridge.matrix.appservice import Reader
from bridge.matrix.catchup import COMPLETE_WITHIN, SyncCatchUp
from bridge.matrix.connection import PART as HOMESERVER
from bridge.matrix.feed import Feed
from bridge.matrix.names import Names
from bridge.ports import CursorBook
from bridge.relay.loops import give_way
from bridge.telemetry import Watch
from tests.kit.fake_journal import FakeJournal
from tests.kit.fake_store import FakeClock, FakeStore

TURNS = 50
SECOND = timedelta(seconds=1)


class OneFeed(Feed):
    """A homeserver on which nothing was missed, or that answers with an error."""

    def __init__(self) -> None:
        self.error: RemoteError | None = None
        self.asked = 0
        self.meanwhile: Callable[[], None] | None = None
        """Happens while it is asked for the first time."""

    @override
    async def token(self) -> str:
        self.asked += 1
        if self.meanwhile is not None and self.asked == 1:
            self.meanwhile()
        if self.error is not None:
            raise self.error
        return "token"


class NoCursors(CursorBook):
    @override
    async def cursor(self, side: Side, scope: str) -> str | None:
        return None

    @override
    async def move(self, side: Side, scope: str, value: str) -> None:
        return


class World:
    def __init__(self) -> None:
        self.clock, self.watch, self.feed = FakeClock(), Watch(), OneFeed()
        self.journal = FakeJournal(FakeStore(), self.clock)
        # Nothing is found here, so nobody is asked whose an event is.
        reader = Reader(cast("Names", None))
        self.catchup = SyncCatchUp(
            self.feed, reader, self.journal, NoCursors(), clock=self.clock, watch=self.watch
        )

    async def turn(self) -> None:
        for _ in range(TURNS):
            await give_way()

    async def pass_time(self, duration: timedelta) -> None:
        for _ in range(duration // SECOND):
            self.clock.advance(SECOND)
            await self.turn()

    async def run_until(self, stop: asyncio.Event) -> None:
        await self.catchup.run(stop)


async def test_who_waited_is_woken_when_it_is_complete() -> None:
    world, stop = World(), asyncio.Event()
    bell = world.journal.entries_bell(Side.MATRIX)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.run_until(stop))
        await world.turn()
        assert world.catchup.is_complete.is_set()
        bell.clear()
        world.catchup.ring()
        assert not world.catchup.is_complete.is_set()
        await world.turn()
        assert world.catchup.is_complete.is_set()
        assert bell.is_set()
        stop.set()


async def test_each_pass_says_how_much_had_not_been_pushed() -> None:
    world, stop, found = World(), asyncio.Event(), list[int]()
    world.catchup.passed = found.append
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.run_until(stop))
        await world.turn()
        world.catchup.ring()
        await world.turn()
        stop.set()

    assert found == [0, 0]


async def test_a_pass_that_had_begun_before_it_was_rung_says_nothing_of_what_was_missed() -> None:
    world, stop, found = World(), asyncio.Event(), list[int]()
    world.catchup.passed = found.append
    world.feed.meanwhile = world.catchup.ring
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.run_until(stop))
        await world.turn()
        stop.set()

    assert world.feed.asked == 2
    assert found == [0]


async def test_nothing_is_complete_when_the_homeserver_was_away() -> None:
    world, stop = World(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.run_until(stop))
        await world.turn()
        world.feed.error = Uncertain("no answer")
        world.watch.away(HOMESERVER, "gone")
        world.watch.back(HOMESERVER)
        await world.turn()
        assert world.feed.asked == 2
        assert not world.catchup.is_complete.is_set()
        stop.set()


async def test_a_homeserver_that_refuses_to_be_looked_at_silences_nobody_for_long() -> None:
    world, stop = World(), asyncio.Event()
    world.feed.error = Uncertain("500")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.run_until(stop))
        await world.pass_time(COMPLETE_WITHIN / 2)
        assert not world.catchup.is_complete.is_set()
        await world.pass_time(COMPLETE_WITHIN * 3)
        assert world.catchup.is_complete.is_set()
        stop.set()


async def test_a_homeserver_that_is_away_is_waited_for() -> None:
    world, stop = World(), asyncio.Event()
    world.feed.error = Unavailable("away")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.run_until(stop))
        await world.pass_time(COMPLETE_WITHIN * 10)
        assert not world.catchup.is_complete.is_set()
        stop.set()
