"""What one person made of a chat: read up to where, hidden or not.

Only users themselves may say so, and only of their own view.

Sources: learn.microsoft.com graph/api chat-markchatreadforuser, chat-markchatunreadforuser,
chat-hideforuser, chat-unhideforuser, resources/chatviewpoint.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.sandbox.tenant import chat_members, conversation, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import from_milliseconds
from bridge.sandbox.tenant.errors import forbidden
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Chat

CHANGE_VIEW = Needs(delegated=("Chat.ReadWrite",))
_TICK = timedelta(milliseconds=1)
_IDENTITY = {"id", "displayName", "userIdentityType", "tenantId"}


async def mark_read(call: Call) -> Reply:
    chat = _own_chat(call, {"user"})
    return _see(call, chat, read=call.tenant.clock.now())


async def mark_unread(call: Call) -> Reply:
    """Unread after the given moment; without one, the last message is."""
    chat = _own_chat(call, {"user", "lastMessageReadDateTime"})
    text = wire.optional_text(call.body(), "lastMessageReadDateTime")
    if text is None:
        return _see(call, chat, read=_before_last(chat))
    return _see(call, chat, read=wire.parse_instant(text, "lastMessageReadDateTime"))


async def hide(call: Call) -> Reply:
    return _see(call, _own_chat(call, {"user"}), hidden=True)


async def unhide(call: Call) -> Reply:
    return _see(call, _own_chat(call, {"user"}), hidden=False)


def _own_chat(call: Call, known: set[str]) -> Chat:
    chat = chat_members.thread(call)
    user = call.signed_in()
    body = call.body()
    wire.only_known(body, known, "chat")
    given = wire.as_object(body.get("user"), "user")
    wire.only_known(given, _IDENTITY, "teamworkUserIdentity")
    if wire.required_text(given, "id") != user.id:
        raise forbidden("Users can do this only for themselves.")
    home = wire.optional_text(given, "tenantId")
    if home not in (None, call.tenant.id):
        raise forbidden("The user does not belong to the given tenant.")
    return chat


def _before_last(chat: Chat) -> datetime:
    newest = next(reversed(chat.messages.values()), None)
    return chat.created if newest is None else from_milliseconds(newest.id) - _TICK


def _see(
    call: Call, chat: Chat, *, read: datetime | None = None, hidden: bool | None = None
) -> Reply:
    conversation.see(call.tenant, chat, call.signed_in(), read=read, hidden=hidden)
    return Reply(status=204)


ROUTES = [
    route("POST /chats/{chat}/markChatReadForUser", CHANGE_VIEW, mark_read),
    route("POST /chats/{chat}/markChatUnreadForUser", CHANGE_VIEW, mark_unread),
    route("POST /chats/{chat}/hideForUser", CHANGE_VIEW, hide),
    route("POST /chats/{chat}/unhideForUser", CHANGE_VIEW, unhide),
]
