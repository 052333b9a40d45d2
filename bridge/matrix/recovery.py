"""The time after a homeserver was told that we are there, when it pushes what it had kept.

    gap in the numbers ─▶ rung lately? ─ no ─▶ look at what was not pushed
                              └─ yes ─▶ the same, once, when that is long enough ago

A transaction that is made just then may be left out, and pushed after younger ones, or never (Synapse
1.163.2, appservice/scheduler.py; seen when a bridge was killed under load). A gap in their numbers
tells. But the numbers are shared by all application services, so that where there are several a gap
mostly says nothing: a look for each would hold up what people say for most of the time (measured: half
the rate with one other application service).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.ports import Clock

RECOVERY_LASTS = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=5)
"""At most; a look takes some 50 ms, during which nothing of Matrix is read."""


class Recovery:
    """Turns a gap into a look; `look` must return at once."""

    def __init__(self, clock: Clock, look: Callable[[], None]) -> None:
        self._clock = clock
        self._look = look
        self._until: datetime | None = None
        self._next: datetime | None = None
        self._later: asyncio.TimerHandle | None = None

    def announced(self) -> None:
        """Begin to watch for gaps, for a while."""
        self._until = self._clock.now() + RECOVERY_LASTS

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

    def _ring(self) -> None:
        self._later = None
        self._next = self._clock.now() + LOOK_EVERY
        self._look()
