"""A profile that is set while its user joins a room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from bridge.domain.ids import UserId
from bridge.errors import Unavailable
from bridge.matrix.joins import TIMES_MAX, Joins

MARIA, TOM = UserId("@maria:example.org"), UserId("@tom:example.org")


class Profile:
    """Counts how often it is set; something may happen while it is."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.times = 0
        self.meanwhile = meanwhile

    async def set(self) -> None:
        self.times += 1
        self.meanwhile()


async def settled() -> None:
    for _ in range(5):
        await asyncio.tasks.sleep(0)


async def test_who_joins_nothing_is_set_once() -> None:
    joins, profile = Joins(), Profile()
    with joins.joining(TOM):
        await joins.change(MARIA, profile.set)
    with joins.joining(MARIA):
        pass
    await joins.change(MARIA, profile.set)
    assert profile.times == 2


async def test_who_is_joining_is_set_once_more_when_that_is_over() -> None:
    joins, profile = Joins(), Profile()
    async with asyncio.TaskGroup() as tasks:
        with joins.joining(MARIA):
            tasks.create_task(joins.change(MARIA, profile.set))
            await settled()
            assert profile.times == 1
    assert profile.times == 2


async def test_who_begins_to_join_meanwhile_is_set_once_more_too() -> None:
    joins, stack = Joins(), ExitStack()

    def begin_to_join() -> None:
        profile.meanwhile = lambda: None
        stack.enter_context(joins.joining(MARIA))

    profile = Profile(begin_to_join)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(joins.change(MARIA, profile.set))
        await settled()
        assert profile.times == 1
        stack.close()
    assert profile.times == 2


async def test_who_joins_again_and_again_is_left_at_that() -> None:
    joins = Joins()

    def join() -> None:
        with joins.joining(MARIA):
            pass

    profile = Profile(join)
    await joins.change(MARIA, profile.set)
    assert profile.times == TIMES_MAX


async def test_what_fails_leaves_nothing_behind() -> None:
    joins, profile = Joins(), Profile()

    async def away() -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        await joins.change(MARIA, away)
    with pytest.raises(Unavailable), joins.joining(MARIA):
        await away()
    await joins.change(MARIA, profile.set)
    assert profile.times == 1
