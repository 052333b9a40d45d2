"""A worker's room: neither kind of stream waits for the other, and none for a bell that nobody rings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from typing_extensions import override

from bridge.app.clock import SystemClock
from bridge.domain.content import from_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import ConversationId, MessageRef, PortalId, Side, Version
from bridge.ports import Confirm, Delivery, NewDelivery, Room
from bridge.relay import loops
from bridge.relay.worker import Worker
from tests.kit.fake_endpoint import FakeEndpoint
from tests.kit.fake_journal import FakeClock, FakeJournal, FakeStore
from tests.kit.relay_world import PLACE

PATIENCE_S = 10.0
LOOK_EVERY = timedelta(milliseconds=10)
ONE_OF_EACH = Room(runs=2, fresh=1, behind=1)


class Slow(FakeEndpoint):
    """Matrix, where a message is sent when it is let through."""

    def __init__(self) -> None:
        super().__init__(Side.MATRIX)
        self.gates: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []

    @override
    async def deliver(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        self.begun.append(delivery.source)
        if gate := self.gates.get(delivery.source):
            await gate.wait()
        return await super().deliver(delivery, confirm=confirm)


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.journal = FakeJournal(FakeStore(), self.clock)
        self.matrix = Slow()
        self.worker = Worker(
            self.matrix, self.journal, self.clock, streams=ONE_OF_EACH, run_length_max=1
        )

    async def append(self, chat: str, *sources: str, waiting: str = "") -> None:
        """Append messages to a chat's stream; two at once, and it is behind."""
        if waiting:
            self.matrix.gates[waiting] = asyncio.Event()
        async with self.journal.unit() as unit:
            place = type(PLACE)(tenant=PLACE.tenant, conversation=ConversationId(chat))
            portal = (await unit.portals([place]))[place].id
            await unit.append([self._new(portal, source) for source in sources])

    def _new(self, portal: PortalId, source: str) -> NewDelivery:
        event = MessageSent(
            author=Person(id="ada"),
            version=Version("1"),
            sent_at=self.clock.now(),
            body=from_text(source),
        )
        return NewDelivery(
            portal=portal,
            target=Side.MATRIX,
            source=MessageRef(source),
            speaker="ada",
            event=event,
        )

    async def until_begun(self, *sources: str) -> None:
        while not set(sources) <= set(self.matrix.begun):
            await SystemClock().sleep(LOOK_EVERY)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.worker.run())
            yield
            for gate in self.matrix.gates.values():
                gate.set()
            self.worker.stop()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(loops, "POLL", timedelta(hours=1))  # Nothing is found by looking.
    return Stage()


async def test_a_message_where_all_is_quiet_passes_streams_that_are_behind(stage: Stage) -> None:
    await stage.append("hot", "h1", "h2", waiting="h1")
    await stage.append("also hot", "a1", "a2")
    async with stage.running():
        await stage.until_begun("h1")
        await stage.append("quiet", "q")
        await stage.until_begun("q")
        assert stage.matrix.begun == ["h1", "q"]


async def test_a_stream_that_is_behind_passes_quiet_ones(stage: Stage) -> None:
    await stage.append("quiet", "q1", waiting="q1")
    await stage.append("also quiet", "q2")
    async with stage.running():
        await stage.until_begun("q1")
        await stage.append("hot", "h1", "h2")
        await stage.until_begun("h1")
        assert "q2" not in stage.matrix.begun


async def test_whoever_makes_room_wakes_the_worker(stage: Stage) -> None:
    """The bell of the release may ring while the run still counts."""
    await stage.append("hot", "h1", "h2")
    await stage.append("also hot", "a1", "a2")
    async with stage.running():
        await stage.until_begun("h1", "h2", "a1", "a2")
