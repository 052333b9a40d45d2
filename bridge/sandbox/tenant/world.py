"""Who and what exists in one tenant: apps, users, chats, messages, subscriptions.

Only values live here and the questions that they answer by themselves; `conversation.py` changes
them, `render.py` gives them Graph's form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from cryptography.x509 import Certificate

from bridge.sandbox.tenant.errors import Json


class ChatKind(StrEnum):
    """Microsoft's `chatType`."""

    ONE_ON_ONE = "oneOnOne"
    GROUP = "group"
    MEETING = "meeting"


class DeleteForm(StrEnum):
    """Which change a deletion is announced as; Microsoft documents neither of them exactly."""

    DELETED = "deleted"
    UPDATED = "updated"
    BOTH = "both"


@dataclass(slots=True, kw_only=True)
class Settings:
    """What may be played either way, because reality is unverified or varies."""

    keep_unknown_attributes: bool = False
    delete_form: DeleteForm = DeleteForm.DELETED
    body_bytes_max: int = 28 * 1024
    notifications_per_post_max: int = 20
    posts_in_flight_max: int = 1
    hold_unauthorized: bool = True
    validation_token_version: Literal[1, 2] = 2
    validation_tokens: bool = True


@dataclass(slots=True, kw_only=True)
class Secret:
    """A client secret of an app."""

    value: str
    expires: datetime


@dataclass(slots=True, kw_only=True)
class App:
    """A registered application and its service principal in this tenant."""

    id: str
    object_id: str
    name: str
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    redirect_uris: list[str] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    """Delegated permissions to which an administrator has consented for everyone."""


@dataclass(slots=True, kw_only=True)
class User:
    """A person with an account in this tenant."""

    id: str
    display_name: str
    upn: str
    enabled: bool = True
    revoked_at: datetime | None = None
    access_revoked_at: datetime | None = None
    consents: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Member:
    """A user's place in a chat; `visible_from` None means that all history is shown."""

    id: str
    user: User
    roles: list[str]
    visible_from: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Reaction:
    """One person's reaction of one type."""

    kind: str
    user: User
    at: datetime


@dataclass(slots=True, kw_only=True)
class HostedContent:
    """An image that lives inside a message."""

    id: str
    content_type: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Content:
    """What a message says; empty once the message is deleted."""

    kind: Literal["text", "html"] = "html"
    text: str = ""
    subject: str | None = None
    importance: str = "normal"
    mentions: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Message:
    """A message of one chat; `id` is its creation in milliseconds, unique within the chat."""

    id: int
    chat_id: str
    sender: User | None
    content: Content
    etag: int
    """Milliseconds of the last change; it grows with every change."""
    edited: datetime | None = None
    deleted: datetime | None = None
    kept: Content | None = None
    """What it said before it was deleted, for undoSoftDelete."""
    event_detail: Json | None = None
    reactions: list[Reaction] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    hosted: dict[str, HostedContent] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Chat:
    """A conversation; `members` by user id, `messages` by their id as text, oldest first."""

    id: str
    kind: ChatKind
    topic: str | None
    created: datetime
    updated: datetime
    members: dict[str, Member] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    organizer: User | None = None
    last_id: int = 0


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What became of a subscription's notifications, counted one by one."""

    queued: int = 0
    acked: int = 0
    retried: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    posts: int = 0


@dataclass(slots=True, kw_only=True)
class Subscription:
    """Someone's wish to be told; `creator` is a user's id, or the app's own object id."""

    id: str
    app: App
    creator: str
    delegated: bool
    resource: str
    change_types: frozenset[str]
    change_type_text: str
    notification_url: str
    lifecycle_url: str | None
    expires: datetime
    authorized_until: datetime
    client_state: str | None
    with_content: bool
    certificate: Certificate | None
    certificate_id: str | None
    certificate_text: str | None
    tls_version: str | None = None
    unknown_enum_members: bool = False
    challenged: datetime | None = None
    counts: Delivered = field(default_factory=Delivered)
    lifecycle_counts: Delivered = field(default_factory=Delivered)
