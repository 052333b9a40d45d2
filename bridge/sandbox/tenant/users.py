"""`/me` and `/users`: who is who (learn.microsoft.com graph/api user-get, user-list)."""

from __future__ import annotations

import re
from collections.abc import Callable

from bridge.sandbox.tenant import permissions, render, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import User

USERS_PAGE_MAX = 999
USERS_PAGE_DEFAULT = 100

_EQUALS = re.compile(r"(id|userPrincipalName|mail|displayName) eq '((?:[^']|'')*)'", re.IGNORECASE)
_STARTS = re.compile(
    r"startswith\((displayName|userPrincipalName|mail),\s*'((?:[^']|'')*)'\)", re.IGNORECASE
)


async def get_me(call: Call) -> Reply:
    permissions.check_directory(permissions.GET_MYSELF, call.bearer)
    user = call.signed_in()
    return Reply(body={"@odata.context": call.context("users/$entity"), **_selected(call, user)})


async def get_user(call: Call) -> Reply:
    myself = call.user is not None and call.ids["user"] in (call.user.id, call.user.upn)
    needs = permissions.GET_MYSELF if myself else permissions.LIST_USERS
    permissions.check_directory(needs, call.bearer)
    user = call.tenant.user(call.ids["user"])
    return Reply(body={"@odata.context": call.context("users/$entity"), **_selected(call, user)})


async def list_users(call: Call) -> Reply:
    permissions.check_directory(permissions.LIST_USERS, call.bearer)
    size = wire.page_size(call.query, default=USERS_PAGE_DEFAULT, most=USERS_PAGE_MAX)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 1) or [0]
    if "$search" in call.query:
        raise bad_request(
            "Request with $search query parameter only works through MSGraph with "
            "a special request header: 'ConsistencyLevel: eventual'",
            "Request_UnsupportedQuery",
        )
    wanted = _filter(call.query.get("$filter"))
    found = [user for user in call.tenant.users.values() if wanted(user)]
    page = found[after[0] : after[0] + size]
    body: Json = {
        "@odata.context": call.context("users"),
        "value": [_selected(call, user) for user in page],
    }
    if after[0] + size < len(found):
        body["@odata.nextLink"] = call.next_link([after[0] + size])
    return Reply(body=body)


async def revoke_sessions(call: Call) -> Reply:
    """Refresh tokens issued before now are worth nothing from now on."""
    permissions.check_directory(permissions.REVOKE_SESSIONS, call.bearer)
    user = call.tenant.user(call.ids["user"])
    user.revoked_at = call.tenant.clock.now()
    return Reply(body={"@odata.context": call.context("Edm.Boolean"), "value": True})


def _selected(call: Call, user: User) -> Json:
    shown = render.user(user)
    select = call.query.get("$select")
    if select is None:
        return shown
    every = shown | render.user_extra(user)
    by_name = {name.casefold(): name for name in every}
    names = [name.strip().casefold() for name in select.split(",")]
    return {by_name[name]: every[by_name[name]] for name in names if name in by_name}


def _filter(text: str | None) -> Callable[[User], bool]:
    if text is None:
        return _everyone
    for pattern, test in ((_EQUALS, str.__eq__), (_STARTS, str.startswith)):
        found = pattern.fullmatch(text.strip())
        if found is not None:
            name, value = found[1].casefold(), found[2].replace("''", "'").casefold()
            return _tester(name, value, test)
    raise bad_request("Invalid filter clause", "Request_UnsupportedQuery")


def _everyone(_: User) -> bool:
    return True


def _tester(name: str, value: str, test: Callable[[str, str], bool]) -> Callable[[User], bool]:
    def passes(user: User) -> bool:
        by_name = {"id": user.id, "displayname": user.display_name}
        return bool(test(by_name.get(name, user.upn).casefold(), value))

    return passes


ROUTES = [
    route("GET /me", None, get_me),
    route("GET /users", None, list_users),
    route("GET /users/{user}", None, get_user),
    route("POST /users/{user}/revokeSignInSessions", None, revoke_sessions),
]
