"""Time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests may own it."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        ...

    async def sleep(self, duration: timedelta) -> None: ...
