"""Which tenant a sign-in request is for, and the documents that say where its endpoints are.

An address names a tenant by id or domain, or says `common` or `organizations`; those are for apps
registered as multi-tenant, and the tenant is then that of the user, the code or the refresh token.

Sources: learn.microsoft.com entra v2-protocols, v2-protocols-oidc, howto-convert-app-to-be-multi-
tenant, reference-error-codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.sandbox.tenant.aadsts import missing, refusal
from bridge.sandbox.tenant.errors import Json, SigninError
from bridge.sandbox.tenant.tenant import Realm, Tenant

CONSUMERS = "consumers"
COMMON = frozenset({"common", "organizations", CONSUMERS})
VERSION_2 = 2


def resolve(realm: Realm, key: str, form: Mapping[str, str]) -> Tenant:
    """The tenant that a request below `/{key}` is for.

    Raises:
        SigninError: There is none, or the app may not ask like that.
    """
    tenant = realm.find(key)
    if tenant is not None:
        return tenant
    if key not in COMMON:
        raise unknown(key)
    client_id = form.get("client_id")
    if not client_id:
        raise missing("client_id")
    if form.get("grant_type") == "client_credentials":
        raise refusal(9001023)
    return _shared(realm, key, client_id, form)


def unknown(key: str, error: str = "invalid_request") -> SigninError:
    """90002: there is no such tenant."""
    found = refusal(90002, key=key)
    found.error = error
    return found


def _shared(realm: Realm, key: str, client_id: str, form: Mapping[str, str]) -> Tenant:
    """The tenant of a multi-tenant app's request, as far as it can be told."""
    homes = [tenant for tenant in realm.tenants.values() if client_id in tenant.apps]
    if not homes:
        raise refusal(700016, app=client_id, tenant=key)
    name = homes[0].apps[client_id].name
    if key == CONSUMERS:
        raise refusal(9002332, app=client_id, name=name)
    open_to_all = [home for home in homes if home.signin.registration(client_id).multi_tenant]
    if not open_to_all:
        raise refusal(50194, app=client_id, name=name, key=key)
    return next((home for home in open_to_all if _knows(home, form)), open_to_all[0])


def _knows(tenant: Tenant, form: Mapping[str, str]) -> bool:
    """Whether something in the request is this tenant's own."""
    looks: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("user", tenant.users.get),
        ("login_hint", tenant.find_user),
        ("code", lambda code: tenant.codes.get(code) or tenant.signin.devices.get(code)),
        ("device_code", tenant.signin.devices.get),
        ("refresh_token", tenant.refresh_tokens.get),
    )
    return any(look(form[name]) is not None for name, look in looks if name in form)


def configuration(base: str, tenant: str, *, version: int) -> Json:
    """The OpenID configuration; for `common` the issuer is a pattern."""
    who = "{tenantid}" if tenant in COMMON else tenant
    root = f"{base}/{tenant}"
    middle = "/v2.0" if version == VERSION_2 else ""
    oauth = f"{root}/oauth2{middle}"
    return {
        "token_endpoint": f"{oauth}/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{root}/discovery{middle}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{base}/{who}/v2.0" if middle else f"https://sts.windows.net/{who}/",
        "authorization_endpoint": f"{oauth}/authorize",
        "device_authorization_endpoint": f"{oauth}/devicecode",
        "http_logout_supported": True,
        "end_session_endpoint": f"{oauth}/logout",
        "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "nonce",
            "preferred_username",
            "name",
            "tid",
            "ver",
        ],
        "tenant_region_scope": None if tenant in COMMON else "EU",
        "cloud_instance_name": "microsoftonline.com",
    }
