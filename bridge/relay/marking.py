"""What signed-in people have read in Matrix is marked read in Teams.

    hook ─▶ note ─▶ the newest of each person and room ─▶ after a while, some at once ─▶ ReadBook
                                                                                          │ judged
    on its way still: later     read, or said something since, or not all read: nothing ◀─┴─▶ ReadMarker

Graph marks a chat read as a whole, and has nothing of the kind for channels: so it is done only if
nothing in the chat is newer than what was read, as far as that is known here.

Lossy on purpose. Receipts live in memory, the newest wins, and none is worth a message: what is lost
by a crash, an outage or a full memory is made good by the next receipt in the same room.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from typing_extensions import override

from bridge.domain.ids import MessageRef, RoomId, TeamsUserId, UserId
from bridge.domain.receipts import Receipt
from bridge.domain.values import dataclass
from bridge.errors import Refused, Rejected, RemoteError, Throttled, Unauthorized
from bridge.ports import AWAITED_FOR, Clock, MarkBook, Moments, Reach, ReadBook, ReadMarker
from bridge.relay.loops import Loop, Step
from bridge.telemetry import READ_MARKS, log

SETTLES_AFTER = timedelta(seconds=2)
"""Whoever reads on reads more, and whoever answers has read: both are the end of this receipt."""
EVERY = timedelta(seconds=10)
"""A chat of one person is marked no more often."""
LINKED_WITHIN = timedelta(seconds=15)
"""For so long it may be that an event is a message whose link is not written yet."""
LOOK_AGAIN_AFTER = timedelta(seconds=3)
TRY_AGAIN_AFTER = timedelta(seconds=30)
AGE_MAX = timedelta(minutes=10)
REFUSED_FOR = timedelta(minutes=10)
"""A person whose sign-in is no longer good is not tried with every receipt."""
WAITING_MAX = 5_000
"""Persons and rooms that wait for their mark, some 300 bytes each; also those remembered as marked."""
LOOKED_AT_ONCE = 50
MARKED_AT_ONCE = 4
"""A mark is a call to Graph, and messages are calls, too."""


class Verdict(StrEnum):
    """What becomes of a receipt; the labels of its counter."""

    MARK = "marked"
    WAIT = "waits"
    NOBODY = "nobody"
    OWN = "own"
    BEHIND = "behind"
    KNOWN = "known"
    ECHO = "echo"
    REFUSED = "refused"
    LATE = "late"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A receipt, since when it waits, and when it is looked at next."""

    receipt: Receipt
    since: datetime
    due_at: datetime


def verdict_on(reach: Reach | None, *, age: timedelta, sent_at: datetime | None) -> Verdict:
    """Decide about a receipt; `sent_at`: of an event that is no message, if that was asked for."""
    if reach is None:
        return Verdict.NOBODY
    if reach.own_last:
        return Verdict.OWN
    if reach.is_echo:
        return Verdict.ECHO
    may_be_written_yet = reach.read is None and age < LINKED_WITHIN
    if reach.under_way or may_be_written_yet:
        return Verdict.WAIT if age < AGE_MAX else Verdict.LATE
    read = reach.read or _as_ref(sent_at)
    if read is None or reach.newest is None or _is_newer(reach.newest, read):
        return Verdict.BEHIND
    return Verdict.MARK


def _as_ref(moment: datetime | None) -> MessageRef | None:
    return None if moment is None else MessageRef(str(int(moment.timestamp() * 1000)))


def _is_newer(one: MessageRef | None, other: MessageRef) -> bool:
    """Ids of messages in chats are the instants at which they were said."""
    return one is not None and (len(one), one) > (len(other), other)


_Key = tuple[UserId, RoomId]
K = TypeVar("K")
V = TypeVar("V")


