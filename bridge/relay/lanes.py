"""Batches side by side: one that takes long goes on by itself while the next is read.

    step ─▶ a free lane ─▶ claim ─▶ understand ─▶ write down
                                        │ └── "the next may be read": the step returns
                                        └ longer than SLOW_AFTER: the step returns all the same

While one batch is understood nobody else reads, for what computes shares one processor however many
lanes there are; and what gathers meanwhile is read, and committed, together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bridge.errors import StoreUnavailable
from bridge.ports import ENTRIES_OF_ONE_MAX, Clock, Entry
from bridge.relay.loops import STORE_AWAY_WAIT, Step

LANES_MAX = 8
"""Batches that are under way at a time."""
SLOW_AFTER = timedelta(milliseconds=500)
"""A batch that takes longer to be understood is not waited for: several times what a full one takes
that asks nobody."""

_FIRST = asyncio.FIRST_COMPLETED


@dataclass(slots=True, eq=False)
class Lane:
    """Where one batch is read; it keeps what it claimed, and could not write down yet.

    `read` is done once the next batch may be read.
    """

    claimed: Sequence[Entry] = ()
    read: asyncio.Future[Step] | None = None

    def let_others_read(self) -> None:
        """Say that what is left is to be written down."""
        if self.read is not None and not self.read.done():
            self.read.set_result(step_of(self.claimed))


class Lanes:
    """Runs `work` in a lane; without `tasks`, as in a simulation, until its end."""

    def __init__(
        self, work: Callable[[Lane], Awaitable[Step]], bell: asyncio.Event, clock: Clock
    ) -> None:
        self._work = work
        self._clock = clock
        self._bell = bell
        self.tasks: asyncio.TaskGroup | None = None
        self.is_waited_for = False
        """Whether somebody wants to know when all are empty."""
        # Used from the end: what a lane could not write down is what it goes on with.
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
            await asyncio.wait(self._busy, return_when=_FIRST)
            return Step.SOME
        lane = self._idle.pop()
        if self.tasks is None:
            return _or_raise(await self._use(lane))
        lane.read = read = asyncio.get_running_loop().create_future()
        task = self.tasks.create_task(self._use(lane))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        await asyncio.wait([task, read], timeout=SLOW_AFTER.total_seconds(), return_when=_FIRST)
        if task.done():
            return _or_raise(task.result())
        is_slow = not read.done()
        task.add_done_callback(partial(self._ended, is_slow=is_slow))
        return Step.SOME if is_slow else read.result()

    def _ended(self, task: asyncio.Task[Step | StoreUnavailable], *, is_slow: bool) -> None:
        """Ring if there is something to do that nobody rings for.

        The journal does for what has come in its conversations meanwhile, which is rare if it was
        not slow; so one wake-up of the reader is saved with every batch.
        """
        if task.cancelled():
            return
        if is_slow or self.is_waited_for or isinstance(task.result(), StoreUnavailable):
            self._bell.set()

    async def _use(self, lane: Lane) -> Step | StoreUnavailable:
        try:
            return await self._work(lane)
        except StoreUnavailable as error:
            if lane.read is not None and lane.read.done():  # Nobody waits for this step any more.
                await self._clock.sleep(STORE_AWAY_WAIT)
            return error
        finally:
            self._idle.append(lane)


def step_of(entries: Sequence[Entry]) -> Step:
    """What a batch says of what is left: of one conversation it takes so many only."""
    if not entries:
        return Step.NOTHING
    return Step.SOME if len(entries) >= ENTRIES_OF_ONE_MAX else Step.ALL


def _or_raise(found: Step | StoreUnavailable) -> Step:
    if isinstance(found, StoreUnavailable):
        raise found
    return found
