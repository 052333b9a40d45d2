"""A relay between two fake networks on the fake journal: small, complete, and without real time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from typing_extensions import override

from bridge.domain.content import from_text
from bridge.domain.events import Person, Request, Seen, Sighting
from bridge.domain.ids import (
    ConversationId,
    MessageRef,
    Place,
    RoomId,
    Side,
    TenantId,
    Version,
)
from bridge.domain.relaying import StandIn
from bridge.errors import StoreUnavailable
from bridge.ports import Desk, NewEntry, Reading
from bridge.relay.intake import Intake
from bridge.relay.items import Says
from bridge.relay.worker import Worker
from tests.kit.fake_endpoint import FakeEndpoint
from tests.kit.fake_journal import FakeClock, FakeJournal, FakeStore

PLACE = Place(tenant=TenantId("tenant"), conversation=ConversationId("19:chat@thread.v2"))
ROOM = RoomId("!room")


class FakeDesk(Desk):
    """Keeps what was asked; fails as often as it is told."""

    def __init__(self) -> None:
        self.served: list[Request] = []
        self.failures: list[Exception] = []

    @override
    async def serve(self, request: Request) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.served.append(request)


class RelayWorld:
    """Both directions, stepped by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.desk = FakeDesk()
        self.teams = FakeEndpoint(Side.TEAMS)
        self.matrix = FakeEndpoint(Side.MATRIX)
        self.accounts: dict[str, str] = {}
        self.stand_ins: dict[str, StandIn] = {}
        self.restart()

    def restart(self) -> None:
        """Begin a new process on the same store."""
        self.journal = FakeJournal(self.store, self.clock, owner=f"process {id(object())}")
        self.intakes = {
            Side.TEAMS: Intake(
                self.teams, self.matrix, self.journal, self.clock, speaker=_author, desk=self.desk
            ),
            Side.MATRIX: Intake(
                self.matrix,
                self.teams,
                self.journal,
                self.clock,
                speaker=self._account,
                desk=self.desk,
            ),
        }
        self.workers = {
            Side.MATRIX: Worker(self.matrix, self.journal, self.clock),
            Side.TEAMS: Worker(self.teams, self.journal, self.clock, run_length_max=1),
        }

    async def push(
        self,
        side: Side,
        key: str,
        reading: Reading | Exception,
        position: int = 0,
        *,
        conversation: str = "",
    ) -> None:
        """Let a side push an entry that will read as `reading`; of the one portal, if not told."""
        endpoint = self.teams if side is Side.TEAMS else self.matrix
        raw = key.encode()
        endpoint.readings[raw] = reading
        now = self.clock.now()
        conversation = conversation or (str(PLACE) if side is Side.TEAMS else ROOM)
        await self.journal.append_entries(
            [
                NewEntry(
                    side=side,
                    key=key,
                    conversation=conversation,
                    position=position,
                    raw=raw,
                    received_at=now,
                    due_at=now,
                )
            ]
        )

    async def say_in_teams(self, number: int, text: str, *, author: str = "ada") -> None:
        """Let somebody write in Teams."""
        await self.push(
            Side.TEAMS,
            f"note {number} {text}",
            Reading(sightings=(self.seen_in_teams(number, text, author=author),)),
            position=number,
        )

    def seen_in_teams(self, number: int, text: str, *, author: str = "ada") -> Sighting:
        return self._sighting(PLACE, str(number), text, author)

    def seen_as(self, ref: MessageRef, text: str, author: str) -> Sighting:
        """Return what Teams shows of a message of ours."""
        return self._sighting(PLACE, ref, text, author)

    def seen_in_matrix(self, ref: str, text: str, *, author: str = "@ada:here") -> Sighting:
        """Return what Matrix shows of a message."""
        return self._sighting(ROOM, ref, text, author)

    async def say_in_matrix(self, number: int, text: str, *, author: str = "@ada:here") -> None:
        """Let somebody write in Matrix."""
        seen = self.seen_in_matrix(f"$event{number}", text, author=author)
        reading = Reading(sightings=(seen,))
        await self.push(Side.MATRIX, f"$event{number}", reading, position=number)

    async def open_portal(self) -> None:
        """Make the portal and give it its room."""
        async with self.journal.unit() as unit:
            portal = (await unit.portals([PLACE]))[PLACE]
        self.store.set_room(portal.id, ROOM)

    async def settle(self, *, steps_max: int = 100) -> None:
        """Step everything until nothing is due."""
        loops = [*self.intakes.values(), *self.workers.values()]
        for _ in range(steps_max):
            if not any([await loop.step() for loop in loops]):
                return
        raise AssertionError("the relay does not come to rest")

    async def settle_through_outages(self, *, outages_max: int = 10) -> None:
        """Do as the loops do while the store comes and goes: wait half a second, go on."""
        for _ in range(outages_max):
            with suppress(StoreUnavailable):
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(self._settle_quietly())
                    while not task.done():
                        await asyncio.wait([task], timeout=0)
                        self.clock.advance(timedelta(milliseconds=500))
                if task.result():
                    return
        raise AssertionError("the relay does not come to rest")

    async def _settle_quietly(self) -> bool:
        try:
            await self.settle()
        except StoreUnavailable:
            return False
        return True

    async def pass_time(self, duration: timedelta) -> None:
        """Let time pass, and everything happen that was waiting for it."""
        self.clock.advance(duration)
        await self.settle()

    def _sighting(self, origin: Place | RoomId, ref: str, text: str, author: str) -> Sighting:
        return Sighting(
            origin=origin,
            ref=MessageRef(ref),
            version=Version("1"),
            author=Person(id=author, name=author),
            sent_at=self.clock.now(),
            body=from_text(text),
        )

    async def _account(self, seen: Sequence[Seen]) -> Mapping[str, Says]:
        users = {one.author.id for one in seen}
        return {user: self.accounts.get(user) or self.stand_ins.get(user) for user in users}


async def _author(seen: Sequence[Seen]) -> Mapping[str, Says]:
    return {one.author.id: one.author.id for one in seen}
