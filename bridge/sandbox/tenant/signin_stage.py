"""What administrators and people do about signing in: control requests.

Policies, admin consent, passwords, service principals, refresh tokens, device codes, and a token
endpoint that has had enough.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.sandbox.tenant import admin_consent, consent, device, policies, wire
from bridge.sandbox.tenant.aadsts import KINDS
from bridge.sandbox.tenant.ask import Act, Ask, choice, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json, SigninError, bad_request, not_found
from bridge.sandbox.tenant.signin_state import (
    POLICIES_MAX,
    DeviceRequest,
    Moment,
    Policy,
    Registration,
    Throttle,
    UserConsent,
)
from bridge.sandbox.tenant.tenant import Grant
from bridge.sandbox.tenant.world import App

NAMES_MAX = 1000
"""Permissions, addresses or users in one list."""


async def add_policy(ask: Ask) -> Reply:
    """Refuse with the AADSTS `number`: a `user`, an `app`, both together, or everyone.

    `at` lists moments (signin, refresh, app). Without it, what an interactive sign-in cures is
    refused at refresh only, and everything else at sign-in as well.
    """
    if len(ask.tenant.signin.policies) >= POLICIES_MAX:
        raise bad_request("There are too many policies.")
    user, app = wire.optional_text(ask.body, "user"), wire.optional_text(ask.body, "app")
    code = int(number(ask.body.get("number", 0)))
    if code not in KINDS:
        msg = f"There is no refusal {code} here."
        raise bad_request(msg)
    policy = Policy(
        number=code,
        since=ask.tenant.clock.now(),
        moments=_moments(ask.body, code),
        user=None if user is None else ask.tenant.user(user).id,
        app=None if app is None else _app(ask, app).id,
        suberror=wire.optional_text(ask.body, "suberror"),
        tell_app=wire.optional_flag(ask.body, "tell_app"),
    )
    ask.tenant.signin.policies.append(policy)
    return Reply(status=201, body=_policy(policy))


async def list_policies(ask: Ask) -> Reply:
    return Reply(body={"policies": [_policy(item) for item in ask.tenant.signin.policies]})


async def lift_policy(ask: Ask) -> Reply:
    kept = [item for item in ask.tenant.signin.policies if item.id != ask.ids["policy"]]
    if len(kept) == len(ask.tenant.signin.policies):
        raise not_found()
    ask.tenant.signin.policies = kept
    return Reply(status=204)


async def lift_policies(ask: Ask) -> Reply:
    ask.tenant.signin.policies.clear()
    return Reply(status=204)


async def change_signin(ask: Ask) -> Reply:
    """`user_consent`: microsoft, all or none."""
    named = wire.required_text(ask.body, "user_consent")
    ask.tenant.signin.user_consent = choice(UserConsent, named)
    return Reply(status=204)


async def throttle(ask: Ask) -> Reply:
    """The token endpoint answers its next `times` requests with 429."""
    after = ask.body.get("retry_after_seconds")
    ask.tenant.signin.throttle = Throttle(
        times=int(number(ask.body.get("times", 1))),
        retry_after=None if after is None else timedelta(seconds=number(after)),
        as_json=wire.optional_flag(ask.body, "as_json"),
    )
    return Reply(status=204)


async def change_registration(ask: Ask) -> Reply:
    """Set fields of `Registration`; `assigned` takes users by id or sign-in name."""
    app = _app(ask, ask.ids["app"])
    registration = ask.tenant.signin.registration(app.id)
    for name in ("public", "multi_tenant", "assignment_required"):
        if name in ask.body:
            setattr(registration, name, wire.optional_flag(ask.body, name))
    if "assigned" in ask.body:
        people = (ask.tenant.user(name) for name in _texts(ask.body, "assigned"))
        registration.assigned = {user.id for user in people}
    if "public_redirect_uris" in ask.body:
        registration.public_redirect_uris = _texts(ask.body, "public_redirect_uris")
    for name in ("required_roles", "required_scopes"):
        if name in ask.body:
            setattr(registration, name, set(_texts(ask.body, name)))
    return Reply(body=_registration(registration))


async def change_principal(ask: Ask) -> Reply:
    """Disable or enable the app in this tenant by `enabled`; take it away by `deleted`."""
    app = _app(ask, ask.ids["app"])
    if "enabled" in ask.body:
        enabled = wire.optional_flag(ask.body, "enabled")
        ask.tenant.signin.registration(app.id).enabled = enabled
    if wire.optional_flag(ask.body, "deleted"):
        ask.tenant.signin.removed[app.id] = app
        ask.tenant.apps.pop(app.id, None)
        app.roles.clear()
        consent.revoke(ask.tenant, app)
    elif "deleted" in ask.body:
        admin_consent.grant(ask.tenant, app, set(), set())
    return Reply(status=204)


async def grant_consent(ask: Ask) -> Reply:
    """Admin consent to `roles` and `scopes`; without either, to all that the registration lists."""
    app = _app(ask, ask.ids["app"])
    registration = ask.tenant.signin.registration(app.id)
    roles, scopes = _named(ask.body)
    if roles is None and scopes is None:
        roles, scopes = registration.required_roles, registration.required_scopes
    admin_consent.grant(ask.tenant, app, roles or set(), scopes or set())
    return Reply(body={"roles": sorted(app.roles), "scopes": sorted(app.scopes)})


async def revoke_consent(ask: Ask) -> Reply:
    """Take `roles` and `scopes` away, the users' own consent too; without either, everything."""
    app = _app(ask, ask.ids["app"])
    roles, scopes = _named(ask.body)
    everything = roles is None and scopes is None
    app.roles -= app.roles.copy() if everything else roles or set()
    consent.revoke(ask.tenant, app, None if everything else scopes or set())
    return Reply(body={"roles": sorted(app.roles), "scopes": sorted(app.scopes)})


