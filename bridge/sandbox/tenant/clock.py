"""The tenant's own time: the real one, plus an offset that a test may move.

Whoever waits gives an event of its own; it is set when the clock is moved, so that a test which
advances the clock by hours sees at once what would have happened after hours.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WAIT_MAX = timedelta(hours=1)
"""A waiter looks around at least this often, whatever it waits for."""


class TenantClock:
    """Now, as this tenant sees it; always aware, always UTC."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._waiters: set[asyncio.Event] = set()

    def now(self) -> datetime:
        real = datetime.now(UTC)  # noqa: TID251 - the one place of the tenant that owns real time
        return real + self._offset

    def advance(self, by: timedelta) -> None:
        self._offset += by
        for waiter in self._waiters:
            waiter.set()

    def set(self, instant: datetime) -> None:
        self.advance(instant - self.now())

    async def wait_until(self, instant: datetime | None, wake: asyncio.Event) -> None:
        """Return once `instant` has come, `wake` was set or the clock was moved.

        The caller clears `wake` and looks at the world again: this is a hint, not a promise.
        """
        delay = WAIT_MAX if instant is None else min(instant - self.now(), WAIT_MAX)
        if delay <= timedelta(0):
            return
        self._waiters.add(wake)
        try:
            async with asyncio.timeout(delay.total_seconds()):
                await wake.wait()
        except TimeoutError:
            pass
        finally:
            self._waiters.discard(wake)

    async def sleep(self, duration: timedelta) -> None:
        """Return once so much time has passed on this clock."""
        until = self.now() + duration
        while self.now() < until:
            await self.wait_until(until, asyncio.Event())


def milliseconds(instant: datetime) -> int:
    """Milliseconds since the epoch: the form of Teams' message ids and etags."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def stamp(instant: datetime) -> str:
    """An instant as Graph writes it: milliseconds without trailing zeros, then Z."""
    text = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return text.rstrip("0").rstrip(".") + "Z"
