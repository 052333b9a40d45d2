"""What people have read and hidden in Teams is shown by their own accounts in Matrix.

    ViewNews ─▶ ViewpointBook ─ due ─▶ told, or asked for ─┬─ read until there: the last message of the
                                                           │    room by then ─▶ noted ─▶ receipt
                                                           └─ hidden, or not any more ─▶ low priority

What is shown is noted before: the receipt comes back from the homeserver, and must not mark the chat
read in Teams once more, where somebody may have written meanwhile. The other way round nothing is
shown of what was marked read in Teams because it was read in Matrix (`relay.marking`).

A notification may overtake those of the messages that were read, by a minute at most: so a look is
followed by a last one.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from bridge.domain.values import dataclass
from bridge.domain.viewpoints import Hiding, Reading, Shown, Viewpoint, hiding_of, reading_of
from bridge.errors import Rejected, RemoteError, Throttled, Unauthorized, Unconvertible
from bridge.ports import Clock, DueView, Viewer, ViewpointBook, ViewpointSource
from bridge.relay.loops import Loop, Step
from bridge.telemetry import VIEWS, log

AT_ONCE = 8
LEASE = timedelta(minutes=2)
AGAIN_AFTER = timedelta(seconds=3)
TRY_AGAIN_AFTER = timedelta(seconds=30)
LATE = timedelta(seconds=70)
"""Graph tells of a message within a minute (learn.microsoft.com graph/change-notifications-overview)."""
AGE_MAX = timedelta(minutes=10)
"""After so long nothing is waited for any more: what is read next shows this, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be shown."""

    reads: bool = True
    hidden: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """How a look ended: as Graph says now, if it was asked, and when to look again."""

    view: Viewpoint | None = None
    next_at: datetime | None = None


class Viewing(Loop):
    """Looks at the views that are due, some at once."""

    def __init__(
        self,
        book: ViewpointBook,
        source: ViewpointSource,
        viewer: Viewer,
        clock: Clock,
        *,
        wanted: Wanted,
    ) -> None:
        super().__init__(clock, asyncio.Event(), name="views")
        self.book = book
        self.source = source
        self.viewer = viewer
        self.wanted = wanted

    @override
    async def step(self) -> Step:
        """Look at some that are due."""
        now = self.clock.now()
        due = await self.book.claim(now=now, until=now + LEASE, limit=AT_ONCE)
        await asyncio.gather(*[self._look(one) for one in due])
        return Step.SOME if len(due) == AT_ONCE else Step.ALL if due else Step.NOTHING

    async def _look(self, due: DueView) -> None:
        try:
            looked = await self._follow(due)
        except RemoteError as error:
            looked = self._after(due, error)
        except Unconvertible as error:  # What it should say of a chat, Graph did not.
            looked = self._after(due, Rejected(str(error)))
        await self.book.settle(due, view=looked.view, next_at=looked.next_at)

    async def _follow(self, due: DueView) -> _Looked:
        if due.room is None:
            return self._later(due, "no_room")
        asked = await self._ask(due)
        if asked is None and self._must_ask(due):
            VIEWS.labels("nothing").inc()  # There is no such chat, or they have left it.
            return _Looked(view=due.view)
        view = asked or due.view
        shown = await self._hide(due, view)
        verdict = await self._read(replace(due, shown=shown), view)
        if verdict is Reading.WAIT:
            return replace(self._later(due, "late"), view=asked)
        return _Looked(view=asked, next_at=self._last_look(due))

    def _must_ask(self, due: DueView) -> bool:
        """Notifications come in any order: what would change the tag is asked for as it is now."""
        return due.asks or (self.wanted.hidden and due.view.is_hidden != due.shown.hidden)

    async def _ask(self, due: DueView) -> Viewpoint | None:
        return await self.source.view_of(due.person, due.place) if self._must_ask(due) else None

    async def _hide(self, due: DueView, view: Viewpoint) -> Shown:
        """Follow it that a chat is hidden, or not any more; return what is shown then."""
        hiding = hiding_of(view, due.shown)
        if not self.wanted.hidden or hiding is Hiding.LEAVE or due.room is None:
            return due.shown
        try:
            is_done = await self.viewer.show_hidden(due.person, due.room, hidden=view.is_hidden)
        except Rejected as error:
            log.info("room not tagged", room=due.room, error=str(error))
            is_done = False
        VIEWS.labels(hiding if is_done else Hiding.LEAVE).inc()
        # Done or not: the same is not tried again before it changes in Teams.
        shown = replace(due.shown, hidden=view.is_hidden)
        await self.book.show(due, shown)
        return shown

    async def _read(self, due: DueView, view: Viewpoint) -> Reading:
        last = None
        if self.wanted.reads and view.read_at is not None:
            last = await self.book.last_until(due.portal, view.read_at)
        verdict = reading_of(
            view,
            due.shown,
            last=None if last is None else last[0],
            under_way=due.under_way,
            now=self.clock.now(),
        )
        if not self.wanted.reads:
            return Reading.NOTHING
        if verdict is Reading.SHOW and last is not None and due.room is not None:
            await self.book.show(due, replace(due.shown, through=last[0]))
            is_done = await self.viewer.show_read(due.person, due.room, last[1])
            VIEWS.labels(Reading.SHOW if is_done else "ghost").inc()
            log.debug("shown as read", room=due.room)
        elif verdict is not Reading.WAIT and self._last_look(due) is not None:
            VIEWS.labels(verdict).inc()  # The last look sees the same again.
        return verdict

    def _last_look(self, due: DueView) -> datetime | None:
        late = due.told_at + LATE
        return late if self.clock.now() < late else None

    def _later(self, due: DueView, why: str) -> _Looked:
        now = self.clock.now()
        if now - due.told_at < AGE_MAX:
            return _Looked(next_at=now + AGAIN_AFTER)
        VIEWS.labels(why).inc()
        return _Looked(view=due.view)

    def _after(self, due: DueView, error: RemoteError) -> _Looked:
        now = self.clock.now()
        if isinstance(error, Rejected | Unauthorized):
            log.info("view not shown", room=due.room, error=str(error))
            VIEWS.labels("refused").inc()
            return _Looked(view=due.view)
        if now - due.told_at >= AGE_MAX:
            VIEWS.labels("late").inc()
            return _Looked(view=due.view)
        wait = error.retry_after if isinstance(error, Throttled) else TRY_AGAIN_AFTER
        return _Looked(next_at=now + wait)
