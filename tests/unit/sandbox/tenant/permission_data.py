"""What Microsoft's own data says of the permissions of each operation, and where it says nothing.

The data is what the permission tables of learn.microsoft.com graph/api are made from; it is not
part of this project, and `GRAPH_PERMISSIONS` names a copy of it. Permissions that a team or a chat
grants (resource-specific consent) are kept apart: they need an app that is installed there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import orjson
import pytest

from bridge.sandbox.tenant.routes import Route
from tests.kit.tenant_table import path as path_of

VARIABLE = "GRAPH_PERMISSIONS"
DELEGATED, APPLICATION = "DelegatedWork", "Application"
KINDS = (DELEGATED, APPLICATION)

Lists = dict[str, frozenset[str]]
"""Permissions by kind of token."""

_ID = re.compile(r"\{[^}]*\}+|\(team-id\)")
_DRIVE = re.compile(r"^/(drives/\{\w+\}|(users|groups|sites)/\{\w+\}/drive)(?=/|$)")
_ADDRESSED = re.compile(r"(?<=^/drives/\{id\})/(root|items/\{\w+\})(:/\{path\}:?)?(?=/|$)")
"""A thing in a drive by its path, or the drive's root, is one of its items."""
_ARGUMENTS = re.compile(r"\((?!team-id)[^)]*\)")
_RESOURCE_SPECIFIC = re.compile(r"\.(Chat|Group|User)$|\.WhereInstalled$")

SAME_PAGE = {
    # api/chatmessage-setreaction and -unsetreaction list one table for both addresses
    "POST /chats/{id}/messages/{id}/setreaction": (
        "POST /users/{id}/chats/{id}/messages/{id}/setreaction"
    ),
    "POST /chats/{id}/messages/{id}/unsetreaction": (
        "POST /users/{id}/chats/{id}/messages/{id}/unsetreaction"
    ),
    # api/conversationmember-add and -remove: many members at once
    "POST /chats/{id}/members/add": "POST /chats/{id}/members",
    "POST /chats/{id}/members/remove": "DELETE /chats/{id}/members/{id}",
    # api/chatmessage-delta: that of the export; those of one chat are in no page, so that they
    # take what reading that chat takes
    "GET /users/{id}/chats/getallmessages/delta": "GET /users/{id}/chats/getallmessages",
    "GET /chats/{id}/messages/delta": "GET /chats/{id}/messages",
    "GET /users/{id}/chats/{id}/messages/delta": "GET /users/{id}/chats/{id}/messages",
    # api/shares-get lists one table for the link and for what it leads to
    "GET /shares/{id}/root": "GET /shares/{id}",
    # api/presence-get lists one table for all addresses
    "GET /communications/presences/{id}": "GET /communications/presences",
    # api/channel-get: "for a shared channel of another tenant"
    "GET /tenants/{id}/teams/{id}/channels/{id}": "GET /teams/{id}/channels/{id}",
}
"""Operations that the data lists under another address."""

SLIPS = {
    # Reads the apps of users, and is listed among those of teams.
    ("GET /teams/{id}/channels/{id}/enabledapps/{id}", DELEGATED): {
        "TeamsAppInstallation.ReadForUser"
    },
    ("GET /teams/{id}/installedapps/{id}", DELEGATED): {"TeamsAppInstallation.ReadForUser"},
    # Delegated by its name, and listed among those of applications.
    ("GET /teams/{id}/installedapps/{id}", APPLICATION): {
        "TeamsAppInstallation.ReadWriteSelfForTeam"
    },
    # A team's grant, for a chat.
    ("GET /chats/{id}/members/{id}", APPLICATION): {"TeamMember.Read.Group"},
}
"""Entries of the data that cannot be meant; the tenant refuses them."""

