"""`/v1.0/…`: from a request to the operation that it means.

    path ─ segments ─> token ─> permission ─> operation ─> JSON

Names in a path are read in any case, ids exactly as they are; `chats('id')` is the same as
`chats/id` (learn.microsoft.com graph/use-the-api).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import StreamReader

from bridge.sandbox.tenant import (
    apps_installed,
    cae,
    channel_members,
    channel_messages,
    channels,
    chats,
    deleted,
    delta,
    export,
    messages,
    migration,
    paths,
    pins,
    quotes,
    read_state,
    rsc,
    subscriptions,
    tags,
    team_members,
    teams,
    users,
)
from bridge.sandbox.tenant.batch import Batches, Step
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import bad_request, unauthenticated
from bridge.sandbox.tenant.files import content, drives, sharing, sites, uploads
from bridge.sandbox.tenant.limit_demands import Asked
from bridge.sandbox.tenant.limits import Limits
from bridge.sandbox.tenant.people import changes, mailboxes, objects, photos, presence
from bridge.sandbox.tenant.routes import Route, Table
from bridge.sandbox.tenant.subscriptions import Subscriptions
from bridge.sandbox.tenant.tenant import Realm, Tenant
from bridge.sandbox.tenant.tokens import Bearer, read_bearer
from bridge.sandbox.tenant.world import User


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
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: StreamReader | None = None
    """The body of an upload, in place of `body`."""


class Graph:
    """All operations of one realm."""

    def __init__(self, realm: Realm, subscribing: Subscriptions) -> None:
        self._realm = realm
        self.table = operations(subscribing, *Batches(self._in_batch).routes())
        self._limits = Limits()

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
        app, user = cae.admit(tenant, bearer)
        segments = paths.segments(request.raw_path)
        route, ids = self._find(request.method, segments, user)
        self._limits.admit(
            tenant,
            Asked(
                method=route.method,
                path=route.path,
                ids=ids,
                query=request.query,
                tenant=tenant.id,
                app=app.id,
                user=bearer.user,
                people=len(tenant.users),
            ),
        )
        bearer = rsc.admit(tenant, route, bearer, ids)
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
            headers=request.headers,
            stream=request.stream,
        )
        return await route.run(call)

    async def _in_batch(self, tenant: Tenant, bearer: Bearer, step: Step) -> Reply:
        """A request of a batch comes through the same door as one by itself."""
        request = Request(
            method=step.method,
            raw_path=step.path,
            query=step.query,
            authorization="",
            prefer=step.headers.get("prefer", ""),
            body=step.body,
            headers=step.headers,
        )
        return await self.answer(tenant, bearer, request)

    def _find(
        self, method: str, segments: list[str], user: User | None
    ) -> tuple[Route, dict[str, str]]:
        if segments and segments[0].casefold() == "me":
            if user is None:
                raise bad_request("/me request is only valid with delegated authentication flow.")
            if len(segments) > 1:
                segments = ["users", user.id, *segments[1:]]
        return self.table.find(method, segments)


def operations(subscribing: Subscriptions, *more: Route) -> Table:
    """Every operation that this tenant knows, and what only a server can add."""
    return Table(
        [
            *users.ROUTES,
            *chats.ROUTES,
            *messages.ROUTES,
            *teams.ROUTES,
            *team_members.ROUTES,
            *channels.ROUTES,
            *channel_members.ROUTES,
            *channel_messages.ROUTES,
            *tags.ROUTES,
            *quotes.ROUTES,
            *pins.ROUTES,
            *read_state.ROUTES,
            *export.ROUTES,
            *delta.ROUTES,
            *migration.ROUTES,
            *deleted.ROUTES,
            *apps_installed.ROUTES,
            *rsc.ROUTES,
            *changes.ROUTES,
            *objects.ROUTES,
            *mailboxes.ROUTES,
            *photos.ROUTES,
            *presence.ROUTES,
            *drives.ROUTES,
            *content.ROUTES,
            *uploads.ROUTES,
            *sharing.ROUTES,
            *sites.ROUTES,
            *more,
            *subscriptions.ROUTES,
            *subscribing.routes(),
        ]
    )
