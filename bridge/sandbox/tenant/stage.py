"""What people do, as if they sat at the Teams client: the control requests about them.

Nothing is checked or cleaned here that a Teams client would send as it is; whom a message
mentions gets Graph's form all the same. People are users of the tenant and strangers
(`people_acts.py`); robots write and react as well.
"""

from __future__ import annotations

from bridge.sandbox.tenant import (
    conversation,
    identities,
    mentions,
    people_kinds,
    pins,
    render,
    wire,
)
from bridge.sandbox.tenant.ask import Act, Ask, choice, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.identity import PersonKind, Robot
from bridge.sandbox.tenant.people import news
from bridge.sandbox.tenant.system_events import spot
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Chat, ChatKind, Content, Message, User

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
    for user in made:
        news.created(ask.tenant, user)
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
    before = user.display_name, user.enabled
    user.display_name = wire.optional_text(ask.body, "display_name") or user.display_name
    if "enabled" in ask.body:
        user.enabled = wire.optional_flag(ask.body, "enabled")
    if before[0] != user.display_name:
        news.changed(ask.tenant, user, "displayName", "givenName", "surname")
    if before[1] != user.enabled:
        news.changed(ask.tenant, user, "accountEnabled")
    return Reply(body=_user(user))


async def create_chat(ask: Ask) -> Reply:
    kind = choice(ChatKind, wire.required_text(ask.body, "kind"))
    names = wire.as_list(ask.body.get("members"), "members")
    people = [_person(ask, name) for name in names]
    if kind is ChatKind.ONE_ON_ONE and len(people) != 2:  # noqa: PLR2004 - a pair
        raise bad_request("A oneOnOne chat has two members.")
    chat = conversation.create_chat(
        ask.tenant,
        kind,
        people,
        topic=wire.optional_text(ask.body, "topic"),
        chat_id=wire.optional_text(ask.body, "id"),
        by=people[0] if people else None,
    )
    return Reply(status=201, body={"id": chat.id})


async def change_chat(ask: Ask) -> Reply:
    """Rename, `add` and `remove` members by id; `by` whom, if not by the first other member.

    Who is added or removed `by` themselves has joined or left.
    """
    chat = ask.tenant.chat(ask.ids["chat"])
    if "topic" in ask.body:
        topic = wire.optional_text(ask.body, "topic")
        conversation.rename(ask.tenant, chat, topic, _initiator(ask, chat, None))
    for name in wire.as_list(ask.body.get("add", []), "add"):
        user = _person(ask, name)
        by = _initiator(ask, chat, user)
        conversation.add_member(ask.tenant, chat, user, _roles(user), None, by)
    for name in wire.as_list(ask.body.get("remove", []), "remove"):
        member = chat.members.get(_person(ask, name).id)
        if member is not None:
            by = _initiator(ask, chat, member.user)
            conversation.remove_member(ask.tenant, chat, member, by)
    return Reply(status=204)


async def change_pins(ask: Ask) -> Reply:
    """`pin` and `unpin` messages by id."""
    chat = ask.tenant.chat(ask.ids["chat"])
    by = _initiator(ask, chat, None)
    for name in wire.as_list(ask.body.get("pin", []), "pin"):
        pins.pin(ask.tenant, chat, ask.tenant.message(chat, wire.as_text(name, "pin")), by)
    for name in wire.as_list(ask.body.get("unpin", []), "unpin"):
        pins.unpin(ask.tenant, chat, wire.as_text(name, "unpin"), by)
    return Reply(status=204)


async def see(ask: Ask) -> Reply:
    """Someone opens a chat and has `read` it, until now; or says that it be `hidden`, or not."""
    chat = ask.tenant.chat(ask.ids["chat"])
    member = chat.members.get(_person(ask, wire.required_text(ask.body, "user")).id)
    if member is None:
        raise bad_request("Only members of a chat see it.")
    read = ask.tenant.clock.now() if wire.optional_flag(ask.body, "read") else None
    hidden = wire.optional_flag(ask.body, "hidden") if "hidden" in ask.body else None
    conversation.see(ask.tenant, chat, member.user, read=read, hidden=hidden)
    return Reply(status=204)


async def type_messages(ask: Ask) -> Reply:
    """Post one message or a burst of them, exactly as given, as if typed in the Teams client.

    A `user` of null is a message that Graph names no sender of; in a channel, `reply_to` is the
    root that is answered.
    """
    place = spot(ask)
    many = wire.objects(ask.body, "messages") or [ask.body]
    if len(many) > BURST_MAX:
        msg = f"A burst has at most {BURST_MAX} messages."
        raise bad_request(msg)
    drafts = [(_sender(ask, m), _content(ask.tenant, m), _root(ask, m)) for m in many]
    made = [
        conversation.post(ask.tenant, place, sender, content, (), _below(ask, root))
        for sender, content, root in drafts
    ]
    return Reply(status=201, body={"ids": [str(message.id) for message in made]})