async def change_password(ask: Ask) -> Reply:
    """Refresh tokens from before are worth nothing any more."""
    ask.tenant.user(ask.ids["user"]).revoked_at = ask.tenant.clock.now()
    return Reply(status=204)


async def challenge_user(ask: Ask) -> Reply:
    """The user's place has changed: tokens that can be challenged are, and a new one is good."""
    user = ask.tenant.user(ask.ids["user"])
    ask.tenant.signin.remember_challenge(user.id, ask.tenant.clock.now())
    return Reply(status=204)


async def expire_refresh_tokens(ask: Ask) -> Reply:
    """As if unused for ninety days: those of a `user`, of an `app`, or all."""
    user, app = wire.optional_text(ask.body, "user"), wire.optional_text(ask.body, "app")
    wanted = None if user is None else ask.tenant.user(user).id
    now = ask.tenant.clock.now()
    found = [
        grant
        for grant in ask.tenant.refresh_tokens.values()
        if wanted in (None, grant.user.id) and app in (None, grant.app.id)
    ]
    _expire(found, now)
    return Reply(body={"expired": len(found)})


async def list_devices(ask: Ask) -> Reply:
    shown = [_device(item) for item in ask.tenant.signin.devices.values()]
    return Reply(body={"device_codes": shown})


async def decide_device(ask: Ask) -> Reply:
    """A `user` types the code and agrees; without a user, somebody cancels."""
    request = ask.tenant.signin.device_of(ask.ids["code"])
    if request is None:
        raise not_found()
    person = wire.optional_text(ask.body, "user")
    try:
        if person is None:
            device.decline(ask.tenant, request)
        else:
            device.approve(ask.tenant, request, ask.tenant.user(person))
    except policies.Blocked as blocked:
        raise _unwelcome(blocked.error) from None
    except SigninError as error:
        raise _unwelcome(error) from None
    return Reply(body=_device(request))


def _moments(body: Json, code: int) -> frozenset[Moment]:
    if "at" in body:
        return frozenset(choice(Moment, name) for name in _texts(body, "at"))
    cured = code in policies.SATISFIED_BY_SIGNIN
    return frozenset({Moment.REFRESH} if cured else {Moment.SIGNIN, Moment.REFRESH})


def _app(ask: Ask, app_id: str) -> App:
    found = ask.tenant.apps.get(app_id) or ask.tenant.signin.removed.get(app_id)
    if found is None:
        raise not_found()
    return found


def _named(body: Json) -> tuple[set[str] | None, set[str] | None]:
    roles = set(_texts(body, "roles")) if "roles" in body else None
    scopes = set(_texts(body, "scopes")) if "scopes" in body else None
    return roles, scopes


def _texts(body: Json, name: str) -> list[str]:
    found = [wire.as_text(item, name) for item in wire.as_list(body[name], name)]
    if len(found) > NAMES_MAX:
        msg = f"{name} has more than {NAMES_MAX} items."
        raise bad_request(msg)
    return found


def _expire(grants: list[Grant], now: datetime) -> None:
    for grant in grants:
        grant.expires = min(grant.expires, now)


def _unwelcome(error: SigninError) -> Exception:
    return bad_request(f"AADSTS{error.number}: {error.text}")


def _policy(policy: Policy) -> Json:
    return {
        "id": policy.id,
        "number": policy.number,
        "user": policy.user,
        "app": policy.app,
        "at": sorted(policy.moments),
        "since": stamp(policy.since),
    }


def _registration(registration: Registration) -> Json:
    return {
        "enabled": registration.enabled,
        "public": registration.public,
        "multi_tenant": registration.multi_tenant,
        "assignment_required": registration.assignment_required,
        "assigned": sorted(registration.assigned),
        "public_redirect_uris": registration.public_redirect_uris,
        "required_roles": sorted(registration.required_roles),
        "required_scopes": sorted(registration.required_scopes),
    }


def _device(request: DeviceRequest) -> Json:
    return {
        "user_code": request.user_code,
        "app": request.app.id,
        "step": request.step.value,
        "user": None if request.user is None else request.user.id,
        "expires": stamp(request.expires),
    }


ACTS: list[tuple[str, Act]] = [
    ("PATCH /signin", change_signin),
    ("GET /signin/policies", list_policies),
    ("POST /signin/policies", add_policy),
    ("DELETE /signin/policies", lift_policies),
    ("DELETE /signin/policies/{policy}", lift_policy),
    ("POST /signin/throttle", throttle),
    ("GET /signin/device-codes", list_devices),
    ("POST /signin/device-codes/{code}", decide_device),
    ("POST /signin/expire-refresh-tokens", expire_refresh_tokens),
    ("PATCH /apps/{app}/registration", change_registration),
    ("PATCH /apps/{app}/principal", change_principal),
    ("POST /apps/{app}/consent", grant_consent),
    ("POST /apps/{app}/revoke-consent", revoke_consent),
    ("POST /users/{user}/password", change_password),
    ("POST /users/{user}/challenge", challenge_user),
]
