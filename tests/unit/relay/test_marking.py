"""Which receipts mark a chat read in Teams, when, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from bridge.domain.ids import (
    ConversationId,
    MessageRef,
    Place,
    RoomId,
    TeamsUserId,
    TenantId,
    UserId,
)
from bridge.domain.receipts import Receipt
from bridge.errors import (
    Rejected,
    RemoteError,
    StoreUnavailable,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from bridge.ports import AWAITED_FOR, MarkBook, Moments, Reach, ReadBook, ReadMarker
from bridge.relay.loops import Step
from bridge.relay.marking import (
    AGE_MAX,
    EVERY,
    LINKED_WITHIN,
    LOOKED_AT_ONCE,
    REFUSED_FOR,
    SETTLES_AFTER,
    TRY_AGAIN_AFTER,
    WAITING_MAX,
    Marking,
    Verdict,
    verdict_on,
)
from tests.kit.fake_store import FakeClock

ME = TeamsUserId("me")
PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("19:a@thread.v2"))
READ = Reach(
    person=ME, place=PLACE, read=MessageRef("1000"), newest=MessageRef("1000"),
    own_last=False, under_way=False,
)  # fmt: skip
NO_MESSAGE = replace(READ, read=None)
SHORTLY = timedelta(seconds=1)


def receipt(user: str = "me", room: str = "!a:hs", ref: str = "$1") -> Receipt:
    return Receipt(room=RoomId(room), user=UserId(f"@{user}:hs"), ref=MessageRef(ref))


@pytest.mark.parametrize(
    ("reach", "age", "verdict"),
    [
        (None, SHORTLY, Verdict.NOBODY),
        (READ, SHORTLY, Verdict.MARK),
        (replace(READ, newest=MessageRef("1001")), SHORTLY, Verdict.BEHIND),
        (replace(READ, newest=MessageRef("999")), SHORTLY, Verdict.MARK),
        (replace(READ, own_last=True), SHORTLY, Verdict.OWN),
        (replace(READ, is_echo=True), SHORTLY, Verdict.ECHO),
        (replace(READ, under_way=True), SHORTLY, Verdict.WAIT),
        (replace(READ, under_way=True), AGE_MAX, Verdict.LATE),
        (NO_MESSAGE, SHORTLY, Verdict.WAIT),
        (NO_MESSAGE, LINKED_WITHIN, Verdict.MARK),
        (replace(NO_MESSAGE, newest=MessageRef("3000")), LINKED_WITHIN, Verdict.BEHIND),
        (replace(NO_MESSAGE, newest=None), LINKED_WITHIN, Verdict.BEHIND),
    ],
)
def test_a_chat_is_marked_if_all_was_read_that_others_have_said(
    reach: Reach | None, age: timedelta, verdict: Verdict
) -> None:
    assert verdict_on(reach, age=age, sent_at=datetime.fromtimestamp(2)) is verdict  # noqa: DTZ006
    if reach is NO_MESSAGE:
        assert verdict_on(reach, age=AGE_MAX, sent_at=None) is Verdict.BEHIND


class Stage(ReadBook, ReadMarker, Moments):
    """What is known, and what was marked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.known: Reach | None = READ
        self.marked: list[str] = []
        self.looks = 0
        self.error: Exception | None = None
        self.loop = Marking(self, self, self, self.clock)

    @override
    async def reach(self, receipts: Sequence[Receipt]) -> Sequence[Reach | None]:
        self.looks += 1
        if isinstance(self.error, StoreUnavailable):
            raise self.error
        return [self.known for _ in receipts]

    @override
    async def mark_read(self, person: TeamsUserId, place: Place) -> None:
        if isinstance(self.error, RemoteError):
            raise self.error
        self.marked.append(person)

    @override
    async def sent_at(self, room: RoomId, ref: MessageRef) -> datetime | None:
        return self.clock.now()

    def reads(self, *receipts: Receipt) -> None:
        self.loop.note(receipts or [receipt()])

    async def after(self, wait: timedelta) -> Step:
        self.clock.advance(wait)
        return await self.loop.step()


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_many_receipts_of_one_room_are_one_mark(stage: Stage) -> None:
    for number in range(5):
        stage.reads(receipt(ref=f"${number}"))
        assert await stage.after(SETTLES_AFTER / 10) is Step.NOTHING
    await stage.after(SETTLES_AFTER)
    await stage.after(EVERY)
    assert (stage.marked, stage.looks) == ([ME], 1)


async def test_a_chat_is_marked_again_after_a_while_and_only_for_something_new(
    stage: Stage,
) -> None:
    stage.reads()
    await stage.after(SETTLES_AFTER)
    stage.reads()
    stage.known = replace(READ, read=MessageRef("2000"), newest=MessageRef("2000"))
    assert await stage.after(SETTLES_AFTER) is Step.NOTHING
    await stage.after(EVERY)
    stage.reads()
    await stage.after(EVERY)
    assert stage.marked == [ME, ME]


