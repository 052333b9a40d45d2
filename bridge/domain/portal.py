"""A portal, and the policy of what may cross it and who speaks for whom."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.ids import Place, PortalId, RoomId, TeamsUserId, TenantId, UserId

NAMES_IN_A_ROOM_NAME_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A Teams conversation joined to a Matrix room; `room` is None until it is first needed."""

    id: PortalId
    place: Place
    room: RoomId | None


class ConversationKind(StrEnum):
    """What Graph calls `chatType`."""

    ONE_ON_ONE = "oneOnOne"
    GROUP = "group"
    MEETING = "meeting"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Someone in a Teams conversation; `id` is None for phones and bots without an Entra id."""

    id: TeamsUserId | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A Teams conversation as Graph describes it."""

    place: Place
    kind: ConversationKind
    topic: str | None
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Matrix user's signed-in Teams identity."""

    user: UserId
    tenant: TenantId
    teams_user: TeamsUserId
    name: str | None


def room_name(conversation: Conversation) -> str:
    """Name the room of a conversation as a person would: its topic, else who is in it."""
    if conversation.topic:
        return conversation.topic
    names = [member.name for member in conversation.members if member.name]
    shown = names[:NAMES_IN_A_ROOM_NAME_MAX]
    rest = len(names) - len(shown)
    if not shown:
        return "Teams chat"
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
