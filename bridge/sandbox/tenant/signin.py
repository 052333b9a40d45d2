"""Where users sign in and out: the authorize page and the logout endpoint.

    GET  /{tenant}/oauth2/v2.0/authorize ─ page: who are you, may the app …?
    POST the same form with user=<id>    ─ 302 redirect_uri?code=…&state=…

There are no passwords and no sessions: whoever chooses an account is signed in, once. What a policy
of the organisation refuses is read by the person at the page; the app hears nothing and waits.
Sources: learn.microsoft.com entra v2-protocols-oidc, v2-oauth2-auth-code-flow; the `error_subcode`
of a cancelled sign-in is not documented.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bridge.sandbox.tenant import cae, consent, grants, page, policies
from bridge.sandbox.tenant.aadsts import missing, refusal
from bridge.sandbox.tenant.clients import find_app
from bridge.sandbox.tenant.errors import SigninError, signin_error
from bridge.sandbox.tenant.page import Shown
from bridge.sandbox.tenant.tenant import Grant, Tenant
from bridge.sandbox.tenant.world import App, User

PROMPTS = frozenset({"login", "none", "consent", "select_account"})
RESPONSE_MODES = frozenset({"query", "fragment", "form_post"})
STATE_MAX = 4096
CANCELLED = 65004


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


def show(tenant: Tenant, query: Mapping[str, str]) -> Shown:
    """Answer the GET of the authorize endpoint."""
    try:
        wish = _read(tenant, query)
        _check_prompt(wish)
    except SigninError as error:
        return page.refused(error, tenant.clock.now())
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
            raise _bounce(wish, refusal(65004))
        user = _chosen(tenant, form.get("user", ""))
        _check_policies(tenant, wish, user)
        code = _agree(tenant, wish, user)
    except SigninError as error:
        return page.refused(error, tenant.clock.now())
    except _Bounce as bounce:
        return _bounced(tenant, bounce)
    answer = {
        "code": code,
        "client_info": grants.client_info(tenant, user) if "client_info" in form else "",
        "state": wish.state or "",
        "session_state": secrets.token_hex(16),
    }
    return redirect(wish.redirect_uri, wish.response_mode, answer)


def logout(tenant: Tenant | None, query: Mapping[str, str]) -> Shown:
    """Sign out: there is no session here, so there is only the way back to a known app."""
    wanted = query.get("post_logout_redirect_uri")
    apps = [] if tenant is None else tenant.apps.values()
    if tenant is not None and any(wanted in _redirect_uris(tenant, app) for app in apps):
        state = {"state": query["state"]} if "state" in query else {}
        return redirect(str(wanted), "query", state)
    return Shown(status=200, html=page.tell("You signed out of your account."))


def redirect_uri(tenant: Tenant, app: App, given: str | None) -> str:
    """The address to answer to, one of the app's own.

    Raises:
        SigninError: It is none of them.
    """
    known = _redirect_uris(tenant, app)
    if given is None:
        if len(known) == 1:
            return known[0]
        raise refusal(900971)
    if given not in known:
        raise refusal(50011, given=given, app=app.id)
    return given


def redirect(uri: str, mode: str, answer: Mapping[str, str]) -> Shown:
    """Send the browser back to the app; empty fields are left out."""
    fields = {name: value for name, value in answer.items() if value}
    if mode == "form_post":
        return Shown(status=200, html=page.post_back(uri, fields))
    mark = "#" if mode == "fragment" else "&" if urlsplit(uri).query else "?"
    return Shown(status=302, location=f"{uri}{mark}{urlencode(fields)}" if fields else uri)


def _redirect_uris(tenant: Tenant, app: App) -> list[str]:
    return app.redirect_uris + tenant.signin.registration(app.id).public_redirect_uris


def _check_policies(tenant: Tenant, wish: _Wish, user: User) -> None:
    try:
        policies.check_signin(tenant, wish.app, user)
    except policies.Blocked as blocked:
        if blocked.tell_app:
            raise _bounce(wish, blocked.error) from None
        raise blocked.error from None


def _agree(tenant: Tenant, wish: _Wish, user: User) -> str:
    """Record the consent and hand out a code."""
    try:
        lacking = consent.missing(tenant, wish.app, user, wish.scopes.names)
        everyone = "everyone" in wish.query
        consent.agree(tenant, wish.app, user, lacking, everyone=everyone)
    except SigninError as error:
        raise _bounce(wish, error) from None
    code = "1.AX" + secrets.token_urlsafe(64)
    now = tenant.clock.now()
    registration = tenant.signin.registration(wish.app.id)
    tenant.remember_code(
        code,
        Grant(
            app=wish.app,
            user=user,
            scopes=tuple(wish.scope_text.split()),
            issued=now,
            expires=now + grants.CODE_LIFETIME,
            redirect_uri=wish.redirect_uri,
            challenge=wish.query.get("code_challenge"),
            challenge_method=wish.query.get("code_challenge_method", "plain"),
            nonce=wish.query.get("nonce"),
            public=wish.redirect_uri in registration.public_redirect_uris,
        ),
    )
    return code


def _read(tenant: Tenant, query: Mapping[str, str]) -> _Wish:
    """Check an authorize request; until the redirect URI is known good, errors stay here."""
    app = find_app(tenant, _required(query, "client_id"))
    uri = redirect_uri(tenant, app, query.get("redirect_uri"))
    state = query.get("state")
    place = (uri, query.get("response_mode", "query"), state)
    try:
        _check_form(query)
        cae.capable(tenant, dict(query))
        text = _required(query, "scope")
        scopes = consent.read_scopes(tenant, text)
    except SigninError as error:
        raise _Bounce(error, place) from None
    return _Wish(
        app=app,
        redirect_uri=uri,
        response_mode=place[1],
        state=state,
        scopes=scopes,
        scope_text=text,
        query=query,
    )


def _check_form(query: Mapping[str, str]) -> None:
    response_type = _required(query, "response_type")
    if response_type != "code":
        raise refusal(70005, given=response_type)
    mode = query.get("response_mode", "query")
    if mode not in RESPONSE_MODES:
        raise refusal(70007, given=mode)
    if len(query.get("state", "")) > STATE_MAX:
        raise refusal(90015)
    _check_challenge(query)


def _check_challenge(query: Mapping[str, str]) -> None:
    challenge = query.get("code_challenge")
    if challenge is None:
        return
    method = query.get("code_challenge_method", "plain")
    if method not in {"S256", "plain"}:
        raise refusal(90023, parameter="code_challenge_method", given=method)
    if not grants.VERIFIER_MIN <= len(challenge) <= grants.VERIFIER_MAX:
        raise refusal(501491)


def _check_prompt(wish: _Wish) -> None:
    prompt = wish.query.get("prompt")
    if prompt == "none":
        raise _bounce(wish, refusal(50058))
    if prompt is not None and prompt not in PROMPTS:
        raise _bounce(wish, refusal(90023, parameter="prompt", given=prompt))


def _candidates(tenant: Tenant, hint: str | None) -> list[User]:
    """Whom the page offers: the hinted user first."""
    people = [user for user in tenant.users.values() if user.enabled]
    wanted = (hint or "").casefold()
    return sorted(people, key=lambda user: (user.upn.casefold() != wanted, user.display_name))


def _chosen(tenant: Tenant, key: str) -> User:
    user = tenant.users.get(key)
    if user is None:
        raise refusal(50034, user=key, tenant=tenant.name)
    return user


def _required(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise missing(name)
    return value


def _bounce(wish: _Wish, error: SigninError) -> _Bounce:
    return _Bounce(error, (wish.redirect_uri, wish.response_mode, wish.state))


def _bounced(tenant: Tenant, bounce: _Bounce) -> Shown:
    shown = signin_error(bounce.error, tenant.clock.now())
    answer = {
        "error": str(shown["error"]),
        "error_subcode": "cancel" if bounce.error.number == CANCELLED else "",
        "error_description": str(shown["error_description"]),
        "error_uri": str(shown["error_uri"]),
        "state": bounce.state or "",
    }
    return redirect(bounce.redirect_uri, bounce.response_mode, answer)
