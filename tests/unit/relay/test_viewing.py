"""How views that are due are followed: asked for, shown, put off, and noted before they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from bridge.domain.ids import (
    ConversationId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    TeamsUserId,
    TenantId,
)
from bridge.domain.viewpoints import Shown, Viewpoint
from bridge.errors import (
    Rejected,
    RemoteError,
    Throttled,
    Unauthorized,
    Unavailable,
    Unconvertible,
)
from bridge.ports import DueView, Viewer, ViewpointBook, ViewpointSource
from bridge.relay.loops import Step
from bridge.relay.viewing import (
    AGAIN_AFTER,
    AGE_MAX,
    LATE,
    LEASE,
    TRY_AGAIN_AFTER,
    Viewing,
    Wanted,
)
from tests.kit.fake_store import BEGINNING, FakeClock

ME, ROOM = TeamsUserId("me"), RoomId("!a:hs")
PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("19:a@thread.v2"))
READ_AT = BEGINNING - timedelta(seconds=5)
LAST = (MessageRef("1700000000001"), MessageRef("$1"))
DUE = DueView(
    portal=PortalId(1),
    place=PLACE,
    person=ME,
    room=ROOM,
    view=Viewpoint(read_at=READ_AT, is_hidden=False),
    asks=False,
    told_at=BEGINNING,
    shown=Shown(),
    under_way=False,
    claimed_until=BEGINNING + LEASE,
)


@dataclass
class Settled:
    """How a look ended."""

    view: Viewpoint | None
    next_at: datetime | None


class Stage(ViewpointBook, ViewpointSource, Viewer):
    """One view that is due, Teams, and the person's account."""

    def __init__(self, due: DueView = DUE, *, wanted: Wanted | None = None) -> None:
        self.clock = FakeClock()
        self.due: list[DueView] = [due]
        self.view: Viewpoint | None = None
        self.last: tuple[MessageRef, MessageRef] | None = LAST
        self.error: RemoteError | None = None
        self.has_account = True
        self.nonsense = False
        self.done: list[str] = []
        self.settled: list[Settled] = []
        self.loop = Viewing(self, self, self, self.clock, wanted=wanted or Wanted())

    async def look(self) -> Settled:
        assert await self.loop.step() is Step.ALL
        return self.settled[-1]

    @override
    async def claim(self, *, now: datetime, until: datetime, limit: int) -> tuple[DueView, ...]:
        due, self.due = self.due, []
        return tuple(due)

    @override
    async def last_until(
        self, portal: PortalId, instant: datetime
    ) -> tuple[MessageRef, MessageRef] | None:
        return self.last

    @override
    async def show(self, due: DueView, shown: Shown) -> None:
        self.done.append(f"note {shown.through} {shown.hidden}")

    @override
    async def settle(
        self, due: DueView, *, view: Viewpoint | None, next_at: datetime | None
    ) -> None:
        self.settled.append(Settled(view, next_at))

    @override
    async def view_of(self, person: TeamsUserId, place: Place) -> Viewpoint | None:
        self.done.append("ask")
        if self.nonsense:
            raise Unconvertible("a chat without an id")
        return self.view

    @override
    async def views_of(
        self, person: TeamsUserId
    ) -> AsyncIterator[Sequence[tuple[Place, Viewpoint]]]:
        yield ()

    @override
    async def show_read(self, person: TeamsUserId, room: RoomId, event: MessageRef) -> bool:
        self.done.append(f"read {event}")
        if self.error is not None:
            raise self.error
        return self.has_account

    @override
    async def show_hidden(self, person: TeamsUserId, room: RoomId, *, hidden: bool) -> bool:
        self.done.append(f"hide {hidden}")
        if self.error is not None:
            raise self.error
        return self.has_account


async def test_what_was_told_is_noted_then_shown_and_looked_at_once_more() -> None:
    stage = Stage()
    settled = await stage.look()
    assert stage.done == [f"note {LAST[0]} False", "read $1"], "nobody was asked"
    assert settled.next_at == BEGINNING + LATE
    late = Stage(replace(DUE, told_at=BEGINNING - LATE, shown=Shown(through=LAST[0])))
    assert await late.look() == Settled(None, None)
    assert late.done == []


async def test_what_only_is_said_to_have_changed_is_asked_for() -> None:
    stage = Stage(replace(DUE, asks=True))
    stage.view = Viewpoint(read_at=READ_AT, is_hidden=False)
    settled = await stage.look()
    assert stage.done == ["ask", f"note {LAST[0]} False", "read $1"]
    assert settled.view == stage.view
    gone = Stage(replace(DUE, asks=True))
    assert (await gone.look()).next_at is None
    assert gone.done == ["ask"], "there is no such chat any more"


async def test_an_answer_that_makes_no_sense_costs_one_look() -> None:
    stage = Stage(replace(DUE, asks=True))
    stage.nonsense = True
    assert (await stage.look()).next_at is None


async def test_a_tag_follows_what_graph_says_now() -> None:
    told = replace(DUE, view=Viewpoint(read_at=None, is_hidden=True))
    stage = Stage(told)
    stage.view = told.view
    await stage.look()
    assert stage.done == ["ask", "hide True", "note None True"]
    overtaken = Stage(told)
    overtaken.view = Viewpoint(read_at=None, is_hidden=False)
    await overtaken.look()
    assert overtaken.done == ["ask"]
    unwanted = Stage(told, wanted=Wanted(hidden=False))
    await unwanted.look()
    assert unwanted.done == []


async def test_a_room_that_cannot_be_tagged_is_not_tried_again_before_teams_changes() -> None:
    stage = Stage(replace(DUE, view=Viewpoint(read_at=None, is_hidden=True)))
    stage.view, stage.error = Viewpoint(read_at=None, is_hidden=True), Rejected("not there")
    await stage.look()
    assert stage.done == ["ask", "hide True", "note None True"]


async def test_reads_may_be_unwanted() -> None:
    stage = Stage(wanted=Wanted(reads=False))
    await stage.look()
    assert stage.done == []


@pytest.mark.parametrize("due", [replace(DUE, room=None), replace(DUE, under_way=True)])
async def test_what_is_not_there_yet_is_waited_for_at_most_for_a_while(due: DueView) -> None:
    stage = Stage(due)
    assert await stage.look() == Settled(None, BEGINNING + AGAIN_AFTER)
    old = Stage(replace(due, told_at=BEGINNING - AGE_MAX))
    assert (await old.look()).next_at is None
    assert old.done == []


@pytest.mark.parametrize(
    ("error", "next_at"),
    [
        (Throttled("later", retry_after=timedelta(seconds=7)), BEGINNING + timedelta(seconds=7)),
        (Unavailable("away"), BEGINNING + TRY_AGAIN_AFTER),
        (Rejected("no"), None),
        (Unauthorized("sign in again"), None),
    ],
)
async def test_what_cannot_be_shown_now_is_tried_again(
    error: RemoteError, next_at: datetime | None
) -> None:
    stage = Stage()
    stage.error = error
    assert (await stage.look()).next_at == next_at
    old = Stage(replace(DUE, told_at=BEGINNING - AGE_MAX))
    old.error = error
    assert (await old.look()).next_at is None


async def test_who_has_no_account_of_their_own_shows_nothing() -> None:
    stage = Stage()
    stage.has_account = False
    assert (await stage.look()).next_at == BEGINNING + LATE
