"""What people do in chats, whichever way they do it: through Graph or in the Teams client.

Every function changes the state, gives the change its version and announces it; nobody is asked
for permission here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from bridge.sandbox.tenant import render
from bridge.sandbox.tenant.clock import milliseconds, stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject, Tenant
from bridge.sandbox.tenant.world import (
    Channel,
    Chat,
    ChatKind,
    Content,
    DeleteForm,
    HostedContent,
    Member,
    Message,
    Reaction,
    User,
)

HISTORY_KEPT = 200
"""Entries of a message's `messageHistory`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a message stands: its own number and, in a channel, its root's."""

    number: int
    reply_to: int | None = None


def create_chat(
    tenant: Tenant,
    kind: ChatKind,
    people: Sequence[User],
    *,
    topic: str | None = None,
    chat_id: str | None = None,
) -> Chat:
    """A new chat, or the one that the pair already has."""
    key = chat_id or _chat_id(kind, people)
    if key in tenant.chats:
        return tenant.chats[key]
    now = tenant.clock.now()
    chat = Chat(id=key, kind=kind, topic=topic, created=now, updated=now)
    chat.organizer = people[0] if kind is ChatKind.MEETING and people else None
    for user in people:
        chat.members[user.id] = _member(tenant, chat, user, ["owner"], None)
    tenant.chats[key] = chat
    return chat


def add_member(
    tenant: Tenant, chat: Chat, user: User, roles: list[str], visible_from: datetime | None
) -> Member:
    member = _member(tenant, chat, user, roles, visible_from)
    chat.members[user.id] = member
    chat.updated = tenant.clock.now()
    return member


def remove_member(tenant: Tenant, chat: Chat, member: Member) -> None:
    del chat.members[member.user.id]
    chat.updated = tenant.clock.now()


def rename(tenant: Tenant, chat: Chat, topic: str | None) -> None:
    chat.topic = topic
    chat.updated = tenant.clock.now()


def post(
    tenant: Tenant,
    conversation: Chat | Channel,
    sender: User,
    content: Content,
    hosted: Sequence[HostedContent] = (),
    spot: Spot | None = None,
) -> Message:
    """Say something; the id is the time in milliseconds, unique within the conversation."""
    spot = spot or Spot(number=next_id(tenant, conversation))
    message = Message(
        id=spot.number,
        conversation=conversation.id,
        sender=sender,
        content=content,
        etag=spot.number,
        team=conversation.team.id if isinstance(conversation, Channel) else None,
        reply_to=spot.reply_to,
    )
    message.hosted = {item.id: item for item in hosted}
    conversation.messages[str(spot.number)] = message
    _announce(tenant, conversation, message, ChangeKind.CREATED)
    return message


def next_id(tenant: Tenant, conversation: Chat | Channel) -> int:
    """Reserve the next message id of the conversation."""
    conversation.last_id = max(milliseconds(tenant.clock.now()), conversation.last_id + 1)
    return conversation.last_id


def edit(tenant: Tenant, conversation: Chat | Channel, message: Message, content: Content) -> None:
    message.content = content
    message.edited = tenant.clock.now()
    _touch(tenant, conversation, message)


def delete(tenant: Tenant, conversation: Chat | Channel, message: Message) -> None:
    """Soft-delete: the message stays, what it said is hidden; again is no change."""
    if message.deleted is not None:
        return
    message.kept, message.content = message.content, Content(kind=message.content.kind)
    message.deleted = tenant.clock.now()
    message.etag = _next_etag(tenant, message)
    form = tenant.settings.delete_form
    if form is not DeleteForm.DELETED:
        _announce(tenant, conversation, message, ChangeKind.UPDATED)
    if form is not DeleteForm.UPDATED:
        _announce(tenant, conversation, message, ChangeKind.DELETED)


def undelete(tenant: Tenant, conversation: Chat | Channel, message: Message) -> None:
    if message.deleted is None:
        return
    message.content = message.kept or message.content
    message.kept = message.deleted = None
    _touch(tenant, conversation, message)


def react(
    tenant: Tenant, conversation: Chat | Channel, message: Message, user: User, kind: str
) -> None:
    """Add this user's reaction; the same one twice is no change."""
    if _own(message, user, kind) is None:
        given = Reaction(kind=kind, user=user, at=tenant.clock.now())
        message.reactions.append(given)
        _record(tenant, message, "reactionAdded", given)
        _touch(tenant, conversation, message)


def unreact(
    tenant: Tenant, conversation: Chat | Channel, message: Message, user: User, kind: str
) -> None:
    """Take this user's reaction back; none of that type is no change."""
    given = _own(message, user, kind)
    if given is not None:
        message.reactions.remove(given)
        _record(tenant, message, "reactionRemoved", given)
        _touch(tenant, conversation, message)


def one_on_one_id(first: User, second: User) -> str:
    low, high = sorted((first.id, second.id))
    return f"19:{low}_{high}@unq.gbl.spaces"


def member_id(tenant: Tenant, chat: Chat, user: User) -> str:
    """Opaque to clients; Graph's is the base64 of these four parts."""
    return base64.b64encode(f"0##{tenant.id}##{chat.id}##{user.id}".encode()).decode()


def _chat_id(kind: ChatKind, people: Sequence[User]) -> str:
    match kind:
        case ChatKind.ONE_ON_ONE:
            return one_on_one_id(people[0], people[1])
        case ChatKind.GROUP:
            return f"19:{uuid4().hex}@thread.v2"
        case ChatKind.MEETING:
            digest = hashlib.sha256(uuid4().bytes).digest()
            return f"19:meeting_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}@thread.v2"


def _member(
    tenant: Tenant, chat: Chat, user: User, roles: list[str], visible_from: datetime | None
) -> Member:
    return Member(
        id=member_id(tenant, chat, user), user=user, roles=roles, visible_from=visible_from
    )


def _own(message: Message, user: User, kind: str) -> Reaction | None:
    return next((r for r in message.reactions if r.user is user and r.kind == kind), None)


def _record(tenant: Tenant, message: Message, action: str, given: Reaction) -> None:
    entry: Json = {
        "modifiedDateTime": stamp(tenant.clock.now()),
        "actions": action,
        "reaction": render.reaction(given, tenant.id),
    }
    message.history = [*message.history, entry][-HISTORY_KEPT:]


def _next_etag(tenant: Tenant, message: Message) -> int:
    return max(milliseconds(tenant.clock.now()), message.etag + 1)


def _touch(tenant: Tenant, conversation: Chat | Channel, message: Message) -> None:
    message.etag = _next_etag(tenant, message)
    _announce(tenant, conversation, message, ChangeKind.UPDATED)


def _announce(
    tenant: Tenant, conversation: Chat | Channel, message: Message, kind: ChangeKind
) -> None:
    seen = render.message(message, tenant.id)
    tenant.feed.append(conversation.id, kind.value, seen)
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.MESSAGE,
            id=str(message.id),
            place=conversation.place_of(message),
            seen=seen,
            conversation=conversation,
        )
    )
