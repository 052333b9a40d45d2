"""Continuous access evaluation: which tokens can be challenged, and when Graph challenges them.

    claims={"access_token":{"xms_cc":{"values":["cp1"]}}}  ─ token request ─> lives for a day
    user disabled, password changed, sessions revoked      ─ Graph ─> 401 insufficient_claims

A token without the capability lives for about an hour and is not looked at again.

Sources: learn.microsoft.com entra claims-challenge, app-resilience-continuous-access-evaluation,
concept-continuous-access-evaluation, concept-continuous-access-evaluation-workload. The result
codes in the messages are those that others were given; for a disabled account none was found.
"""

from __future__ import annotations

import base64
from datetime import datetime
from math import ceil

import orjson

from bridge.sandbox.tenant.aadsts import refusal
from bridge.sandbox.tenant.errors import GraphError, Json, unauthenticated
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.tokens import Bearer
from bridge.sandbox.tenant.world import App, User

CAPABILITY = "cp1"
CLAIMS_MAX = 8192
"""Characters of a `claims` parameter; our own bound."""
REVOKED = "TokenIssuedBeforeRevocationTimestamp"
MOVED = "LocationConditionEvaluationSatisfied"


def capable(tenant: Tenant, form: dict[str, str]) -> bool:
    """Whether this request asks for a token that can be challenged.

    Raises:
        SigninError: `claims` is no JSON object.
    """
    text = form.get("claims")
    if not text:
        return False
    wanted = _object(_parsed(text).get("access_token"))
    values = _object(wanted.get("xms_cc")).get("values")
    named = values if isinstance(values, list) else [values]
    can = any(isinstance(item, str) and item.casefold() == CAPABILITY for item in named)
    return can and tenant.settings.continuous_evaluation


def admit(tenant: Tenant, bearer: Bearer) -> tuple[App, User | None]:
    """Who calls Graph with this token, if they may still do so.

    Raises:
        GraphError: 401; with a claims challenge where a new token would help.
    """
    app = tenant.apps.get(bearer.app)
    if app is None:
        raise unauthenticated("The identity of the calling application could not be established.")
    if bearer.user is None:
        _check_app(tenant, app, bearer)
        return app, None
    return app, _signed_in(tenant, bearer)


def _check_app(tenant: Tenant, app: App, bearer: Bearer) -> None:
    heeded = bearer.capable and tenant.settings.continuous_evaluation_of_apps
    if heeded and not tenant.signin.registration(app.id).enabled:
        raise _challenge(tenant.clock.now(), REVOKED)


def _signed_in(tenant: Tenant, bearer: Bearer) -> User:
    user = tenant.users.get(bearer.user or "")
    if user is None:
        raise unauthenticated("The user account does not exist or is disabled.")
    _check_moment(bearer, user.access_revoked_at, REVOKED)
    if bearer.capable and tenant.settings.continuous_evaluation:
        if not user.enabled:
            raise _challenge(tenant.clock.now(), REVOKED)
        _check_moment(bearer, user.revoked_at, REVOKED)
        _check_moment(bearer, tenant.signin.challenged.get(user.id), MOVED)
    elif not user.enabled and not tenant.settings.disabled_users_keep_tokens:
        raise unauthenticated("The user account does not exist or is disabled.")
    return user


def _check_moment(bearer: Bearer, moment: datetime | None, code: str) -> None:
    if moment is not None and bearer.issued <= moment:
        raise _challenge(moment, code)


def _challenge(moment: datetime, code: str) -> GraphError:
    """401: come back with a token from after that moment."""
    error = unauthenticated(
        "Continuous access evaluation resulted in challenge with result: InteractionRequired "
        f"and code: {code}"
    )
    value = str(ceil(moment.timestamp()))
    claims = orjson.dumps({"access_token": {"nbf": {"essential": True, "value": value}}})
    encoded = base64.b64encode(claims).decode()
    error.headers["WWW-Authenticate"] += f', error="insufficient_claims", claims="{encoded}"'
    return error


def _parsed(text: str) -> Json:
    try:
        found = orjson.loads(text) if len(text) <= CLAIMS_MAX else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise refusal(90100, parameter="claims")
    return found


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
