"""Rooms and spaces follow what they stand for: looked at for news, when they are new, once a day.

    ShapeBook.claim ─▶ planned, and nothing was said since? ─▶ put off for a day
                  └──▶ Directory ─▶ Keeper ─▶ news? read back ─▶ ShapeBook.settle
                           └─ Gone: the room becomes an archive

News say that something may have changed, never what. Ten pieces of news of one room are one look, and
a look that fails is repeated, ever later. Graph promises no system messages to those who subscribe to
all chats at once (learn.microsoft.com graph/teams-changenotifications-chatmessage): so news of a
conversation also have it read back, unless a message told of them that was read: once for all news of
some seconds. Without news Graph is asked once a day, and of chats only if something was said in them
(learn.microsoft.com graph/api/resources/teams-api-overview).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from bridge.domain.ids import Channel, MessageRef, Place, channel_of, channel_place
from bridge.domain.portal import Conversation, Team
from bridge.domain.shape import Memory
from bridge.domain.values import dataclass
from bridge.errors import (
    Gone,
    InvariantBroken,
    RemoteError,
    StoreUnavailable,
    Throttled,
    Unavailable,
)
from bridge.ports import (
    ORGANISATION,
    Clock,
    ConversationNews,
    Directory,
    DueRoom,
    DueSpace,
    Keeper,
    Kept,
    KnownSpace,
    RoomLook,
    ShapeBook,
    SpaceLook,
)
from bridge.relay.loops import Loop, Step
from bridge.telemetry import LOOKS, ROOM_REFUSALS, STRANGERS, log

LOOKS_AT_ONCE = 4
"""Rooms that are made and people that are brought in cost a homeserver more than messages do."""
SKEW = timedelta(seconds=1)
"""By so much the clock of the process that noted the news may be behind."""
LEASE = timedelta(minutes=2)
"""For so long nobody else looks; what a process left behind that died is looked at then."""
DAY = timedelta(days=1)
AGAIN_FIRST = timedelta(seconds=30)
AGAIN_MAX = timedelta(hours=6)
DOUBLINGS_MAX = 12
AWAY_WAIT = timedelta(seconds=5)
"""While a network does not answer at all, nobody need be looked at."""
READ_BACK_PAUSE = timedelta(seconds=5)
"""So late is told what happened right after something else. What is read back of a team are news of it
again, for as long as it lies within what is read twice (a minute): so often, and no more, does it go round."""
PIN_AGAIN = timedelta(seconds=30)
PIN_YOUNG = timedelta(minutes=10)
"""A message that was pinned, and is no older, may still be on its way."""

ReadBack = Callable[[Place, datetime], Awaitable[None]]
"""Reads a conversation from there on; raises RemoteError, StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a look has led to."""

    kept: Kept
    next_at: datetime
    gone_at: datetime | None = None


class Shaper(Loop):
    """Looks at what is due, several at a time; `bell` rings for a new room, into which people want.

    News ring no bell: they come in crowds, and those of a second are one look.
    """

    def __init__(
        self,
        book: ShapeBook,
        directory: Directory,
        keeper: Keeper,
        clock: Clock,
        bell: asyncio.Event,
        *,
        read_back: ReadBack,
    ) -> None:
        super().__init__(clock, bell, name="shapes")
        self.book = book
        self.directory = directory
        self.keeper = keeper
        self.read_back = read_back
        self._running = 0
        self._newest_first = False
        self._wait_until: datetime | None = None
        self._tasks: asyncio.TaskGroup | None = None

    @override
    async def run(self) -> None:
        """Look until told to stop; looks that are under way then are ended."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await super().run()

    @override
    async def step(self) -> Step:
        """Begin as many looks as there is room for."""
        now = self.clock.now()
        room = LOOKS_AT_ONCE - self._running
        if room <= 0 or (self._wait_until is not None and now < self._wait_until):
            return Step.ALL
        until = now + LEASE
        looks: list[Coroutine[None, None, None]] = [
            self.look_at_space(due) for due in await self.book.claim_spaces(limit=room, until=until)
        ]
        # By turns: news must not wait behind a backlog, nor what is oldest behind news.
        self._newest_first = not self._newest_first
        rooms = await self.book.claim_rooms(
            limit=room - len(looks), until=until, newest_first=self._newest_first
        )
        looks += [self.look_at_room(due) for due in rooms]
        for look in looks:
            self._begin(look)
        return Step.ALL

    def _begin(self, look: Coroutine[None, None, None]) -> None:
        if self._tasks is None:
            raise InvariantBroken("looks are begun by run() alone")
        self._running += 1
        self._tasks.create_task(self._look(look))

    async def _look(self, look: Coroutine[None, None, None]) -> None:
        try:
            await look
        except StoreUnavailable:
            return  # The lease ends by itself.
        finally:
            self._running -= 1
            self.bell.set()

    # --- rooms ---

    async def look_at_room(self, due: DueRoom) -> None:
        """Look at a room, and remember how that ended.

        Raises:
            StoreUnavailable: Postgres is away; it is looked at again.
        """
        memory = with_news(due)
        try:
            outcome = await self._keep_room(replace(due, memory=memory))
        except RemoteError as error:
            outcome = self._after(error, memory, due.gone_at)
        except StoreUnavailable:
            raise
        except Exception:  # A bug costs one look; it must not stop the others.
            log.exception("bug while looking at a room", portal=due.portal.id)
            outcome = self._failed(memory, due.gone_at)
        _count("room", outcome)
        await self.book.settle_room(
            due, outcome.kept, next_at=outcome.next_at, gone_at=outcome.gone_at
        )

    async def _keep_room(self, due: DueRoom) -> Outcome:
        now = self.clock.now()
        memory, portal = due.memory, due.portal
        if is_idle(due.due_at, memory) and not await self._was_said_in(due):
            kept = Kept(memory=replace(memory, next_at=now + DAY, looked_at=now))
            return Outcome(kept=kept, next_at=now + DAY, gone_at=due.gone_at)
        conversation = await self._describe(portal.place, as_of=due.due_at + SKEW)
        pins, waits = await self._pins(due, conversation)
        look = RoomLook(conversation=conversation, pins=pins, space=await self._space(due))
        kept = await self.keeper.keep_room(due, look)
        gone_at = (due.gone_at or now) if conversation is None else None
        await self._link(due, kept, gone_at)
        memory = await self._read_back(due, kept.memory) if conversation else kept.memory
        soon = now if not kept.is_all else now + PIN_AGAIN if waits else None
        memory, next_at = planned(memory, now=now, soon=soon)
        return Outcome(kept=replace(kept, memory=memory), next_at=next_at, gone_at=gone_at)

    async def _was_said_in(self, due: DueRoom) -> bool:
        """Channels are few, and what is said below old posts is not easily found: they always count."""
        looked_at, place = due.memory.looked_at, due.portal.place
        if looked_at is None or channel_of(place) is not None:
            return True
        return await self.book.said_since(due.portal.id, looked_at)

    async def _describe(self, place: Place, *, as_of: datetime) -> Conversation | None:
        try:
            return await self.directory.describe(place, as_of=as_of)
        except Gone:
            return None

    async def _pins(
        self, due: DueRoom, conversation: Conversation | None
    ) -> tuple[tuple[MessageRef, ...] | None, bool]:
        """Return the events that are pinned, and whether one may still be on its way."""
        pinned = await self.directory.pins_of(due.portal.place) if conversation else None
        if pinned is None:
            return None, False
        events = await self.book.events_of(due.portal.id, pinned)
        missing = [ref for ref in pinned if ref not in events]
        return tuple(events[ref] for ref in pinned if ref in events), are_young(
            missing, self.clock.now()
        )

    async def _space(self, due: DueRoom) -> KnownSpace:
        channel = channel_of(due.portal.place)
        if channel is None:
            return KnownSpace()
        return await self.book.space_of(due.portal.place.tenant, channel.team)

    async def _link(self, due: DueRoom, kept: Kept, gone_at: datetime | None) -> None:
        """Have a channel's space made, or looked at where it shows the channel otherwise now."""
        channel = channel_of(due.portal.place)
        if channel is not None:
            renamed = kept.name is not None and kept.name != due.name
            came_or_went = (gone_at is None) != (due.gone_at is None)
            anew = due.memory.looked_at is None or renamed or came_or_went
            await self.book.want_spaces(due.portal.place.tenant, channel.team, anew=anew)

    async def _read_back(self, due: DueRoom, memory: Memory) -> Memory:
        now = self.clock.now()
        if not memory.read_again or not may_read_back(memory, now):
            return memory
        await self.read_back(due.portal.place, due.read_until)
        return replace(memory, read_again=False, read_back_at=now)

    # --- spaces ---

    async def look_at_space(self, due: DueSpace) -> None:
        """Look at a space, and remember how that ended.

        Raises:
            StoreUnavailable: Postgres is away; it is looked at again.
        """
        try:
            outcome = await self._keep_space(due)
        except Gone:
            outcome = await self._without_team(due)
        except RemoteError as error:
            outcome = self._after(error, due.memory, due.gone_at)
        except StoreUnavailable:
            raise
        except Exception:  # A bug costs one look; it must not stop the others.
            log.exception("bug while looking at a space", room=due.room)
            outcome = self._failed(due.memory, due.gone_at)
        _count("space", outcome)
        await self.book.settle_space(
            due, outcome.kept, next_at=outcome.next_at, gone_at=outcome.gone_at
        )

    async def _keep_space(self, due: DueSpace) -> Outcome:
        now = self.clock.now()
        look, memory = await self._look_of(due, as_of=due.due_at + SKEW)
        await self._tell_general(due, look.team)
        kept = await self.keeper.keep_space(replace(due, memory=memory), look)
        if memory.picture != due.memory.picture:
            await self.book.look_below(due.tenant, due.team)
        if due.room is not None and kept.name != due.name:
            await self.book.want_spaces(due.tenant, ORGANISATION, anew=True)
        memory, next_at = planned(kept.memory, now=now, soon=None if kept.is_all else now)
        return Outcome(kept=replace(kept, memory=memory), next_at=next_at)

    async def _tell_general(self, due: DueSpace, team: Team | None) -> None:
        """What happens to a team stands in its General channel, as a system message."""
        is_news = due.memory.looked_at is not None and due.due_at != due.memory.next_at
        if is_news and team is not None and team.general is not None:
            general = Channel(team=team.id, channel=team.general)
            await self.book.look_at(ConversationNews(place=channel_place(due.tenant, general)))

    async def _look_of(self, due: DueSpace, *, as_of: datetime) -> tuple[SpaceLook, Memory]:
        if due.team == ORGANISATION:
            spaces = await self.book.spaces_of(due.tenant)
            return SpaceLook(team=None, children=spaces), due.memory
        team = await self.directory.team(due.team, as_of=as_of)
        memory = await self._pictured(due)
        children = await self.book.channels_of(due.tenant, due.team)
        parent = await self.book.space_of(due.tenant, ORGANISATION)
        look = SpaceLook(team=team, children=children, picture=memory.picture, parent=parent.room)
        return look, memory

    async def _pictured(self, due: DueSpace) -> Memory:
        memory = due.memory
        found = await self.directory.picture_of(due.team, known=memory.picture_tag)
        if found is None:
            return replace(memory, picture=None, picture_tag=None)
        if isinstance(found, str):
            return memory
        uri = await self.keeper.put_picture(found)
        return replace(memory, picture=uri, picture_tag=found.tag)

    async def _without_team(self, due: DueSpace) -> Outcome:
        """The space of a team that is no more leads to its archives; it is in no other space."""
        now = self.clock.now()
        if due.gone_at is None:
            await self.book.want_spaces(due.tenant, ORGANISATION, anew=True)
            await self.book.look_below(due.tenant, due.team)
        memory, next_at = planned(due.memory, now=now, soon=None)
        return Outcome(kept=Kept(memory=memory), next_at=next_at, gone_at=due.gone_at or now)

    # --- what went wrong ---

    def _after(self, error: RemoteError, memory: Memory, gone_at: datetime | None) -> Outcome:
        log.info("look put off", error=str(error))
        if isinstance(error, Throttled):
            return self._put_off(memory, gone_at, error.retry_after)
        if isinstance(error, Unavailable):
            self._wait_until = self.clock.now() + AWAY_WAIT
            return self._put_off(memory, gone_at, AGAIN_FIRST)
        return self._failed(memory, gone_at)

    def _failed(self, memory: Memory, gone_at: datetime | None) -> Outcome:
        wait = min(AGAIN_FIRST * (1 << min(memory.failures, DOUBLINGS_MAX)), AGAIN_MAX)
        failed = replace(memory, failures=memory.failures + 1)
        return self._put_off(failed, gone_at, wait)

    def _put_off(self, memory: Memory, gone_at: datetime | None, wait: timedelta) -> Outcome:
        next_at = self.clock.now() + wait
        memory = replace(memory, next_at=next_at, daily=False)
        return Outcome(kept=Kept(memory=memory, is_all=False), next_at=next_at, gone_at=gone_at)


