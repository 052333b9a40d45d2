"""How loops wait, go on, and end."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from bridge.errors import StoreUnavailable
from bridge.relay.loops import STORE_AWAY_WAIT, Loop, Step, give_way
from tests.kit.fake_journal import FakeClock


class Counting(Loop):
    """Does what it is told, step by step; asks to be stopped after the last."""

    def __init__(self, *script: Step | StoreUnavailable) -> None:
        super().__init__(FakeClock(), asyncio.Event(), name="counting")
        self.script = list(script)
        self.steps = 0

    @override
    async def step(self) -> Step:
        self.steps += 1
        found = self.script.pop(0)
        if not self.script:
            self.stop()
        if isinstance(found, StoreUnavailable):
            raise found
        return found


async def test_a_loop_goes_on_at_once_while_there_may_be_more() -> None:
    loop = Counting(Step.SOME, Step.SOME, Step.ALL)

    await loop.run()

    assert loop.steps == 3


async def test_a_loop_that_ends_lets_go_of_what_was_put_aside_for_it() -> None:
    loop = Counting(Step.ALL)
    given_up = 0

    async def give_up() -> None:
        nonlocal given_up
        given_up += 1
        raise StoreUnavailable("away")

    loop.give_up = give_up  # type: ignore[method-assign]
    await loop.run()

    assert given_up == 1


async def test_a_bell_that_rings_during_a_step_is_not_missed() -> None:
    loop = Counting(Step.ALL, Step.NOTHING)
    usual = loop.step

    async def step() -> Step:
        loop.bell.set()
        return await usual()

    loop.step = step  # type: ignore[method-assign]
    await loop.run()

    assert loop.steps == 2


async def test_a_store_that_is_away_ends_no_loop() -> None:
    loop = Counting(StoreUnavailable("away"), Step.ALL)
    clock = loop.clock
    assert isinstance(clock, FakeClock)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(loop.run())
        while not task.done():
            await give_way()
            clock.advance(STORE_AWAY_WAIT)

    assert loop.steps == 2
