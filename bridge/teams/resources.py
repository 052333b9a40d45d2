"""What the bridge subscribes to: one row for each resource, with the permission that it takes.

    letters   /chats/getAllMessages, /teams/getAllMessages: with the message itself, encrypted
    bells     everything else: says only that a chat, team, channel or person may have changed
    views     /users/{id}/chats, for one person each: how they see their chats, told to them alone

Sources: learn.microsoft.com graph/change-notifications-overview (resources, lifetimes), graph/api
subscription-post-subscriptions (permissions), graph/teams-changenotifications-chat (views).
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from bridge.domain.ids import TeamsUserId
from bridge.domain.values import dataclass

SLACK = timedelta(minutes=5)
"""Graph refuses more than the maximum, and its clock is not ours."""
TEAMS_LIFETIME = timedelta(minutes=4_320) - SLACK
DIRECTORY_LIFETIME = timedelta(minutes=41_760) - SLACK

_ALL = "created,updated,deleted"


PEOPLE = "/users/"
"""What the resources of single people begin with."""


class Covers(StrEnum):
    """What nobody knows of for certain where notifications of a resource have been missed."""

    CHAT_MESSAGES = "chat messages"
    CHANNEL_MESSAGES = "channel messages"
    CHATS = "chats"
    CHANNELS = "channels"
    TEAMS = "teams"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of Graph.

    `rich`: its notifications bring what they are about. `required`: the bridge is not ready without
    it. `permission` is the smallest application permission that it takes.
    """

    path: str
    covers: Covers
    permission: str
    changes: str = _ALL
    rich: bool = False
    required: bool = False
    lifetime: timedelta = TEAMS_LIFETIME

    @property
    def renew_before(self) -> timedelta:
        """How long before its end a subscription is renewed."""
        return self.lifetime / 3

    @property
    def part(self) -> str:
        """What the watch calls it."""
        return "subscription" if self.required else f"subscription {self.path}"


CHAT_MESSAGES = Resource(
    path="/chats/getAllMessages",
    covers=Covers.CHAT_MESSAGES,
    permission="Chat.Read.All",
    rich=True,
    required=True,
)
CHANNEL_MESSAGES = Resource(
    path="/teams/getAllMessages",
    covers=Covers.CHANNEL_MESSAGES,
    permission="ChannelMessage.Read.All",
    rich=True,
)
_ALWAYS = (
    CHAT_MESSAGES,
    Resource(
        path="/chats",
        covers=Covers.CHATS,
        permission="Chat.ReadBasic.All",
        changes="created,updated",
    ),
    Resource(path="/chats/getAllMembers", covers=Covers.CHATS, permission="Chat.ReadBasic.All"),
    Resource(
        path="/users",
        covers=Covers.PEOPLE,
        permission="User.Read.All",
        changes="updated,deleted",
        lifetime=DIRECTORY_LIFETIME,
    ),
)
_OF_TEAMS = (
    CHANNEL_MESSAGES,
    Resource(path="/teams", covers=Covers.TEAMS, permission="Team.ReadBasic.All"),
    Resource(
        path="/teams/getAllChannels", covers=Covers.CHANNELS, permission="Channel.ReadBasic.All"
    ),
    Resource(path="/teams/getAllMembers", covers=Covers.TEAMS, permission="TeamMember.Read.All"),
    Resource(
        path="/teams/getAllChannels/getAllMembers",
        covers=Covers.CHANNELS,
        permission="ChannelMember.Read.All",
    ),
)


def views_of(person: TeamsUserId) -> tuple[Resource, ...]:
    """Return how one person's views of their chats may be subscribed to, the best first.

    Microsoft's pages do not agree whether such notifications bring their content (they do by
    teams-changenotifications-chat, and are not in the table of change-notifications-with-resource-
    data), nor whether the option begins with a dollar sign: what Graph refuses is asked otherwise.
    """
    return tuple(
        Resource(
            path=f"{PEOPLE}{person}/chats?{sign}notifyOnUserSpecificProperties=true",
            covers=Covers.CHATS,
            permission="Chat.ReadBasic",
            changes="updated",
            rich=rich,
        )
        for rich in (True, False)
        for sign in ("", "$")
    )


def resources(*, channels: bool) -> tuple[Resource, ...]:
    """Return what to subscribe to, with the channels of teams or without."""
    return (*_ALWAYS, *_OF_TEAMS) if channels else _ALWAYS
