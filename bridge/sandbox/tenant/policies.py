"""Conditional Access as far as a client meets it: who is refused a token, when, with which number.

A policy that one signs in to satisfy (multi-factor authentication, sign-in frequency) refuses
refresh tokens from before it; whoever signs in again has satisfied it. The others refuse until
they are lifted.

Sources: learn.microsoft.com entra reference-error-codes, concept-conditional-access-grant,
concept-session-lifetime.
"""

from __future__ import annotations

from datetime import datetime

from bridge.sandbox.tenant.aadsts import refusal
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import SigninError
from bridge.sandbox.tenant.signin_state import Moment, Policy
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import App, User

SATISFIED_BY_SIGNIN = frozenset({50076, 50078, 50079, 70043, 50173, 700082})
"""What an interactive sign-in cures."""


class Blocked(Exception):
    """A policy refuses at a page; `tell_app` says whether the app hears of it."""

    def __init__(self, error: SigninError, *, tell_app: bool) -> None:
        super().__init__(error.text)
        self.error = error
        self.tell_app = tell_app


def check_signin(tenant: Tenant, app: App, user: User) -> None:
    """May this person sign in to this app at a page?

    Raises:
        Blocked: No.
    """
    if not user.enabled:
        raise Blocked(refusal(50057), tell_app=False)
    if not assigned(tenant, app, user):
        raise Blocked(_not_assigned(app, user), tell_app=False)
    policy = _find(tenant, Moment.SIGNIN, app, user)
    if policy is not None:
        error = _refused(tenant, policy, app, user, tenant.clock.now())
        raise Blocked(error, tell_app=policy.tell_app)


def check_refresh(tenant: Tenant, app: App, user: User, began: datetime) -> None:
    """May a sign-in that began then go on?

    Raises:
        SigninError: No.
    """
    if not assigned(tenant, app, user):
        raise _not_assigned(app, user)
    policy = _find(tenant, Moment.REFRESH, app, user, began)
    if policy is not None:
        raise _refused(tenant, policy, app, user, began)


def check_app(tenant: Tenant, app: App) -> None:
    """May this app have a token of its own?

    Raises:
        SigninError: No.
    """
    policy = _find(tenant, Moment.APP, app, None)
    if policy is not None:
        raise _refused(tenant, policy, app, None, tenant.clock.now())


def assigned(tenant: Tenant, app: App, user: User) -> bool:
    """Whether the app is open to this user."""
    registration = tenant.signin.registration(app.id)
    return not registration.assignment_required or user.id in registration.assigned


def _find(
    tenant: Tenant, moment: Moment, app: App, user: User | None, began: datetime | None = None
) -> Policy | None:
    for policy in tenant.signin.policies:
        satisfied = (
            began is not None and policy.number in SATISFIED_BY_SIGNIN and began > policy.since
        )
        if (
            moment in policy.moments
            and policy.app in (None, app.id)
            and policy.user in (None, user and user.id)
            and not satisfied
        ):
            return policy
    return None


def _refused(
    tenant: Tenant, policy: Policy, app: App, user: User | None, began: datetime
) -> SigninError:
    error = refusal(
        policy.number,
        policy=policy.id,
        app=app.id,
        name=app.name,
        user="" if user is None else user.upn,
        tenant=tenant.name,
        issued=stamp(began),
        since=stamp(policy.since),
        allowed=max(1, int((policy.since - began).total_seconds())),
    )
    if policy.suberror is not None:
        error.suberror = policy.suberror
    return error


def _not_assigned(app: App, user: User) -> SigninError:
    return refusal(50105, app=app.id, name=app.name, user=user.upn)