READ_FILES = {
    DELEGATED: frozenset(
        {
            "Files.Read",
            "Files.Read.All",
            "Files.ReadWrite",
            "Files.ReadWrite.All",
            "Sites.Read.All",
            "Sites.ReadWrite.All",
        }
    ),
    APPLICATION: frozenset(
        {"Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All"}
    ),
}
WRITE_FILES = {
    DELEGATED: frozenset({"Files.ReadWrite", "Files.ReadWrite.All", "Sites.ReadWrite.All"}),
    APPLICATION: frozenset({"Files.ReadWrite.All", "Sites.ReadWrite.All"}),
}
_READ_PEOPLE = frozenset(
    {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
_READ_TEAMS = frozenset(
    {"Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All"}
)
BY_PAGE: dict[str, Lists] = {
    # api/site-get, site-getbypath
    **dict.fromkeys(
        ("GET /sites/{id}", "GET /sites/{id}:/{id}"),
        dict.fromkeys(KINDS, frozenset({"Sites.Read.All", "Sites.ReadWrite.All"})),
    ),
    # api/user-list-manager
    "GET /users/{id}/manager": dict.fromkeys(KINDS, _READ_PEOPLE),
    # api/user-get-mailboxsettings
    "GET /users/{id}/mailboxsettings/timezone": dict.fromkeys(
        KINDS, frozenset({"MailboxSettings.Read", "MailboxSettings.ReadWrite"})
    ),
    # api/directory-deleteditems-get, directory-deleteditems-list
    "GET /directory/deleteditems/{id}": dict.fromkeys(KINDS, _READ_PEOPLE),
    "GET /directory/deleteditems/microsoft.graph.user": dict.fromkeys(KINDS, _READ_PEOPLE),
    # api/directoryobject-getbyids
    "POST /users/getbyids": dict.fromkeys(KINDS, frozenset({"Directory.Read.All"})),
    "POST /directoryobjects/getbyids": dict.fromkeys(KINDS, frozenset({"Directory.Read.All"})),
    # api/profilephoto-get: that of a team
    "GET /teams/{id}/photo": dict.fromkeys(KINDS, _READ_TEAMS),
    "GET /teams/{id}/photo/$value": dict.fromkeys(KINDS, _READ_TEAMS),
    # api/drive-get, drive-list, driveitem-get, driveitem-list-children, driveitem-list-permissions
    **dict.fromkeys(
        (
            "GET /drives/{id}",
            "GET /users/{id}/drives",
            "GET /groups/{id}/drives",
            "GET /sites/{id}/drives",
            "GET /drives/{id}/items/{id}",
            "GET /drives/{id}/items/{id}/children",
            "GET /drives/{id}/items/{id}/permissions",
            "GET /drives/{id}/items/{id}/permissions/{id}",
        ),
        READ_FILES,
    ),
    # api/driveitem-update, driveitem-delete, driveitem-post-children, permission-delete
    **dict.fromkeys(
        (
            "PATCH /drives/{id}/items/{id}",
            "DELETE /drives/{id}/items/{id}",
            "POST /drives/{id}/items/{id}/children",
            "DELETE /drives/{id}/items/{id}/permissions/{id}",
        ),
        WRITE_FILES,
    ),
    # api/group-delete
    "DELETE /groups/{id}": dict.fromkeys(KINDS, frozenset({"Group.ReadWrite.All"})),
    # api/user-revokesigninsessions
    "POST /users/{id}/revokesigninsessions": dict.fromkeys(
        KINDS,
        frozenset({"User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}),
    ),
}
"""Operations that the data does not list at all, with the table of their page."""

NO_TABLE = {
    "POST /$batch": "each request in it takes its own",
    "GET /chats/getallmessages": "a resource of notifications only: refused as an operation",
    "GET /chats/getallretainedmessages": "likewise",
    "GET /teams/getallmessages": "likewise",
    "GET /teams/{id}/operations/{id}": "no page has a table; whoever may start one may look",
    "POST /chats/{id}/messages/{id}/softdelete": "no page: refused with 405 whatever the token has",
    "POST /chats/{id}/messages/{id}/undosoftdelete": "likewise",
    "GET /subscriptions": "an app reads its own, with any permission",
    "GET /subscriptions/{id}": "an app reads its own, with any permission",
    "DELETE /subscriptions/{id}": "an app ends its own, with any permission",
    "POST /subscriptions": "depends on the resource: test_notifications",
    "PATCH /subscriptions/{id}": "depends on the resource: test_notifications",
    "POST /subscriptions/{id}/reauthorize": "depends on the resource: test_notifications",
}
"""Operations without a permission of their own, and why."""


def find_permissions() -> Path | None:
    given = os.environ.get(VARIABLE)
    beside = Path(__file__).resolve().parents[5] / "shared" / "graph" / "permissions.json"
    found = Path(given) if given else beside
    return found if found.is_file() else None


@cache
def data() -> dict[str, Lists] | None:
    """Microsoft's lists by operation; two entries of one operation are one."""
    path = find_permissions()
    if path is None:
        return None
    found: dict[str, Lists] = {}
    for name, lists in orjson.loads(path.read_bytes()).items():
        known = found.setdefault(key(name), dict.fromkeys(KINDS, frozenset()))
        for kind in KINDS:
            known[kind] |= {permission.rstrip("*") for permission in lists.get(kind, ())}
    return found


def key(name: str) -> str:
    method, _, path = name.partition(" ")
    path = _ADDRESSED.sub("/items/{id}", _DRIVE.sub("/drives/{id}", path))
    return f"{method} {_ID.sub('{id}', _ARGUMENTS.sub('', path)).lower()}"


def name_of(route: Route) -> str:
    return key(f"{route.method} {path_of(route)}")


def required() -> dict[str, Lists]:
    found = data()
    if found is None:
        pytest.skip(f"no copy of Graph's permission data; name one in {VARIABLE}")
    return found


def listed(route: Route) -> Lists | None:
    """What Microsoft lists for a route, without what a team or a chat grants."""
    found = _all(route)
    return None if found is None else {kind: wide(found[kind]) for kind in KINDS}


def listed_grants(route: Route) -> frozenset[str]:
    """What Microsoft lists for a route that a team, a chat or a user grants to an app."""
    found = (_all(route) or {}).get(APPLICATION, frozenset())
    return found - wide(found)


def _all(route: Route) -> Lists | None:
    name = name_of(route)
    known = required()
    # api/chatmessagehostedcontent-get and profilephoto-get: one table for a thing and its bytes
    names = (name, SAME_PAGE.get(name, ""), name.removesuffix("/$value"))
    lists = [known[n] for n in names if n in known] or [BY_PAGE[n] for n in names if n in BY_PAGE]
    if not lists:
        return None
    return {
        kind: frozenset(p for found in lists for p in found[kind]) - SLIPS.get((name, kind), set())
        for kind in KINDS
    }


def wide(permissions: Iterable[str]) -> frozenset[str]:
    return frozenset(p for p in permissions if not _RESOURCE_SPECIFIC.search(p))
