"""`/chats`: list, create, read, rename; and the members of a chat.

Sources: learn.microsoft.com graph/api chat-list, chat-post, chat-get, chat-patch,
chat-list-members, chat-post-members, chat-delete-members.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from bridge.sandbox.tenant import conversation, permissions, render, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import milliseconds
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Chat, ChatKind, Member, User

TOPIC_MAX = 250
PAIR = 2
MEMBERS_MAX = 250
"""People per chat (learn.microsoft.com microsoftteams/limits-specifications-teams)."""
_CREATE = {"chatType", "topic", "members", "installedApps"}
_MEMBER = {
    "roles",
    "user",
    "userId",
    "tenantId",
    "email",
    "displayName",
    "id",
    "visibleHistoryStartDateTime",
}
_AAD_MEMBER = "#microsoft.graph.aaduserconversationmember"
_ALL_HISTORY = "0001-01-01T00:00:00Z"
_ROLES = {"owner", "guest"}
_BIND = re.compile(r"/users(?:\('([^']+)'\)|/([^/]+))$")
_FILTER = re.compile(r"(chatType|topic) eq '((?:[^']|'')*)'", re.IGNORECASE)
_ORDER = "lastmessagepreview/createddatetime desc"


async def list_chats(call: Call) -> Reply:
    owner = call.owner() or call.user
    size = wire.page_size(call.query)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 1) or [0]
    order = call.query.get("$orderby", _ORDER).strip().casefold()
    if order != _ORDER:
        msg = f"QueryOptions to order by '{order}' is not supported."
        raise bad_request(msg)
    chats = [
        chat for chat in call.tenant.chats.values() if owner is None or owner.id in chat.members
    ]
    chats = _filtered(chats, call.query.get("$filter"))
    chats.sort(key=_last_activity, reverse=True)
    page = chats[after[0] : after[0] + size]
    body: Json = {
        "@odata.context": call.context("chats"),
        "@odata.count": len(page),
        "value": [_shown(call, chat) for chat in page],
    }
    if after[0] + size < len(chats):
        body["@odata.nextLink"] = call.next_link([after[0] + size])
    return Reply(body=body)


async def get_chat(call: Call) -> Reply:
    shown = _shown(call, call.chat())
    return Reply(body={"@odata.context": call.context("chats/$entity"), **shown})


async def create_chat(call: Call) -> Reply:
    """A new chat; for a pair that has one already, that one."""
    body = call.body()
    wire.only_known(body, _CREATE, "chat")
    kind = _kind(body)
    topic = _topic(body.get("topic"))
    people = [_bound_user(call, item) for item in wire.objects(body, "members")]
    _check_people(call, kind, people)
    if topic is not None and kind is not ChatKind.GROUP:
        raise bad_request("Topic can only be set for group chats.")
    chat = conversation.create_chat(call.tenant, kind, people, topic=topic)
    shown = render.chat(chat, call.tenant.id, reader=call.user)
    return Reply(status=201, body={"@odata.context": call.context("chats/$entity"), **shown})


async def update_chat(call: Call) -> Reply:
    chat = call.chat()
    body = call.body()
    wire.only_known(body, {"topic"}, "chat")
    if chat.kind is not ChatKind.GROUP:
        raise bad_request("Chat topic can only be updated for group chats.")
    conversation.rename(call.tenant, chat, _topic(body.get("topic")))
    shown = render.chat(chat, call.tenant.id, reader=call.user)
    return Reply(body={"@odata.context": call.context("chats/$entity"), **shown})


async def list_members(call: Call) -> Reply:
    chat = call.chat()
    members = [render.member(item, call.tenant.id) for item in chat.members.values()]
    fragment = f"chats('{call.ids['chat']}')/members"
    return Reply(
        body={
            "@odata.context": call.context(fragment),
            "@odata.count": len(members),
            "value": members,
        }
    )


async def get_member(call: Call) -> Reply:
    chat = call.chat()
    shown = render.member(_member(chat, call.ids["member"]), call.tenant.id)
    fragment = f"chats('{call.ids['chat']}')/members/$entity"
    return Reply(body={"@odata.context": call.context(fragment), **shown})


async def add_member(call: Call) -> Reply:
    chat = call.chat()
    body = call.body()
    user = _bound_user(call, body)
    if chat.kind is ChatKind.ONE_ON_ONE:
        raise _roster_blocked("add")
    if user.id in chat.members:
        raise bad_request("Cannot add existing member to the chat.")
    if len(chat.members) >= MEMBERS_MAX:
        raise forbidden("The chat has reached its maximum number of members.")
    since = wire.optional_text(body, "visibleHistoryStartDateTime")
    if since is None:
        visible_from = call.tenant.clock.now()
    else:
        visible_from = wire.parse_instant(since, "visibleHistoryStartDateTime")
    everything = since is not None and visible_from.year == 1
    member = conversation.add_member(
        call.tenant, chat, user, _roles(body), None if everything else visible_from
    )
    place = f"/chats('{chat.id}')/members('{member.id}')"
    return Reply(status=201, headers={"Location": place})


async def remove_member(call: Call) -> Reply:
    chat = call.chat()
    if chat.kind is ChatKind.ONE_ON_ONE:
        raise _roster_blocked("remove")
    conversation.remove_member(call.tenant, chat, _member(chat, call.ids["member"]))
    return Reply(status=204)


def _shown(call: Call, chat: Chat) -> Json:
    shown = render.chat(chat, call.tenant.id, reader=call.user)
    expand = call.query.get("$expand", "").casefold().split(",")
    for name in (item.partition("(")[0].strip() for item in expand if item):
        if name == "members":
            shown["members"] = [render.member(m, call.tenant.id) for m in chat.members.values()]
        elif name == "lastmessagepreview":
            shown["lastMessagePreview"] = render.preview(chat, call.tenant.id)
        else:
            msg = f"Parsing OData Select and Expand failed: '{name}'."
            raise bad_request(msg)
    return shown


def _last_activity(chat: Chat) -> int:
    newest = next(reversed(chat.messages.values()), None)
    return milliseconds(chat.created) if newest is None else newest.id


def _filtered(chats: list[Chat], text: str | None) -> list[Chat]:
    if text is None:
        return chats
    found = _FILTER.fullmatch(text.strip())
    if found is None:
        raise bad_request("Filter condition is not supported.")
    name, value = found[1].casefold(), found[2].replace("''", "'")
    return [c for c in chats if (c.kind.value if name == "chattype" else c.topic) == value]


def _kind(body: Json) -> ChatKind:
    text = wire.required_text(body, "chatType")
    if text not in (ChatKind.ONE_ON_ONE, ChatKind.GROUP):
        msg = f"Invalid value '{text}' for chatType: oneOnOne or group is expected."
        raise bad_request(msg)
    return ChatKind(text)


def _topic(value: object) -> str | None:
    if value is None:
        return None
    topic = wire.as_text(value, "topic")
    if len(topic) > TOPIC_MAX or ":" in topic:
        msg = f"Topic is longer than {TOPIC_MAX} characters or contains a colon."
        raise bad_request(msg)
    return topic


def _bound_user(call: Call, body: Json) -> User:
    """The user that a member object names by `user@odata.bind`."""
    wire.only_known(body, _MEMBER, "aadUserConversationMember")
    kind = wire.as_text(body.get("@odata.type"), "@odata.type").casefold()
    if kind != _AAD_MEMBER:
        raise bad_request("Invalid value for property '@odata.type' of a member.")
    _roles(body)
    bind = wire.required_text(body, "user@odata.bind")
    found = _BIND.search(_path_of(bind))
    if found is None:
        msg = f"Invalid user@odata.bind '{bind}'."
        raise bad_request(msg)
    return call.tenant.user(unquote(found[1] or found[2]))


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        msg = f"Invalid user@odata.bind '{url}'."
        raise bad_request(msg) from None


def _roles(body: Json) -> list[str]:
    roles = [wire.as_text(role, "roles") for role in wire.as_list(body.get("roles", []), "roles")]
    if not _ROLES.issuperset(roles):
        raise bad_request("Invalid role specified for member.")
    return roles


def _check_people(call: Call, kind: ChatKind, people: list[User]) -> None:
    ids = [user.id for user in people]
    if len(set(ids)) != len(ids):
        raise bad_request("Duplicate chat members is specified in the request body.")
    if call.user is not None and call.user.id not in ids:
        raise bad_request("Creating a chat without the calling user is not supported.")
    if kind is ChatKind.ONE_ON_ONE and len(ids) != PAIR:
        raise bad_request("Exactly two members are expected for a oneOnOne chat.")
    if kind is ChatKind.GROUP and not PAIR <= len(ids) <= MEMBERS_MAX:
        raise bad_request("The number of members is invalid for a group chat.")


def _member(chat: Chat, member_id: str) -> Member:
    member = next((item for item in chat.members.values() if item.id == member_id), None)
    if member is None:
        raise not_found()
    return member


def _roster_blocked(action: str) -> GraphError:
    """The roster of a pair never changes; text as observed in the field."""
    return GraphError(
        403,
        "InsufficientPrivileges",
        f"RosterAddMemberBlocked-Roster is blocked from {action} member",
    )


ROUTES = [
    route("GET /chats", permissions.LIST_CHATS, list_chats),
    route("GET /users/{user}/chats", permissions.LIST_CHATS_OF_USER, list_chats),
    route("POST /chats", permissions.CREATE_CHAT, create_chat),
    route("PATCH /chats/{chat}", permissions.UPDATE_CHAT, update_chat),
    route("POST /chats/{chat}/members", permissions.ADD_MEMBER, add_member),
    route("DELETE /chats/{chat}/members/{member}", permissions.REMOVE_MEMBER, remove_member),
]
for _root in ("/chats/{chat}", "/users/{user}/chats/{chat}"):
    ROUTES += [
        route(f"GET {_root}", permissions.GET_CHAT, get_chat),
        route(f"GET {_root}/members", permissions.LIST_MEMBERS, list_members),
        route(f"GET {_root}/members/{{member}}", permissions.LIST_MEMBERS, get_member),
    ]
