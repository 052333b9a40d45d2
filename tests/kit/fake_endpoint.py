"""A network in memory that forgets nothing and can be told to misbehave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from typing_extensions import override

from bridge.domain.content import plain_text, split
from bridge.domain.events import Event, MessageEdited, MessageSent
from bridge.domain.ids import MessageRef, Side
from bridge.errors import RemoteError, Uncertain
from bridge.ports import Confirm, Delivery, Endpoint, Entry, Reading

TEXT_CHARS_MAX = 1_000


class FakeEndpoint(Endpoint):
    """Hands out prepared readings; keeps what was delivered, by its trace."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.shows_within = timedelta(0)
        self.readings: dict[bytes, Reading | Exception] = {}
        self.failures: list[Exception] = []
        """Raised by the next deliveries, one each; an `Uncertain` one has done its work."""
        self.delivered: list[Delivery] = []
        self.by_trace: dict[tuple[str, int], MessageRef] = {}
        self.searches = 0

    @override
    async def take_in(self, entry: Entry) -> Reading:
        reading = self.readings[entry.raw]
        if isinstance(reading, Exception):
            raise reading
        return reading

    @override
    def fit(self, event: Event) -> tuple[Event, ...]:
        if not isinstance(event, MessageSent | MessageEdited):
            return (event,)
        bodies = split(event.body, size_max=TEXT_CHARS_MAX, measure=lambda b: len(plain_text(b)))
        return tuple(
            replace(event, body=body, part=part, parts=len(bodies))
            for part, body in enumerate(bodies)
        )

    @override
    async def deliver(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        await confirm()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and not isinstance(failure, Uncertain):
            raise failure
        self.delivered.append(delivery)
        ref = MessageRef(f"{self.side}-{len(self.delivered)}")
        if self.side is Side.TEAMS and isinstance(delivery.event, MessageEdited):
            ref = next((p.ref for p in delivery.far.parts if p.origin is Side.TEAMS), ref)
        self.by_trace[(delivery.source, delivery.event.part)] = ref
        if failure is not None:
            raise failure
        return ref

    @override
    async def find(self, delivery: Delivery) -> MessageRef | None:
        self.searches += 1
        return self.by_trace.get((delivery.source, delivery.event.part))

    @property
    def said(self) -> list[str]:
        """What was delivered, as text, in order."""
        events = (delivery.event for delivery in self.delivered)
        return [plain_text(e.body) for e in events if isinstance(e, MessageSent | MessageEdited)]


def refuse_all(endpoint: FakeEndpoint, error: RemoteError, times: int) -> None:
    """Let the next `times` deliveries fail with `error`."""
    endpoint.failures += [error] * times
