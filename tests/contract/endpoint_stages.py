"""Four networks to play on: Teams and Matrix, each as a fake (here) and as the real thing.

A stage has a portal, somebody on this side (`local`), somebody of the far side for whom the bridge
speaks (`speaker`, as people see them here), and the endpoint that is tested.

    FakeTeamsStage   tests/kit/fake_teams       TeamsStage   the simulated tenant (`real_stages`)
      in a chat, or in a channel: who answers something there joins its thread
    FakeMatrixStage  tests/kit/fake_matrix      MatrixStage  a real Synapse (`real_stages`)
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta

from typing_extensions import override

from bridge.domain.events import Event, Person, Seen
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    EntryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TenantId,
    root_of,
)
from bridge.domain.portal import Portal
from bridge.errors import Unavailable
from bridge.ports import Delivery, Endpoint, Entry, Far, NewEntry
from tests.kit.fake_matrix import FakeMatrix
from tests.kit.fake_matrix_endpoint import FakeMatrixEndpoint
from tests.kit.fake_network import Faults, Shown
from tests.kit.fake_store import FakeClock
from tests.kit.fake_teams import FakeTeams
from tests.kit.fake_teams_endpoint import FakeTeamsEndpoint
from tests.unit.teams.memory import Links

SEEN_WITHIN = 10.0
"""Seconds."""
PLACE = Place(tenant=TenantId("tenant"), conversation=ConversationId("19:abc@thread.v2"))


async def agreed() -> None:
    """Confirm: the delivery is still ours."""


class Stage(ABC):
    """One network, the people on it, and the endpoint."""

    side: Side
    in_channel = False
    endpoint: Endpoint
    portal: Portal
    origin: Place | RoomId
    local: str
    speaker: str
    author: Person

    def __init__(self) -> None:
        self._deliveries = 0

    @abstractmethod
    def now(self) -> datetime: ...

    # --- what people here do and see ---

    @abstractmethod
    async def say(self, text: str, *, reply_to: MessageRef | None = None) -> MessageRef:
        """Say something; what answers something in a channel stands in its thread."""

    async def say_below(self, root: MessageRef, text: str) -> MessageRef:
        """Say something in the thread of a message."""
        return await self.say(text, reply_to=root)

    @abstractmethod
    async def edit(self, ref: MessageRef, text: str) -> None: ...

    @abstractmethod
    async def delete(self, ref: MessageRef) -> None: ...

    @abstractmethod
    async def react(self, ref: MessageRef, key: str) -> MessageRef:
        """React; return what the reaction is called, the message itself where it has no name."""

    @abstractmethod
    async def unreact(self, ref: MessageRef, key: str, reaction: MessageRef) -> None: ...

    @abstractmethod
    async def view(self) -> list[Shown]: ...

    @abstractmethod
    async def next_entry(self) -> NewEntry: ...

    # --- what goes wrong ---

    @abstractmethod
    async def lose_answer(self, event: Event) -> None:
        """Let the next request for such an event be carried out, and its answer be lost."""

    @abstractmethod
    async def refuse(self, event: Event) -> None:
        """Let the network not be able to take the next request for such an event."""

    # --- what the tests do with it ---

    def delivery(
        self,
        event: Event,
        source: str,
        *,
        far: Far = Far(),  # noqa: B008 -- a frozen value
        age: timedelta = timedelta(0),
    ) -> Delivery:
        self._deliveries += 1
        return Delivery(
            id=DeliveryId(self._deliveries),
            portal=self.portal,
            target=self.side,
            source=MessageRef(source),
            speaker=self.speaker,
            event=event,
            attempts=1,
            resumed=False,
            created_at=self.now() - age,
            far=far,
        )

    async def deliver(self, delivery: Delivery) -> MessageRef:
        return await self.endpoint.deliver(delivery, confirm=agreed)

    async def about(self, words: str) -> list[Shown]:
        """Return what people see that begins with these words."""
        return [shown for shown in await self.view() if shown.words.startswith(words)]

    async def seen(self, matches: Callable[[Seen], bool]) -> Seen:
        """Take in what this side pushes until something matches."""
        async with asyncio.timeout(SEEN_WITHIN):
            while True:
                new = await self.next_entry()
                reading = await self.endpoint.take_in(_claimed(new))
                for seen in reading.sightings:
                    if matches(seen):
                        return seen


def _claimed(new: NewEntry) -> Entry:
    return Entry(
        id=EntryId(1),
        side=new.side,
        conversation=new.conversation,
        raw=new.raw,
        received_at=new.received_at,
        attempts=1,
        found=new.found,
    )


def _place_of(stage: Stage) -> Place:
    return stage.portal.place


class FakeTeamsStage(Stage):
    """The fake tenant."""

    side = Side.TEAMS

    def __init__(self, *, in_channel: bool = False) -> None:
        super().__init__()
        self.in_channel = in_channel
        self.clock = FakeClock()
        self.faults = Faults()
        self.entries: list[NewEntry] = []
        self.network = FakeTeams(self.clock, notify=self.entries.append, moment=self.faults)
        self.links = Links()
        self.endpoint = FakeTeamsEndpoint(self.network, self.links.as_journal())
        self.local, self.speaker, self.author = "bob", "ada", Person(id="@ada:example.org")
        opened = self.network.open_channel if in_channel else self.network.open_chat
        self.origin = opened("tea", self.local, self.speaker)
        self.network.signed_out.add(self.local)
        self.portal = Portal(id=PortalId(1), place=self.origin, room=None)

    @override
    def now(self) -> datetime:
        return self.clock.now()

    @override
    async def say(self, text: str, *, reply_to: MessageRef | None = None) -> MessageRef:
        place = _place_of(self)
        if reply_to is None:
            return self.network.say(place, self.local, text)
        if self.in_channel:
            return self.network.below(place, self.local, root_of(reply_to) or reply_to, text)
        return self.network.reply(place, self.local, reply_to, text)

    @override
    async def edit(self, ref: MessageRef, text: str) -> None:
        self.network.edit(_place_of(self), self.local, ref, text)

    @override
    async def delete(self, ref: MessageRef) -> None:
        self.network.delete(_place_of(self), self.local, ref)

    @override
    async def react(self, ref: MessageRef, key: str) -> MessageRef:
        self.network.react(_place_of(self), self.local, ref, key)
        return ref

    @override
    async def unreact(self, ref: MessageRef, key: str, reaction: MessageRef) -> None:
        self.network.unreact(_place_of(self), self.local, ref, key)

    @override
    async def view(self) -> list[Shown]:
        return self.network.view(_place_of(self))

    @override
    async def next_entry(self) -> NewEntry:
        assert self.entries, "nothing more was pushed"
        return self.entries.pop(0)

    @override
    async def lose_answer(self, event: Event) -> None:
        self.faults.lose_answer()

    @override
    async def refuse(self, event: Event) -> None:
        self.faults.refuse(Unavailable("not now"))


class FakeMatrixStage(Stage):
    """The fake homeserver."""

    side = Side.MATRIX

    def __init__(self, *, has_devices: bool = True) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.faults = Faults()
        self.entries: list[NewEntry] = []
        self.network = FakeMatrix(
            self.clock, push=self.entries.append, moment=self.faults, has_devices=has_devices
        )
        self.endpoint = FakeMatrixEndpoint(self.network)
        self.local, self.speaker = "@bob:fake.test", "ada"
        self.author = Person(id=self.speaker, name="Ada")
        self.room = self.origin = self.network.open_room(PLACE)
        self.portal = Portal(id=PortalId(1), place=PLACE, room=self.room)

    @override
    def now(self) -> datetime:
        return self.clock.now()

    @override
    async def say(self, text: str, *, reply_to: MessageRef | None = None) -> MessageRef:
        if reply_to is None:
            return self.network.say(self.room, self.local, text)
        return self.network.reply(self.room, self.local, reply_to, text)

    @override
    async def say_below(self, root: MessageRef, text: str) -> MessageRef:
        return self.network.below(self.room, self.local, root, text)

    @override
    async def edit(self, ref: MessageRef, text: str) -> None:
        self.network.edit(self.room, self.local, ref, text)

    @override
    async def delete(self, ref: MessageRef) -> None:
        self.network.redact(self.room, self.local, ref)

    @override
    async def react(self, ref: MessageRef, key: str) -> MessageRef:
        return self.network.react(self.room, self.local, ref, key)

    @override
    async def unreact(self, ref: MessageRef, key: str, reaction: MessageRef) -> None:
        self.network.redact(self.room, self.local, reaction)

    @override
    async def view(self) -> list[Shown]:
        return self.network.view(self.room)

    @override
    async def next_entry(self) -> NewEntry:
        assert self.entries, "nothing more was pushed"
        return self.entries.pop(0)

    @override
    async def lose_answer(self, event: Event) -> None:
        self.faults.lose_answer()

    @override
    async def refuse(self, event: Event) -> None:
        self.faults.refuse(Unavailable("not now"))
