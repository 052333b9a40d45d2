"""What people do, as if they sat at the Teams client: the control requests about them.

Nothing is checked or cleaned here that a Teams client would send as it is.
"""

from __future__ import annotations

from bridge.sandbox.tenant import conversation, render, wire
from bridge.sandbox.tenant.ask import Act, Ask, choice, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.world import ChatKind, Content, Message, User

PATIENCE_MAX = 60.0
"""Seconds that a long poll may last."""
BURST_MAX = 10_000
"""Messages in one call."""


async def add_users(ask: Ask) -> Reply:
    many = wire.objects(ask.body, "users") or [ask.body]
    made = [
        ask.tenant.add_user(
            wire.required_text(item, "display_name"),
            upn=wire.optional_text(item, "upn"),
            user_id=wire.optional_text(item, "id"),
        )
        for item in many
    ]
    return Reply(status=201, body={"users": [_user(user) for user in made]})


async def list_users(ask: Ask) -> Reply:
    return Reply(body={"users": [_user(user) for user in ask.tenant.users.values()]})


async def revoke(ask: Ask) -> Reply:
    """End a user's sessions; `access_tokens` also ends access tokens at once."""
    user = ask.tenant.user(ask.ids["user"])
    user.revoked_at = ask.tenant.clock.now()
    if wire.optional_flag(ask.body, "access_tokens"):
        user.access_revoked_at = user.revoked_at
    return Reply(status=204)


async def change_user(ask: Ask) -> Reply:
    user = ask.tenant.user(ask.ids["user"])
    user.display_name = wire.optional_text(ask.body, "display_name") or user.display_name
    if "enabled" in ask.body:
        user.enabled = wire.optional_flag(ask.body, "enabled")
    return Reply(body=_user(user))


async def create_chat(ask: Ask) -> Reply:
    kind = choice(ChatKind, wire.required_text(ask.body, "kind"))
    names = wire.as_list(ask.body.get("members"), "members")
    people = [ask.tenant.user(wire.as_text(name, "members")) for name in names]
    if kind is ChatKind.ONE_ON_ONE and len(people) != 2:  # noqa: PLR2004 - a pair
        raise bad_request("A oneOnOne chat has two members.")
    chat = conversation.create_chat(
        ask.tenant,
        kind,
        people,
        topic=wire.optional_text(ask.body, "topic"),
        chat_id=wire.optional_text(ask.body, "id"),
    )
    return Reply(status=201, body={"id": chat.id})


async def change_chat(ask: Ask) -> Reply:
    """Rename, `add` and `remove` members by user id."""
    chat = ask.tenant.chat(ask.ids["chat"])
    if "topic" in ask.body:
        conversation.rename(ask.tenant, chat, wire.optional_text(ask.body, "topic"))
    for name in wire.as_list(ask.body.get("add", []), "add"):
        user = ask.tenant.user(wire.as_text(name, "add"))
        conversation.add_member(ask.tenant, chat, user, [], None)
    for name in wire.as_list(ask.body.get("remove", []), "remove"):
        member = chat.members.get(ask.tenant.user(wire.as_text(name, "remove")).id)
        if member is not None:
            conversation.remove_member(ask.tenant, chat, member)
    return Reply(status=204)


async def type_messages(ask: Ask) -> Reply:
    """Post one message or a burst of them, exactly as given, as if typed in the Teams client."""
    chat = ask.tenant.chat(ask.ids["chat"])
    many = wire.objects(ask.body, "messages") or [ask.body]
    if len(many) > BURST_MAX:
        msg = f"A burst has at most {BURST_MAX} messages."
        raise bad_request(msg)
    drafts = [(ask.tenant.user(wire.required_text(m, "user")), _content(m)) for m in many]
    made = [conversation.post(ask.tenant, chat, user, content) for user, content in drafts]
    return Reply(status=201, body={"ids": [str(message.id) for message in made]})


async def list_messages(ask: Ask) -> Reply:
    chat = ask.tenant.chat(ask.ids["chat"])
    shown = [render.message(message, ask.tenant.id) for message in chat.messages.values()]
    return Reply(body={"messages": shown})


async def edit_message(ask: Ask) -> Reply:
    message = _find_message(ask)
    chat = ask.tenant.chat(message.conversation)
    conversation.edit(ask.tenant, chat, message, _content(ask.body))
    return Reply(status=204)


async def delete_message(ask: Ask) -> Reply:
    message = _find_message(ask)
    conversation.delete(ask.tenant, ask.tenant.chat(message.conversation), message)
    return Reply(status=204)


async def undelete_message(ask: Ask) -> Reply:
    message = _find_message(ask)
    conversation.undelete(ask.tenant, ask.tenant.chat(message.conversation), message)
    return Reply(status=204)


async def react(ask: Ask) -> Reply:
    message = _find_message(ask)
    user = ask.tenant.user(wire.required_text(ask.body, "user"))
    removes = wire.optional_flag(ask.body, "remove")
    change = conversation.unreact if removes else conversation.react
    chat = ask.tenant.chat(message.conversation)
    change(ask.tenant, chat, message, user, wire.required_text(ask.body, "kind"))
    return Reply(status=204)


async def events(ask: Ask) -> Reply:
    """What happened in a chat after number `since`, waiting `patience` seconds for it."""
    ask.tenant.chat(ask.ids["chat"])
    since = int(number(ask.query.get("since", "0")))
    patience = min(number(ask.query.get("patience", "0")), PATIENCE_MAX)
    found = await ask.tenant.feed.wait(ask.ids["chat"], since, patience)
    return Reply(body={"events": found})


def _content(body: Json) -> Content:
    kind = wire.optional_text(body, "content_type") or "html"
    return Content(
        kind="text" if kind == "text" else "html",
        text=wire.as_text(body.get("content"), "content"),
        subject=wire.optional_text(body, "subject"),
        importance=wire.optional_text(body, "importance") or "normal",
        mentions=wire.objects(body, "mentions"),
        attachments=wire.objects(body, "attachments"),
    )


def _find_message(ask: Ask) -> Message:
    return ask.tenant.message(ask.tenant.chat(ask.ids["chat"]), ask.ids["message"])


def _user(user: User) -> Json:
    return {"id": user.id, "upn": user.upn, "display_name": user.display_name}


ACTS: list[tuple[str, Act]] = [
    ("GET /users", list_users),
    ("POST /users", add_users),
    ("PATCH /users/{user}", change_user),
    ("POST /users/{user}/revoke", revoke),
    ("POST /chats", create_chat),
    ("PATCH /chats/{chat}", change_chat),
    ("GET /chats/{chat}/events", events),
    ("GET /chats/{chat}/messages", list_messages),
    ("POST /chats/{chat}/messages", type_messages),
    ("PATCH /chats/{chat}/messages/{message}", edit_message),
    ("DELETE /chats/{chat}/messages/{message}", delete_message),
    ("POST /chats/{chat}/messages/{message}/undelete", undelete_message),
    ("POST /chats/{chat}/messages/{message}/reactions", react),
]
