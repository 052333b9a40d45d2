"""The sender knows: whoever said something in Matrix that is not in Teams learns it, once, and why.

    book.untold ──▶ what_to_tell ──▶ announcer.tell ──▶ book.mark ─┬ resting: done
                                                                   ├ under way: asked again next time
                                                                   └ arrived ──▶ announcer.correct
    worker ──arrived──▶ told before, all parts there? ──▶ announcer.correct
                  └───▶ Receipts: the newest of a room ──▶ announcer.read

What was told is written down after it was told: a crash in between tells it again, under the same
transaction. That something has arrived after all is known in this process only: a crash before it
is said leaves the notice as it was. Receipts are worth less than any message: one at a time for a
room, the newest wins, and none is repeated.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Literal, assert_never

from typing_extensions import override

from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, PortalId, RoomId, Side, UserId
from bridge.errors import Rejected, RemoteError, Throttled, Unauthorized, Unavailable
from bridge.ports import (
    Announcer,
    Clock,
    Deed,
    Delivery,
    Fate,
    Reason,
    Subject,
    Tidings,
    TidingsBook,
    Told,
    Undelivered,
)
from bridge.relay.loops import Loop, Step
from bridge.relay.reasons import reason_of
from bridge.telemetry import log

TOLD_AFTER = timedelta(seconds=30)
"""Of waiting after an error; most waits are over by then, and nobody need hear of them."""
TIDINGS_MAX = 20
"""At one look: the homeserver has messages to carry, too."""
TRIES_MAX = 5
"""To tell one thing, while the homeserver answers other calls."""
HOMESERVER_AWAY_WAIT = timedelta(seconds=2)
CORRECTIONS_MAX = 1_000
"""Kept in memory; after a long outage everything arrives at once."""
ROOMS_MAX = 1_000
"""Rooms that wait for a receipt; whichever waits longest is forgotten."""
RECEIPTS_IN_FLIGHT_MAX = 4

_OF_THE_SPEAKER = {Reason.SIGN_IN, Reason.NOT_ALLOWED, Reason.GONE}
"""Whoever has another account speak for them can mend none of it."""
_Key = tuple[PortalId | None, MessageRef, str]
_AWAY = (Unavailable, Throttled, Unauthorized)
"""Nobody can be told anything now."""


def what_to_tell(undelivered: Undelivered, now: datetime) -> Told | None:
    """Decide what the sender is to be told that they were not told before."""
    if undelivered.is_parked:
        return None if undelivered.told is Told.PARKED else Told.PARKED
    waited = now - undelivered.created_at
    if undelivered.told is None and undelivered.error and waited >= TOLD_AFTER:
        return Told.WAITING
    return None


def deed_of(event: Event) -> Deed:
    """Name what somebody did."""
    match event:
        case MessageSent():
            return Deed.MESSAGE
        case MessageEdited():
            return Deed.EDIT
        case MessageDeleted():
            return Deed.DELETION
        case ReactionAdded():
            return Deed.REACTION
        case ReactionRemoved():
            return Deed.UNREACTION
        case _:
            assert_never(event)


def subject_of(event: Event, *, room: RoomId, source: MessageRef) -> Subject:
    """Say what tidings about an event of Matrix are about."""
    deed = deed_of(event)
    changed = event.target if deed is not Deed.MESSAGE else None
    return Subject(
        room=room,
        source=source,
        slot=event.slot,
        deed=deed,
        sender=UserId(event.author.id),
        shown=changed or source,
    )


class Receipts(Loop):
    """Shows in each room how far its messages have arrived. Best effort."""

    def __init__(self, announcer: Announcer, clock: Clock) -> None:
        super().__init__(clock, asyncio.Event(), name="receipts")
        self.announcer = announcer
        self._waiting: OrderedDict[RoomId, MessageRef] = OrderedDict()

    def note(self, room: RoomId, ref: MessageRef) -> None:
        """Remember that a message has arrived; it stands for all before it."""
        self._waiting[room] = ref
        if len(self._waiting) > ROOMS_MAX:
            self._waiting.popitem(last=False)
        self.bell.set()

    @override
    async def step(self) -> Step:
        """Send some; what is noted meanwhile waits, so that no room has two under way."""
        some = [
            self._waiting.popitem(last=False)
            for _ in range(min(len(self._waiting), RECEIPTS_IN_FLIGHT_MAX))
        ]
        await asyncio.gather(*[self._send(room, ref) for room, ref in some])
        return Step.SOME if self._waiting else Step.ALL

    async def _send(self, room: RoomId, ref: MessageRef) -> None:
        try:
            await self.announcer.read(room, ref)
        except RemoteError as error:
            log.debug("receipt not sent", room=room, ref=ref, error=str(error))


class Herald(Loop):
    """Tells senders what has not arrived, and what has after all; `receipts` runs beside it."""

    def __init__(self, book: TidingsBook, announcer: Announcer, clock: Clock) -> None:
        super().__init__(clock, asyncio.Event(), name="herald")
        self.book = book
        self.announcer = announcer
        self.receipts = Receipts(announcer, clock)
        self._arrived: OrderedDict[_Key, Subject] = OrderedDict()
        self._in_doubt: OrderedDict[_Key, tuple[Undelivered, Told, Subject]] = OrderedDict()
        """Told while somebody was at it, who does not know."""
        self._tries: OrderedDict[tuple[_Key, Told | Literal["arrived"]], int] = OrderedDict()

    def arrived(self, delivery: Delivery) -> None:
        """Take note of a delivery that was carried out and is written down; does not block."""
        room, event = delivery.portal.room, delivery.event
        if delivery.target is not Side.TEAMS or room is None:
            return
        if isinstance(event, MessageSent) and event.part == event.parts - 1:
            self.receipts.note(room, delivery.source)
        if delivery.told:
            self._note(
                (delivery.portal.id, delivery.source, event.slot),
                subject_of(event, room=room, source=delivery.source),
            )
            self.bell.set()

    def _note(self, key: _Key, subject: Subject) -> None:
        self._arrived[key] = subject
        if len(self._arrived) > CORRECTIONS_MAX:
            self._arrived.popitem(last=False)

    @override
    async def step(self) -> Step:
        """Tell some of what there is to tell."""
        try:
            await self._look_again()
            await self._correct()
            return await self._tell_some()
        except _AWAY as error:  # The homeserver's own watch says so, once.
            log.debug("nobody can be told", error=str(error))
            await self.clock.sleep(HOMESERVER_AWAY_WAIT)
            return Step.SOME

    # --- what has not arrived ---

    async def _tell_some(self) -> Step:
        now = self.clock.now()
        untold = await self.book.untold(waiting_since=now - TOLD_AFTER, limit=TIDINGS_MAX)
        done, seen = True, set[_Key]()
        for undelivered in untold:
            told, key = what_to_tell(undelivered, now), _key_of(undelivered)
            if told is not None and key not in seen:  # All parts of a message are one.
                seen.add(key)
                done = await self._tell(undelivered, told) and done
        return Step.SOME if done and len(untold) >= TIDINGS_MAX else Step.ALL

    async def _tell(self, undelivered: Undelivered, told: Told) -> bool:
        key, subject = _key_of(undelivered), self._subject_of(undelivered)
        if subject is None:
            await self.book.mark(undelivered, told)
            return True
        is_entry = undelivered.portal is None
        reason = reason_of(undelivered.error, is_parked=undelivered.is_parked, is_entry=is_entry)
        reason = Reason.SIGN_IN if undelivered.awaits_sign_in else reason
        if undelivered.is_relayed and reason in _OF_THE_SPEAKER:
            reason = Reason.RELAY
        tidings = Tidings(subject=subject, told=told, reason=reason)
        if not await self._is_done((key, told), self.announcer.tell(tidings)):
            return False
        log.info("sender told", room=subject.room, ref=subject.source, state=told, reason=reason)
        await self._mark(undelivered, told, subject)
        return True

    def _subject_of(self, undelivered: Undelivered) -> Subject | None:
        if undelivered.event is None:
            return self.announcer.subject_of(undelivered.room, undelivered.raw)
        return subject_of(undelivered.event, room=undelivered.room, source=undelivered.source)

    async def _mark(self, undelivered: Undelivered, told: Told, subject: Subject) -> None:
        """Write down what was told; whoever is at it just now may not have seen that."""
        key = _key_of(undelivered)
        match await self.book.mark(undelivered, told):
            case Fate.UNDER_WAY:
                self._in_doubt[key] = (undelivered, told, subject)
                if len(self._in_doubt) > CORRECTIONS_MAX:
                    self._in_doubt.popitem(last=False)
            case Fate.ARRIVED:
                self._note(key, subject)
            case Fate.RESTING | Fate.GONE:
                pass

    async def _look_again(self) -> None:
        for key, doubt in list(self._in_doubt.items()):
            await self._mark(*doubt)
            if self._in_doubt.get(key) is doubt:
                del self._in_doubt[key]

    # --- what has arrived after all ---

    async def _correct(self) -> None:
        for key, subject in list(self._arrived.items()):
            portal, source, slot = key
            if portal is None or await self.book.is_open(portal, source, slot):
                self._arrived.pop(key, None)  # Its last part will bring it again.
                continue
            if await self._is_done((key, "arrived"), self.announcer.correct(subject)):
                self._arrived.pop(key, None)

    async def _is_done(
        self, key: tuple[_Key, Told | Literal["arrived"]], telling: Awaitable[None]
    ) -> bool:
        """Tell, and say whether that is over: one that cannot be told must not keep the others.

        Raises:
            Unavailable, Throttled, Unauthorized: Nobody can be told anything now.
        """
        try:
            await telling
        except _AWAY:
            raise
        except RemoteError as error:
            tries = self._tries.pop(key, 0) + 1
            if isinstance(error, Rejected) or tries >= TRIES_MAX:
                log.warning("sender not told", ref=key[0][1], error=str(error))
                return True
            self._tries[key] = tries
            if len(self._tries) > CORRECTIONS_MAX:
                self._tries.popitem(last=False)
            return False
        self._tries.pop(key, None)
        return True


def _key_of(undelivered: Undelivered) -> _Key:
    return undelivered.portal, undelivered.source, undelivered.slot
