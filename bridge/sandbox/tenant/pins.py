"""`/chats/{id}/pinnedMessages`: pin, unpin, list; each leaves a system message.

Sources: learn.microsoft.com graph/api chat-list-pinnedmessages, chat-post-pinnedmessages,
chat-delete-pinnedmessages, resources/pinnedchatmessageinfo.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from bridge.sandbox.tenant import chat_members, system_events, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request, not_found
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Chat, Message, User

PINS_MAX = 50
"""Pinned messages of one chat; Microsoft names no number."""
LIST_PINS = Needs(
    delegated=("Chat.Read", "Chat.ReadWrite"),
    application=("ChatMessage.Read.All", "Chat.Read.All", "Chat.ReadWrite.All"),
)
PIN = Needs(delegated=("ChatMessage.Send", "Chat.ReadWrite"), application=("Chat.ReadWrite.All",))
UNPIN = Needs(delegated=("Chat.ReadWrite",), application=("Chat.ReadWrite.All",))
_TYPE = "#microsoft.graph.pinnedChatMessageInfo"
_BIND = re.compile(
    r"/chats(?:\('([^']+)'\)|/([^/]+))/messages(?:\('([^']+)'\)|/([^/]+))$", re.IGNORECASE
)


async def list_pins(call: Call) -> Reply:
    chat = chat_members.thread(call)
    expand = call.query.get("$expand", "").strip().casefold()
    if expand not in ("", "message"):
        msg = f"Parsing OData Select and Expand failed: '{expand}'."
        raise bad_request(msg)
    shown: list[Json] = []
    for number, message in chat.pins.items():
        item: Json = {"@odata.type": _TYPE, "id": number}
        shown.append(item | {"message": call.show(message)} if expand else item)
    context = call.context(f"{chat.place}/pinnedMessages")
    return Reply(body={"@odata.context": context, "@odata.count": len(shown), "value": shown})


async def add_pin(call: Call) -> Reply:
    chat = chat_members.thread(call)
    body = call.body()
    wire.only_known(body, {"message", "id"}, "pinnedChatMessageInfo")
    message = _bound(call, chat, wire.required_text(body, "message@odata.bind"))
    pin(call.tenant, chat, message, chat_members.actor(call))
    context = call.context(f"{chat.place}/pinnedMessages/$entity")
    shown: Json = {"@odata.context": context, "@odata.type": _TYPE, "id": str(message.id)}
    return Reply(status=201, body=shown)


async def remove_pin(call: Call) -> Reply:
    chat = chat_members.thread(call)
    if call.ids["pin"] not in chat.pins:
        raise not_found()
    unpin(call.tenant, chat, call.ids["pin"], chat_members.actor(call))
    return Reply(status=204)


def pin(tenant: Tenant, chat: Chat, message: Message, by: User | Robot | None) -> None:
    """Pin it; once more is no change.

    Raises:
        GraphError: 400, the chat has as many as it can take.
    """
    if str(message.id) in chat.pins:
        return
    if len(chat.pins) >= PINS_MAX:
        raise bad_request("The chat has reached its maximum number of pinned messages.")
    chat.pins[str(message.id)] = message
    system_events.tell(tenant, chat, "messagePinned", by)


def unpin(tenant: Tenant, chat: Chat, number: str, by: User | Robot | None) -> None:
    """Take the pin away, if there is one."""
    if chat.pins.pop(number, None) is not None:
        system_events.tell(tenant, chat, "messageUnpinned", by)


def _bound(call: Call, chat: Chat, bind: str) -> Message:
    try:
        found = _BIND.search(urlsplit(bind).path)
    except ValueError:
        found = None
    if found is None or unquote(found[1] or found[2]) != chat.id:
        msg = f"Invalid message@odata.bind '{bind}'."
        raise bad_request(msg)
    message = call.tenant.message(chat, unquote(found[3] or found[4]))
    if message.event_detail is not None or message.deleted is not None:
        raise bad_request("This message cannot be pinned.")
    return message


ROUTES = [
    route("GET /chats/{chat}/pinnedMessages", LIST_PINS, list_pins),
    route("POST /chats/{chat}/pinnedMessages", PIN, add_pin),
    route("DELETE /chats/{chat}/pinnedMessages/{pin}", UNPIN, remove_pin),
]
