"""Every resource of Teams that can be subscribed to: its permissions, changes and lifetime.

The paths, quotas and lifetimes are those of learn.microsoft.com graph/change-notifications-
overview, the permissions those of graph/api subscription-post-subscriptions (September 2026) and,
where that page leaves a resource out, of graph/teams-changenotifications-teammembership. Only what
a page names is enough: a permission to write does not stand for the one to read. `specific` are the
permissions of resource-specific consent, good in the chat or team where the app is installed.

There is none for typing and none for read receipts, here as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bridge.sandbox.tenant import filters, paths
from bridge.sandbox.tenant.errors import GraphError, bad_request
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.targets import Kind, Reach, Target

TEAMS_LIFETIME = timedelta(minutes=4320)
PRESENCE_LIFETIME = timedelta(minutes=60)
DIRECTORY_LIFETIME = timedelta(minutes=41_760)

_ALL = frozenset({"created", "updated", "deleted"})
_NEVER_DELETED = frozenset({"created", "updated"})
_PAID = frozenset({filters.MODEL})
_ONE_PLACE = frozenset({filters.SEARCH, filters.FILTER})

_CHAT_BASIC = ("Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite")
_CHAT_BASIC_ALL = ("Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All")
_CHAT_MEMBER_ALL = ("ChatMember.Read.All", "ChatMember.ReadWrite.All", *_CHAT_BASIC_ALL)
_INSTALLED = ("Chat.Read.WhereInstalled", "Chat.ReadWrite.WhereInstalled")
_INSTALLED_BASIC = ("Chat.ReadBasic.WhereInstalled", *_INSTALLED)
_INSTALLED_MEMBER = (
    "ChatMember.Read.WhereInstalled",
    "ChatMember.ReadWrite.WhereInstalled",
    *_INSTALLED_BASIC,
)
_TEAM = ("Team.ReadBasic.All", "TeamSettings.Read.All")
_CHANNEL = ("Channel.ReadBasic.All", "ChannelSettings.Read.All")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One row of Microsoft's tables; `id` in the path stands for what `reach` says."""

    path: str
    kind: Kind
    reach: Reach
    needs: Needs
    specific: frozenset[str] = frozenset()
    changes: frozenset[str] = _ALL
    rich: bool = True
    options: frozenset[str] = frozenset()
    lifetime: timedelta = TEAMS_LIFETIME

    @property
    def of_teams(self) -> bool:
        """Whether Teams' own rules hold: the lifecycle address and the shared quota."""
        return self.kind not in (Kind.USER, Kind.PRESENCE)


