"""Whether the caller may see or manage the team or channel in a request's path.

An app sees and manages all that its permissions let it. A person must be a member, an owner for
most changes; administrators reach teams that they are no members of ("This API supports admin
permissions", learn.microsoft.com graph/api team-get and others), but not what is said in them.
"""

from __future__ import annotations

from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import GraphError, forbidden, not_a_member
from bridge.sandbox.tenant.team_render import GUEST, OWNER
from bridge.sandbox.tenant.world import Channel, Member, Team


def team(call: Call) -> Team:
    """The team in the path.

    Raises:
        GraphError: 404 for an unknown team, 403 for one of other people.
    """
    found = call.tenant.team(call.ids["team"])
    if not _free(call) and call.signed_in().id not in found.members:
        raise not_a_member()
    return found


def owned_team(call: Call) -> Team:
    """The team in the path, if the caller may manage it.

    Raises:
        GraphError: 404 for an unknown team, 403 for one that the caller does not own.
    """
    found = team(call)
    if not _free(call) and OWNER not in found.members[call.signed_in().id].roles:
        raise not_an_owner()
    return found


def channel(call: Call) -> Channel:
    """The channel in the path, as a thing with a name and members.

    Raises:
        GraphError: 404 for an unknown channel, 403 for one of other people.
    """
    found = call.tenant.channel(call.ids["team"], call.ids["channel"])
    if not sees(call, found):
        raise not_a_member()
    return found


def owned_channel(call: Call) -> Channel:
    """The channel in the path, if the caller may manage it: of a standard one its team's owners.

    Raises:
        GraphError: 404 for an unknown channel, 403 for one that the caller does not own.
    """
    found = channel(call)
    if not _free(call) and OWNER not in found.people[call.signed_in().id].roles:
        raise not_an_owner()
    return found


def sees(call: Call, found: Channel) -> bool:
    """Whether the caller may know of the channel."""
    return _free(call) or call.signed_in().id in found.people


def allowed(call: Call, found: Team, setting: str) -> None:
    """Refuse what the team's settings for members or guests do not let the caller do.

    Raises:
        GraphError: 403.
    """
    if _free(call):
        return
    roles = found.members[call.signed_in().id].roles
    kind = "guestSettings" if GUEST in roles else "memberSettings"
    if OWNER not in roles and not found.settings[kind].get(setting, False):
        raise forbidden("The settings of the team do not allow this.")


def writable(found: Team | Channel) -> None:
    """Refuse changes of what is archived.

    Raises:
        GraphError: 403; with which text Teams refuses is not documented.
    """
    archived = found.archived if isinstance(found, Team) else found.read_only
    if archived:
        raise forbidden("The operation is not allowed: the team or channel is archived.")


def last_owner(place: Team | Channel, member: Member) -> bool:
    """Whether nobody else owns the team or channel."""
    owners = [item for item in place.members.values() if OWNER in item.roles]
    return owners == [member]


def not_an_owner() -> GraphError:
    return forbidden("Only an owner is allowed to do this.")


def _free(call: Call) -> bool:
    return call.user is None or call.user.admin
