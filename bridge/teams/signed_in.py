"""Who has signed in: what Entra's answer to a sign-in says, and whether it is good enough. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from bridge.config import Teams
from bridge.domain.ids import TeamsUserId, TenantId
from bridge.domain.values import dataclass
from bridge.errors import Unauthorized
from bridge.teams.scopes import Scope, lacking, missing


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who came back from Microsoft's page; `token_cache` is secret.

    `lacking`: what will not work, as nobody has consented to it.
    """

    tenant: TenantId
    teams_user: TeamsUserId
    name: str | None
    upn: str | None
    token_cache: str = field(repr=False)
    lacking: tuple[Scope, ...] = ()


def signed_in(answer: Mapping[str, Any], token_cache: str, teams: Teams) -> SignedIn:
    """Say who the ID token names; it came from Entra itself over TLS (OpenID Connect 3.1.3.7).

    Raises:
        Unauthorized: It is not of our tenant and for our app, or gives not what was asked for.
    """
    claims = answer.get("id_token_claims") or {}
    tenant, person = str(claims.get("tid") or ""), str(claims.get("oid") or "")
    if tenant.lower() != teams.tenant_id.lower():
        raise Unauthorized("this account is not of the tenant that the bridge serves")
    if claims.get("aud") != teams.client_id or not person:
        raise Unauthorized("Microsoft's answer is not for this bridge: begin the sign-in again")
    granted = str(answer.get("scope")).split()
    if refused := missing(granted, teams):
        text = f"Microsoft did not grant {refused[0].name}: an administrator must consent"
        raise Unauthorized(text)
    return SignedIn(
        tenant=TenantId(teams.tenant_id),
        teams_user=TeamsUserId(person),
        name=_text(claims.get("name")),
        upn=_text(claims.get("preferred_username")),
        token_cache=token_cache,
        lacking=lacking(granted, teams),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
