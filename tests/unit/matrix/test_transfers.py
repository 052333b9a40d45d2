"""Pictures in many conversations at once, and the text in the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from typing_extensions import override

from bridge.app.clock import SystemClock
from bridge.domain.content import Attachment, Body, from_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import ConversationId, MessageRef, Place, Side, TenantId, Version
from bridge.matrix.transfers import COME_BACK_AFTER, TRANSFERS_MAX, Places
from bridge.ports import Confirm, Delivery, NewDelivery
from bridge.relay.worker import STREAMS_MAX, Worker
from tests.kit.fake_endpoint import FakeEndpoint
from tests.kit.fake_journal import FakeClock, FakeJournal, FakeStore

PATIENCE_S = 20.0
LOOK_EVERY = timedelta(milliseconds=10)
CONVERSATIONS = 100
PICTURE = Body(blocks=(Attachment(name="p", url="https://x/p"),))


class Gallery(FakeEndpoint):
    """Matrix, where every picture takes until it is let through."""

    def __init__(self) -> None:
        super().__init__(Side.MATRIX)
        self.places = Places()
        self.hung_up = asyncio.Event()
        self.copying = 0
        self.most = 0
        self.arrived: list[str] = []
        self.attempts: set[int] = set()

    @override
    async def deliver(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        assert isinstance(delivery.event, MessageSent)
        self.attempts.add(delivery.attempts)
        if delivery.event.body == PICTURE:
            async with self.places.one():
                self.copying += 1
                self.most = max(self.most, self.copying)
                await self.hung_up.wait()
                self.copying -= 1
        self.arrived.append(delivery.source)
        return await super().deliver(delivery, confirm=confirm)


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.journal = FakeJournal(FakeStore(), self.clock)
        self.matrix = Gallery()
        self.worker = Worker(self.matrix, self.journal, self.clock)

    async def append(self, chat: str, source: str, body: Body) -> None:
        place = Place(tenant=TenantId("t"), conversation=ConversationId(chat))
        event = MessageSent(
            author=Person(id="ada"), version=Version("1"), sent_at=self.clock.now(), body=body
        )
        async with self.journal.unit() as unit:
            portal = (await unit.portals([place]))[place].id
            new = NewDelivery(
                portal=portal,
                target=Side.MATRIX,
                source=MessageRef(source),
                speaker="ada",
                event=event,
            )
            await unit.append([new])

    async def until_arrived(self, *sources: str) -> None:
        """Time goes on, so that who was sent away comes back."""
        while not set(sources) <= set(self.matrix.arrived):
            await SystemClock().sleep(LOOK_EVERY)
            self.clock.advance(10 * LOOK_EVERY)


async def test_a_hundred_pictures_hold_up_no_text_in_other_conversations() -> None:
    stage = Stage()
    pictures = [f"picture {number}" for number in range(CONVERSATIONS)]
    for picture in pictures:
        await stage.append(picture, picture, PICTURE)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.worker.run())
        while stage.matrix.copying < TRANSFERS_MAX:
            await SystemClock().sleep(LOOK_EVERY)
        for number in range(CONVERSATIONS):
            await stage.append(f"text {number}", f"text {number}", from_text("hello"))

        await stage.until_arrived(*(f"text {number}" for number in range(CONVERSATIONS)))

        assert not set(pictures) & set(stage.matrix.arrived)
        stage.matrix.hung_up.set()
        await stage.until_arrived(*pictures)
        stage.worker.stop()
    assert stage.matrix.most == TRANSFERS_MAX < STREAMS_MAX
    assert stage.matrix.attempts == {1}  # Who was sent away has spent nothing.
    assert timedelta(0) < COME_BACK_AFTER
