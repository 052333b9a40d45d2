"""`/v1.0/…`: from a request to the operation that it means.

    path ─ segments ─> token ─> permission ─> operation ─> JSON

Names in a path are read in any case, ids exactly as they are; `chats('id')` is the same as
`chats/id` (learn.microsoft.com graph/use-the-api).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from bridge.sandbox.tenant import chats, messages, paths, permissions, subscriptions, users
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import bad_request, unauthenticated
from bridge.sandbox.tenant.routes import Route, Table
from bridge.sandbox.tenant.subscriptions import Subscriptions
from bridge.sandbox.tenant.tenant import Realm, Tenant
from bridge.sandbox.tenant.tokens import Bearer, read_bearer
from bridge.sandbox.tenant.world import User

_CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true}}}').decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came over the wire, as far as Graph cares."""

    method: str
    raw_path: str
    """Below `/v1.0`, still percent-encoded."""
    query: dict[str, str]
    authorization: str
    prefer: str
    body: bytes


class Graph:
    """All operations of one realm."""

    def __init__(self, realm: Realm, subscribing: Subscriptions) -> None:
        self._realm = realm
        self.table = operations(subscribing)

    def bearer(self, authorization: str) -> tuple[Tenant, Bearer]:
        """Whose token this is.

        Raises:
            GraphError: 401, there is none or it is not good.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.casefold() != "bearer" or not token.strip():
            raise unauthenticated("Access token is empty.")
        claims = self._realm.keyring.claims(token.strip())
        tenant = self._realm.tenants.get(str(claims.get("tid")))
        if tenant is None or "appid" not in claims:
            raise unauthenticated("Access token validation failure. Invalid tenant.")
        return tenant, read_bearer(claims, tenant.issuer.graph, tenant.clock.now())

    async def answer(self, tenant: Tenant, bearer: Bearer, request: Request) -> Reply:
        """Carry out the request.

        Raises:
            GraphError: Graph refuses.
        """
        app = tenant.apps.get(bearer.app)
        if app is None:
            raise unauthenticated(
                "The identity of the calling application could not be established."
            )
        user = None if bearer.user is None else _signed_in(tenant, bearer)
        segments = paths.segments(request.raw_path)
        route, ids = self._find(request.method, segments, user)
        if route.needs is not None:
            permissions.check(route.needs, bearer)
        call = Call(
            tenant=tenant,
            bearer=bearer,
            app=app,
            user=user,
            path=request.raw_path,
            ids=ids,
            query=request.query,
            raw=request.body,
            prefer=request.prefer,
        )
        return await route.run(call)

    def _find(
        self, method: str, segments: list[str], user: User | None
    ) -> tuple[Route, dict[str, str]]:
        if segments and segments[0].casefold() == "me":
            if user is None:
                raise bad_request("/me request is only valid with delegated authentication flow.")
            if len(segments) > 1:
                segments = ["users", user.id, *segments[1:]]
        return self.table.find(method, segments)


def _signed_in(tenant: Tenant, bearer: Bearer) -> User:
    user = tenant.users.get(bearer.user or "")
    if user is None or not user.enabled:
        raise unauthenticated("The user account does not exist or is disabled.")
    if user.access_revoked_at is not None and bearer.issued <= user.access_revoked_at:
        error = unauthenticated(
            "Continuous access evaluation resulted in challenge with result: InteractionRequired "
            "and code: TokenIssuedBeforeRevocationTimestamp"
        )
        error.headers["WWW-Authenticate"] += f', error="insufficient_claims", claims="{_CLAIMS}"'
        raise error
    return user


def operations(subscribing: Subscriptions) -> Table:
    """Every operation that this tenant knows."""
    return Table(
        [
            *users.ROUTES,
            *chats.ROUTES,
            *messages.ROUTES,
            *subscriptions.ROUTES,
            *subscribing.routes(),
        ]
    )
