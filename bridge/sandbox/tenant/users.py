"""`/me` and `/users`: who is who.

    who may ask? ─> $filter, $search ─> $orderby ─> page ─> $select

Sources: learn.microsoft.com graph/api user-get, user-list, user-list-manager,
user-revokesigninsessions; the rules of queries are in `people/query.py`, the properties in
`people/profiles.py`. Guests cannot list users (graph/api user-list).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from bridge.sandbox.tenant import identities, permissions, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, no_such_user
from bridge.sandbox.tenant.people import needs, profiles, query
from bridge.sandbox.tenant.people.query import Clause, Order
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User

USERS_PAGE_MAX = 999
USERS_PAGE_DEFAULT = 100
SELECT_MAX = 4000
"""Characters of `$select`; our own bound."""

_QUICK: dict[str, Callable[[User], object]] = {
    "id": lambda user: user.id,
    "displayName": identities.shown_name,
    "userPrincipalName": lambda user: user.upn,
    "accountEnabled": lambda user: user.enabled,
    "userType": lambda user: "Guest" if user.guest else "Member",
}
"""What need not be looked up in the profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What a request for users asks for."""

    clauses: tuple[Clause, ...]
    order: Order | None
    counts: bool


async def get_me(call: Call) -> Reply:
    if call.user is None:
        # Refused for what it is before it is refused for what it may.
        raise bad_request("/me request is only valid with delegated authentication flow.")
    permissions.check_directory(permissions.GET_MYSELF, call.bearer)
    return _entity(call, call.user)


async def get_user(call: Call) -> Reply:
    needed = permissions.GET_ONESELF if _is_own(call) else permissions.LIST_USERS
    permissions.check_directory(needed, call.bearer)
    return _entity(call, call.tenant.user(call.ids["user"]))


async def get_manager(call: Call) -> Reply:
    permissions.check_directory(needs.MANAGER, call.bearer)
    user = call.tenant.user(call.ids["user"])
    manager = manager_of(call.tenant, user)
    if manager is None:
        raise no_such_user("manager")
    shown = {"@odata.type": "#microsoft.graph.user", **_shown(call, manager)}
    return Reply(body={"@odata.context": call.context("directoryObjects/$entity"), **shown})


async def list_users(call: Call) -> Reply:
    check_reader(call, permissions.LIST_USERS)
    size = wire.page_size(call.query, default=USERS_PAGE_DEFAULT, most=USERS_PAGE_MAX)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 1) or [0]
    first = max(after[0], 0)
    asked = _question(call)
    names = selection(call)
    if names is not None and profiles.STORED_ELSEWHERE.intersection(names):
        # As graph/delta-query-overview shows it for `skills`.
        raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
    found = _found(call.tenant, asked)
    page = list(islice(found, first, first + size + 1))
    body: Json = {"@odata.context": call.context("users")}
    if asked.counts:
        body["@odata.count"] = sum(1 for _ in _found(call.tenant, asked))
    if len(page) > size:
        body["@odata.nextLink"] = call.next_link([first + size])
    return Reply(body=body | {"value": [_shown(call, user) for user in page[:size]]})


async def revoke_sessions(call: Call) -> Reply:
    """Refresh tokens issued before now are worth nothing from now on."""
    permissions.check_directory(permissions.REVOKE_SESSIONS, call.bearer)
    user = call.tenant.user(call.ids["user"])
    user.revoked_at = call.tenant.clock.now()
    return Reply(body={"@odata.context": call.context("Edm.Boolean"), "value": True})


def check_reader(call: Call, needed: Needs) -> None:
    """Let those read the directory as a whole who may; guests never.

    Raises:
        GraphError: 403 Authorization_RequestDenied.
    """
    permissions.check_directory(needed, call.bearer)
    if call.user is not None and call.user.guest:
        raise GraphError(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )


def selection(call: Call) -> list[str] | None:
    """The names after `$select`, as Graph writes them; None if there is none.

    Raises:
        GraphError: 400, there is no such property.
    """
    text = call.query.get("$select")
    if text is None or not text.strip():
        return None
    if len(text) > SELECT_MAX:
        raise bad_request("Parsing OData Select and Expand failed.")
    names = [profiles.canonical(name) for name in text.split(",")]
    for name in names:
        if name not in profiles.KNOWN:
            msg = (
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name.strip()}' on type 'microsoft.graph.user'."
            )
            raise bad_request(msg)
    return names


def sees_basics_only(call: Call, user: User) -> bool:
    """Whether the caller's permissions show no more of this user than the basic profile."""
    if call.user is user:
        return False
    return needs.BEYOND_BASIC.isdisjoint(call.bearer.granted)


