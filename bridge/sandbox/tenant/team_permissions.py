"""Which permission each operation on teams and channels takes.

The lists follow the permission tables of learn.microsoft.com graph/api, the least privileged
first, without those of resource-specific consent (`….Group`), which no token carries. The table
of operations/{id} is not published; whoever may start an operation or read the team may watch it.
"""

from __future__ import annotations

from bridge.sandbox.tenant.permissions import Needs

_LIST_TEAMS = ("Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All")
LIST_TEAMS = Needs(delegated=_LIST_TEAMS, application=_LIST_TEAMS)
CREATE_TEAM = Needs(
    delegated=("Team.Create", "Directory.ReadWrite.All", "Group.ReadWrite.All"),
    application=(
        "Team.Create",
        "Teamwork.Migrate.All",
        "Directory.ReadWrite.All",
        "Group.ReadWrite.All",
    ),
)
GET_TEAM = Needs(
    delegated=(
        "Team.ReadBasic.All",
        "TeamSettings.ReadWrite.All",
        "TeamSettings.Read.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
    ),
    application=(
        "Team.ReadBasic.All",
        "TeamSettings.Read.All",
        "TeamSettings.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
    ),
)
UPDATE_TEAM = Needs(
    delegated=("TeamSettings.ReadWrite.All", "Directory.ReadWrite.All", "Group.ReadWrite.All"),
    application=("TeamSettings.ReadWrite.All", "Directory.ReadWrite.All", "Group.ReadWrite.All"),
)
ARCHIVE_TEAM = Needs(
    delegated=("TeamSettings.ReadWrite.All", "Directory.ReadWrite.All", "Group.ReadWrite.All"),
    application=("TeamSettings.ReadWrite.All", "Directory.ReadWrite.All", "Group.ReadWrite.All"),
)
_JOINED_TEAMS = (
    "Team.ReadBasic.All",
    "TeamSettings.Read.All",
    "TeamSettings.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "AgentIdUser.ReadWrite.All",
    "AgentIdUser.ReadWrite.IdentityParentedBy",
)
JOINED_TEAMS = Needs(delegated=_JOINED_TEAMS, application=_JOINED_TEAMS)
_ASSOCIATED_TEAMS = ("Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All")
ASSOCIATED_TEAMS = Needs(delegated=_ASSOCIATED_TEAMS, application=_ASSOCIATED_TEAMS)
LIST_TEAM_MEMBERS = Needs(
    delegated=("TeamMember.Read.All", "TeamMember.ReadWrite.All"),
    application=("TeamMember.ReadWrite.All", "TeamMember.Read.All"),
)
_CHANGE_TEAM_MEMBERS = ("TeamMember.ReadWriteNonOwnerRole.All", "TeamMember.ReadWrite.All")
CHANGE_TEAM_MEMBERS = Needs(delegated=_CHANGE_TEAM_MEMBERS, application=_CHANGE_TEAM_MEMBERS)
_REMOVE_TEAM_MEMBERS = ("TeamMember.ReadWrite.All",)
REMOVE_TEAM_MEMBERS = Needs(delegated=_REMOVE_TEAM_MEMBERS, application=_REMOVE_TEAM_MEMBERS)
_LIST_CHANNELS = (
    "Channel.ReadBasic.All",
    "ChannelSettings.Read.All",
    "ChannelSettings.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
)
LIST_CHANNELS = Needs(delegated=_LIST_CHANNELS, application=_LIST_CHANNELS)
_LIST_ALL_CHANNELS = (
    "Channel.ReadBasic.All",
    "ChannelSettings.Read.All",
    "ChannelSettings.ReadWrite.All",
)
LIST_ALL_CHANNELS = Needs(delegated=_LIST_ALL_CHANNELS, application=_LIST_ALL_CHANNELS)
_PRIMARY_CHANNEL = (
    "Channel.ReadBasic.All",
    "ChannelSettings.Read.All",
    "ChannelSettings.ReadWrite.All",
)
PRIMARY_CHANNEL = Needs(delegated=_PRIMARY_CHANNEL, application=_PRIMARY_CHANNEL)
GET_CHANNEL = Needs(
    delegated=(
        "Channel.ReadBasic.All",
        "ChannelSettings.ReadWrite.All",
        "ChannelSettings.Read.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
    ),
    application=(
        "Channel.ReadBasic.All",
        "ChannelSettings.Read.All",
        "ChannelSettings.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
    ),
)
CREATE_CHANNEL = Needs(
    delegated=("Channel.Create", "Directory.ReadWrite.All", "Group.ReadWrite.All"),
    application=(
        "Channel.Create",
        "Teamwork.Migrate.All",
        "Directory.ReadWrite.All",
        "Group.ReadWrite.All",
    ),
)
_UPDATE_CHANNEL = (
    "ChannelSettings.ReadWrite.All",
    "Directory.ReadWrite.All",
    "Group.ReadWrite.All",
)
UPDATE_CHANNEL = Needs(delegated=_UPDATE_CHANNEL, application=_UPDATE_CHANNEL)
_DELETE_CHANNEL = ("Channel.Delete.All", "Directory.ReadWrite.All", "Group.ReadWrite.All")
DELETE_CHANNEL = Needs(delegated=_DELETE_CHANNEL, application=_DELETE_CHANNEL)
_ARCHIVE_CHANNEL = ("ChannelSettings.ReadWrite.All",)
ARCHIVE_CHANNEL = Needs(delegated=_ARCHIVE_CHANNEL, application=_ARCHIVE_CHANNEL)
_REMOVE_INCOMING = ("Channel.Delete.All",)
REMOVE_INCOMING = Needs(delegated=_REMOVE_INCOMING, application=_REMOVE_INCOMING)
LIST_CHANNEL_MEMBERS = Needs(
    delegated=("ChannelMember.Read.All", "ChannelMember.ReadWrite.All", "Group.Read.All"),
    application=("ChannelMember.Read.All", "ChannelMember.ReadWrite.All"),
)
_READ_CHANNEL_ACCESS = ("ChannelMember.Read.All", "ChannelMember.ReadWrite.All")
READ_CHANNEL_ACCESS = Needs(delegated=_READ_CHANNEL_ACCESS, application=_READ_CHANNEL_ACCESS)
_CHANGE_CHANNEL_MEMBERS = ("ChannelMember.ReadWrite.All",)
CHANGE_CHANNEL_MEMBERS = Needs(
    delegated=_CHANGE_CHANNEL_MEMBERS, application=_CHANGE_CHANNEL_MEMBERS
)
_UPDATE_CHANNEL_MEMBER = (
    "ChannelMember.ReadWrite.All",
    "Directory.ReadWrite.All",
    "Group.ReadWrite.All",
)
UPDATE_CHANNEL_MEMBER = Needs(delegated=_UPDATE_CHANNEL_MEMBER, application=_UPDATE_CHANNEL_MEMBER)
_READ_MESSAGES = ("ChannelMessage.Read.All", "Group.Read.All", "Group.ReadWrite.All")
READ_MESSAGES = Needs(delegated=_READ_MESSAGES, application=_READ_MESSAGES)
SEND_MESSAGE = Needs(
    delegated=("ChannelMessage.Send", "Group.ReadWrite.All"),
    application=("Teamwork.Migrate.All",),
)
UPDATE_MESSAGE = Needs(
    delegated=("ChannelMessage.ReadWrite", "Group.ReadWrite.All"),
    application=(
        "ChannelMessage.UpdatePolicyViolation.All",
        "Teamwork.Migrate.All",
        "Group.ReadWrite.All",
    ),
)
DELETE_MESSAGE = Needs(delegated=("ChannelMessage.ReadWrite",))
REACT = Needs(delegated=("ChannelMessage.Send",))
READ_TAGS = Needs(
    delegated=("TeamworkTag.Read", "TeamworkTag.ReadWrite"),
    application=("TeamworkTag.Read.All", "TeamworkTag.ReadWrite.All"),
)
WRITE_TAGS = Needs(delegated=("TeamworkTag.ReadWrite",), application=("TeamworkTag.ReadWrite.All",))
ADD_TAG_MEMBER = Needs(application=("TeamworkTag.ReadWrite.All",))
_GROUPS = ("Group.ReadWrite.All",)
DELETE_GROUP = Needs(delegated=_GROUPS, application=_GROUPS)
"""A team is deleted as the group that it is (learn.microsoft.com graph/api group-delete)."""
_WATCH = tuple(sorted({*GET_TEAM.delegated, *CREATE_TEAM.delegated, *ARCHIVE_CHANNEL.delegated}))
GET_OPERATION = Needs(delegated=_WATCH, application=_WATCH)
