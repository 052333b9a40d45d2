"""What goes wrong on purpose: lost, doubled, late notifications, refused requests, an outage.

    notification ─ fate ─> none, one or two copies, each so late
    request ─ away? a rule (`Fault`)? a storm, by chance? ─> what happens instead of its answer

Everything is drawn from seeded generators, one for notifications and one for requests, so that a
run can be replayed. `script.py` changes the weather by the clock.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Away(StrEnum):
    """How a tenant is away, if it is."""

    NO = "no"
    DROP = "drop"
    """Connections break without an answer."""
    UNAVAILABLE = "unavailable"
    """Everything is answered with 503."""


class FaultKind(StrEnum):
    """What happens to a request that a rule matches."""

    ANSWER = "answer"
    """It is answered with the rule's status and not carried out."""
    DROP_BEFORE = "drop_before"
    """The connection breaks; nothing was done."""
    DROP_AFTER = "drop_after"
    """The connection breaks; everything was done."""
    ANSWER_AFTER = "answer_after"
    """It is carried out, and answered with the rule's status nevertheless."""
    HANG = "hang"
    """Nothing happens for a while, then the connection breaks; nothing was done."""
    SLOW = "slow"
    """It is carried out, and answered as it should be, but only after a while."""


FAULTS_MAX = 1000
"""Rules, and storms, of one tenant."""
HOLD = timedelta(seconds=30)
"""How long a silent or slow answer takes, unless the rule says otherwise."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """A rule for the next `times` requests whose path matches the expression anywhere."""

    path: str
    kind: FaultKind = FaultKind.ANSWER
    method: str | None = None
    status: int = 503
    times: int = 1
    retry_after: timedelta | None = None
    hold: timedelta = HOLD

    def matches(self, method: str, path: str) -> bool:
        wanted = self.method is None or self.method.upper() == method
        return wanted and re.search(self.path, path) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Faults that requests meet by chance.

    probability: Of each request whose path matches the expression anywhere.
    faults: What happens then, with the weight of each; their own `path`, `method` and `times` mean
        nothing.
    """

    probability: float
    faults: tuple[tuple[float, Fault], ...]
    path: str = ""
    method: str | None = None

    def meets(self, method: str, path: str) -> bool:
        wanted = self.method is None or self.method.upper() == method
        return wanted and re.search(self.path, path) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one notification: how many copies of it leave, and how late each."""

    delays: tuple[timedelta, ...]
    in_order: bool


@dataclass(slots=True)
class Weather:
    """The present conditions of a tenant; all probabilities lie between 0 and 1."""

    lose: float = 0.0
    double: float = 0.0
    reorder: float = 0.0
    reorder_within: timedelta = timedelta(seconds=1)
    delay: timedelta = timedelta(0)
    delay_spread: timedelta = timedelta(0)
    away: Away = Away.NO
    faults: list[Fault] = field(default_factory=list)
    storms: list[Storm] = field(default_factory=list)
    draw: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - replay
    luck: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - likewise
    """For requests: how many there are must not change what befalls notifications."""

    def seed(self, value: int) -> None:
        self.draw = random.Random(value)  # noqa: S311 - a run must be replayable, not secret
        self.luck = random.Random(value)  # noqa: S311 - likewise

    def fate(self) -> Fate:
        """Draw what becomes of the next notification."""
        if self._happens(self.lose):
            return Fate(delays=(), in_order=True)
        copies = 2 if self._happens(self.double) else 1
        reordered = self._happens(self.reorder)
        late = self.delay + self.delay_spread * self.draw.uniform(0, 1)
        delays = tuple(
            late + (self.reorder_within * self.draw.uniform(0, 1) if reordered else timedelta(0))
            for _ in range(copies)
        )
        return Fate(delays=delays, in_order=not reordered)

    def strike(self, method: str, path: str) -> Fault | None:
        """The first rule that matches this request, used up by one; else what chance brings."""
        found = next((fault for fault in self.faults if fault.matches(method, path)), None)
        if found is not None:
            found.times -= 1
            self.faults = [fault for fault in self.faults if fault.times > 0]
            return found
        return self._gust(method, path)

    def _gust(self, method: str, path: str) -> Fault | None:
        for storm in self.storms:
            if storm.meets(method, path) and self.luck.uniform(0, 1) < storm.probability:
                weights = [weight for weight, _ in storm.faults]
                return self.luck.choices([fault for _, fault in storm.faults], weights)[0]
        return None

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self.draw.uniform(0, 1) < probability
