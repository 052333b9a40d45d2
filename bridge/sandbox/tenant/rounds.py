"""What goes on in a tenant by itself, in a task of its own: it does what is due, and waits.

Sessions fade, subscriptions end, scripts and traffic are played: each is a subclass that says what
is to be done and when it wants to look again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from bridge.sandbox.tenant.tenant import Tenant


class Rounds:
    """One such thing of one tenant; the subclass has `_round`."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._wake = asyncio.Event()
        self._closed = False

    def wake(self) -> None:
        """Something may have become due."""
        self._wake.set()

    def close(self) -> None:
        """End the task."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Do what is due until closed."""
        while not self._closed:
            self._wake.clear()
            following = await self._round()
            await self._tenant.clock.wait_until(following, self._wake)

    async def _round(self) -> datetime | None:
        """Do what is due now; returns when there is more, None if nobody knows."""
        raise NotImplementedError
