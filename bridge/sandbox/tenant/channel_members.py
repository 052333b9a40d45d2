"""`/teams/{id}/channels/{id}/members`: who is in a channel, directly and with another team.

A standard channel's members are its team's and are changed there. Also here: with which teams a
channel is shared, and whether someone has access to it.

Sources: learn.microsoft.com graph/api channel-list-members, channel-list-allmembers,
channel-post-members, channel-update-members, channel-delete-members,
sharedwithchannelteaminfo-list, -get, -delete, -list-allowedmembers, channel-doesuserhaveaccess.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from bridge.sandbox.tenant import (
    team_access,
    team_life,
    team_permissions as needs,
    team_query,
    team_render,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.channels import check_candidate
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, not_found
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.team_members import (
    change_role,
    find,
    last_owner_stays,
    member_reply,
    roster,
)
from bridge.sandbox.tenant.team_read import read_member
from bridge.sandbox.tenant.world import Channel, Member, Membership, Team

_ACCESS = re.compile(r"/doesUserHaveAccess\((.*)\)/?$", re.IGNORECASE | re.DOTALL)
_PARAMETER = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^']|'')*)'|(@\w+))\s*(?:,|$)")
_PARAMETERS = {"userid": "userId", "tenantid": "tenantId", "userprincipalname": "userPrincipalName"}


async def list_members(call: Call) -> Reply:
    """The direct members; of a standard channel those of its team."""
    channel = team_access.channel(call)
    return roster(call, f"{channel.place}/members", list(_direct(channel).values()))


async def list_all_members(call: Call) -> Reply:
    """Also those who take part with a team that the channel is shared with."""
    channel = team_access.channel(call)
    return roster(call, f"{channel.place}/allMembers", list(channel.people.values()))


async def get_member(call: Call) -> Reply:
    channel = team_access.channel(call)
    return member_reply(call, channel.place, find(_direct(channel), call), 200)


async def get_any_member(call: Call) -> Reply:
    channel = team_access.channel(call)
    return member_reply(call, channel.place, find(channel.people, call), 200)


async def add_member(call: Call) -> Reply:
    channel = _changeable(call)
    wanted = read_member(call.body())
    shared = channel.membership is Membership.SHARED
    user = wanted.find_anywhere(call) if shared else wanted.find(call)
    check_candidate(channel.team, channel.membership, user.id)
    if user.guest and (wanted.owner or shared):
        raise bad_request("A guest can neither own a channel nor be in a shared one.")
    member = channel.members.get(user.id)
    if member is None:
        member = team_life.add_member(call.tenant, channel, user, owner=wanted.owner, by=call.user)
    elif wanted.owner:
        team_life.set_role(call.tenant, channel, member, owner=True, by=call.user)
    return member_reply(call, channel.place, member, 201)


async def update_member(call: Call) -> Reply:
    channel = _changeable(call)
    member = find(channel.members, call)
    change_role(call, channel, member)
    return member_reply(call, channel.place, member, 200)


async def remove_member(call: Call) -> Reply:
    """An owner removes anyone; everyone may leave."""
    channel = team_access.channel(call)
    _refuse_standard(channel)
    member = find(channel.members, call)
    if member.user is not call.user:
        team_access.owned_channel(call)
    if team_access.last_owner(channel, member):
        raise last_owner_stays()
    team_life.remove_member(call.tenant, channel, member, by=call.user)
    return Reply(status=204)


async def list_sharing(call: Call) -> Reply:
    """The host team and the teams that the channel is shared with."""
    channel = _shared(call)
    teams = [channel.team, *channel.shared_with.values()]
    team_query.only(call, "$filter", "$select")
    shown = [_sharing(call, channel, team) for team in teams]
    found = team_query.filtered(call, shown, ("id", "displayName", "tenantId"))
    kind = "sharedWithChannelTeamInfo"
    return Reply(
        body={
            "@odata.context": call.context(f"{channel.place}/sharedWithTeams"),
            "@odata.count": len(found),
            "value": [team_query.selected(call, item, kind) for item in found],
        }
    )


async def get_sharing(call: Call) -> Reply:
    channel = _shared(call)
    shown = _sharing(call, channel, _partner(call, channel))
    context = call.context(f"{channel.place}/sharedWithTeams/$entity")
    return Reply(body={"@odata.context": context, **shown})


async def remove_sharing(call: Call) -> Reply:
    channel = _shared(call)
    team_access.owned_channel(call)
    partner = _partner(call, channel)
    if partner is channel.team:
        raise bad_request("The host team of a shared channel cannot be removed.")
    team_life.unshare(call.tenant, channel, partner)
    return Reply(status=204)


async def list_allowed(call: Call) -> Reply:
    """Who of that team has access to the shared channel."""
    channel = _shared(call)
    partner = _partner(call, channel)
    people = channel.members if partner is channel.team else channel.people
    found = [member for key, member in people.items() if key in partner.members]
    place = f"{channel.place}/sharedWithTeams('{partner.id}')/allowedMembers"
    return roster(call, place, found)


async def does_user_have_access(call: Call) -> Reply:
    """`doesUserHaveAccess(userId='…',tenantId='…',userPrincipalName='…')`."""
    channel = team_access.channel(call)
    named = _ACCESS.search(unquote(call.path))
    given = _parameters(call, "" if named is None else named[1])
    key = given.get("userId") or given.get("userPrincipalName")
    if key is None:
        raise bad_request("Either userId or userPrincipalName has to be given.")
    user = call.tenant.find_user(key)
    home = given.get("tenantId") or call.tenant.id
    value = user is not None and home == call.tenant.id and user.id in channel.people
    return Reply(body={"@odata.context": call.context("Edm.Boolean"), "value": value})


def _direct(channel: Channel) -> dict[str, Member]:
    standard = channel.membership is Membership.STANDARD
    return channel.team.members if standard else channel.members


def _changeable(call: Call) -> Channel:
    channel = team_access.owned_channel(call)
    _refuse_standard(channel)
    return channel


def _refuse_standard(channel: Channel) -> None:
    """Text as seen in microsoft-graph-docs issue 14400."""
    if channel.membership is Membership.STANDARD:
        raise bad_request("Operation not supported for this Channel")


def _shared(call: Call) -> Channel:
    channel = team_access.channel(call)
    if channel.membership is not Membership.SHARED:
        raise bad_request("Operation not supported for this Channel")
    return channel


def _partner(call: Call, channel: Channel) -> Team:
    wanted = call.ids["other"]
    partner = channel.team if wanted == channel.team.id else channel.shared_with.get(wanted)
    if partner is None:
        raise not_found()
    return partner


def _sharing(call: Call, channel: Channel, team: Team) -> Json:
    return team_render.sharing_info(team, call.tenant.id, is_host=team is channel.team)


def _parameters(call: Call, text: str) -> dict[str, str]:
    """The function's parameters; `'@userId'` stands for what the query says of it.

    Raises:
        GraphError: 400, a parameter that the function has not.
    """
    query = {name.lstrip("@").casefold(): value for name, value in call.query.items()}
    given: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _PARAMETER.match(text, position)
        name = None if found is None else _PARAMETERS.get(found[1].casefold())
        if found is None or name is None:
            raise _strange(text)
        position = found.end()
        value = found[3] or (found[2] or "").replace("''", "'")
        if value.startswith("@"):
            value = query.get(value[1:].casefold(), "").strip("'")
        if value:
            given[name] = value
    return given


def _strange(text: str) -> GraphError:
    msg = f"The parameters of doesUserHaveAccess cannot be read: '{text}'."
    return bad_request(msg)


_CHANNEL = "/teams/{team}/channels/{channel}"
_MEMBER = f"{_CHANNEL}/members/{{member}}"
_SHARING = f"{_CHANNEL}/sharedWithTeams"
ROUTES = [
    route(f"GET {_CHANNEL}/members", needs.LIST_CHANNEL_MEMBERS, list_members),
    route(f"POST {_CHANNEL}/members", needs.CHANGE_CHANNEL_MEMBERS, add_member),
    route(f"GET {_MEMBER}", needs.READ_CHANNEL_ACCESS, get_member),
    route(f"PATCH {_MEMBER}", needs.UPDATE_CHANNEL_MEMBER, update_member),
    route(f"DELETE {_MEMBER}", needs.CHANGE_CHANNEL_MEMBERS, remove_member),
    route(f"GET {_CHANNEL}/allMembers", needs.READ_CHANNEL_ACCESS, list_all_members),
    route(f"GET {_CHANNEL}/allMembers/{{member}}", needs.READ_CHANNEL_ACCESS, get_any_member),
    route(f"GET {_SHARING}", needs.READ_CHANNEL_ACCESS, list_sharing),
    route(f"GET {_SHARING}/{{other}}", needs.READ_CHANNEL_ACCESS, get_sharing),
    route(f"DELETE {_SHARING}/{{other}}", needs.CHANGE_CHANNEL_MEMBERS, remove_sharing),
    route(f"GET {_SHARING}/{{other}}/allowedMembers", needs.READ_CHANNEL_ACCESS, list_allowed),
    route(f"GET {_CHANNEL}/doesUserHaveAccess", needs.READ_CHANNEL_ACCESS, does_user_have_access),
]
