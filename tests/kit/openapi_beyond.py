"""What Graph does and its OpenAPI description does not say, each with the page that says it.

The description was made from Microsoft's own client libraries, which know neither the status of a
success nor the operations of OneDrive that are addressed by path, nor `$batch`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from bridge.sandbox.tenant.exchange import Exchange
from tests.kit import openapi_files as files

Json = dict[str, Any]

_GRAPH = "#/components/schemas/microsoft.graph."


def _ref(name: str) -> Json:
    return {"$ref": _GRAPH + name}


def _list(name: str) -> Json:
    links = ("@odata.context", "@odata.nextLink", "@odata.deltaLink")
    properties: Json = {link: {"type": "string"} for link in links}
    return {
        "type": "object",
        "properties": properties | {"value": {"type": "array", "items": _ref(name)}},
    }


def _operation(
    answer: Json | None = None, *, takes: Json | None = None, query: tuple[str, ...] = ()
) -> Json:
    parameters = [{"name": name, "in": "query"} for name in query]
    body = {} if takes is None else {"requestBody": _json(takes)}
    responses = {"204": {}} if answer is None else {"2XX": _json(answer)}
    return {**body, "parameters": parameters, "responses": responses}


def _json(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


_BYTES: Json = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}
_REFERENCE: Json = {"type": "object", "properties": {"@odata.id": {"type": "string"}}}
SCHEMAS: Json = files.SCHEMAS
"""Types that the description lacks."""

PATHS: Json = {
    **files.PATHS,
    # learn.microsoft.com graph/json-batching
    "/$batch": {
        "post": _operation(
            {"type": "object", "properties": {"responses": {"type": "array", "items": {}}}},
            takes={"type": "object", "properties": {"requests": {"type": "array", "items": {}}}},
        )
    },
    # graph/api/user-get-mailboxsettings
    "/users/{user-id}/mailboxSettings/timeZone": {
        "get": _operation(
            {
                "type": "object",
                "properties": {"@odata.context": {"type": "string"}, "value": {"type": "string"}},
            }
        )
    },
    # graph/api/group-delete: a team is deleted as the group that it is
    "/groups/{group-id}": {"delete": _operation()},
    # graph/api/team-delete-incomingchannels
    "/teams/{team-id}/incomingChannels/{channel-id}": {"delete": _operation()},
    # the `@odata.id` of graph/api/team-list-allchannels
    "/tenants/{tenant-id}/teams/{team-id}/channels/{channel-id}": {
        "get": _operation(_ref("channel"), query=("$select",))
    },
    # graph/api/appcatalogs-list-teamsapps
    "/appCatalogs/teamsApps": {"get": _operation(_list("teamsApp"), query=("$filter", "$expand"))},
    # graph/api/channel-post-enabledapps and -delete-enabledapps
    "/teams/{team-id}/channels/{channel-id}/enabledApps/$ref": {
        "post": _operation(takes=_REFERENCE)
    },
    "/teams/{team-id}/channels/{channel-id}/enabledApps/{teamsApp-id}/$ref": {
        "delete": _operation()
    },
    # graph/api/userteamwork-list-installedapps and its neighbours
    "/users/{user-id}/teamwork/installedApps/{installation-id}": {
        "get": _operation(_ref("userScopeTeamsAppInstallation"), query=("$expand",)),
        "delete": _operation(),
    },
    "/users/{user-id}/teamwork/installedApps/{installation-id}/upgrade": {
        "post": _operation(takes={"type": "object"})
    },
    # graph/api/chatmessage-delta
    "/users/{user-id}/chats/getAllMessages/delta()": {
        "get": _operation(_list("chatMessage"), query=("$filter", "$select"))
    },
}
"""Operations that the description lacks."""

REQUESTS_MAY = (".userIdentityType is not in microsoft.graph.identity",)
"""Problems of a request that are none: every example of api/chatmessage-post that mentions somebody
has that property without saying that the type is teamworkUserIdentity."""

_CREATING = frozenset(
    [
        "chats",
        "members",
        "messages",
        "replies",
        "replyWithQuote",
        "channels",
        "tabs",
        "tags",
        "subscriptions",
        "pinnedMessages",
        "installedApps",
        "users",
        "children",
    ]
)
"""POST to these makes a thing: 201. Any other POST that answers something: 200."""
_STARTING = frozenset({"archive", "unarchive", "clone"})
"""They start an operation that goes on: 202 (api/team-archive, api/team-clone)."""
_BULK = {
    "/teams/{team-id}/members/add": frozenset({200, 207}),
    "/teams/{team-id}/members/remove": frozenset({204, 207}),
    "/chats/{chat-id}/members/add": frozenset({200, 207}),
    "/chats/{chat-id}/members/remove": frozenset({204, 207}),
}
"""207 where some of them failed (api/conversationmembers-add, api/conversationmember-remove)."""
_SILENT = frozenset(
    [
        "setPresence",
        "clearPresence",
        "setUserPreferredPresence",
        "clearUserPreferredPresence",
        "setStatusMessage",
    ]
)
"""200 and nothing (api/presence-setpresence and its like)."""


def statuses(method: str, path: str, item: Json) -> frozenset[int]:
    """The statuses of a success, by the pages of graph/api."""
    match method:
        case "GET":
            # api/driveitem-get-content: the bytes are elsewhere
            return frozenset({302, 304} if path.endswith("/content") else {200})
        case "POST":
            return _of_post(path, item)
        case "PATCH":
            # api/chat-patch answers the chat; api/channel-patch, api/chatmessage-update nothing
            return frozenset({200, 204})
        case "PUT":
            return frozenset({200, 201, 204})
        case _:
            return frozenset({204})


def _of_post(path: str, item: Json) -> frozenset[int]:
    name = path.rpartition("/")[2]
    if path in _BULK:
        return _BULK[path]
    if path == "/teams" or name in _STARTING:
        return frozenset({202})
    if name in _CREATING:
        return frozenset({201})
    if name == "createLink":
        # api/driveitem-createlink: 200 for a link that was there
        return frozenset({200, 201})
    silent = "204" in item["responses"] and name not in _SILENT
    return frozenset({204}) if silent else frozenset({200})


def may_be_silent(method: str, path: str, status: int) -> bool:
    """Whether a success of an operation that answers something may come without it."""
    # api/chatmessage-update: 200 and nothing, when it is the policy violation that is set
    is_message = path.endswith(("/messages/{chatMessage-id}", "/replies/{chatMessage-id1}"))
    return status in (202, 204, 302, 304) or (method == "PATCH" and is_message)


def parts(exchange: Exchange) -> Iterator[Exchange]:
    """The requests in a batch, each with its answer."""
    if exchange.status != 200:
        return
    asked = {part["id"]: part for part in orjson.loads(exchange.request)["requests"]}
    for given in orjson.loads(exchange.response)["responses"]:
        part = asked[given["id"]]
        headers = {name.lower(): str(value) for name, value in given.get("headers", {}).items()}
        yield Exchange(
            method=part["method"],
            target=part["url"] if part["url"].startswith("/") else "/" + part["url"],
            request=orjson.dumps(part["body"]) if "body" in part else b"",
            status=given["status"],
            headers=headers,
            response=_body(given.get("body")),
        )


def _body(given: object) -> bytes:
    if given is None:
        return b""
    # graph/json-batching: what is not JSON comes as base64
    return base64.b64decode(given) if isinstance(given, str) else orjson.dumps(given)
