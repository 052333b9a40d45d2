"""The time after a homeserver was told that we are there, when it pushes what it had kept.

    gap in the numbers ─▶ looked in vain lately? ─ no ─▶ look at what was not pushed ─▶ passed
                              └─ yes ─▶ the same, once, when that is long enough ago

A transaction that is made just then may be left out, and pushed after younger ones, or never (Synapse
1.163.2, appservice/scheduler.py; seen when a bridge was killed under load). A gap in their numbers
tells, and must be looked at before what came after it is sent on. But the numbers are shared by all
application services, so that where there are several a gap mostly says nothing: a look for each would
hold up what people say for most of the time (measured: half the rate with one other application
service). So each look that finds nothing puts the next one off for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.ports import Clock

RECOVERY_LASTS = timedelta(seconds=30)
PAUSE_FIRST = timedelta(milliseconds=500)
"""After a look that found nothing, and twice as long after each further; a look takes some 50 ms, during
which nothing of Matrix is read."""
PAUSE_MAX = timedelta(seconds=5)


class Recovery:
    """Turns a gap into a look; `look` must return at once."""

    def __init__(self, clock: Clock, look: Callable[[], None]) -> None:
        self._clock = clock
        self._look = look
        self._until: datetime | None = None
        self._rung = False
        self._pause = timedelta(0)
        self._next: datetime | None = None
        self._later: asyncio.TimerHandle | None = None

    def announced(self) -> None:
        """Begin to watch for gaps, for a while."""
        self._until = self._clock.now() + RECOVERY_LASTS
        self._end_pause()

    def passed(self, found: int) -> None:
        """Take note that somebody has looked, and how much had not been pushed."""
        if found:
            self._end_pause()
        elif self._rung:
            self._rung = False
            self._pause = min(max(2 * self._pause, PAUSE_FIRST), PAUSE_MAX)
            self._next = self._clock.now() + self._pause

    def missed(self) -> None:
        """Take note of a gap: what is stored is read only when it is complete again."""
        now = self._clock.now()
        if self._until is None or now >= self._until or self._later is not None:
            return
        wait = timedelta(0) if self._next is None else self._next - now
        if wait <= timedelta(0):
            self._ring()
        else:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(wait.total_seconds(), self._ring)

    def _end_pause(self) -> None:
        """Gaps mean something: the next is looked at when it comes, and one that was put off now."""
        self._pause, self._next = timedelta(0), None
        if self._later is not None:
            self._later.cancel()
            self._ring()

    def _ring(self) -> None:
        self._later = None
        self._rung = True
        self._look()
