"""The life of one delivery, and what to do when an attempt fails.

    queued ──claim──▶ sending ──ok──▶ delivered (a link)
      ▲                 │ │ │
      ├──Retry(at)──────┘ │ └─Park(reason)──▶ parked ──operator──▶ queued
      └──its speaker has signed in── parked ◀─AwaitSignIn(reason)

A delivery that is found in `sending` when its lease has run out, or whose attempt ended
`Uncertain`, is looked up on the far side before it is sent again.

A network that is away, or asks for patience, costs no attempt: an outage of a day parks nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.domain.values import dataclass
from bridge.errors import (
    Rejected,
    RemoteError,
    TargetMissing,
    Throttled,
    Unauthorized,
    Unavailable,
    Undecidable,
)

ATTEMPTS_MAX = 12
BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_MAX = timedelta(minutes=15)
UNAVAILABLE_WAIT = timedelta(seconds=3)
"""Between two looks at a network that is away; short, because nothing is lost by looking."""
LOCKED_OUT_WAIT = timedelta(seconds=30)
"""While the bridge's own credentials are refused: an operator must act, and nothing is parked."""
TARGET_ATTEMPTS_MAX = 5
TARGET_WAIT = timedelta(seconds=2)
"""For the message that an edit or a reaction refers to; its stream waits as long as this together."""
RETRY_AFTER_MAX = timedelta(hours=1)
"""A `Retry-After` beyond this is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again, not before `at`; `spent` says whether the attempt counts toward the limit."""

    at: datetime
    spent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Set the delivery aside for a person, with the reason they will read."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitSignIn(Park):
    """Set the delivery aside until its speaker has signed in again.

    `sign_in`: the number of the sign-in that was refused; None where there was none.
    """

    sign_in: int | None


def after_failure(error: RemoteError, *, attempts: int, now: datetime) -> Retry | Park:
    """Decide what becomes of a delivery whose attempt number `attempts` has failed."""
    if isinstance(error, Unauthorized) and not error.everyone:
        return AwaitSignIn(reason=str(error), sign_in=error.sign_in)
    in_vain = isinstance(error, TargetMissing) and attempts >= TARGET_ATTEMPTS_MAX
    if isinstance(error, Rejected | Undecidable) or in_vain:
        return Park(reason=str(error))
    wait = _free_wait(error)
    if wait is not None:
        return Retry(at=now + wait, spent=False)
    if attempts >= ATTEMPTS_MAX:
        return Park(reason=f"gave up after {attempts} attempts: {error}")
    if isinstance(error, TargetMissing):
        return Retry(at=now + TARGET_WAIT)
    return Retry(at=now + min(BACKOFF_FIRST * 2 ** (attempts - 1), BACKOFF_MAX))


def _free_wait(error: RemoteError) -> timedelta | None:
    """Say how long to wait where nobody is at fault; None where the attempt counts."""
    match error:
        case Unauthorized():
            return LOCKED_OUT_WAIT
        case Throttled(retry_after=wait):
            return min(wait, RETRY_AFTER_MAX)
        case Unavailable():
            return UNAVAILABLE_WAIT
        case _:
            return None