class Marking(Loop):
    """Marks chats read, the newest receipt of each person and room."""

    def __init__(self, book: ReadBook, marker: ReadMarker, moments: Moments, clock: Clock) -> None:
        super().__init__(clock, asyncio.Event(), name="read marks")
        self.book = book
        self.marker = marker
        self.moments = moments
        self.marks: MarkBook | None = None
        """Remembers marks where what Teams says of them comes back."""
        self._waiting: OrderedDict[_Key, Waiting] = OrderedDict()
        self._marked: OrderedDict[_Key, tuple[datetime, MessageRef | None]] = OrderedDict()
        self._refused: OrderedDict[TeamsUserId, datetime] = OrderedDict()

    def note(self, receipts: Iterable[Receipt]) -> None:
        """Remember how far people have read; does not block."""
        now = self.clock.now()
        for receipt in receipts:
            key = (receipt.user, receipt.room)
            before, marked = self._waiting.pop(key, None), self._marked.get(key)
            due_at = now + SETTLES_AFTER if before is None else before.due_at
            if marked is not None:
                due_at = max(due_at, marked[0] + EVERY)
            self._waiting[key] = Waiting(receipt=receipt, since=now, due_at=due_at)
            if len(self._waiting) > WAITING_MAX:
                self._waiting.popitem(last=False)
                READ_MARKS.labels(Verdict.FORGOTTEN).inc()

    @override
    async def step(self) -> Step:
        """Look at some that are due; marks are made a few at a time."""
        now = self.clock.now()
        due = [one for one in self._waiting.values() if one.due_at <= now][:LOOKED_AT_ONCE]
        if not due:
            return Step.NOTHING
        reaches = await self.book.reach([one.receipt for one in due])
        pairs = list(zip(due, reaches, strict=True))
        for first in range(0, len(pairs), MARKED_AT_ONCE):
            some = pairs[first : first + MARKED_AT_ONCE]
            await asyncio.gather(*[self._settle(one, reach) for one, reach in some])
        return Step.SOME if len(due) == LOOKED_AT_ONCE else Step.ALL

    async def _settle(self, one: Waiting, reach: Reach | None) -> None:
        try:
            verdict = await self._carry_out(one, reach)
        except RemoteError as error:
            verdict = self._after(one, reach, error)
        if verdict is not Verdict.WAIT:
            READ_MARKS.labels(verdict).inc()
            self._let_go(one)

    async def _carry_out(self, one: Waiting, reach: Reach | None) -> Verdict:
        age = self.clock.now() - one.since
        sent_at = None
        if reach is not None and reach.read is None and age >= LINKED_WITHIN:
            sent_at = await self.moments.sent_at(one.receipt.room, one.receipt.ref)
        verdict = verdict_on(reach, age=age, sent_at=sent_at)
        if verdict is Verdict.WAIT:
            self._put_off(one, LOOK_AGAIN_AFTER)
        if verdict is not Verdict.MARK or reach is None:
            return verdict
        return await self._mark(one, reach)

    async def _mark(self, one: Waiting, reach: Reach) -> Verdict:
        key, now = (one.receipt.user, one.receipt.room), self.clock.now()
        if key in self._marked and self._marked[key][1] == reach.newest:
            return Verdict.KNOWN
        if self._refused.get(reach.person, now) > now:
            return self._wait_for_sign_in(one)
        await self._mark_in_teams(reach)
        _keep(self._marked, key, (self.clock.now(), reach.newest))
        log.debug("chat marked read", room=one.receipt.room, user=one.receipt.user)
        return Verdict.MARK

    async def _mark_in_teams(self, reach: Reach) -> None:
        """Mark it; what Teams says of it comes back, and is known by when that was."""
        person, place, marks = reach.person, reach.place, self.marks
        if marks is not None:
            await marks.begin(person, place, self.clock.now())
        try:
            await self.marker.mark_read(person, place)
        except Refused:
            if marks is not None:
                await marks.end(person, place, None)
            raise
        if marks is not None:
            await marks.end(person, place, self.clock.now())

    def _after(self, one: Waiting, reach: Reach | None, error: RemoteError) -> Verdict:
        now = self.clock.now()
        if isinstance(error, Unauthorized) and not error.everyone:
            if reach is not None:
                _keep(self._refused, reach.person, now + REFUSED_FOR)
            return self._wait_for_sign_in(one)
        if isinstance(error, Rejected | Unauthorized):
            log.info("chat not marked read", room=one.receipt.room, error=str(error))
            return Verdict.REFUSED
        if now - one.since >= AGE_MAX:
            return Verdict.LATE
        wait = error.retry_after if isinstance(error, Throttled) else TRY_AGAIN_AFTER
        self._put_off(one, wait)
        return Verdict.WAIT

    def _wait_for_sign_in(self, one: Waiting) -> Verdict:
        """Who must sign in again has read it all the same: until something newer was said there."""
        if self.clock.now() - one.since >= AWAITED_FOR:
            return Verdict.REFUSED
        self._put_off(one, REFUSED_FOR)
        return Verdict.WAIT

    def _put_off(self, one: Waiting, wait: timedelta) -> None:
        """Look again later, unless there is a newer receipt, which has a time of its own."""
        key = (one.receipt.user, one.receipt.room)
        if self._waiting.get(key) is one:
            later = self.clock.now() + wait
            self._waiting[key] = Waiting(receipt=one.receipt, since=one.since, due_at=later)

    def _let_go(self, one: Waiting) -> None:
        key = (one.receipt.user, one.receipt.room)
        if self._waiting.get(key) is one:
            del self._waiting[key]


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > WAITING_MAX:
        kept.popitem(last=False)
