"""What people do in chats, whichever way they do it: through Graph or in the Teams client.

Every function changes the state, gives the change its version and announces it; nobody is asked
for permission here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.sandbox.tenant import chat_ids, event_details, render
from bridge.sandbox.tenant.clock import from_milliseconds, milliseconds, stamp
from bridge.sandbox.tenant.errors import Json, not_found
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.importing import check_open, is_importing
from bridge.sandbox.tenant.settings import DeleteForm
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject, Tenant
from bridge.sandbox.tenant.world import (
    Channel,
    Chat,
    ChatKind,
    Content,
    HostedContent,
    Member,
    Message,
    Reaction,
    User,
    Viewpoint,
)

NOTES = "48:notes"
"""The chat that everyone has with themselves; it is in no list and nobody is told about it."""

HISTORY_KEPT = 200
"""Entries of a message's `messageHistory`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a message stands: its own number and, in a channel, its root's."""

    number: int
    reply_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a reaction looks, beyond its type."""

    name: str | None = None
    content_url: str | None = None


def create_chat(
    tenant: Tenant,
    kind: ChatKind,
    people: Sequence[User],
    *,
    topic: str | None = None,
    chat_id: str | None = None,
    by: User | Robot | None = None,
) -> Chat:
    """A new chat, or the one that the pair already has."""
    key = chat_id or chat_ids.chat_id(kind, people)
    if key in tenant.chats:
        return tenant.chats[key]
    now = tenant.clock.now()
    chat = Chat(id=key, kind=kind, topic=topic, created=now, updated=now)
    chat.organizer = people[0] if kind is ChatKind.MEETING and people else None
    for user in people:
        roles = ["guest"] if user.guest else ["owner"]
        chat.members[user.id] = _member(tenant, chat, user, roles, None)
    tenant.chats[key] = chat
    announce_chat(tenant, chat, ChangeKind.CREATED)
    if tenant.settings.announce_creation and kind is ChatKind.GROUP:
        _tell(tenant, chat, "membersAdded", by, people)
        if topic is not None:
            _tell(tenant, chat, "chatRenamed", by)
    return chat


def notes(tenant: Tenant, user: User | None) -> Chat:
    """The chat that a user has with themselves.

    Raises:
        GraphError: 404, an app by itself has none.
    """
    if user is None:
        raise not_found()
    found = tenant.notes.get(user.id)
    if found is None:
        now = tenant.clock.now()
        found = Chat(id=NOTES, kind=ChatKind.ONE_ON_ONE, topic=None, created=now, updated=now)
        found.members[user.id] = _member(tenant, found, user, ["owner"], None)
        tenant.notes[user.id] = found
    return found


def add_member(
    tenant: Tenant,
    chat: Chat,
    user: User,
    roles: list[str],
    visible_from: datetime | None,
    by: User | Robot | None = None,
) -> Member:
    """Take someone in; who comes `by` themselves has joined."""
    check_open(chat)
    member = _member(tenant, chat, user, roles, visible_from)
    chat.members[user.id] = member
    chat.updated = tenant.clock.now()
    announce_member(tenant, chat, member, ChangeKind.CREATED)
    announce_chat(tenant, chat, ChangeKind.UPDATED)
    since = render.member(member, tenant.id)["visibleHistoryStartDateTime"]
    if by is user:
        _tell(tenant, chat, "membersJoined", by, [user])
    else:
        _tell(tenant, chat, "membersAdded", by, [user], {"visibleHistoryStartDateTime": since})
    return member


def remove_member(
    tenant: Tenant, chat: Chat, member: Member, by: User | Robot | None = None
) -> None:
    """Let someone go; who goes `by` themselves has left."""
    check_open(chat)
    del chat.members[member.user.id]
    chat.viewpoints.pop(member.user.id, None)
    chat.updated = tenant.clock.now()
    announce_member(tenant, chat, member, ChangeKind.DELETED)
    announce_chat(tenant, chat, ChangeKind.UPDATED)
    _tell(tenant, chat, "membersLeft" if by is member.user else "membersDeleted", by, [member.user])


def rename(tenant: Tenant, chat: Chat, topic: str | None, by: User | Robot | None = None) -> None:
    chat.topic = topic
    chat.updated = tenant.clock.now()
    announce_chat(tenant, chat, ChangeKind.UPDATED)
    _tell(tenant, chat, "chatRenamed", by)


def announce_chat(tenant: Tenant, chat: Chat, kind: ChangeKind, user: User | None = None) -> None:
    """The chat itself changed; `user` where only this one's view of it did."""
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.CHAT,
            id=chat.id,
            place=chat.place,
            seen=render.chat(chat, tenant.id, reader=user),
            conversation=chat,
            user=user,
        )
    )


def announce_member(tenant: Tenant, chat: Chat, member: Member, kind: ChangeKind) -> None:
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.MEMBER,
            id=member.id,
            place=f"{chat.place}/members('{member.id}')",
            seen=render.member(member, tenant.id),
            conversation=chat,
            user=member.user,
        )
    )


def tell_event(tenant: Tenant, conversation: Chat | Channel, detail: Json) -> Message | None:
    """A system message; None if this tenant has none (`Settings.system_messages`) or imports."""
    if not tenant.settings.system_messages or is_importing(conversation):
        return None
    number = next_id(tenant, conversation)
    message = Message(
        id=number,
        conversation=conversation.id,
        sender=None,
        content=Content(text=event_details.BODY),
        etag=number,
        team=conversation.team.id if isinstance(conversation, Channel) else None,
        event_detail=detail,
    )
    conversation.messages[str(number)] = message
    _announce(tenant, conversation, message, ChangeKind.CREATED)
    return message


