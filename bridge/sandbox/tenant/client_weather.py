"""Storms, scripts and dying subscriptions, from the control interface's client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json


async def storm(tenant: ControlledTenant, probability: float, **storm: object) -> None:
    """Let requests fail by chance, from 0 to 1.

    Further: `path` (an expression), `method`, `faults`: a list of `{kind, status,
    retry_after_seconds, hold_seconds, weight}`, where `kind` is one of answer, drop_before,
    drop_after, answer_after, hang, slow.

    Raises:
        ControlError: It makes no sense.
    """
    await tenant.call("POST", "/storms", {"probability": probability, **storm})


async def end_storms(tenant: ControlledTenant) -> None:
    await tenant.call("DELETE", "/storms")


async def kill_subscriptions(
    tenant: ControlledTenant, *, resource: str = "", share: float = 1.0, lifecycle: bool = False
) -> list[str]:
    """End a share of the subscriptions whose resource matches; returns their ids."""
    body: Json = {"resource": resource, "share": share, "lifecycle": lifecycle}
    found = (await tenant.call("POST", "/subscriptions/kill", body))["ids"]
    return [str(item) for item in found] if isinstance(found, list) else []


async def challenge_subscriptions(
    tenant: ControlledTenant, *, resource: str = "", share: float = 1.0
) -> list[str]:
    """Ask for reauthorization; returns the subscriptions' ids."""
    body: Json = {"resource": resource, "share": share}
    found = (await tenant.call("POST", "/subscriptions/challenge", body))["ids"]
    return [str(item) for item in found] if isinstance(found, list) else []


async def start_script(
    tenant: ControlledTenant, steps: Sequence[Mapping[str, object]], *, seed: int | None = None
) -> None:
    """Play steps by the tenant's clock, such as `{"at": 60, "do": "POST /weather", "body": {…}}`.

    Further, in seconds: `jitter` (later by chance), `every` and `times` (again and again).
    """
    await tenant.call("POST", "/script", {"steps": [dict(step) for step in steps], "seed": seed})


async def stop_script(tenant: ControlledTenant) -> Json:
    return await tenant.call("DELETE", "/script")


async def script(tenant: ControlledTenant) -> Json:
    """`left`, `next` and, of each step that was `played`: `{at, method, path, status, error}`."""
    return await tenant.call("GET", "/script")
