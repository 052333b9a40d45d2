"""Who and what exists in one tenant: apps, users, chats, messages, subscriptions.

Only values live here and the questions that they answer by themselves; `conversation.py` changes
them, `render.py` gives them Graph's form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from urllib.parse import quote

from cryptography.x509 import Certificate
from typing_extensions import override

from bridge.sandbox.tenant.errors import Json


class ChatKind(StrEnum):
    """Microsoft's `chatType`."""

    ONE_ON_ONE = "oneOnOne"
    GROUP = "group"
    MEETING = "meeting"


class Membership(StrEnum):
    """Microsoft's `membershipType` of a channel."""

    STANDARD = "standard"
    PRIVATE = "private"
    SHARED = "shared"


class Layout(StrEnum):
    """Microsoft's `layoutType` of a channel: posts with replies, or a plain timeline."""

    POST = "post"
    CHAT = "chat"


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
    """A message of one conversation; `id` is its creation in milliseconds, unique within it."""

    id: int
    conversation: str
    sender: User | None
    content: Content
    etag: int
    """Milliseconds of the last change; it grows with every change."""
    team: str | None = None
    """The team's id, where the conversation is a channel."""
    reply_to: int | None = None
    """The root of its chain; in channels only."""
    edited: datetime | None = None
    deleted: datetime | None = None
    kept: Content | None = None
    """What it said before it was deleted, for undoSoftDelete."""
    event_detail: Json | None = None
    reactions: list[Reaction] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    hosted: dict[str, HostedContent] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What chats and channels share.

    `members` by user id (of a standard channel: empty, its team's count), `messages` by their id as
    text, oldest first.
    """

    id: str
    created: datetime
    updated: datetime
    members: dict[str, Member] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    last_id: int = 0

    @property
    def people(self) -> dict[str, Member]:
        """Who takes part, by user id."""
        return self.members

    @property
    def place(self) -> str:
        """The conversation as an OData address, relative to `/v1.0/`."""
        raise NotImplementedError

    @property
    def path(self) -> str:
        """The conversation as a path below `/v1.0`, percent-encoded."""
        raise NotImplementedError

    def place_of(self, message: Message) -> str:
        """The message as an OData address, relative to `/v1.0/`."""
        if message.reply_to is None:
            return f"{self.place}/messages('{message.id}')"
        return f"{self.place}/messages('{message.reply_to}')/replies('{message.id}')"

    def path_of(self, number: int, reply_to: int | None = None) -> str:
        """The message of this number as a path below `/v1.0`, percent-encoded."""
        if reply_to is None:
            return f"{self.path}/messages/{number}"
        return f"{self.path}/messages/{reply_to}/replies/{number}"


@dataclass(slots=True, kw_only=True)
class Chat(Conversation):
    """A one-to-one, group or meeting chat."""

    kind: ChatKind
    topic: str | None
    organizer: User | None = None

    @property
    @override
    def place(self) -> str:
        return f"chats('{odata_key(self.id)}')"

    @property
    @override
    def path(self) -> str:
        return f"/chats/{quote(self.id, safe='')}"


@dataclass(slots=True, kw_only=True)
class Channel(Conversation):
    """A channel of one team."""

    team: Team
    name: str
    description: str | None = None
    membership: Membership = Membership.STANDARD
    layout: Layout = Layout.POST
    archived: bool = False

    @property
    @override
    def people(self) -> dict[str, Member]:
        return self.team.members if self.membership is Membership.STANDARD else self.members

    @property
    @override
    def place(self) -> str:
        return f"teams('{self.team.id}')/channels('{odata_key(self.id)}')"

    @property
    @override
    def path(self) -> str:
        return f"/teams/{self.team.id}/channels/{quote(self.id, safe='')}"


@dataclass(slots=True, kw_only=True)
class Team:
    """A team; `members` by user id, `channels` by id, the first of them the primary one."""

    id: str
    name: str
    description: str | None
    created: datetime
    members: dict[str, Member] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    archived: bool = False


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


def odata_key(text: str) -> str:
    """An id as it stands between the quotes of an OData key."""
    return text.replace("'", "''")
