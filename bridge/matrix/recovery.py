"""The time after a homeserver was told that we are there, when it pushes what it had kept.

A transaction that is made just then may be left out, and pushed after younger ones, or never (Synapse
1.163.2, appservice/scheduler.py; seen when a bridge was killed under load). A gap in their numbers
tells; but the numbers are shared by all application services, so that at other times a gap says
nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.matrix.catchup import SyncCatchUp
from bridge.ports import Clock

RECOVERY_LASTS = timedelta(seconds=30)


class Recovery:
    """Turns a gap into a look at what was not pushed."""

    def __init__(self, clock: Clock, catch_up: SyncCatchUp) -> None:
        self._clock = clock
        self._catch_up = catch_up
        self._until: datetime | None = None

    def announced(self) -> None:
        """Begin to look for gaps, for a while."""
        self._until = self._clock.now() + RECOVERY_LASTS

    def missed(self) -> None:
        """Take note of a gap: what is stored is read only when it is complete again."""
        if self._until is not None and self._clock.now() < self._until:
            self._catch_up.ring()
