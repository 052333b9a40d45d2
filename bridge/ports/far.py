"""What an event refers to, as the far side names it, and what else shows the same message in its room."""

from __future__ import annotations

from bridge.domain.ids import MessageRef, Side
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FarPart:
    """A part of a message, as the far side of a delivery names it; `origin` says who wrote it there.

    `shown_in`: how many matrix events show what was written in Teams.
    """

    part: int
    ref: MessageRef
    origin: Side
    author: str
    shown_in: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FarThread:
    """A thread, as the far side names it: what began it, and what was said in it last."""

    root: MessageRef
    last: MessageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """What an event refers to, on the far side, and the thread that it is said in.

    The parts of its target in order, or the reaction.
    """

    parts: tuple[FarPart, ...] = ()
    reaction: MessageRef | None = None
    thread: FarThread | None = None


NOTHING = Far()
"""Of what refers to nothing, or was not looked for yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What shows a message of Teams in its room, beside one of several matrix events that do.

    `events`: the others of which nobody knows that they were redacted. `comes`: a part of it is still
    on its way to the room.
    """

    message: MessageRef
    events: frozenset[MessageRef] = frozenset()
    comes: bool = False