def post(
    tenant: Tenant,
    conversation: Chat | Channel,
    sender: User | Robot | None,
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
    tell_new(tenant, conversation, message)
    return message


def tell_new(tenant: Tenant, conversation: Chat | Channel, message: Message) -> None:
    """A message is there, wherever it is kept: everyone is told."""
    if isinstance(conversation, Chat):
        _look_up(tenant, conversation, message.sender)
    _announce(tenant, conversation, message, ChangeKind.CREATED)


def next_id(tenant: Tenant, conversation: Chat | Channel) -> int:
    """Reserve the next message id of the conversation, unless an import holds it."""
    check_open(conversation)
    conversation.last_id = max(milliseconds(tenant.clock.now()), conversation.last_id + 1)
    return conversation.last_id


def edit(tenant: Tenant, conversation: Chat | Channel, message: Message, content: Content) -> None:
    message.content = content
    message.edited = tenant.clock.now()
    touch(tenant, conversation, message)


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
    touch(tenant, conversation, message)


def react(
    tenant: Tenant,
    conversation: Chat | Channel,
    message: Message,
    user: User | Robot,
    kind: str,
    look: Look | None = None,
) -> None:
    """Add this one's reaction; the same one twice is no change."""
    if _own(message, user, kind, look) is None:
        given = Reaction(kind=kind, user=user, at=tenant.clock.now())
        if look is not None:
            given.name, given.content_url = look.name, look.content_url
        message.reactions.append(given)
        _record(tenant, message, "reactionAdded", given)
        touch(tenant, conversation, message)


def unreact(
    tenant: Tenant, conversation: Chat | Channel, message: Message, user: User | Robot, kind: str
) -> None:
    """Take this user's reaction back; none of that type is no change."""
    given = _own(message, user, kind)
    if given is not None:
        message.reactions.remove(given)
        _record(tenant, message, "reactionRemoved", given)
        touch(tenant, conversation, message)


def touch(tenant: Tenant, conversation: Chat | Channel, message: Message) -> None:
    """The message changed: a new version, and everyone is told."""
    message.etag = _next_etag(tenant, message)
    _announce(tenant, conversation, message, ChangeKind.UPDATED)


def _look_up(tenant: Tenant, chat: Chat, sender: User | Robot | None) -> None:
    """A new message unhides the chat, and who sends one has read it (graph/api chat-hideforuser)."""
    for key, view in chat.viewpoints.items():
        if view.hidden and key in chat.members:
            see(tenant, chat, chat.members[key].user, hidden=False)
    if isinstance(sender, User) and sender.id in chat.members:
        see(tenant, chat, sender, read=tenant.clock.now())


def see(
    tenant: Tenant,
    chat: Chat,
    user: User,
    *,
    read: datetime | None = None,
    hidden: bool | None = None,
) -> None:
    """Someone sees a chat otherwise now: read up to an instant, hidden or not.

    Only they are told, by subscriptions that asked for it (graph/teams-changenotifications-chat).
    """
    view = chat.viewpoints.setdefault(user.id, Viewpoint())
    view.read = view.read if read is None else _read_until(tenant, chat, read)
    view.hidden = view.hidden if hidden is None else hidden
    if tenant.subscriptions.follows_views(chat.id, user.id):
        announce_chat(tenant, chat, ChangeKind.UPDATED, user)


def _read_until(tenant: Tenant, chat: Chat, now: datetime) -> datetime:
    newest = next(reversed(chat.messages.values()), None)
    if newest is None or not tenant.settings.views_read_until_last_message:
        return now
    return min(now, from_milliseconds(newest.id))


def _tell(
    tenant: Tenant,
    chat: Chat,
    kind: str,
    by: User | Robot | None,
    people: Sequence[User] = (),
    given: Json | None = None,
) -> None:
    """The system message about what `by` did."""
    scene = event_details.Scene(
        tenant_id=tenant.id, now=tenant.clock.now(), place=chat, initiator=by, people=people
    )
    tell_event(tenant, chat, event_details.detail(scene, kind, given))


def _member(
    tenant: Tenant, chat: Chat, user: User, roles: list[str], visible_from: datetime | None
) -> Member:
    return Member(
        id=chat_ids.member_id(tenant, chat, user), user=user, roles=roles, visible_from=visible_from
    )


def _own(
    message: Message, user: User | Robot, kind: str, look: Look | None = None
) -> Reaction | None:
    """The reaction that this one gave; custom ones are told apart by their pictures."""
    url = None if look is None else look.content_url
    return next(
        (
            r
            for r in message.reactions
            if r.user is user and r.kind == kind and url in (None, r.content_url)
        ),
        None,
    )


def _record(tenant: Tenant, message: Message, action: str, given: Reaction) -> None:
    entry: Json = {
        "modifiedDateTime": stamp(tenant.clock.now()),
        "actions": action,
        "reaction": render.reaction(given, tenant.id),
    }
    message.history = [*message.history, entry][-HISTORY_KEPT:]


def _next_etag(tenant: Tenant, message: Message) -> int:
    return max(milliseconds(tenant.clock.now()), message.etag + 1)


def _announce(
    tenant: Tenant, conversation: Chat | Channel, message: Message, kind: ChangeKind
) -> None:
    tenant.turns += 1
    message.turn = tenant.turns
    if kind is not ChangeKind.CREATED:
        conversation.messages[str(message.id)] = message
    if conversation.id == NOTES:
        return
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
