"""Presence that changes with time alone: sessions fade and end, status messages end."""

from __future__ import annotations

import asyncio

from bridge.sandbox.tenant.people import presence
from bridge.sandbox.tenant.tenant import Tenant


class Vigil:
    """Tells of the presences of one tenant when their time has come."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._wake = asyncio.Event()
        self._closed = False

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Do what is due until closed."""
        tenant = self._tenant
        while not self._closed:
            self._settle()
            # Settling wakes everyone, this loop among them.
            self._wake.clear()
            moment = tenant.presences.next_change(tenant.clock.now())
            await tenant.clock.wait_until(moment, self._wake)

    def _settle(self) -> None:
        now = self._tenant.clock.now()
        for key, held in list(self._tenant.presences.by_user.items()):
            user = self._tenant.users.get(key)
            over = held.status is not None and held.status.until is not None
            if over and held.status is not None and held.status.until is not None:
                over = held.status.until <= now
            if user is not None and (over or held.at(now) != held.told):
                presence.settle(self._tenant, user)
