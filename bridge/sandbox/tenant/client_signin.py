"""Signing in, from the control interface's client: what administrators and people do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json


async def refuse(
    tenant: ControlledTenant,
    number: int,
    *,
    user: str | None = None,
    app: str | None = None,
    at: Sequence[str] | None = None,
    **more: object,
) -> str:
    """Refuse sign-ins with AADSTS `number` from now on; returns the policy's id.

    `user` and `app` narrow it down; `at` lists moments (signin, refresh, app); further `suberror`
    and `tell_app` (the app hears of it at its redirect URI).

    Raises:
        ControlError: There is no such refusal, user or app.
    """
    body: Json = {"number": number, "user": user, "app": app, **more}
    if at is not None:
        body["at"] = list(at)
    return str((await tenant.call("POST", "/signin/policies", body))["id"])


async def lift(tenant: ControlledTenant, policy: str | None = None) -> None:
    """Lift one policy, or all of them."""
    one = "" if policy is None else f"/{policy}"
    await tenant.call("DELETE", f"/signin/policies{one}")


async def policies(tenant: ControlledTenant) -> Json:
    """All policies, under `policies`."""
    return await tenant.call("GET", "/signin/policies")


async def change_user_consent(tenant: ControlledTenant, kind: str) -> None:
    """What users may agree to alone: microsoft (the default), all or none."""
    await tenant.call("PATCH", "/signin", {"user_consent": kind})


async def throttle_tokens(
    tenant: ControlledTenant,
    times: int = 1,
    *,
    retry_after: timedelta | None = None,
    as_json: bool = False,
) -> None:
    """The token endpoint answers its next `times` requests with 429."""
    seconds = None if retry_after is None else retry_after.total_seconds()
    body: Json = {"times": times, "retry_after_seconds": seconds, "as_json": as_json}
    await tenant.call("POST", "/signin/throttle", body)


async def change_registration(tenant: ControlledTenant, app: str, **properties: object) -> Json:
    """Change how an app signs in; returns all that its registration says about it.

    Properties: `public`, `multi_tenant`, `assignment_required`, `assigned` (users),
    `public_redirect_uris`, `required_roles`, `required_scopes`.
    """
    return await tenant.call("PATCH", f"/apps/{app}/registration", dict(properties))


async def change_principal(
    tenant: ControlledTenant, app: str, *, enabled: bool = True, deleted: bool = False
) -> None:
    """Disable an app in this tenant, delete it there, or bring it back without permissions."""
    body: Json = {"enabled": enabled, "deleted": deleted}
    await tenant.call("PATCH", f"/apps/{app}/principal", body)


async def grant_consent(
    tenant: ControlledTenant,
    app: str,
    *,
    roles: Sequence[str] | None = None,
    scopes: Sequence[str] | None = None,
) -> Json:
    """Admin consent to these permissions, or to all that the registration lists."""
    return await tenant.call("POST", f"/apps/{app}/consent", _permissions(roles, scopes))


async def revoke_consent(
    tenant: ControlledTenant,
    app: str,
    *,
    roles: Sequence[str] | None = None,
    scopes: Sequence[str] | None = None,
) -> Json:
    """Take these permissions away from the app, or all of them; tokens work until they end."""
    return await tenant.call("POST", f"/apps/{app}/revoke-consent", _permissions(roles, scopes))


async def change_password(tenant: ControlledTenant, user: str) -> None:
    await tenant.call("POST", f"/users/{user}/password")


async def challenge(tenant: ControlledTenant, user: str) -> None:
    """Graph challenges the user's tokens once, where their client understands that."""
    await tenant.call("POST", f"/users/{user}/challenge")


async def make_admin(tenant: ControlledTenant, user: str, *, admin: bool = True) -> None:
    await tenant.call("PATCH", f"/people/{user}", {"admin": admin})


async def expire_refresh_tokens(
    tenant: ControlledTenant, *, user: str | None = None, app: str | None = None
) -> int:
    """As if unused for ninety days; returns how many there were."""
    body: Json = {"user": user, "app": app}
    return int(str((await tenant.call("POST", "/signin/expire-refresh-tokens", body))["expired"]))


async def device_codes(tenant: ControlledTenant) -> Json:
    """All device code requests, under `device_codes`."""
    return await tenant.call("GET", "/signin/device-codes")


async def approve_device(tenant: ControlledTenant, user_code: str, user: str) -> None:
    """The user types the code and agrees.

    Raises:
        ControlError: The code is not open, or the user may not sign in.
    """
    await tenant.call("POST", f"/signin/device-codes/{user_code}", {"user": user})


async def decline_device(tenant: ControlledTenant, user_code: str) -> None:
    await tenant.call("POST", f"/signin/device-codes/{user_code}", {})


def _permissions(roles: Sequence[str] | None, scopes: Sequence[str] | None) -> Json:
    given = {"roles": roles, "scopes": scopes}
    return {name: list(values) for name, values in given.items() if values is not None}
