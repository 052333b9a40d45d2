"""What goes wrong, and how often; which of our protections are switched off."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Probabilities, each time there is an occasion; a calm has none."""

    lost: float = 0.0
    """A notification is never sent."""
    doubled: float = 0.0
    delayed: float = 0.0
    """By up to ten seconds; so notifications overtake each other."""
    push_lost: float = 0.0
    """The homeserver forgets an event that it had for us."""
    refused: float = 0.0
    throttled: float = 0.0
    answer_lost: float = 0.0
    store_before: float = 0.0
    """A statement of the database fails and is not carried out."""
    store_after: float = 0.0
    """It is carried out, and nobody learns it."""
    killed: float = 0.0
    """At a moment, whichever."""
    frozen: float = 0.0
    clock_jumps: float = 0.0
    homeserver_restarts: float = 0.0


CALM = Weather()
STORM = Weather(
    lost=0.08,
    doubled=0.1,
    delayed=0.2,
    push_lost=0.05,
    refused=0.05,
    throttled=0.05,
    answer_lost=0.08,
    store_before=0.004,
    store_after=0.004,
    killed=0.0015,
    frozen=0.0006,
    clock_jumps=0.0004,
    homeserver_restarts=0.0006,
)


class Protection(StrEnum):
    """What keeps the promise; without any one of them it is broken.

    But for the last: it closes a gap of microseconds between a lease and a request, which `find` of the
    process that takes over closes nearly always, too.
    """

    FIND = "find"
    GATE = "gate"
    CATCH_UP = "catch-up"
    MARKER = "marker"
    STREAM_LOCK = "stream lock"
    RECALL = "recall"
    """Of a post that nobody has told us of, for its replies."""
    MARK = "mark"
    """Of what we say as a person who is heard in Matrix as themselves."""
    DIRECTION = "direction"
    AWAIT = "await"
    """Of a sign-in, by what cannot be said without it."""
    DOUBT = "doubt"
    """Whether what its author has changed since is what was sent."""
    CONFIRM = "confirm"