async def list_messages(ask: Ask) -> Reply:
    shown = [render.message(message, ask.tenant.id) for message in spot(ask).messages.values()]
    return Reply(body={"messages": shown})


async def edit_message(ask: Ask) -> Reply:
    """Other words; a subject and an importance that are not given stay, as in the Teams client."""
    message = _find_message(ask)
    content, before = _content(ask.tenant, ask.body), message.content
    for name in ("subject", "importance"):
        if name not in ask.body:
            setattr(content, name, getattr(before, name))
    conversation.edit(ask.tenant, spot(ask), message, content)
    return Reply(status=204)


async def delete_message(ask: Ask) -> Reply:
    message = _find_message(ask)
    conversation.delete(ask.tenant, spot(ask), message)
    return Reply(status=204)


async def undelete_message(ask: Ask) -> Reply:
    message = _find_message(ask)
    conversation.undelete(ask.tenant, spot(ask), message)
    return Reply(status=204)


async def react(ask: Ask) -> Reply:
    """React, or `remove` a reaction; `name` and `content_url` are those of a custom one."""
    message = _find_message(ask)
    user = people_kinds.find(ask.tenant, wire.required_text(ask.body, "user"))
    kind = wire.required_text(ask.body, "kind")
    chat = spot(ask)
    if wire.optional_flag(ask.body, "remove"):
        conversation.unreact(ask.tenant, chat, message, user, kind)
        return Reply(status=204)
    look = conversation.Look(
        name=wire.optional_text(ask.body, "name"),
        content_url=wire.optional_text(ask.body, "content_url"),
    )
    conversation.react(ask.tenant, chat, message, user, kind, look)
    return Reply(status=204)


async def events(ask: Ask) -> Reply:
    """What happened in a conversation after number `since`, waiting `patience` seconds for it."""
    place = spot(ask)
    since = int(number(ask.query.get("since", "0")))
    patience = min(number(ask.query.get("patience", "0")), PATIENCE_MAX)
    found = await ask.tenant.feed.wait(place.id, since, patience)
    return Reply(body={"events": found})


def _content(tenant: Tenant, body: Json) -> Content:
    kind = wire.optional_text(body, "content_type") or "html"
    return Content(
        kind="text" if kind == "text" else "html",
        text=wire.as_text(body.get("content"), "content"),
        subject=wire.optional_text(body, "subject"),
        importance=wire.optional_text(body, "importance") or "normal",
        mentions=[mentions.read(tenant, item) for item in wire.objects(body, "mentions")],
        attachments=wire.objects(body, "attachments"),
    )


def _sender(ask: Ask, body: Json) -> User | Robot | None:
    if body.get("user", "") is None:
        return None
    return people_kinds.find(ask.tenant, wire.required_text(body, "user"))


def _person(ask: Ask, name: object) -> User:
    user = people_kinds.find_person(ask.tenant, wire.as_text(name, "members"))
    if user.face is not None and user.face.kind is PersonKind.EMAIL:
        raise bad_request("Who writes by e-mail takes part in no chat.")
    return user


def _roles(user: User) -> list[str]:
    if user.guest:
        return ["guest"]
    return ["owner"] if identities.is_foreign(user) else []


def _initiator(ask: Ask, chat: Chat, besides: User | None) -> User | Robot | None:
    name = wire.optional_text(ask.body, "by")
    if name is not None:
        return people_kinds.find(ask.tenant, name)
    return next((m.user for m in chat.members.values() if m.user is not besides), None)


def _find_message(ask: Ask) -> Message:
    return ask.tenant.message(spot(ask), ask.ids["message"])


def _root(ask: Ask, body: Json) -> int | None:
    """The root of the chain that a message continues; a reply stands for its own."""
    key = wire.optional_text(body, "reply_to")
    if key is None:
        return None
    found = ask.tenant.message(spot(ask), key)
    return found.id if found.reply_to is None else found.reply_to


def _below(ask: Ask, root: int | None) -> conversation.Spot | None:
    if root is None:
        return None
    return conversation.Spot(number=conversation.next_id(ask.tenant, spot(ask)), reply_to=root)


def _user(user: User) -> Json:
    return {"id": user.id, "upn": user.upn, "display_name": user.display_name}


ACTS: list[tuple[str, Act]] = [
    ("GET /users", list_users),
    ("POST /users", add_users),
    ("PATCH /users/{user}", change_user),
    ("POST /users/{user}/revoke", revoke),
    ("POST /chats", create_chat),
    ("PATCH /chats/{chat}", change_chat),
    ("PATCH /chats/{chat}/pins", change_pins),
    ("POST /chats/{chat}/views", see),
    ("GET /chats/{chat}/events", events),
    ("GET /chats/{chat}/messages", list_messages),
    ("POST /chats/{chat}/messages", type_messages),
    ("PATCH /chats/{chat}/messages/{message}", edit_message),
    ("DELETE /chats/{chat}/messages/{message}", delete_message),
    ("POST /chats/{chat}/messages/{message}/undelete", undelete_message),
    ("POST /chats/{chat}/messages/{message}/reactions", react),
]
