"""Where users sign in: discovery documents, signing keys, the authorize page.

    GET  /{tenant}/oauth2/v2.0/authorize ─ page: who are you, may the app …?
    POST the same form with user=<id>    ─ 302 redirect_uri?code=…&state=…

There are no passwords and no sessions: whoever chooses an account is signed in, once.
Sources: learn.microsoft.com entra v2-protocols-oidc, v2-oauth2-auth-code-flow.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bridge.sandbox.tenant import consent, page
from bridge.sandbox.tenant.errors import Json, SigninError, signin_error
from bridge.sandbox.tenant.grants import CODE_LIFETIME, find_app
from bridge.sandbox.tenant.tenant import Grant, Tenant
from bridge.sandbox.tenant.world import App, User

PROMPTS = frozenset({"login", "none", "consent", "select_account"})
STATE_MAX = 4096
COMMON = frozenset({"common", "organizations", "consumers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the browser gets: a page, or another place to go to."""

    status: int
    html: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A good authorize request."""

    app: App
    redirect_uri: str
    response_mode: str
    state: str | None
    scopes: consent.Scopes
    scope_text: str
    query: Mapping[str, str]


class _Bounce(Exception):
    """A refusal that the app is told of at its redirect URI."""

    def __init__(self, error: SigninError, wish: tuple[str, str, str | None]) -> None:
        super().__init__(error.text)
        self.error = error
        self.redirect_uri, self.response_mode, self.state = wish


def configuration(base: str, tenant: str, *, version: int) -> Json:
    """The OpenID configuration; for `common` the issuer is a pattern."""
    who = "{tenantid}" if tenant in COMMON else tenant
    root = f"{base}/{tenant}"
    middle = "/v2.0" if version == 2 else ""  # noqa: PLR2004 - the version of the endpoints
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
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    }


def show(tenant: Tenant, query: Mapping[str, str]) -> Shown:
    """Answer the GET of the authorize endpoint."""
    try:
        wish = _read(tenant, query)
        _check_prompt(wish)
    except SigninError as error:
        return _refusal(tenant, error)
    except _Bounce as bounce:
        return _bounced(tenant, bounce)
    people = _candidates(tenant, query.get("login_hint"))
    asked = sorted({*wish.scopes.names, *wish.scopes.openid})
    return Shown(status=200, html=page.choose(tenant.name, wish.app, people, asked, query))


def choose(tenant: Tenant, form: Mapping[str, str]) -> Shown:
    """Answer the form of the authorize page."""
    try:
        wish = _read(tenant, form)
        if "cancel" in form:
            raise _bounce(
                wish,
                SigninError("access_denied", 65004, "User declined to consent to access the app."),
            )
        user = _chosen(tenant, form.get("user", ""))
        code = _agree(tenant, wish, user)
    except SigninError as error:
        return _refusal(tenant, error)
    except _Bounce as bounce:
        return _bounced(tenant, bounce)
    answer = {
        "code": code,
        "client_info": "",
        "state": wish.state or "",
        "session_state": secrets.token_hex(16),
    }
    return _redirect(wish.redirect_uri, wish.response_mode, answer)


def _agree(tenant: Tenant, wish: _Wish, user: User) -> str:
    """Record the consent and hand out a code."""
    try:
        consent.agree(wish.app, user, consent.missing(wish.app, user, wish.scopes.names))
    except SigninError as error:
        raise _bounce(wish, error) from None
    code = "1.AX" + secrets.token_urlsafe(64)
    now = tenant.clock.now()
    tenant.remember_code(
        code,
        Grant(
            app=wish.app,
            user=user,
            scopes=tuple(wish.scope_text.split()),
            issued=now,
            expires=now + CODE_LIFETIME,
            redirect_uri=wish.redirect_uri,
            challenge=wish.query.get("code_challenge"),
            challenge_method=wish.query.get("code_challenge_method", "plain"),
            nonce=wish.query.get("nonce"),
        ),
    )
    return code


def _read(tenant: Tenant, query: Mapping[str, str]) -> _Wish:
    """Check an authorize request; until the redirect URI is known good, errors stay here."""
    app = find_app(tenant, _required(query, "client_id"))
    redirect_uri = _redirect_uri(app, query.get("redirect_uri"))
    state = query.get("state")
    place = (redirect_uri, query.get("response_mode", "query"), state)
    try:
        _check_form(query)
        text = _required(query, "scope")
        scopes = consent.read_scopes(tenant, text)
    except SigninError as error:
        raise _Bounce(error, place) from None
    return _Wish(
        app=app,
        redirect_uri=redirect_uri,
        response_mode=place[1],
        state=state,
        scopes=scopes,
        scope_text=text,
        query=query,
    )


def _redirect_uri(app: App, given: str | None) -> str:
    if given is None and len(app.redirect_uris) == 1:
        return app.redirect_uris[0]
    if given not in app.redirect_uris:
        raise SigninError(
            "invalid_request",
            50011,
            f"The redirect URI '{given}' specified in the "
            "request does not match the redirect URIs configured for the "
            f"application '{app.id}'. Make sure the redirect URI sent in the "
            "request matches one added to your application.",
        )
    return str(given)


def _check_form(query: Mapping[str, str]) -> None:
    response_type = _required(query, "response_type")
    if response_type != "code":
        raise SigninError(
            "unsupported_response_type",
            70005,
            f"The app returned an unsupported response type '{response_type}'.",
        )
    if query.get("response_mode", "query") not in {"query", "fragment", "form_post"}:
        raise SigninError("invalid_request", 90014, "The response mode is not supported.")
    if len(query.get("state", "")) > STATE_MAX:
        raise SigninError("invalid_request", 900971, "The state is too long.")
    method = query.get("code_challenge_method", "plain")
    if "code_challenge" in query and method not in {"S256", "plain"}:
        raise SigninError("invalid_request", 9002326, f"Unknown code_challenge_method '{method}'.")


def _check_prompt(wish: _Wish) -> None:
    prompt = wish.query.get("prompt")
    if prompt == "none":
        raise _bounce(
            wish,
            SigninError(
                "login_required",
                50058,
                "A silent sign-in request was sent but no user is signed in.",
            ),
        )
    if prompt is not None and prompt not in PROMPTS:
        raise _bounce(
            wish, SigninError("invalid_request", 90023, f"Unsupported 'prompt' value '{prompt}'.")
        )


def _candidates(tenant: Tenant, hint: str | None) -> list[User]:
    """Whom the page offers: the hinted user first."""
    people = [user for user in tenant.users.values() if user.enabled]
    wanted = (hint or "").casefold()
    return sorted(people, key=lambda user: (user.upn.casefold() != wanted, user.display_name))


def _chosen(tenant: Tenant, key: str) -> User:
    user = tenant.users.get(key)
    if user is None:
        raise SigninError(
            "invalid_grant",
            50034,
            f"The user account {key} does not exist in the {tenant.name} directory.",
        )
    if not user.enabled:
        raise SigninError("invalid_grant", 50057, "The user account is disabled.")
    return user


def _required(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise SigninError(
            "invalid_request",
            900144,
            f"The request body must contain the following parameter: '{name}'.",
        )
    return value


def _bounce(wish: _Wish, error: SigninError) -> _Bounce:
    return _Bounce(error, (wish.redirect_uri, wish.response_mode, wish.state))


def _bounced(tenant: Tenant, bounce: _Bounce) -> Shown:
    shown = signin_error(bounce.error, tenant.clock.now())
    answer = {
        "error": str(shown["error"]),
        "error_description": str(shown["error_description"]),
        "error_uri": str(shown["error_uri"]),
        "state": bounce.state or "",
    }
    return _redirect(bounce.redirect_uri, bounce.response_mode, answer)


def _refusal(tenant: Tenant, error: SigninError) -> Shown:
    shown = signin_error(error, tenant.clock.now())
    return Shown(status=400, html=page.refuse(str(shown["error_description"])))


def _redirect(uri: str, mode: str, answer: Mapping[str, str]) -> Shown:
    fields = {name: value for name, value in answer.items() if value}
    if mode == "form_post":
        return Shown(status=200, html=page.post_back(uri, fields))
    mark = "#" if mode == "fragment" else "&" if urlsplit(uri).query else "?"
    return Shown(status=302, location=f"{uri}{mark}{urlencode(fields)}")
