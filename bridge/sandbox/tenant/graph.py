"""`/v1.0/…`: from a request to the operation that it means.

    path ─ segments ─> token ─> permission ─> operation ─> JSON

Names in a path are read in any case, ids exactly as they are; `chats('id')` is the same as
`chats/id` (learn.microsoft.com graph/use-the-api).
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.sandbox.tenant import chats, messages, paths, permissions, subscriptions, users
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, bad_request, unauthenticated
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.subscriptions import Subscriptions
from bridge.sandbox.tenant.tenant import Realm, Tenant
from bridge.sandbox.tenant.tokens import Bearer, read_bearer
from bridge.sandbox.tenant.world import User

Operation = Callable[[Call], Awaitable[Reply]]

_CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true}}}').decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation; `needs` None means that the operation decides by itself."""

    method: str
    pattern: paths.Pattern
    needs: Needs | None
    run: Operation


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
        self._routes = _routes(subscribing)

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
        known = False
        for route in self._routes:
            ids = paths.match(route.pattern, segments)
            if ids is not None:
                known = True
                if route.method == method:
                    return route, ids
        if known:
            raise GraphError(
                405,
                "MethodNotAllowed",
                "Specified HTTP method is not allowed for the request target.",
            )
        msg = f"Resource not found for the segment '{segments[-1] if segments else ''}'."
        raise bad_request(msg)


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


def _routes(subscribing: Subscriptions) -> list[Route]:
    table: list[tuple[str, Needs | None, Operation]] = [
        ("GET /me", None, users.get_me),
        ("GET /users", None, users.list_users),
        ("GET /users/{user}", None, users.get_user),
        ("POST /users/{user}/revokeSignInSessions", None, users.revoke_sessions),
        ("GET /chats", permissions.LIST_CHATS, chats.list_chats),
        ("GET /users/{user}/chats", permissions.LIST_CHATS_OF_USER, chats.list_chats),
        ("POST /chats", permissions.CREATE_CHAT, chats.create_chat),
        ("PATCH /chats/{chat}", permissions.UPDATE_CHAT, chats.update_chat),
        ("POST /chats/{chat}/members", permissions.ADD_MEMBER, chats.add_member),
        ("DELETE /chats/{chat}/members/{member}", permissions.REMOVE_MEMBER, chats.remove_member),
        ("POST /chats/{chat}/messages", None, messages.send_message),
        (
            "PATCH /chats/{chat}/messages/{message}",
            permissions.UPDATE_MESSAGE,
            messages.update_message,
        ),
        ("POST /chats/{chat}/messages/{message}/softDelete", None, messages.refuse_delete),
        ("POST /chats/{chat}/messages/{message}/undoSoftDelete", None, messages.refuse_delete),
        (
            "POST /chats/{chat}/messages/{message}/setReaction",
            permissions.REACT,
            messages.set_reaction,
        ),
        (
            "POST /chats/{chat}/messages/{message}/unsetReaction",
            permissions.REACT,
            messages.unset_reaction,
        ),
        # Before the route with {chat}: the literal name wins.
        (
            "GET /users/{user}/chats/getAllMessages",
            permissions.EXPORT_MESSAGES,
            messages.export_messages,
        ),
        ("GET /subscriptions", None, subscriptions.list_subscriptions),
        ("POST /subscriptions", None, subscribing.create),
        ("GET /subscriptions/{subscription}", None, subscriptions.get_subscription),
        ("PATCH /subscriptions/{subscription}", None, subscribing.update),
        ("DELETE /subscriptions/{subscription}", None, subscriptions.delete_subscription),
        ("POST /subscriptions/{subscription}/reauthorize", None, subscriptions.reauthorize),
    ]
    for root in ("/chats/{chat}", "/users/{user}/chats/{chat}"):
        message = f"{root}/messages/{{message}}"
        table += [
            (f"GET {root}", permissions.GET_CHAT, chats.get_chat),
            (f"GET {root}/members", permissions.LIST_MEMBERS, chats.list_members),
            (f"GET {root}/members/{{member}}", permissions.LIST_MEMBERS, chats.get_member),
            (f"GET {root}/messages", permissions.LIST_MESSAGES, messages.list_messages),
            (f"GET {message}", permissions.GET_MESSAGE, messages.get_message),
            (f"GET {message}/hostedContents", permissions.GET_HOSTED_CONTENT, messages.list_hosted),
            (
                f"GET {message}/hostedContents/{{hosted}}/$value",
                permissions.GET_HOSTED_CONTENT,
                messages.get_hosted,
            ),
        ]
    message = "/users/{user}/chats/{chat}/messages/{message}"
    table += [
        (f"POST {message}/softDelete", permissions.DELETE_MESSAGE, messages.delete_message),
        (f"POST {message}/undoSoftDelete", permissions.DELETE_MESSAGE, messages.undelete_message),
        (f"POST {message}/setReaction", permissions.REACT, messages.set_reaction),
        (f"POST {message}/unsetReaction", permissions.REACT, messages.unset_reaction),
    ]
    return [_route(place, needs, run) for place, needs, run in table]


def _route(place: str, needs: Needs | None, run: Operation) -> Route:
    method, _, path = place.partition(" ")
    return Route(method=method, pattern=paths.pattern(path), needs=needs, run=run)
