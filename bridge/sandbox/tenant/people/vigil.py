"""Presence that changes with time alone: sessions fade and end, status messages end."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import override

from bridge.sandbox.tenant.people import presence
from bridge.sandbox.tenant.rounds import Rounds


class Vigil(Rounds):
    """Tells of the presences of one tenant when their time has come."""

    @override
    async def _round(self) -> datetime | None:
        tenant, now = self._tenant, self._tenant.clock.now()
        for key, held in list(tenant.presences.by_user.items()):
            user = tenant.users.get(key)
            if user is not None and (held.status_over(now) or held.at(now) != held.told):
                presence.settle(tenant, user)
        # Settling wakes everyone, this loop among them.
        self._wake.clear()
        return tenant.presences.next_change(now)
