"""The device code flow: a device shows a code, a person types it at a page, the device has tokens.

    POST /{tenant}/oauth2/v2.0/devicecode ─> device_code, user_code, interval
    GET, POST /devicelogin                ─> which code? who are you? may the app …?
    POST /{tenant}/oauth2/v2.0/token      ─> authorization_pending … tokens, once

The page is one for all tenants, as microsoft.com/devicelogin is. An app that does not allow public
client flows may begin, but must prove who it is when it asks for tokens.

Sources: learn.microsoft.com entra v2-oauth2-device-code; RFC 8628 for `slow_down`, which Microsoft
does not document; the number of a declined request (70017) is a guess.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta

from bridge.sandbox.tenant import clients, consent, page, policies
from bridge.sandbox.tenant.aadsts import missing, refusal
from bridge.sandbox.tenant.clients import Form
from bridge.sandbox.tenant.errors import Json, SigninError
from bridge.sandbox.tenant.page import Shown
from bridge.sandbox.tenant.signin_state import DeviceRequest, DeviceStep
from bridge.sandbox.tenant.tenant import Realm, Tenant
from bridge.sandbox.tenant.world import App, User

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME = timedelta(minutes=15)
INTERVAL = timedelta(seconds=5)
HASTE = timedelta(seconds=1)
"""So much earlier than the interval a poll may come; clients' clocks and ours differ."""
USER_CODE_LENGTH = 9
UNKNOWN_CODE = "That code didn't work. Check the code and try again. (AADSTS70018)"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def begin(tenant: Tenant, form: Form) -> Json:
    """Answer a device authorization request.

    Raises:
        SigninError: Entra refuses.
    """
    for name in ("client_id", "scope"):
        if not form.get(name):
            raise missing(name)
    app = clients.find_app(tenant, form["client_id"])
    consent.read_scopes(tenant, form["scope"])
    now = tenant.clock.now()
    request = DeviceRequest(
        app=app,
        scopes=tuple(form["scope"].split()),
        device_code="D" + secrets.token_urlsafe(96),
        user_code="".join(secrets.choice(_LETTERS) for _ in range(USER_CODE_LENGTH)),
        issued=now,
        expires=now + LIFETIME,
    )
    tenant.signin.remember_device(request)
    where = f"{tenant.site.base}/devicelogin"
    return {
        "user_code": request.user_code,
        "device_code": request.device_code,
        "verification_uri": where,
        "expires_in": int(LIFETIME.total_seconds()),
        "interval": int(INTERVAL.total_seconds()),
        "message": f"To sign in, use a web browser to open the page {where} and enter the code "
        f"{request.user_code} to authenticate.",
    }


def redeem(tenant: Tenant, app: App, form: Form) -> tuple[DeviceRequest, User]:
    """Whom an approved request is for; it is used up by this.

    Raises:
        SigninError: Not yet, not any more, or never.
    """
    code = form.get("device_code") or form.get("code")
    if not code:
        raise missing("device_code")
    request = tenant.signin.devices.get(code)
    if request is None or request.app is not app:
        error = refusal(70000, parameter="device_code")
        error.error = "bad_verification_code"
        raise error
    _check_step(tenant, request)
    if request.user is None:
        raise refusal(70016)
    request.step = DeviceStep.USED
    return request, request.user


def find(realm: Realm, user_code: str) -> Tenant | None:
    """The tenant where a device waits for this code."""
    waiting = (t for t in realm.tenants.values() if t.signin.device_of(user_code) is not None)
    return next(waiting, None)


def show(tenant: Tenant | None, form: Mapping[str, str]) -> Shown:
    """Answer the page where a code is typed; `tenant` is where that code is known."""
    if "otc" not in form:
        return Shown(status=200, html=page.enter_code())
    request = None if tenant is None else tenant.signin.device_of(form["otc"])
    if tenant is None or request is None:
        return Shown(status=200, html=page.enter_code(UNKNOWN_CODE))
    try:
        return Shown(status=200, html=_decided(tenant, request, form))
    except policies.Blocked as blocked:
        return page.refused(blocked.error, tenant.clock.now())
    except SigninError as error:
        return page.refused(error, tenant.clock.now())


def _decided(tenant: Tenant, request: DeviceRequest, form: Mapping[str, str]) -> str:
    """What the person made of a code that is known."""
    _check_open(tenant, request)
    if "cancel" in form:
        decline(tenant, request)
        return page.tell("You cancelled the sign-in on your device.")
    if "user" in form:
        approve(tenant, request, _person(tenant, form["user"]), everyone="everyone" in form)
        done = f"You have signed in to the {request.app.name} application on your device."
        return page.tell(f"{done} You may now close this window.")
    scopes = consent.read_scopes(tenant, " ".join(request.scopes))
    asked = sorted({*scopes.names, *scopes.openid})
    people = [user for user in tenant.users.values() if user.enabled]
    return page.choose(tenant.name, request.app, people, asked, {"otc": request.user_code})


def approve(tenant: Tenant, request: DeviceRequest, user: User, *, everyone: bool = False) -> None:
    """The person signs in and agrees.

    Raises:
        SigninError: The code is not open any more, or an administrator must agree.
        Blocked: A policy of the organisation is against it.
    """
    _check_open(tenant, request)
    policies.check_signin(tenant, request.app, user)
    names = consent.read_scopes(tenant, " ".join(request.scopes)).names
    lacking = consent.missing(tenant, request.app, user, names)
    consent.agree(tenant, request.app, user, lacking, everyone=everyone)
    request.user = user
    request.step = DeviceStep.APPROVED


def decline(tenant: Tenant, request: DeviceRequest) -> None:
    """The person says no.

    Raises:
        SigninError: The code is not open any more.
    """
    _check_open(tenant, request)
    request.step = DeviceStep.DECLINED


def _check_open(tenant: Tenant, request: DeviceRequest) -> None:
    if request.expires <= tenant.clock.now():
        raise refusal(70019)
    if request.step is not DeviceStep.PENDING:
        raise refusal(90120)


def _check_step(tenant: Tenant, request: DeviceRequest) -> None:
    now, before = tenant.clock.now(), request.polled
    request.polled = now
    if request.step is DeviceStep.USED:
        raise refusal(54005)
    if request.step is DeviceStep.DECLINED:
        raise refusal(70017)
    if request.expires <= now:
        raise refusal(70020)
    if request.step is DeviceStep.PENDING:
        error = refusal(70016)
        hasty = before is not None and now - before < INTERVAL - HASTE
        if hasty and tenant.settings.device_slow_down:
            error.error = "slow_down"
        raise error


def _person(tenant: Tenant, key: str) -> User:
    user = tenant.users.get(key)
    if user is None:
        raise refusal(50034, user=key, tenant=tenant.name)
    return user
