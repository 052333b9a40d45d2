"""`/chats`: list, create, read, rename; `chat_members.py` has the members.

Sources: learn.microsoft.com graph/api chat-list, chat-post, chat-get, chat-patch, resources/chat.
"""

from __future__ import annotations

from bridge.sandbox.tenant import (
    chat_filters,
    chat_members,
    conversation,
    permissions,
    render,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import milliseconds
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Chat, ChatKind, User

TOPIC_MAX = 250
PAIR = 2
_CREATE = {"chatType", "topic", "members", "installedApps"}
_ORDER = "lastmessagepreview/createddatetime desc"


async def list_chats(call: Call) -> Reply:
    owner = call.owner() or call.user
    size = wire.page_size(call.query)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 1) or [0]
    order = " ".join(call.query.get("$orderby", _ORDER).casefold().split())
    if order != _ORDER:
        msg = f"QueryOptions to order by '{order}' is not supported."
        raise bad_request(msg)
    wanted = chat_filters.parse(call.query.get("$filter"), call.user)
    tenant = call.tenant
    everyone = tenant.chats.values() if owner is None else tenant.chats_of(owner)
    chats = [chat for chat in everyone if wanted(chat)]
    chats.sort(key=_last_activity, reverse=True)
    first = max(after[0], 0)
    page = chats[first : first + size]
    body: Json = {
        "@odata.context": call.context("chats"),
        "@odata.count": len(page),
        "value": [_shown(call, chat, listed=True) for chat in page],
    }
    if first + size < len(chats):
        body["@odata.nextLink"] = call.next_link([first + size])
    return Reply(body=body)


async def get_chat(call: Call) -> Reply:
    return _entity(call, chat_members.thread(call))


async def create_chat(call: Call) -> Reply:
    """A new chat; for a pair that has one already, that one."""
    body = call.body()
    wire.only_known(body, _CREATE, "chat")
    kind = _kind(body)
    topic = _topic(body.get("topic"))
    people = [chat_members.bound_user(call, item) for item in wire.objects(body, "members")]
    _check_people(call, kind, people)
    if topic is not None and kind is not ChatKind.GROUP:
        raise bad_request("Topic can only be set for group chats.")
    by = chat_members.actor(call)
    chat = conversation.create_chat(call.tenant, kind, people, topic=topic, by=by)
    shown = render.chat(chat, call.tenant.id, reader=call.user)
    return Reply(status=201, body={"@odata.context": call.context("chats/$entity"), **shown})


async def update_chat(call: Call) -> Reply:
    chat = chat_members.thread(call)
    body = call.body()
    wire.only_known(body, {"topic"}, "chat")
    if "topic" not in body:
        raise bad_request("The topic is the only property of a chat that can be updated.")
    if chat.kind is not ChatKind.GROUP:
        raise bad_request("Chat topic can only be updated for group chats.")
    topic = _topic(body["topic"])
    conversation.rename(call.tenant, chat, topic, chat_members.actor(call))
    shown = render.chat(chat, call.tenant.id, reader=call.user)
    return Reply(body={"@odata.context": call.context("chats/$entity"), **shown})


def _entity(call: Call, chat: Chat) -> Reply:
    shown = _shown(call, chat, listed=False)
    return Reply(body={"@odata.context": call.context("chats/$entity"), **shown})


def _shown(call: Call, chat: Chat, *, listed: bool) -> Json:
    """The chat with what was asked for; only a list knows the newest message (resources/chat)."""
    shown = render.chat(chat, call.tenant.id, reader=call.user)
    expand = call.query.get("$expand", "").casefold().split(",")
    for name in (item.partition("(")[0].strip() for item in expand if item):
        if name == "members":
            shown["members@odata.context"] = call.context(f"{chat.place}/members")
            shown["members"] = [render.member(m, call.tenant.id) for m in chat.members.values()]
        elif name == "lastmessagepreview":
            shown["lastMessagePreview"] = _preview(call, chat) if listed else None
        else:
            msg = f"Parsing OData Select and Expand failed: '{name}'."
            raise bad_request(msg)
    return shown


def _preview(call: Call, chat: Chat) -> Json | None:
    seen = render.preview(chat, call.tenant.id)
    return seen if seen is None or call.wants_unknown_enums else render.hide_unknown(seen)


def _last_activity(chat: Chat) -> int:
    newest = next(reversed(chat.messages.values()), None)
    return milliseconds(chat.created) if newest is None else newest.id


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
    return topic or None


def _check_people(call: Call, kind: ChatKind, people: list[User]) -> None:
    ids = [user.id for user in people]
    if len(set(ids)) != len(ids):
        raise bad_request("Duplicate chat members is specified in the request body.")
    if call.user is not None and call.user.id not in ids:
        raise bad_request("Creating a chat without the calling user is not supported.")
    if kind is ChatKind.ONE_ON_ONE and len(ids) != PAIR:
        raise bad_request("Exactly two members are expected for a oneOnOne chat.")
    most = call.tenant.settings.members_per_chat_max
    if kind is ChatKind.GROUP and not PAIR <= len(ids) <= most:
        raise bad_request("The number of members is invalid for a group chat.")


ROUTES = [
    route("GET /chats", permissions.LIST_CHATS, list_chats),
    route("GET /users/{user}/chats", permissions.LIST_CHATS_OF_USER, list_chats),
    route("POST /chats", permissions.CREATE_CHAT, create_chat),
    route("PATCH /chats/{chat}", permissions.UPDATE_CHAT, update_chat),
    route("GET /chats/{chat}", permissions.GET_CHAT, get_chat),
    route("GET /users/{user}/chats/{chat}", permissions.GET_CHAT_OF_USER, get_chat),
    *chat_members.ROUTES,
]
