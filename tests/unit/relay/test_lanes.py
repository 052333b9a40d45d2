"""An intake that runs: what takes long does not keep others waiting, nor what follows from its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bridge.app.clock import SystemClock
from bridge.domain.ids import Side
from bridge.errors import StoreUnavailable
from bridge.ports import ENTRIES_OF_ONE_MAX, Entry, Reading
from bridge.relay import lanes, loops
from bridge.relay.intake import Intake
from bridge.relay.lanes import LANES_MAX
from bridge.relay.loops import STORE_AWAY_WAIT
from tests.kit.relay_world import RelayWorld

PATIENCE_S = 10.0
SLOW_AFTER = timedelta(milliseconds=40)


class Slow:
    """Teams, where some entries take long to read."""

    def __init__(self, world: RelayWorld) -> None:
        self.world = world
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self._take_in = world.teams.take_in
        world.teams.take_in = self.take_in  # type: ignore[method-assign]

    async def push(self, key: str, conversation: str, *, waits: bool = False) -> None:
        if waits:
            self.gates[key] = asyncio.Event()
        await self.world.push(Side.TEAMS, key, Reading(), conversation=conversation)

    async def take_in(self, entry: Entry) -> Reading:
        key = entry.raw.decode()
        self.begun.append(key)
        if gate := self.gates.get(key):
            await gate.wait()
        self.ended.append(key)
        return await self._take_in(entry)


class Store:
    """Away as long as it is told to be: nothing can be written down."""

    def __init__(self, world: RelayWorld) -> None:
        self.is_away = False
        world.journal.moment = self.moment

    async def moment(self, name: str) -> None:
        if self.is_away and name == "commit":
            raise StoreUnavailable("away")


@asynccontextmanager
async def running(world: RelayWorld) -> AsyncIterator[Intake]:
    intake = world.intakes[Side.TEAMS]
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.run())
        yield intake
        intake.stop()


async def until(key: str, *, seen: list[str]) -> None:
    while key not in seen:
        await SystemClock().sleep(SLOW_AFTER / 4)


async def a_moment() -> None:
    """As long as it takes until a batch counts as slow."""
    await SystemClock().sleep(2 * SLOW_AFTER)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "SLOW_AFTER", SLOW_AFTER)


@pytest.fixture
def world() -> RelayWorld:
    return RelayWorld()


@pytest.fixture
def slow(world: RelayWorld) -> Slow:
    return Slow(world)


async def test_what_takes_long_keeps_no_other_conversation_waiting(
    world: RelayWorld, slow: Slow
) -> None:
    async with running(world):
        await slow.push("a1", "a", waits=True)
        await until("a1", seen=slow.begun)
        await slow.push("b1", "b")
        await until("b1", seen=slow.ended)
        assert "a1" not in slow.ended
        slow.gates["a1"].set()
        await until("a1", seen=slow.ended)
    assert not world.store.inbox


async def test_a_hot_conversation_keeps_no_other_waiting_at_all(
    world: RelayWorld, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "SLOW_AFTER", timedelta(hours=1))
    await slow.push("a0", "a", waits=True)
    for number in range(1, ENTRIES_OF_ONE_MAX):
        await slow.push(f"a{number}", "a")
    async with running(world):
        await until("a0", seen=slow.begun)
        await slow.push("b", "b")
        await until("b", seen=slow.ended)
        assert slow.ended == ["b"]
        slow.gates["a0"].set()
    assert not world.store.inbox


async def test_what_follows_in_its_own_conversation_waits(world: RelayWorld, slow: Slow) -> None:
    async with running(world):
        await slow.push("a1", "a", waits=True)
        await until("a1", seen=slow.begun)
        await slow.push("a2", "a")
        await slow.push("b1", "b")
        await until("b1", seen=slow.ended)
        assert "a2" not in slow.begun
        slow.gates["a1"].set()
        await until("a2", seen=slow.ended)
    assert slow.ended == ["b1", "a1", "a2"]


async def test_a_hot_conversation_is_read_to_its_end_without_waiting_for_a_bell(
    world: RelayWorld, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "POLL", timedelta(hours=1))
    for number in range(3 * ENTRIES_OF_ONE_MAX + 1):
        await slow.push(f"{number}", "a")
    async with running(world):
        await until(f"{3 * ENTRIES_OF_ONE_MAX}", seen=slow.ended)


async def test_there_are_so_many_lanes_and_no_more(world: RelayWorld, slow: Slow) -> None:
    async with running(world):
        for number in range(LANES_MAX):
            await slow.push(f"{number}", f"chat {number}", waits=True)
            await until(f"{number}", seen=slow.begun)
        await slow.push("last", "another chat")
        await a_moment()
        assert "last" not in slow.begun
        slow.gates["3"].set()
        await until("last", seen=slow.ended)
        for gate in slow.gates.values():
            gate.set()
    assert not world.store.inbox


async def test_rest_is_when_the_slow_ones_are_done_as_well(world: RelayWorld, slow: Slow) -> None:
    async with running(world) as intake:
        await slow.push("a1", "a", waits=True)
        await until("a1", seen=slow.begun)
        async with asyncio.TaskGroup() as tasks:
            rest = tasks.create_task(intake.at_rest())
            await a_moment()
            assert not rest.done()
            slow.gates["a1"].set()
    assert not world.store.inbox


async def test_what_could_not_be_written_down_comes_before_anything_new(
    world: RelayWorld, slow: Slow
) -> None:
    store = Store(world)
    async with running(world):
        await slow.push("a1", "a", waits=True)
        await until("a1", seen=slow.begun)
        await a_moment()
        store.is_away = True
        await slow.push("b1", "b")
        await until("b1", seen=slow.ended)
        await a_moment()
        store.is_away = False
        slow.gates["a1"].set()  # Its lane is free after that of b1.
        await until("a1", seen=slow.ended)
        await a_moment()
        while world.store.inbox:
            await world.journal.renew_leases()  # Its end would hand b1 to any lane.
            world.clock.advance(STORE_AWAY_WAIT)
            await a_moment()
    assert slow.begun == ["a1", "b1", "b1"]


async def test_what_a_lane_could_not_write_down_it_goes_on_with(
    world: RelayWorld, slow: Slow
) -> None:
    store = Store(world)
    store.is_away = True
    async with running(world):
        await slow.push("a1", "a", waits=True)
        await until("a1", seen=slow.begun)
        await a_moment()
        slow.gates["a1"].set()
        while world.store.inbox:
            await a_moment()
            world.clock.advance(STORE_AWAY_WAIT)
            store.is_away = slow.begun.count("a1") < 2
