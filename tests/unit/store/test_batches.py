"""Group commit: who shares a flush, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from bridge.errors import InvariantBroken, StoreUnavailable
from bridge.store.batches import Batches, Limits

LIMITS = Limits(batch=3, waiting=6)


class Recorder:
    """Writes what it is given, when the test lets it."""

    def __init__(self) -> None:
        self.flushes: list[list[str]] = []
        self.started = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.error: BaseException | None = None
        self.refused: set[str] = set()

    async def flush(self, items: Sequence[str]) -> list[str]:
        self.flushes.append(list(items))
        self.started.set()
        await self.open.wait()
        if self.error:
            raise self.error
        if self.refused.intersection(items):
            raise asyncpg.DataError("invalid input")
        return [item.upper() for item in items]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[Batches[str, str]]:
    batches = Batches(recorder.flush, limits=LIMITS)
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(batches.run())
        yield batches
        writer.cancel()


async def test_everyone_gets_their_own_result(recorder: Recorder) -> None:
    async with running(recorder) as batches:
        assert await asyncio.gather(*map(batches.submit, "abc")) == ["A", "B", "C"]


async def test_who_comes_during_a_flush_shares_the_next_one(recorder: Recorder) -> None:
    recorder.open.clear()
    async with running(recorder) as batches:
        first = batches.submit("a")
        await recorder.started.wait()
        others = [batches.submit(item) for item in "bcde"]
        recorder.open.set()
        await asyncio.gather(first, *others)

    assert recorder.flushes == [["a"], ["b", "c", "d"], ["e"]]


async def test_an_item_that_is_heavier_than_a_batch_goes_alone(recorder: Recorder) -> None:
    batches = Batches(recorder.flush, limits=LIMITS, weigh=len)
    futures = [batches.submit(item) for item in ("heavy", "a")]
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(batches.run())
        await asyncio.gather(*futures)
        writer.cancel()

    assert recorder.flushes == [["heavy"], ["a"]]


async def test_what_came_before_the_writer_waits_for_it(recorder: Recorder) -> None:
    batches = Batches(recorder.flush, limits=LIMITS)
    early = batches.submit("a")
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(batches.run())
        assert await early == "A"
        writer.cancel()


async def test_too_much_that_waits_is_turned_away(recorder: Recorder) -> None:
    batches = Batches(recorder.flush, limits=LIMITS)
    waiting = [batches.submit(item) for item in "abcdef"]

    with pytest.raises(StoreUnavailable, match="too much waits"):
        await batches.submit("g")

    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(batches.run())
        assert len(await asyncio.gather(*waiting)) == 6
        assert await batches.submit("g") == "G"
        writer.cancel()


async def test_an_outage_is_told_to_everyone_of_the_batch_and_is_survived(
    recorder: Recorder,
) -> None:
    recorder.error = StoreUnavailable("Postgres is away")
    async with running(recorder) as batches:
        results = await asyncio.gather(*map(batches.submit, "abc"), return_exceptions=True)
        recorder.error = None
        assert await batches.submit("d") == "D"

    assert [str(result) for result in results] == ["Postgres is away"] * 3
    assert len({id(result) for result in results}) == 3


async def test_what_the_database_refuses_takes_no_neighbour_with_it(recorder: Recorder) -> None:
    recorder.refused = {"b"}
    async with running(recorder) as batches:
        a, b, c = await asyncio.gather(*map(batches.submit, "abc"), return_exceptions=True)

    assert (a, c) == ("A", "C")
    assert isinstance(b, InvariantBroken)


async def test_a_caller_that_has_gone_is_no_trouble(recorder: Recorder) -> None:
    recorder.open.clear()
    async with running(recorder) as batches:
        gone, stays = batches.submit("a"), batches.submit("b")
        gone.cancel()
        recorder.open.set()
        assert await stays == "B"


async def test_the_end_of_the_writer_is_told_to_whoever_waits(recorder: Recorder) -> None:
    recorder.open.clear()
    async with running(recorder) as batches:
        writing = batches.submit("a")
        await recorder.started.wait()
        waiting = batches.submit("b")

    for future in (writing, waiting, batches.submit("c")):
        with pytest.raises(StoreUnavailable, match="closed"):
            await future


async def test_a_bug_ends_the_writer_and_leaves_nobody_waiting(recorder: Recorder) -> None:
    recorder.error = RuntimeError("a bug")
    batches = Batches(recorder.flush, limits=LIMITS)
    future = batches.submit("a")

    with pytest.raises(RuntimeError, match="a bug"):
        await batches.run()

    with pytest.raises(StoreUnavailable):
        await future
