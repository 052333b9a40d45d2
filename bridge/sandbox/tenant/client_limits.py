"""Limits, from the control interface's client."""

from __future__ import annotations

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json


async def change_limits(tenant: ControlledTenant, **changes: object) -> None:
    """Set `on`, `scale`, `burst_seconds`, `debt_seconds`, `retry_after`, `per_line`.

    What was counted in this tenant so far is forgotten.

    Raises:
        ControlError: A value makes no sense.
    """
    await tenant.call("PATCH", "/limits", dict(changes))


async def limits(tenant: ControlledTenant) -> Json:
    """The settings, and under `refused` how often each bucket was the empty one."""
    return await tenant.call("GET", "/limits")
