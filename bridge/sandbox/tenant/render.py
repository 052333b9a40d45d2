"""The tenant's things in Graph's form, with exactly the properties that v1.0 declares."""

from __future__ import annotations

from urllib.parse import quote

from bridge.sandbox.tenant import identities, importing
from bridge.sandbox.tenant.clock import from_milliseconds, stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.world import (
    Chat,
    ChatKind,
    Member,
    Message,
    Reaction,
    User,
    Viewpoint,
)

UNKNOWN_ENUM = "unknownFutureValue"


def identity(user: User, tenant_id: str) -> Json:
    """A teamworkUserIdentity."""
    return identities.person(user, tenant_id)


def message(seen: Message, tenant_id: str, *, system_type: str = "systemEventMessage") -> Json:
    """A chatMessage; `system_type` is what the reader may know of system messages."""
    content = seen.content
    sender = None if seen.sender is None else identities.identity_set(seen.sender, tenant_id)
    return {
        "id": str(seen.id),
        "replyToId": None if seen.reply_to is None else str(seen.reply_to),
        "etag": str(seen.etag),
        "messageType": "message" if seen.event_detail is None else system_type,
        "createdDateTime": stamp(from_milliseconds(seen.id)),
        "lastModifiedDateTime": stamp(from_milliseconds(seen.etag)),
        "lastEditedDateTime": None if seen.edited is None else stamp(seen.edited),
        "deletedDateTime": None if seen.deleted is None else stamp(seen.deleted),
        "subject": content.subject,
        "summary": None,
        "chatId": seen.conversation if seen.team is None else None,
        "importance": content.importance,
        "locale": "en-us",
        "webUrl": _message_url(seen, tenant_id),
        "channelIdentity": _channel_identity(seen),
        "policyViolation": seen.policy_violation,
        "eventDetail": seen.event_detail,
        "from": sender,
        "body": {"contentType": content.kind, "content": content.text},
        "attachments": content.attachments,
        "mentions": content.mentions,
        "reactions": [reaction(item, tenant_id) for item in seen.reactions],
        "messageHistory": list(seen.history),
    }


def reaction(given: Reaction, tenant_id: str) -> Json:
    return {
        "reactionType": given.kind,
        "displayName": given.name,
        "reactionContentUrl": given.content_url,
        "createdDateTime": stamp(given.at),
        "user": identities.identity_set(given.user, tenant_id),
    }


def chat(seen: Chat, tenant_id: str, *, reader: User | None) -> Json:
    """A chat; the viewpoint is shown in delegated context only."""
    return {
        "id": seen.id,
        "topic": seen.topic,
        "createdDateTime": stamp(seen.created),
        "lastUpdatedDateTime": stamp(seen.updated),
        "chatType": seen.kind.value,
        "webUrl": _web_url(seen.id, tenant_id),
        "tenantId": tenant_id,
        "isHiddenForAllMembers": False,
        "onlineMeetingInfo": _meeting(seen, tenant_id),
        **importing.shown(seen),
        "viewpoint": None if reader is None else _viewpoint(seen, reader),
    }


def member(seen: Member, tenant_id: str) -> Json:
    """A conversationMember of the type that fits the person."""
    return identities.member(seen, tenant_id)


def preview(seen: Chat, tenant_id: str) -> Json | None:
    """The chatMessageInfo of the newest message."""
    if not seen.messages:
        return None
    newest = next(reversed(seen.messages.values()))
    full = message(newest, tenant_id)
    names = ("id", "createdDateTime", "messageType", "eventDetail", "body", "from")
    return {name: full[name] for name in names} | {"isDeleted": newest.deleted is not None}


def subscription(seen: Subscription) -> Json:
    return {
        "id": seen.id,
        "resource": seen.resource,
        "applicationId": seen.app.id,
        "changeType": seen.change_type_text,
        "clientState": seen.client_state,
        "notificationUrl": seen.notification_url,
        "notificationQueryOptions": None,
        "lifecycleNotificationUrl": seen.lifecycle_url,
        "expirationDateTime": stamp(seen.expires),
        "creatorId": seen.creator,
        "includeResourceData": seen.with_content,
        "latestSupportedTlsVersion": seen.tls_version or "v1_2",
        "encryptionCertificate": seen.certificate_text,
        "encryptionCertificateId": seen.certificate_id,
        "notificationUrlAppId": None,
    }


def hide_unknown(seen: Json) -> Json:
    """What a reader gets who did not send `Prefer: include-unknown-enum-members`."""
    is_event = seen.get("messageType") == "systemEventMessage"
    hidden = seen | {"messageType": UNKNOWN_ENUM} if is_event else seen
    sender = seen.get("from")
    if isinstance(sender, dict) and _is_email_user(sender.get("user")):
        user = {**sender["user"], "userIdentityType": UNKNOWN_ENUM}
        hidden = {**hidden, "from": {**sender, "user": user}}
    return hidden


def _is_email_user(identity: object) -> bool:
    """`emailUser` came to the enumeration after `unknownFutureValue`."""
    return isinstance(identity, dict) and identity.get("userIdentityType") == "emailUser"


def _channel_identity(seen: Message) -> Json | None:
    if seen.team is None:
        return None
    return {"teamId": seen.team, "channelId": seen.conversation}


def _message_url(seen: Message, tenant_id: str) -> str | None:
    """Messages of channels have an address, those of chats have none."""
    if seen.team is None:
        return None
    place = quote(seen.conversation, safe="")
    root = seen.id if seen.reply_to is None else seen.reply_to
    return (
        f"https://teams.microsoft.com/l/message/{place}/{seen.id}?groupId={seen.team}"
        f"&tenantId={tenant_id}&createdTime={seen.id}&parentMessageId={root}"
    )


def _web_url(chat_id: str, tenant_id: str) -> str:
    place = quote(chat_id, safe="")
    return f"https://teams.microsoft.com/l/chat/{place}/0?tenantId={tenant_id}"


def _meeting(seen: Chat, tenant_id: str) -> Json | None:
    if seen.kind is not ChatKind.MEETING:
        return None
    place = quote(seen.id, safe="")
    return {
        "calendarEventId": None,
        "joinWebUrl": f"https://teams.microsoft.com/l/meetup-join/{place}/0",
        "organizer": None if seen.organizer is None else identity(seen.organizer, tenant_id),
    }


def _viewpoint(seen: Chat, reader: User) -> Json:
    own = seen.viewpoints.get(reader.id, Viewpoint())
    return {"isHidden": own.hidden, "lastMessageReadDateTime": stamp(own.read or seen.created)}
