"""msal itself: its client as we set it up, and its cache. Imported in the thread that first needs it.

With requests, which it imports itself, it is a tenth of all imports, and nothing is asked of Entra
before the bridge listens. The first token of the app is wanted right after: an installation in which
msal cannot be imported ends there, and says so.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msal

from bridge.config import Teams
from bridge.errors import Unauthorized
from bridge.teams.msal_transport import MsalTransport

MICROSOFT_LOGINS = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
    }
)
CLIENT_CAPABILITIES = ["CP1"]
"""We understand claims challenges (learn.microsoft.com entra claims-challenge)."""


class _Client(msal.ConfidentialClientApplication):  # type: ignore[misc]
    """msal gives codes to public clients only; Entra gives them to one that proves who it is as well."""

    DEVICE_FLOW_CORRELATION_ID = msal.PublicClientApplication.DEVICE_FLOW_CORRELATION_ID
    initiate_device_flow = msal.PublicClientApplication.initiate_device_flow
    acquire_token_by_device_flow = msal.PublicClientApplication.acquire_token_by_device_flow


def client_of(
    teams: Teams,
    credential: str | dict[str, str],
    transport: MsalTransport,
    cache: Any = None,  # noqa: ANN401 - msal has no types
) -> Any:  # noqa: ANN401 - msal has no types
    """Make msal's client for one flight."""
    login = teams.login_url.rstrip("/")
    known = urlsplit(login).hostname in MICROSOFT_LOGINS
    return _Client(
        teams.client_id,
        client_credential=credential,
        authority=f"{login}/{teams.tenant_id}",
        instance_discovery=None if known else False,
        token_cache=cache,
        http_client=transport,
        client_capabilities=CLIENT_CAPABILITIES,
    )


def cache_of(stored: str | None) -> Any:  # noqa: ANN401 - msal has no types
    """Return an empty cache, or one that was kept."""
    cache = msal.SerializableTokenCache()
    try:
        cache.deserialize(stored)
    except ValueError as error:
        raise Unauthorized("the sign-in kept is damaged: sign in again") from error
    return cache