# --- deciding ---


def with_news(due: DueRoom) -> Memory:
    """Note whether a conversation is to be read back: not one that is read from the beginning."""
    memory = due.memory
    is_news = due.has_news and memory.looked_at is not None
    return replace(memory, read_again=memory.read_again or is_news)


def is_idle(due_at: datetime, memory: Memory) -> bool:
    """Tell whether a look was planned for no reason but that a day has passed."""
    return memory.daily and due_at == memory.next_at


def may_read_back(memory: Memory, now: datetime) -> bool:
    """Tell whether a conversation was not read back just now."""
    return memory.read_back_at is None or now - memory.read_back_at >= READ_BACK_PAUSE


def planned(memory: Memory, *, now: datetime, soon: datetime | None) -> tuple[Memory, datetime]:
    """Say when to look again after a look that went well."""
    again = (memory.read_back_at or now) + READ_BACK_PAUSE if memory.read_again else None
    next_at = min((at for at in (soon, again) if at is not None), default=now + DAY)
    daily = soon is None and again is None
    return replace(memory, looked_at=now, next_at=next_at, daily=daily, failures=0), next_at


def are_young(messages: Sequence[MessageRef], now: datetime) -> bool:
    """Tell whether one of these was said lately: ids are the time of creation in ms."""
    oldest = (now - PIN_YOUNG).timestamp() * 1000
    return any(ref.isdecimal() and int(ref[:18]) >= oldest for ref in messages)


def _count(what: str, outcome: Outcome) -> None:
    kept = outcome.kept
    result = "gone" if outcome.gone_at else "kept" if kept.is_all else "again"
    LOOKS.labels(what, result).inc()
    ROOM_REFUSALS.inc(kept.refused)
    STRANGERS.inc(kept.strangers)
