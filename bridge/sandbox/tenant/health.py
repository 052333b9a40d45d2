"""Whether an address answers fast enough, as Microsoft judges it.

    normal ─ > 10 % of the answers of ten minutes take over 3 s ─> slow: what is new waits 10 min
    any ──── > 15 % of them take over 10 s ────────────────────> drop: what is new is thrown away

After ten minutes a few notifications are let through; a quick answer to them makes it normal again,
another slow one begins ten minutes more (learn.microsoft.com graph/change-notifications-delivery-
webhooks, April 2026). From how many answers on an address is judged is not said there; the edition
of March 2023 said 100. All subscriptions of one host share its state. An answer is what ends one
POST; a first delivery is broken off after 3 s, so that only repeated ones can take over 10 s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.sandbox.tenant.settings import Settings

WINDOW = timedelta(minutes=10)
SLOW_DELAY = timedelta(minutes=10)
SLOW_SHARE = 0.10
DROP_SHARE = 0.15
ANSWERS_KEPT = 10_000
"""Of the last ten minutes; older ones are forgotten first."""


class State(StrEnum):
    """How an address is treated."""

    NORMAL = "normal"
    SLOW = "slow"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one POST ended, whatever the status; `seconds` until it was answered or broken off."""

    at: datetime
    seconds: float
    repeated: bool


@dataclass(slots=True)
class Tally:
    """What happened at an address since it was first used."""

    answers: int = 0
    slow: int = 0
    much_too_slow: int = 0
    delayed: int = 0
    dropped: int = 0


@dataclass(slots=True)
class Health:
    """The state of one host."""

    settings: Settings
    state: State = State.NORMAL
    until: datetime | None = None
    """When it is looked at again; None while it is normal."""
    tally: Tally = field(default_factory=Tally)
    _answers: deque[Answer] = field(default_factory=lambda: deque(maxlen=ANSWERS_KEPT))
    _probes: int = 0

    def admit(self, now: datetime) -> timedelta | None:
        """How long a new notification must wait; None means that it is thrown away."""
        match self.state:
            case State.NORMAL:
                return timedelta(0)
            case State.SLOW:
                self.tally.delayed += 1
                return SLOW_DELAY
            case State.DROP:
                if self._looked_at(now) and self._probes < self.settings.endpoint_probes:
                    self._probes += 1
                    return timedelta(0)
                self.tally.dropped += 1
                return None

    def note(self, answer: Answer) -> None:
        """Take an answer into account."""
        self.tally.answers += 1
        self.tally.slow += self._is_slow(answer)
        self.tally.much_too_slow += self._is_much_too_slow(answer)
        self._answers.append(answer)
        while self._answers[0].at < answer.at - WINDOW:
            self._answers.popleft()
        if self.state is State.NORMAL or not self._looked_at(answer.at):
            self._judge(answer.at)
        else:
            self._look(answer)

    def _judge(self, now: datetime) -> None:
        """Mark the address if too many answers of the window were too slow."""
        count = len(self._answers)
        if count < self.settings.endpoint_answers_min or self.state is State.DROP:
            return
        if sum(map(self._is_much_too_slow, self._answers)) > DROP_SHARE * count:
            self._enter(State.DROP, now)
        elif (
            self.state is State.NORMAL
            and sum(map(self._is_slow, self._answers)) > SLOW_SHARE * count
        ):
            self._enter(State.SLOW, now)

    def _look(self, answer: Answer) -> None:
        """Judge a marked address by the first answer after its ten minutes."""
        is_bad = self._is_slow if self.state is State.SLOW else self._is_much_too_slow
        if is_bad(answer):
            self._enter(self.state, answer.at)
        elif self.state is State.SLOW or answer.repeated or not self._is_slow(answer):
            self._enter(State.NORMAL, answer.at)

    def _enter(self, state: State, now: datetime) -> None:
        self.state = state
        self.until = None if state is State.NORMAL else now + WINDOW
        self._answers.clear()
        self._probes = 0

    def _looked_at(self, now: datetime) -> bool:
        return self.until is not None and now >= self.until

    def _is_slow(self, answer: Answer) -> bool:
        return answer.seconds >= self.settings.first_answer_seconds

    def _is_much_too_slow(self, answer: Answer) -> bool:
        return answer.repeated and answer.seconds >= self.settings.later_answer_seconds
