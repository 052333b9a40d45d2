"""What the two fake networks share: moments, faults, and what people see.

    endpoint.deliver ─ confirm ─ moment("teams post") ─ the effect ─ moment("teams post done") ─▶ answer
                                    │                                    │
                                    └ raises: certainly not done         └ raises: an answer was lost

A simulation interferes through `moment`, as with the fake journal: it may let others run, raise, or
never return. What is raised before an effect is to be `Refused`, what is raised after one
`Uncertain`: the networks take it as it comes. The moments are

    teams post · edit · delete · react · unreact                            and the same with " done"
    matrix m.room.message · m.reaction · m.room.redaction · room            and the same with " done"
    teams read · matrix read                                                before `find` looks
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from bridge.domain.content import Body, Measure, normalised, plain_text, split
from bridge.domain.events import Event, MessageEdited, MessageSent
from bridge.domain.ids import MessageRef
from bridge.errors import RemoteError, TargetMissing, Uncertain
from bridge.ports import Confirm, Delivery, FarPart

VARIATION_SELECTOR = "\ufe0f"

Moment = Callable[[str], Awaitable[None]]
Pair = tuple[str, str]
"""A person and the emoji of their reaction."""
T = TypeVar("T")


async def undisturbed(_name: str) -> None:
    return


class Faults:
    """A `moment` at which something goes wrong as often as it was told to, and else nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[RemoteError]] = defaultdict(list)
        self._refusals: list[RemoteError] = []
        self._lost = 0

    def at(self, name: str, *errors: RemoteError) -> None:
        """Raise `errors` at the next moments of that name, one each."""
        self._waiting[name] += errors

    def refuse(self, *errors: RemoteError) -> None:
        """Raise `errors` before the next effects, whatever they are."""
        self._refusals += errors

    def lose_answer(self) -> None:
        """Let the answer to the next effect be lost, whatever it is."""
        self._lost += 1

    async def __call__(self, name: str) -> None:
        if self._waiting[name]:
            raise self._waiting[name].pop(0)
        if name.endswith(" read"):
            return
        if not name.endswith(" done"):
            if self._refusals:
                raise self._refusals.pop(0)
        elif self._lost:
            self._lost -= 1
            raise Uncertain("the answer was lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One message as people see it, in a form in which both networks can be compared.

    `reply_words` are the words of the message that it answers, as they are now; None if it answers
    none, or one that nobody sees any more. `thread` are those of what began its thread, likewise.
    """

    ref: MessageRef = field(compare=False)
    person: str
    words: str
    reactions: frozenset[Pair] = frozenset()
    reply_words: str | None = None
    thread: str | None = None


def words(body: Body) -> str:
    """Return what a body says, whatever markup a network has made of it."""
    return normalised(plain_text(body))


def milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def bare(key: str) -> str:
    """Return an emoji as the domain keeps it."""
    return key.replace(VARIATION_SELECTOR, "")


async def exchange(
    moment: Moment,
    name: str,
    act: Callable[[], T],
    *,
    connection: Callable[[], int] = int,
    confirm: Confirm | None = None,
) -> T:
    """Make one request: it arrives, has its effect, and is answered.

    `confirm` is asked with the connection in hand, right before the request goes out. `connection`
    names the one that it is made on; once that is another, the request arrives no more.
    """
    before = connection()
    await moment(name)
    if confirm is not None:
        await confirm()
    if connection() != before:
        raise Uncertain("the connection was closed")
    answer = act()
    await moment(f"{name} done")
    return answer


def in_parts(event: Event, *, size_max: int, measure: Measure) -> tuple[Event, ...]:
    """Cut what says something; everything else has no size."""
    if not isinstance(event, MessageSent | MessageEdited):
        return (event,)
    bodies = split(event.body, size_max=size_max, measure=measure)
    return tuple(
        replace(event, body=body, part=part, parts=len(bodies)) for part, body in enumerate(bodies)
    )


def far_parts(delivery: Delivery) -> tuple[FarPart, ...]:
    """Return the parts of what the event refers to.

    Raises:
        TargetMissing: It is not there, or not yet.
    """
    if not delivery.far.parts:
        raise TargetMissing("what this refers to has not arrived")
    return delivery.far.parts


def part_of(parts: Iterable[FarPart], number: int) -> FarPart | None:
    return next((part for part in parts if part.part == number), None)


def surplus(event: MessageEdited, parts: Iterable[FarPart]) -> tuple[FarPart, ...]:
    """Return what an edit leaves over; its last part takes it away."""
    if event.part != event.parts - 1:
        return ()
    return tuple(part for part in parts if part.part >= event.parts)
