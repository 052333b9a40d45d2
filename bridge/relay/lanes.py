"""Batches side by side: one that takes long goes on by itself while the next is read.

    step ─▶ a free lane ─▶ claim ─▶ understand ─▶ write down ─▶ the step returns
                    │          └─ longer than SLOW_AFTER: the step returns, the lane goes on
                    └─ much of one conversation: the same, at once

While a batch is read nobody else reads, as long as that is soon over: what computes shares one
processor however many lanes there are, and what gathers meanwhile is read, and committed, together.
(Letting the next batch begin when the last is understood was measured: batches become small, and a
message costs 1.6 times the processor.) But a hot conversation is left to itself, for others would
wait behind it again and again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bridge.errors import StoreUnavailable
from bridge.ports import ENTRIES_OF_ONE_MAX, Clock, Entry
from bridge.relay.loops import STORE_AWAY_WAIT, Step

LANES_MAX = 8
"""Batches that are under way at a time."""
SLOW_AFTER = timedelta(milliseconds=500)
"""A batch that takes longer is not waited for: several times what a full one takes that asks nobody."""


@dataclass(slots=True, eq=False)
class Lane:
    """Where one batch is read; it keeps what it claimed, and could not write down yet.

    `alone` is done when nobody waits for this batch any more.
    """

    claimed: Sequence[Entry] = ()
    alone: asyncio.Future[None] | None = None

    def go_alone(self) -> None:
        """Let others be read beside this batch."""
        if self.alone is not None and not self.alone.done():
            self.alone.set_result(None)

    @property
    def is_alone(self) -> bool:
        """Whether nobody waits for this batch."""
        return self.alone is not None and self.alone.done()


class Lanes:
    """Runs `work` in a lane; without `tasks`, as in a simulation, until its end."""

    def __init__(
        self, work: Callable[[Lane], Awaitable[Step]], bell: asyncio.Event, clock: Clock
    ) -> None:
        self._work = work
        self._clock = clock
        self._bell = bell
        self.tasks: asyncio.TaskGroup | None = None
        self._idle = [Lane() for _ in range(LANES_MAX)]
        self._busy: set[asyncio.Task[Step | StoreUnavailable]] = set()

    @property
    def are_empty_but_one(self) -> bool:
        """Whether nobody is at work but whoever asks."""
        return len(self._busy) <= 1

    async def step(self) -> Step:
        """Read one batch, or let it go on alone if it takes long.

        Raises:
            StoreUnavailable: Postgres is away; the batch is gone on with at the next step.
        """
        if not self._idle:
            await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
            return Step.SOME
        lane = self._next()
        if self.tasks is None:
            return _or_raise(await self._use(lane))
        lane.alone = asyncio.get_running_loop().create_future()
        task = self.tasks.create_task(self._use(lane))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        either: list[asyncio.Future[Any]] = [task, lane.alone]
        limit = SLOW_AFTER.total_seconds()
        await asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return _or_raise(task.result())
        lane.go_alone()
        # What follows in its conversations, and what it could not write down, is then to be read.
        task.add_done_callback(lambda _: self._bell.set())
        return Step.SOME

    def _next(self) -> Lane:
        """Take a lane; what one of them could not write down comes before anything new."""
        lane = next((lane for lane in self._idle if lane.claimed), self._idle[-1])
        self._idle.remove(lane)
        return lane

    async def _use(self, lane: Lane) -> Step | StoreUnavailable:
        try:
            return await self._work(lane)
        except StoreUnavailable as error:
            if lane.is_alone:
                await self._clock.sleep(STORE_AWAY_WAIT)
            return error
        finally:
            self._idle.append(lane)


def step_of(entries: Sequence[Entry]) -> Step:
    """What a batch says of what is left: of one conversation it takes so many only."""
    if not entries:
        return Step.NOTHING
    return Step.SOME if len(entries) >= ENTRIES_OF_ONE_MAX else Step.ALL


def is_hot(entries: Sequence[Entry]) -> bool:
    """Tell whether one conversation has filled its share of a batch."""
    if len(entries) < ENTRIES_OF_ONE_MAX:
        return False
    return max(Counter(entry.conversation for entry in entries).values()) >= ENTRIES_OF_ONE_MAX


def _or_raise(found: Step | StoreUnavailable) -> Step:
    if isinstance(found, StoreUnavailable):
        raise found
    return found
