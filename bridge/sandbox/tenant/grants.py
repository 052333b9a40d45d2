"""The token endpoint: what an app gets for a secret, a certificate, a code, a refresh token.

    form ─ which app? does it prove so? ─> grant ─ still good? policies? consent? ─> tokens

Sources: learn.microsoft.com entra v2-oauth2-client-creds-grant-flow, v2-oauth2-auth-code-flow,
v2-oauth2-device-code, refresh-tokens, reference-error-codes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

import orjson

from bridge.sandbox.tenant import cae, clients, consent, device, policies
from bridge.sandbox.tenant.aadsts import missing, refusal
from bridge.sandbox.tenant.clients import Form
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.tenant import Grant, Tenant
from bridge.sandbox.tenant.world import App, User

CODE_LIFETIME = timedelta(minutes=10)
REFRESH_LIFETIME = timedelta(days=90)
VERIFIER_MIN, VERIFIER_MAX = 43, 128
"""Characters of a code verifier (RFC 7636)."""
REFRESHED_EARLY = 2 * 3600
"""Seconds: tokens that live this long say when to ask for the next one, at half of it."""


def token(tenant: Tenant, form: Form) -> Json:
    """Answer a token request.

    Raises:
        SigninError: Entra refuses.
    """
    kind = required(form, "grant_type")
    app = clients.find_app(tenant, required(form, "client_id"))
    answer = _KINDS.get(kind)
    if answer is None:
        raise refusal(70003, given=kind)
    return answer(tenant, app, form)


def required(form: Form, name: str) -> str:
    """A parameter that must be there.

    Raises:
        SigninError: 900144, it is not.
    """
    value = form.get(name)
    if not value:
        raise missing(name)
    return value


def client_info(tenant: Tenant, user: User) -> str:
    """Who signed in, by their account at home, as Microsoft's libraries tell accounts apart."""
    home = user.face.tenant_id if user.guest and user.face is not None else None
    known = {"uid": user.id, "utid": tenant.id}
    if home is not None:
        known = {"uid": str(uuid5(NAMESPACE_URL, home + user.id)), "utid": home}
    return base64.urlsafe_b64encode(orjson.dumps(known)).decode().rstrip("=")


def _client_credentials(tenant: Tenant, app: App, form: Form) -> Json:
    clients.authenticate(tenant, app, form)
    text = required(form, "scope")
    if consent.read_scopes(tenant, text).names != (consent.DEFAULT,):
        raise refusal(1002012, given=text)
    policies.check_app(tenant, app)
    access, life = tenant.issuer.for_app(app, capable=cae.capable(tenant, form))
    return _access(access, life)


def _authorization_code(tenant: Tenant, app: App, form: Form) -> Json:
    grant = tenant.codes.get(required(form, "code"))
    clients.authenticate(tenant, app, form, public=grant is not None and grant.public)
    if grant is None or grant.app is not app:
        raise refusal(9002313)
    if grant.used:
        raise refusal(54005)
    if grant.expires <= tenant.clock.now():
        raise refusal(70008)
    if required(form, "redirect_uri") != grant.redirect_uri:
        raise refusal(500112, given=form["redirect_uri"], wanted=grant.redirect_uri)
    _check_verifier(grant, form.get("code_verifier"))
    _check_session(tenant, grant)
    grant.used = True
    return _tokens(tenant, grant, form, grant.scopes)


def _refresh_token(tenant: Tenant, app: App, form: Form) -> Json:
    grant = tenant.refresh_tokens.get(required(form, "refresh_token"))
    public = tenant.signin.registration(app.id).public if grant is None else grant.public
    clients.authenticate(tenant, app, form, public=public)
    if grant is None:
        raise refusal(9002313)
    if grant.app is not app:
        error = refusal(70000, parameter="refresh_token' or 'assertion")
        error.suberror = "client_mismatch"
        raise error
    if grant.expires <= tenant.clock.now():
        raise refusal(700082, issued=stamp(grant.issued))
    _check_session(tenant, grant)
    asked = form.get("scope")
    return _tokens(tenant, grant, form, grant.scopes if not asked else tuple(asked.split()))


def _device_code(tenant: Tenant, app: App, form: Form) -> Json:
    public = tenant.signin.registration(app.id).public
    clients.authenticate(tenant, app, form, public=public)
    request, user = device.redeem(tenant, app, form)
    now = tenant.clock.now()
    grant = Grant(app=app, user=user, scopes=request.scopes, issued=now, expires=now, public=public)
    _check_session(tenant, grant)
    return _tokens(tenant, grant, form, request.scopes)


def _tokens(tenant: Tenant, grant: Grant, form: Form, wanted: tuple[str, ...]) -> Json:
    """The answer to a delegated grant; every use brings a new refresh token."""
    app, user = grant.app, grant.user
    capable = cae.capable(tenant, form)
    scopes = consent.read_scopes(tenant, " ".join(wanted))
    granted = consent.granted(app, user)
    lacking = [name for name in scopes.names if name not in granted and name != consent.DEFAULT]
    if lacking or (consent.DEFAULT in scopes.names and not granted):
        raise refusal(65001, app=app.id, name=app.name)
    answer = _access(*tenant.issuer.for_user(app, user, granted, capable=capable))
    answer["scope"] = scopes.answered(granted)
    if "offline_access" in scopes.openid:
        answer["refresh_token"] = _new_refresh_token(tenant, grant, wanted)
    if "openid" in scopes.openid:
        answer["id_token"] = tenant.issuer.identity(app, user, grant.nonce)
    if form.get("client_info") == "1":
        answer["client_info"] = client_info(tenant, user)
    return answer


def _access(token: str, life: int) -> Json:
    answer: Json = {
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": token,
    }
    if life >= REFRESHED_EARLY:
        answer["refresh_in"] = life // 2
    return answer


def _new_refresh_token(tenant: Tenant, grant: Grant, scopes: tuple[str, ...]) -> str:
    fresh = "1.AX" + secrets.token_urlsafe(96)
    now = tenant.clock.now()
    tenant.remember_refresh_token(
        fresh,
        Grant(
            app=grant.app,
            user=grant.user,
            scopes=scopes,
            issued=now,
            expires=now + REFRESH_LIFETIME,
            public=grant.public,
            began=grant.began or grant.issued,
        ),
    )
    return fresh


def _check_session(tenant: Tenant, grant: Grant) -> None:
    """Whether the sign-in behind a grant is still good."""
    user = grant.user
    if tenant.users.get(user.id) is not user:
        raise refusal(50034, user=user.upn, tenant=tenant.name)
    if not user.enabled:
        raise refusal(50057)
    if user.revoked_at is not None and grant.issued <= user.revoked_at:
        raise refusal(50173, issued=stamp(grant.issued), since=stamp(user.revoked_at))
    policies.check_refresh(tenant, grant.app, user, grant.began or grant.issued)


def _check_verifier(grant: Grant, verifier: str | None) -> None:
    if grant.challenge is None:
        return
    if verifier is None:
        raise missing("code_verifier")
    made = verifier
    if grant.challenge_method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    fits = VERIFIER_MIN <= len(verifier) <= VERIFIER_MAX
    if not fits or not hmac.compare_digest(made.encode(), grant.challenge.encode()):
        raise refusal(501481)


_KINDS: dict[str, Callable[[Tenant, App, Form], Json]] = {
    "client_credentials": _client_credentials,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    device.GRANT_TYPE: _device_code,
}
