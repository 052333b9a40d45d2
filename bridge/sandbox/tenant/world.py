"""Who and what exists in one tenant: apps, users, chats, teams, messages.

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
from bridge.sandbox.tenant.identity import Face, Robot
from bridge.sandbox.tenant.team_state import TeamState
from bridge.sandbox.tenant.timeline import Timeline


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
    guest: bool = False
    """Invited into this tenant: `userType` Guest."""
    admin: bool = False
    """Administers Teams or the whole tenant."""
    face: Face | None = None
    """How Graph shows one who is not plainly a user of this tenant."""
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
    user: User | Robot
    at: datetime
    name: str | None = None
    """Microsoft's `displayName` of the reaction."""
    content_url: str | None = None
    """Where the picture of a custom reaction is."""


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
    sender: User | Robot | None
    content: Content
    etag: int
    """Milliseconds of the last change; it grows with every change."""
    team: str | None = None
    """The team's id, where the conversation is a channel."""
    reply_to: int | None = None
    """The root of its chain; in channels only."""
    edited: datetime | None = None
    turn: int = 0
    """Which of all changes in the tenant its last one was, counted from one."""
    deleted: datetime | None = None
    kept: Content | None = None
    """What it said before it was deleted, for undoSoftDelete."""
    event_detail: Json | None = None
    policy_violation: Json | None = None
    reactions: list[Reaction] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    hosted: dict[str, HostedContent] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Migration:
    """An import into a conversation or a team by one app: going on or, once completed, over."""

    app: str
    since: datetime
    """Nothing older can be imported."""
    original_created: datetime
    in_progress: bool = True


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
    messages: Timeline = field(default_factory=Timeline)
    last_id: int = 0
    migration: Migration | None = None

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
class Viewpoint:
    """What one member made of a chat; `read` None means nothing since the chat was created."""

    hidden: bool = False
    read: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Chat(Conversation):
    """A one-to-one, group or meeting chat; `viewpoints` by user id, `pins` by message id."""

    kind: ChatKind
    topic: str | None
    organizer: User | None = None
    viewpoints: dict[str, Viewpoint] = field(default_factory=dict)
    pins: dict[str, Message] = field(default_factory=dict)

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
    favourite: bool | None = None
    shared_with: dict[str, Team] = field(default_factory=dict)
    """Other teams that a shared channel is shared with, by id; all their members take part."""

    @property
    @override
    def people(self) -> dict[str, Member]:
        if self.membership is Membership.STANDARD:
            return self.team.members
        if not self.shared_with:
            return self.members
        indirect = [m for team in self.shared_with.values() for m in team.members.values()]
        return {m.user.id: m for m in indirect if not m.user.guest} | self.members

    @property
    def read_only(self) -> bool:
        """Archived, by itself or with its team."""
        return self.archived or self.team.archived

    @property
    @override
    def place(self) -> str:
        return f"teams('{self.team.id}')/channels('{odata_key(self.id)}')"

    @property
    @override
    def path(self) -> str:
        return f"/teams/{self.team.id}/channels/{quote(self.id, safe='')}"


@dataclass(slots=True, kw_only=True)
class Team(TeamState):
    """A team; `members` by user id, `channels` by id, the first of them the primary one."""

    id: str
    name: str
    description: str | None
    created: datetime
    members: dict[str, Member] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    archived: bool = False
    migration: Migration | None = None


def odata_key(text: str) -> str:
    """An id as it stands between the quotes of an OData key."""
    return text.replace("'", "''")