def manager_of(tenant: Tenant, user: User) -> User | None:
    return tenant.users.get(tenant.directory.managers.get(user.id, ""))


def _is_own(call: Call) -> bool:
    own = call.user
    return own is not None and call.ids["user"].casefold() in (own.id, own.upn.casefold())


def _entity(call: Call, user: User) -> Reply:
    return Reply(body={"@odata.context": call.context("users/$entity"), **_shown(call, user)})


def _shown(call: Call, user: User) -> Json:
    basic = sees_basics_only(call, user)
    seen = profiles.selected(call.tenant, user, selection(call), basic=basic)
    if call.query.get("$expand", "").strip().casefold() == "manager":
        manager = manager_of(call.tenant, user)
        if manager is not None:
            shown = profiles.selected(call.tenant, manager, None)
            seen["manager"] = {"@odata.type": "#microsoft.graph.user", **shown}
    return seen


def _question(call: Call) -> _Question:
    """What is asked, if the directory answers such questions.

    Raises:
        GraphError: 400 Request_UnsupportedQuery, and others.
    """
    text = {name.casefold(): value for name, value in call.query.items()}
    eventual = call.headers.get("consistencylevel", "").casefold() == "eventual"
    counts = eventual and text.get("$count", "").casefold() == "true"
    clauses: list[Clause] = []
    if "$skip" in text:
        raise bad_request("'$skip' is not supported by the service.", "Request_BadRequest")
    if "$search" in text:
        if not eventual:
            raise query.unsupported(
                "Request with $search query parameter only works through MSGraph with "
                "a special request header: 'ConsistencyLevel: eventual'"
            )
        clauses.append(query.parse_search(text["$search"]))
    if "$filter" in text:
        clauses.append(query.parse_filter(text["$filter"]))
        _check_advanced(clauses[-1].advanced, advanced=counts)
    order = query.parse_order(text["$orderby"]) if "$orderby" in text else None
    if order is not None and (order.advanced or clauses) and not counts:
        raise query.unsupported("Sorting not supported for current query.")
    return _Question(clauses=tuple(clauses), order=order, counts=counts)


def _check_advanced(operator: str | None, *, advanced: bool) -> None:
    if operator is not None and not advanced:
        msg = (
            f"Operator '{operator}' is not supported because the 'ConsistencyLevel:eventual' "
            "header is missing. Refer to https://aka.ms/graph-docs/advanced-queries for more "
            "information"
        )
        raise query.unsupported(msg)


def _found(tenant: Tenant, asked: _Question) -> Iterable[User]:
    """The users that pass, in order; nothing is looked at before it is needed."""
    passing = (
        user
        for user in tenant.users.values()
        if all(clause.test(_lookup(tenant, user)) for clause in asked.clauses)
    )
    if asked.order is None:
        return passing
    name = asked.order.name

    def key(user: User) -> str:
        return str(_value(tenant, user, name) or "").casefold()

    return sorted(passing, key=key, reverse=asked.order.descending)


def _lookup(tenant: Tenant, user: User) -> query.Lookup:
    return lambda name: _value(tenant, user, name)


def _value(tenant: Tenant, user: User, name: str) -> object:
    quick = _QUICK.get(name)
    if quick is not None and name not in tenant.directory.profiles.get(user.id, {}):
        return quick(user)
    found = profiles.every(tenant, user)
    head, _, tail = name.partition("/")
    inner = found.get(head)
    return inner.get(tail) if tail and isinstance(inner, dict) else inner


ROUTES = [
    route("GET /me", None, get_me),
    route("GET /users", None, list_users),
    route("GET /users/{user}", None, get_user),
    route("GET /users/{user}/manager", None, get_manager),
    route("POST /users/{user}/revokeSignInSessions", None, revoke_sessions),
]
