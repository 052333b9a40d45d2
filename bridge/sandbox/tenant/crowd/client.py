"""The imagined organisation and its traffic, from the control interface's client."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json


async def imagine(tenant: ControlledTenant, **plan: object) -> Json:
    """Give the tenant an organisation; the fields are those of `plan.Plan`.

    Returns: What it has come to: `users`, `chats`, `teams`, `channels`, `messages`, the `bytes` of
    memory that it takes, and the `seconds` that it took.

    Raises:
        ControlError: The plan makes no sense, or there is an organisation already.
    """
    return await tenant.call("POST", "/crowd", dict(plan))


async def people(tenant: ControlledTenant, *, first: int = 0, count: int = 10) -> list[Json]:
    """Users of the organisation by number: `{id, upn, display_name, chats}`."""
    query: Mapping[str, str] = {"first": str(first), "count": str(count)}
    found = (await tenant.call("GET", "/crowd/users", None, query))["users"]
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


async def start_traffic(tenant: ControlledTenant, rate: float, **order: object) -> None:
    """Let `rate` messages be written a second; the other fields are those of `traffic.Order`."""
    await tenant.call("POST", "/traffic", {"rate": rate, **order})


async def stop_traffic(tenant: ControlledTenant) -> Json:
    """Stop, and say what was done: see `traffic`."""
    return await tenant.call("DELETE", "/traffic")


async def traffic(tenant: ControlledTenant) -> Json:
    """What was done since the start.

    Returns: `posted`, `edited`, `reacted`, `deleted`, `refused`, `skipped`; `running`, the `rate`
    that was asked for and the one `achieved`, in messages per second, over so many `seconds`, and
    how many messages it is `behind`.
    """
    return await tenant.call("GET", "/traffic")