RESOURCES = (
    Resource(
        path="/chats/getAllMessages",
        kind=Kind.CHAT_MESSAGE,
        reach=Reach.TENANT,
        needs=Needs(application=("Chat.Read.All",)),
        options=_PAID,
    ),
    Resource(
        path="/chats/{id}/messages",
        kind=Kind.CHAT_MESSAGE,
        reach=Reach.CHAT,
        needs=Needs(delegated=("Chat.Read", "Chat.ReadWrite"), application=("Chat.Read.All",)),
        options=_ONE_PLACE,
    ),
    Resource(
        path="/users/{id}/chats/getAllMessages",
        kind=Kind.CHAT_MESSAGE,
        reach=Reach.USER,
        needs=Needs(
            delegated=("Chat.Read", "Chat.ReadWrite"),
            application=("Chat.Read.All", "Chat.ReadWrite.All"),
        ),
        options=_PAID,
    ),
    Resource(
        path="/appCatalogs/teamsApps/{id}/installedToChats/getAllMessages",
        kind=Kind.CHAT_MESSAGE,
        reach=Reach.APP,
        needs=Needs(application=_INSTALLED),
        rich=False,
        options=_PAID,
    ),
    Resource(
        path="/teams/getAllMessages",
        kind=Kind.CHANNEL_MESSAGE,
        reach=Reach.TENANT,
        needs=Needs(application=("ChannelMessage.Read.All",)),
        options=_PAID,
    ),
    Resource(
        path="/teams/{team}/channels/{id}/messages",
        kind=Kind.CHANNEL_MESSAGE,
        reach=Reach.CHANNEL,
        needs=Needs(
            delegated=("ChannelMessage.Read.All", "Group.Read.All", "Group.ReadWrite.All"),
            application=("ChannelMessage.Read.All",),
        ),
        specific=frozenset({"ChannelMessage.Read.Group"}),
        options=_ONE_PLACE,
    ),
    Resource(
        path="/chats",
        kind=Kind.CHAT,
        reach=Reach.TENANT,
        needs=Needs(application=_CHAT_BASIC_ALL),
        changes=_NEVER_DELETED,
    ),
    Resource(
        path="/chats/{id}",
        kind=Kind.CHAT,
        reach=Reach.CHAT,
        needs=Needs(delegated=_CHAT_BASIC, application=_CHAT_BASIC_ALL),
        specific=frozenset(
            {"ChatSettings.Read.Chat", "ChatSettings.ReadWrite.Chat", "Chat.Manage.Chat"}
        ),
        changes=_NEVER_DELETED,
        options=frozenset({filters.OWN_VIEW}),
    ),
    Resource(
        path="/users/{id}/chats",
        kind=Kind.CHAT,
        reach=Reach.USER,
        needs=Needs(delegated=_CHAT_BASIC, application=_CHAT_BASIC_ALL),
        changes=_NEVER_DELETED,
        options=frozenset({filters.OWN_VIEW, filters.MODEL}),
    ),
    Resource(
        path="/appCatalogs/teamsApps/{id}/installedToChats",
        kind=Kind.CHAT,
        reach=Reach.APP,
        needs=Needs(application=_INSTALLED_BASIC),
        changes=_NEVER_DELETED,
        options=_PAID,
    ),
    Resource(
        path="/chats/getAllMembers",
        kind=Kind.CHAT_MEMBER,
        reach=Reach.TENANT,
        needs=Needs(application=_CHAT_MEMBER_ALL),
        options=_PAID,
    ),
    Resource(
        path="/chats/{id}/members",
        kind=Kind.CHAT_MEMBER,
        reach=Reach.CHAT,
        needs=Needs(
            delegated=("ChatMember.Read", "ChatMember.ReadWrite", *_CHAT_BASIC),
            application=_CHAT_MEMBER_ALL,
        ),
        specific=frozenset({"ChatMember.Read.Chat", "Chat.Manage.Chat"}),
    ),
    Resource(
        path="/appCatalogs/teamsApps/{id}/installedToChats/getAllMembers",
        kind=Kind.CHAT_MEMBER,
        reach=Reach.APP,
        needs=Needs(application=_INSTALLED_MEMBER),
        options=_PAID,
    ),
    Resource(
        path="/teams",
        kind=Kind.TEAM,
        reach=Reach.TENANT,
        needs=Needs(application=_TEAM),
    ),
    Resource(
        path="/teams/{id}",
        kind=Kind.TEAM,
        reach=Reach.TEAM,
        needs=Needs(delegated=_TEAM, application=_TEAM),
    ),
    Resource(
        path="/teams/getAllChannels",
        kind=Kind.CHANNEL,
        reach=Reach.TENANT,
        needs=Needs(application=_CHANNEL),
    ),
    Resource(
        path="/teams/{id}/channels",
        kind=Kind.CHANNEL,
        reach=Reach.TEAM,
        needs=Needs(delegated=_CHANNEL, application=_CHANNEL),
    ),
    Resource(
        path="/teams/getAllMembers",
        kind=Kind.TEAM_MEMBER,
        reach=Reach.TENANT,
        needs=Needs(application=("TeamMember.Read.All", "TeamMember.ReadWrite.All")),
        options=_PAID,
    ),
    Resource(
        path="/teams/{id}/members",
        kind=Kind.TEAM_MEMBER,
        reach=Reach.TEAM,
        needs=Needs(delegated=("TeamMember.Read.All",), application=("TeamMember.Read.All",)),
    ),
    Resource(
        path="/teams/getAllChannels/getAllMembers",
        kind=Kind.CHANNEL_MEMBER,
        reach=Reach.TENANT,
        needs=Needs(application=("ChannelMember.Read.All", "ChannelMember.ReadWrite.All")),
    ),
    Resource(
        path="/teams/{id}/channels/getAllMembers",
        kind=Kind.CHANNEL_MEMBER,
        reach=Reach.TEAM,
        needs=Needs(application=("ChannelMember.Read.All",)),
        options=_PAID,
    ),
    Resource(
        path="/communications/presences/{id}",
        kind=Kind.PRESENCE,
        reach=Reach.USER,
        needs=Needs(delegated=("Presence.Read.All",)),
        changes=frozenset({"updated"}),
        lifetime=PRESENCE_LIFETIME,
    ),
    Resource(
        path="/communications/presences",
        kind=Kind.PRESENCE,
        reach=Reach.USER,
        needs=Needs(delegated=("Presence.Read.All",)),
        changes=frozenset({"updated"}),
        options=frozenset({filters.FILTER, filters.OWN_PEOPLE}),
        lifetime=PRESENCE_LIFETIME,
    ),
    Resource(
        path="/users",
        kind=Kind.USER,
        reach=Reach.TENANT,
        needs=Needs(delegated=("User.Read.All",), application=("User.Read.All",)),
        changes=frozenset({"updated", "deleted"}),
        rich=False,
        lifetime=DIRECTORY_LIFETIME,
    ),
    Resource(
        path="/users/{id}",
        kind=Kind.USER,
        reach=Reach.USER,
        needs=Needs(delegated=("User.Read.All",), application=("User.Read.All",)),
        changes=frozenset({"updated", "deleted"}),
        rich=False,
        lifetime=DIRECTORY_LIFETIME,
    ),
)

_PATTERNS = [(paths.pattern(resource.path), resource) for resource in RESOURCES]
_FUNCTIONS = frozenset({"getallmessages", "getallmembers", "getallchannels"})


def parse(text: str) -> tuple[Resource, Target]:
    """The row that a subscription's `resource` is about, and what it names.

    Raises:
        GraphError: 400, there is no such resource, or it does not take these options.
    """
    path, _, query = text.partition("?")
    given = paths.segments(path)
    for pattern, resource in _PATTERNS:
        ids = paths.match(pattern, given)
        if ids is not None and _are_ids(ids):
            return resource, _target(resource, ids, given, query)
    raise _unsupported(text)


def _target(resource: Resource, ids: dict[str, str], given: list[str], query: str) -> Target:
    options = filters.parse(query, resource.options)
    named = frozenset({ids["id"]}) if "id" in ids else options.people
    if not named and resource.reach is not Reach.TENANT:
        raise _unsupported("/".join(given))
    return Target(
        kind=resource.kind,
        reach=resource.reach,
        ids=named,
        team=ids.get("team"),
        path="/".join(given).upper(),
        search=options.search,
        mentioned=options.mentioned,
        own_view=options.own_view,
    )


def _are_ids(ids: dict[str, str]) -> bool:
    """A function's name never stands for a thing: `/chats/getAllMessages` is no chat."""
    return all(value and value.casefold() not in _FUNCTIONS for value in ids.values())


def _unsupported(text: str) -> GraphError:
    msg = f"Resource '{text}' is not supported for subscriptions."
    return bad_request(msg, "ExtensionError")
