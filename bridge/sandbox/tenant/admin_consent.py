"""The admin consent endpoint: an administrator grants an app its permissions for everyone.

    GET  /{tenant}/v2.0/adminconsent ─ page: permissions requested
    POST the same form with user=…   ─ 302 redirect_uri?admin_consent=True&tenant=…&scope=…&state=…

`/{tenant}/adminconsent` is the older form: it always grants all that the registration lists.

Sources: learn.microsoft.com entra v2-admin-consent, v1-permissions-consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.sandbox.tenant import consent, page, policies, signin
from bridge.sandbox.tenant.aadsts import missing, refusal
from bridge.sandbox.tenant.clients import find_app
from bridge.sandbox.tenant.errors import SigninError, signin_error
from bridge.sandbox.tenant.page import Shown
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import App, User


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A good admin consent request."""

    app: App
    redirect_uri: str
    roles: frozenset[str]
    scopes: frozenset[str]
    scope_text: str
    """As the app wrote it; empty at the older endpoint."""
    state: str


def show(tenant: Tenant, query: Mapping[str, str], *, version: int) -> Shown:
    """Answer the GET: the page with the permissions."""
    try:
        wish = _read(tenant, query, version)
    except SigninError as error:
        return page.refused(error, tenant.clock.now())
    wanted = [f"{name} (application)" for name in sorted(wish.roles)]
    wanted += [f"{name} (delegated)" for name in sorted(wish.scopes)]
    people = sorted(
        (user for user in tenant.users.values() if user.enabled),
        key=lambda user: (not user.admin, user.display_name),
    )
    html = page.permissions(tenant.name, wish.app, people, wanted, query)
    return Shown(status=200, html=html)


def decide(tenant: Tenant, form: Mapping[str, str], *, version: int) -> Shown:
    """Answer the form: an administrator accepts, or somebody cancels."""
    try:
        wish = _read(tenant, form, version)
        if "cancel" in form:
            return _declined(tenant, wish)
        _check_person(tenant, wish.app, form.get("user", ""))
    except SigninError as error:
        return page.refused(error, tenant.clock.now())
    grant(tenant, wish.app, wish.roles, wish.scopes)
    answer = {
        "admin_consent": "True",
        "tenant": tenant.id,
        "scope": wish.scope_text,
        "state": wish.state,
    }
    return signin.redirect(wish.redirect_uri, "query", answer)


def grant(
    tenant: Tenant, app: App, roles: frozenset[str] | set[str], scopes: frozenset[str] | set[str]
) -> None:
    """Grant permissions for everyone; an app that was deleted here is here again."""
    tenant.signin.removed.pop(app.id, None)
    tenant.apps[app.id] = app
    app.roles |= roles
    app.scopes |= scopes


def _read(tenant: Tenant, query: Mapping[str, str], version: int) -> _Wish:
    app = _app(tenant, _required(query, "client_id"))
    uri = signin.redirect_uri(tenant, app, _required(query, "redirect_uri"))
    text = _required(query, "scope") if version > 1 else ""
    names = consent.read_scopes(tenant, text).names if text else (consent.DEFAULT,)
    registration = tenant.signin.registration(app.id)
    listed = consent.DEFAULT in names
    return _Wish(
        app=app,
        redirect_uri=uri,
        roles=frozenset(registration.required_roles if listed else ()),
        scopes=frozenset(registration.required_scopes if listed else names),
        scope_text=text,
        state=query.get("state", ""),
    )


def _app(tenant: Tenant, client_id: str) -> App:
    """The app, also one whose service principal is not here any more."""
    return tenant.signin.removed.get(client_id) or find_app(tenant, client_id)


def _check_person(tenant: Tenant, app: App, key: str) -> None:
    """Only an administrator may do this.

    Raises:
        SigninError: 50034, 50057, 90094 or what a policy says.
    """
    user: User | None = tenant.users.get(key)
    if user is None:
        raise refusal(50034, user=key, tenant=tenant.name)
    try:
        policies.check_signin(tenant, app, user)
    except policies.Blocked as blocked:
        raise blocked.error from None
    if not user.admin:
        raise refusal(90094, scopes="these permissions", app=app.id)


def _declined(tenant: Tenant, wish: _Wish) -> Shown:
    """Cancelled: the app is told, in the form that Microsoft's page shows."""
    shown = signin_error(refusal(65004), tenant.clock.now())
    answer = {
        "admin_consent": "True",
        "error": "consent_required",
        "error_description": str(shown["error_description"]),
        "state": wish.state,
    }
    return signin.redirect(wish.redirect_uri, "query", answer)


def _required(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise missing(name)
    return value
