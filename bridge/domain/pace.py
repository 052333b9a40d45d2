"""How slowly bytes may come or go before whoever waits for them gives up. Pure."""

from __future__ import annotations

from datetime import timedelta

from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """After `grace`, so many bytes a second on the average.

    At the least a gigabyte takes three hours: so long it keeps one of the places for large files.
    """

    grace: timedelta = timedelta(seconds=30)
    bytes_per_second: int = 96 * 1024

    def is_too_slow(self, received: int, waited: float) -> bool:
        """Tell it of bytes, and of the seconds that were spent waiting for them."""
        late = waited - self.grace.total_seconds()
        return late > 0 and received < late * self.bytes_per_second

    def limit(self, size: int) -> timedelta:
        """Return how long so many bytes may take."""
        return self.grace + timedelta(seconds=size / self.bytes_per_second)