async def test_what_is_under_way_is_waited_for(stage: Stage) -> None:
    stage.known = replace(READ, under_way=True)
    stage.reads()
    await stage.after(SETTLES_AFTER)
    stage.known = READ
    await stage.after(LINKED_WITHIN)
    assert stage.marked == [ME]


async def test_an_event_that_is_no_message_counts_by_its_time(stage: Stage) -> None:
    stage.known = NO_MESSAGE
    stage.reads()
    await stage.after(SETTLES_AFTER)
    assert stage.marked == []
    await stage.after(LINKED_WITHIN)
    assert stage.marked == [ME]


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Throttled("later", retry_after=timedelta(seconds=7)), timedelta(seconds=7)),
        (Unavailable("away"), TRY_AGAIN_AFTER),
    ],
)
async def test_what_cannot_be_marked_now_is_tried_again(
    stage: Stage, error: Exception, wait: timedelta
) -> None:
    stage.error = error
    stage.reads()
    await stage.after(SETTLES_AFTER)
    stage.error = None
    await stage.after(wait - SHORTLY)
    assert stage.marked == []
    await stage.after(SHORTLY)
    assert stage.marked == [ME]


async def test_what_is_never_marked_is_given_up(stage: Stage) -> None:
    stage.error = Unavailable("away")
    stage.reads()
    await stage.after(SETTLES_AFTER)
    await stage.after(AGE_MAX)
    stage.error = None
    await stage.after(AGE_MAX)
    assert stage.marked == []


async def test_a_sign_in_that_is_no_longer_good_is_left_alone_for_a_while(stage: Stage) -> None:
    stage.error = Unauthorized("sign in again")
    stage.reads()
    await stage.after(SETTLES_AFTER)
    stage.error = None
    stage.reads()
    await stage.after(SETTLES_AFTER)
    assert stage.marked == []
    await stage.after(REFUSED_FOR)
    assert stage.marked == [ME], "it waits for the next sign-in, as messages do"


async def test_nobody_is_marked_whose_sign_in_was_lost_for_too_long(stage: Stage) -> None:
    stage.error = Unauthorized("sign in again")
    stage.reads()
    await stage.after(SETTLES_AFTER)
    await stage.after(AWAITED_FOR)
    stage.error = None
    await stage.after(REFUSED_FOR)
    assert stage.marked == []


async def test_a_chat_that_teams_does_not_mark_is_tried_with_the_next_receipt(
    stage: Stage,
) -> None:
    stage.error = Rejected("not a member")
    stage.reads()
    await stage.after(SETTLES_AFTER)
    stage.error = None
    stage.reads()
    await stage.after(SETTLES_AFTER)
    assert stage.marked == [ME]


async def test_while_the_store_is_away_nothing_is_forgotten(stage: Stage) -> None:
    stage.error = StoreUnavailable("away")
    stage.reads()
    with pytest.raises(StoreUnavailable):
        await stage.after(SETTLES_AFTER)
    stage.error = None
    await stage.after(SHORTLY)
    assert stage.marked == [ME]


async def test_of_too_many_the_oldest_are_forgotten(stage: Stage) -> None:
    stage.reads(*(receipt(room=f"!{number}:hs") for number in range(WAITING_MAX + 3)))
    stage.known = None
    while await stage.after(SETTLES_AFTER) is not Step.NOTHING:
        pass
    assert stage.looks == WAITING_MAX // LOOKED_AT_ONCE


class Marks(MarkBook):
    """What was noted of marks."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, datetime | None]] = []

    @override
    async def begin(self, person: TeamsUserId, place: Place, at: datetime) -> None:
        self.noted.append(("begin", at))

    @override
    async def end(self, person: TeamsUserId, place: Place, at: datetime | None) -> None:
        self.noted.append(("end", at))


@pytest.mark.parametrize(
    ("error", "is_marked"),
    [(None, True), (Unauthorized("sign in again"), False), (Unavailable("away"), False)],
)
async def test_where_it_comes_back_it_is_noted_when_a_chat_was_marked(
    stage: Stage, error: Exception | None, is_marked: bool
) -> None:
    stage.loop.marks = marks = Marks()
    stage.error = error
    stage.reads()
    await stage.after(SETTLES_AFTER)
    now = stage.clock.now()
    assert marks.noted == [("begin", now), ("end", now if is_marked else None)]


async def test_a_mark_that_may_have_been_made_is_taken_for_made_later(stage: Stage) -> None:
    stage.loop.marks = marks = Marks()
    stage.error = Uncertain("no answer")
    stage.reads()
    await stage.after(SETTLES_AFTER)
    assert [what for what, _ in marks.noted] == ["begin"]
