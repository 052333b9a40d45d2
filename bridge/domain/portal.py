"""A portal, and the policy of what may cross it and who speaks for whom."""

from __future__ import annotations

from enum import StrEnum

from bridge.domain.events import Person, PersonKind
from bridge.domain.ids import (
    ChannelId,
    Place,
    PortalId,
    RoomId,
    Side,
    TeamId,
    TeamsUserId,
    TenantId,
    UserId,
)
from bridge.domain.values import dataclass

NAMES_IN_A_ROOM_NAME_MAX = 4


class Direction(StrEnum):
    """Which way what is said in a portal crosses; what happens on the other side stays there."""

    BOTH = "both"
    TO_MATRIX = "to-matrix"
    TO_TEAMS = "to-teams"

    def carries(self, source: Side) -> bool:
        """Tell whether what is said on a side crosses."""
        stays = Side.TEAMS if self is Direction.TO_TEAMS else Side.MATRIX
        return self is Direction.BOTH or source is not stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A Teams conversation joined to a Matrix room; `room` is None until it is first needed.

    `plumbed`: people had made the room before it was joined, and its looks are theirs. `replaced`:
    `room` is one that the conversation has left for another. `relayed`: whether the service account
    speaks for who is not signed in; None: as the configuration has it.
    """

    id: PortalId
    place: Place
    room: RoomId | None
    direction: Direction = Direction.BOTH
    plumbed: bool = False
    replaced: bool = False
    relayed: bool | None = None

    def is_relayed(self, *, by_default: bool) -> bool:
        """Tell whether the service account speaks here for who is not signed in."""
        return by_default if self.relayed is None else self.relayed


class ConversationKind(StrEnum):
    """What Graph calls `chatType`; a channel has none."""

    ONE_ON_ONE = "oneOnOne"
    GROUP = "group"
    MEETING = "meeting"
    CHANNEL = "channel"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What somebody may do in a conversation or a team.

    In chats Teams calls everybody of the organisation an owner.
    """

    OWNER = "owner"
    MEMBER = "member"
    GUEST = "guest"


class Membership(StrEnum):
    """Who is in a channel: the whole team, some of it, or people of other teams as well."""

    STANDARD = "standard"
    PRIVATE = "private"
    SHARED = "shared"


class Layout(StrEnum):
    """How a channel shows what is said: posts with replies, or a chat with threads."""

    POST = "post"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Someone in a Teams conversation, by the id that their messages have; None where Graph has none.

    `home` is whose account it is, `organisation` the domain of their address; see `Person`.
    """

    id: TeamsUserId | None
    name: str | None
    role: Role = Role.MEMBER
    kind: PersonKind = PersonKind.USER
    home: TenantId | None = None
    organisation: str | None = None

    def as_person(self, tenant: TenantId) -> Person | None:
        """Return who this is to `tenant`; None where no ghost could be named after them."""
        if self.id is None:
            return None
        person = Person(
            id=self.id,
            name=self.name,
            kind=self.kind,
            home=self.home,
            organisation=self.organisation,
        )
        return person.seen_from(tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team as Graph describes it; `general` is the channel that every team has.

    `page` is where people with a browser find it.
    """

    id: TeamId
    name: str | None
    description: str | None = None
    page: str | None = None
    is_archived: bool = False
    general: ChannelId | None = None
    members: tuple[Member, ...] = ()
    all_members: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A Teams conversation as Graph describes it.

    `topic` is what people call it; None where they gave it no name. `page` is where people with a
    browser find it, `meeting` where they join its meeting. The last three are of channels; the
    members of a channel are its own, or those of its team where that decides. `all_members`: they
    could be listed to the end.
    """

    place: Place
    kind: ConversationKind
    topic: str | None
    members: tuple[Member, ...]
    all_members: bool = True
    description: str | None = None
    page: str | None = None
    meeting: str | None = None
    is_archived: bool = False
    team: Team | None = None
    membership: Membership = Membership.STANDARD
    layout: Layout = Layout.POST


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Matrix user's signed-in Teams identity; `refusal`: why Microsoft takes it no more."""

    user: UserId
    tenant: TenantId
    teams_user: TeamsUserId
    name: str | None
    refusal: str | None = None


def room_name(conversation: Conversation) -> str:
    """Name the room of a conversation as a person would: its topic, else who is in it.

    A channel is named with its team: every team has a "General", and lists of rooms are flat.
    """
    if conversation.kind is ConversationKind.CHANNEL:
        return _channel_name(conversation)
    if conversation.topic:
        return conversation.topic
    names = [member.name for member in conversation.members if member.name]
    shown = names[:NAMES_IN_A_ROOM_NAME_MAX]
    rest = len(names) - len(shown)
    if not shown:
        return "Teams chat"
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _channel_name(conversation: Conversation) -> str:
    team = conversation.team.name if conversation.team else None
    channel = conversation.topic or "Teams channel"
    return f"{channel} ({team})" if team else channel


def room_topic(conversation: Conversation) -> str:
    """Say below the room's name what people in Teams say of it, else what it is."""
    if conversation.description:
        return conversation.description
    if conversation.meeting:
        return f"{_TOPICS[conversation.kind]}. Join: {conversation.meeting}"
    return _TOPICS[conversation.kind]


_TOPICS = {
    ConversationKind.ONE_ON_ONE: "One-on-one chat in Microsoft Teams",
    ConversationKind.GROUP: "Group chat in Microsoft Teams",
    ConversationKind.MEETING: "Meeting chat in Microsoft Teams",
    ConversationKind.CHANNEL: "Channel in Microsoft Teams",
    ConversationKind.UNKNOWN: "Chat in Microsoft Teams",
}
