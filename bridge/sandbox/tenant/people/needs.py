"""Which permissions the operations on people take.

The lists follow the permission tables of learn.microsoft.com graph/api (August 2026).
"""

from __future__ import annotations

from bridge.sandbox.tenant.permissions import Needs

_AGENTS = ("AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy")
_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_USERS = ("User.Read.All", "User.ReadWrite.All")

DELTA = Needs(
    delegated=(*_USERS, *_DIRECTORY, *_AGENTS), application=(*_USERS, *_DIRECTORY, *_AGENTS)
)
MANAGER = Needs(delegated=(*_USERS, *_DIRECTORY), application=(*_USERS, *_DIRECTORY))
DELETED_ITEMS = Needs(delegated=(*_USERS, *_DIRECTORY), application=(*_USERS, *_DIRECTORY))
BY_IDS = Needs(delegated=("Directory.Read.All",), application=("Directory.Read.All",))
BEYOND_BASIC = frozenset([*_USERS, *_DIRECTORY, *_AGENTS])
"""With any of these a caller sees more of other people than `User.ReadBasic.All` shows."""

READ_PHOTO = Needs(
    delegated=(
        "User.Read",
        "User.ReadBasic.All",
        "ProfilePhoto.Read.All",
        "ProfilePhoto.ReadWrite.All",
    ),
    application=(
        "ProfilePhoto.Read.All",
        "ProfilePhoto.ReadWrite.All",
        "User.Read.All",
        "User.ReadBasic.All",
    ),
)
GET_PHOTO = Needs(
    delegated=READ_PHOTO.delegated,
    application=(*READ_PHOTO.application, "User.ReadWrite.CrossCloud"),
)
WRITE_PHOTO = Needs(
    delegated=("User.ReadWrite", "ProfilePhoto.ReadWrite.All"),
    application=("ProfilePhoto.ReadWrite.All", "User.ReadWrite.All", *_AGENTS),
)
PHOTO_OF_OTHERS = frozenset(
    ["User.ReadBasic.All", "ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All"]
)
"""Delegated permissions that are good for other people's photos too."""
TEAM_PHOTO = Needs(
    delegated=("Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All"),
    application=("Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All"),
)

TIME_ZONE = Needs(
    delegated=("MailboxSettings.Read", "MailboxSettings.ReadWrite"),
    application=("MailboxSettings.Read", "MailboxSettings.ReadWrite"),
)
READ_PRESENCE = Needs(
    delegated=("Presence.Read", "Presence.Read.All"),
    application=("Presence.Read.All", "Presence.ReadWrite.All"),
)
READ_PRESENCES = Needs(
    delegated=("Presence.Read.All",), application=("Presence.Read.All", "Presence.ReadWrite.All")
)
WRITE_PRESENCE = Needs(delegated=("Presence.ReadWrite",), application=("Presence.ReadWrite.All",))
