"""Who is there: the presence of people in rooms that are alive, shown by their ghosts. Best effort.

    a delivery ─▶ note ─▶ rooms of the last half hour ─▶ their ghosts, if they are few; who spoke
                   │              once a minute, after a beat if somebody is new ─▶ source.presences
                   └─ somebody is new, and nobody was asked for just now ─▶ bell
    another one than shown ─▶ board.show       nothing new, and not offline ─▶ board.show, so that it
                                               does not become so by itself
    nothing heard of for half an hour ─▶ offline

Nothing of this is written down, nothing is repeated, and the newest wins: a presence is worth less
than any message. Refused by Graph, or not kept by the homeserver, it is left alone for an hour.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from typing_extensions import override

from bridge.domain.ids import RoomId, Side, TeamsUserId
from bridge.domain.likeness import is_account
from bridge.domain.presence import AWAY, Availability, Presence
from bridge.errors import Rejected, RemoteError, Unauthorized
from bridge.ports import Clock, Delivery, PresenceBoard, PresenceSource
from bridge.relay.loops import Loop, Step, wait_for
from bridge.telemetry import PRESENCES, Watch, log

PART = "presence"
ALIVE_FOR = timedelta(minutes=30)
"""After something was last said in a room, or by somebody."""
ASK_EVERY = timedelta(minutes=1)
BEAT = timedelta(seconds=20)
"""Synapse takes who was not heard of for 30 s for offline (measured: 35 s). Nor is Graph asked more
often for who is new: one request of the 1,500 in 30 s that it allows."""
ROOMS_MAX = 500
PEOPLE_MAX = 500
"""Each costs a call to the homeserver every `BEAT` while they are there: 25 a second at most."""
PEOPLE_OF_A_ROOM_MAX = 50
"""In larger rooms only those who speak: nobody looks there for who is at their desk."""
ROOM_AGE_MAX = timedelta(minutes=10)
"""Who is in a room is asked for again after so long."""
ROOMS_AT_ONCE = 20
OFF_FOR = timedelta(hours=1)

_K = TypeVar("_K", RoomId, TeamsUserId)


class Attendance(Loop):
    """Shows who is there."""

    def __init__(
        self, source: PresenceSource, board: PresenceBoard, clock: Clock, *, watch: Watch
    ) -> None:
        super().__init__(clock, asyncio.Event(), name="presence")
        self.source = source
        self.board = board
        self.watch = watch
        self._rooms: OrderedDict[RoomId, datetime] = OrderedDict()
        """When something happened in them last."""
        self._listed: dict[RoomId, datetime] = {}
        self._people: OrderedDict[TeamsUserId, datetime] = OrderedDict()
        """When something happened around them last; the longest ago first."""
        self._shown: dict[TeamsUserId, Presence] = {}
        self._asked_at: datetime | None = None
        self._is_anybody_new = False
        self._off_until: datetime | None = None
        self._is_kept = False
        """Whether the homeserver was seen to keep presences."""

    def note(self, delivery: Delivery) -> None:
        """Take note that a room is alive; does not block."""
        now = self.clock.now()
        room, author = delivery.portal.room, delivery.event.author.id
        is_new = room is not None and _touch(self._rooms, room, now, ROOMS_MAX)
        if delivery.target is Side.MATRIX and is_account(author):
            is_new |= _touch(self._people, TeamsUserId(author), now, PEOPLE_MAX)
        if is_new:
            self._is_anybody_new = True
            if self._is_to_ask(now):
                self.bell.set()

    @override
    async def step(self) -> Step:
        """Look and show; then rest for a beat."""
        if self._off_until is None or self.clock.now() >= self._off_until:
            try:
                await self._attend()
            except Unauthorized as error:
                self._leave(error, "grant Presence.Read.All of Microsoft Graph")
            except Rejected as error:
                self._leave(error, "set presence.enabled on the homeserver")
            except RemoteError as error:
                log.debug("presences not shown", error=str(error))
        await wait_for(self.bell, BEAT)
        return Step.SOME

    async def _attend(self) -> None:
        now = self.clock.now()
        _drop_old(self._rooms, now)
        _drop_old(self._people, now)
        if not (self._rooms or self._people or self._shown):
            return
        if self._is_to_ask(now):
            self._asked_at = now
            self._is_anybody_new = False
            await self._list_rooms(now)
            await self._ask()
        else:
            await self._beat(self._shown)

    def _is_to_ask(self, now: datetime) -> bool:
        pause = BEAT if self._is_anybody_new else ASK_EVERY
        return self._asked_at is None or now - self._asked_at >= pause

    async def _list_rooms(self, now: datetime) -> None:
        """Find out who is in rooms that have come alive."""
        self._listed = {
            room: at
            for room, at in self._listed.items()
            if room in self._rooms and now - at < ROOM_AGE_MAX
        }
        fresh = [room for room in reversed(self._rooms) if room not in self._listed]
        for room in fresh[:ROOMS_AT_ONCE]:
            people = await self.board.people_in(room)
            self._listed[room] = now
            if len(people) <= PEOPLE_OF_A_ROOM_MAX:
                for person in filter(is_account, people):
                    _touch(self._people, person, self._rooms[room], PEOPLE_MAX)

    async def _ask(self) -> None:
        found: Mapping[TeamsUserId, Presence] = {}
        if self._people:
            found = await self.source.presences(list(self._people))
        self.watch.back(PART)
        gone = {
            person: replace(AWAY, number=one.number)
            for person, one in self._shown.items()
            if person not in self._people
        }
        known = {person: one for person, one in found.items() if person in self._people}
        await self._beat({**self._shown, **known, **gone})
        for person in gone:
            self._shown.pop(person, None)

    async def _beat(self, wanted: Mapping[TeamsUserId, Presence]) -> None:
        """Show what is another one, and once more what would not last."""
        for person, presence in list(wanted.items()):
            before = self._shown.get(person)
            if presence.is_older_than(before):
                continue
            is_new = not presence.is_as(before or AWAY)
            if is_new or presence.availability is not Availability.OFFLINE:
                await self._show(person, presence)
            if is_new:
                PRESENCES.labels(presence.availability).inc()
            self._shown[person] = presence
            if self.stopping:
                return

    async def _show(self, person: TeamsUserId, presence: Presence) -> None:
        """Show one; until somebody was seen to be shown, a refusal means everybody."""
        try:
            await self.board.show(person, presence)
        except Rejected as error:
            if not self._is_kept:
                raise
            log.debug("presence refused", user=person, error=str(error))
            return
        if self._is_kept or presence.availability is Availability.OFFLINE:
            return
        self._is_kept = await self.board.shows(person)
        if not self._is_kept:
            raise Rejected("the homeserver keeps no presence: presence.enabled is false there")

    def _leave(self, why: RemoteError, hint: str) -> None:
        self._off_until = self.clock.now() + OFF_FOR
        self._is_kept = False
        self._shown.clear()
        self.watch.away(PART, str(why), hint=f"{hint}, or teams.presence to false here")


def _touch(seen: OrderedDict[_K, datetime], key: _K, at: datetime, size_max: int) -> bool:
    """Take note of what was seen; tell whether it is new."""
    is_new = key not in seen
    seen[key] = max(at, seen.get(key, at))
    seen.move_to_end(key)
    if len(seen) > size_max:
        seen.popitem(last=False)
    return is_new


def _drop_old(seen: OrderedDict[_K, datetime], now: datetime) -> None:
    for key in [key for key, at in seen.items() if now - at > ALIVE_FOR]:
        del seen[key]
