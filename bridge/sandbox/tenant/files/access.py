"""What the caller may do with an item.

An app by itself may do what its permissions let it, everywhere. A user has all rights in the own
OneDrive, those of a member in the sites of teams and channels, and anywhere else what was shared:
directly, by a link that was redeemed, on the item or on a folder above it.

Sources: learn.microsoft.com graph/api/resources permission; graph/permissions-reference
(`Files.Read` reads "the signed-in user's files", `Files.Read.All` "all files the signed-in user can
access").
"""

from __future__ import annotations

from enum import IntEnum

from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.files import needs
from bridge.sandbox.tenant.files.library import Drive, Grant, Item
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User


class Right(IntEnum):
    """What someone may do, the higher including the lower."""

    NONE = 0
    READ = 1
    WRITE = 2


_ROLES = {"read": Right.READ, "write": Right.WRITE, "owner": Right.WRITE}


def check(call: Call, item: Item, right: Right, *, shared: bool = False) -> Item:
    """The item, if the caller has this right; `shared` is for what is reached as shared.

    Raises:
        GraphError: 403 accessDenied.
    """
    if call.user is None:
        return item
    if not shared and item.drive.owner is not call.user:
        _check_scope(call)
    if of_user(call.tenant, call.user, item) < right:
        raise denied()
    return item


def check_drive(call: Call, drive: Drive) -> Drive:
    """The drive, if the caller may see it as a whole."""
    check(call, drive.root, Right.READ)
    return drive


def of_user(tenant: Tenant, user: User, item: Item) -> Right:
    """The rights of a person."""
    drive = item.drive
    if drive.owner is user or _is_member(drive, user):
        return Right.WRITE
    every = (grant for above in item.above() for grant in above.grants.values())
    now = tenant.clock.now()
    counts = (g for g in every if reaches(g, user) and (g.expires is None or g.expires > now))
    return max((_ROLES[grant.role] for grant in counts), default=Right.NONE)


def reaches(grant: Grant, user: User) -> bool:
    return grant.user is user or (grant.link is not None and user.id in grant.link.redeemed)


def denied(message: str = "Access denied") -> GraphError:
    return GraphError(403, "accessDenied", message)


def _is_member(drive: Drive, user: User) -> bool:
    if drive.channel is not None:
        return user.id in drive.channel.people
    return drive.team is not None and user.id in drive.team.members


def _check_scope(call: Call) -> None:
    own_only = call.tenant.settings.files_scope_own_only
    if own_only and needs.BEYOND_ONE_S_OWN.isdisjoint(call.bearer.granted):
        raise denied()
