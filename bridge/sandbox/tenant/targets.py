"""What a subscription is about, as a value: a kind of thing, and which of that kind.

resource path ─ resources.parse ─> Target ─ register.py ─> found again when something changes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The things that change, told apart the way Graph's resource paths tell them apart."""

    CHAT_MESSAGE = "chatMessage in a chat"
    CHANNEL_MESSAGE = "chatMessage in a channel"
    CHAT = "chat"
    CHAT_MEMBER = "conversationMember of a chat"
    TEAM = "team"
    TEAM_MEMBER = "conversationMember of a team"
    CHANNEL = "channel"
    CHANNEL_MEMBER = "conversationMember of a channel"
    USER = "user"
    PRESENCE = "presence"


MESSAGES = frozenset({Kind.CHAT_MESSAGE, Kind.CHANNEL_MESSAGE})


class Reach(StrEnum):
    """What the ids of a target are ids of; a target of the whole tenant has none."""

    TENANT = "tenant"
    CHAT = "chat"
    CHANNEL = "channel"
    TEAM = "team"
    USER = "user"
    APP = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which things of one kind a subscription covers.

    Attributes:
        ids: Chats, channels, teams, users or apps, as `reach` says.
        team: Of a channel, its team.
        path: The resource without its options, in the capitals in which Graph names it in errors.
        search: Only messages with this text.
        mentioned: Only messages that mention this user.
        own_view: Also what the subscriber alone sees of a chat: read up to where, hidden or not.
    """

    kind: Kind
    reach: Reach
    ids: frozenset[str] = frozenset()
    team: str | None = None
    path: str = ""
    search: str | None = None
    mentioned: str | None = None
    own_view: bool = False
