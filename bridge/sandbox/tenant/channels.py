"""`/teams/{id}/channels` and its relatives: list, create, read, change, archive, delete.

Sources: learn.microsoft.com graph/api channel-list, channel-post, channel-get, channel-patch,
channel-delete, channel-archive, channel-unarchive, team-get-primarychannel,
team-list-allchannels, team-list-incomingchannels, team-delete-incomingchannels;
microsoftteams/limits-specifications-teams.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sandbox.tenant import (
    migration,
    team_access,
    team_life,
    team_permissions as needs,
    team_query,
    team_render,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.team_life import ChannelPlan
from bridge.sandbox.tenant.team_read import read_channel, read_import, read_layout, read_text
from bridge.sandbox.tenant.team_state import OperationKind
from bridge.sandbox.tenant.teams import read_archiving
from bridge.sandbox.tenant.world import Channel, Membership, Team

CHANNELS_MAX = 1000
"""Of one team, deleted ones included."""
PRIVATE_CHANNELS_MAX = 30
_UPDATE = {"displayName", "description", "layoutType", "isFavoriteByDefault"}
_FILTERS = ("membershipType", "displayName", "id")


async def list_channels(call: Call) -> Reply:
    """The team's own channels: of private and shared ones those that the caller is in."""
    team = team_access.team(call)
    return _listed(call, team, "channels", team.channels.values())


async def list_all_channels(call: Call) -> Reply:
    """The team's own channels and those of other teams that are shared with it."""
    team = team_access.team(call)
    every = [*team.channels.values(), *team.incoming.values()]
    return _listed(call, team, "allChannels", every)


async def list_incoming(call: Call) -> Reply:
    team = team_access.team(call)
    return _listed(call, team, "incomingChannels", team.incoming.values())


async def remove_incoming(call: Call) -> Reply:
    """Share a channel of another team with this team no more."""
    team = team_access.owned_team(call)
    channel = team.incoming.get(call.ids["channel"])
    if channel is None:
        raise not_found()
    team_life.unshare(call.tenant, channel, team)
    return Reply(status=204)


async def get_channel(call: Call) -> Reply:
    return _entity(call, team_access.channel(call))


async def primary_channel(call: Call) -> Reply:
    return _entity(call, team_render.primary(team_access.team(call)))


async def create_channel(call: Call) -> Reply:
    """A new channel; who makes a private or shared one on their own behalf owns it."""
    team = team_access.team(call)
    plan = read_channel(call, call.body())
    created = read_import(call, call.body())
    private = plan.membership is not Membership.STANDARD
    kind = "allowCreatePrivateChannels" if private else "allowCreateUpdateChannels"
    team_access.allowed(call, team, kind)
    team_access.writable(team)
    _check_room(team, plan)
    _check_name(team, plan.name, None)
    if private:
        plan = _with_owner(call, team, plan)
    channel = team_life.create_channel(call.tenant, team, plan, call.user)
    if created is not None:
        migration.begin(call.tenant, channel, call.app.id, created)
    reply = _entity(call, channel)
    return Reply(status=201, body=reply.body, headers={"Location": f"/{channel.place}"})


async def update_channel(call: Call) -> Reply:
    channel = team_access.channel(call)
    _check_settings(call, channel, "allowCreateUpdateChannels")
    team_access.writable(channel)
    body = call.body()
    if "membershipType" in body:
        raise bad_request("The membershipType of an existing channel cannot be changed.")
    wire.only_known(body, _UPDATE, "channel")
    changes: dict[str, object] = {}
    if "displayName" in body:
        changes["name"] = read_text(body, "displayName", "channel")
        _check_name(channel.team, str(changes["name"]), channel)
    if "description" in body:
        changes["description"] = read_text(body, "description", "channel")
    if "layoutType" in body:
        changes["layout"] = read_layout(body)
    if "isFavoriteByDefault" in body:
        changes["favourite"] = wire.optional_flag(body, "isFavoriteByDefault")
    team_life.change_channel(call.tenant, channel, call.user, **changes)
    return Reply(status=204)


async def delete_channel(call: Call) -> Reply:
    channel = team_access.channel(call)
    _check_settings(call, channel, "allowDeleteChannels")
    if channel is team_render.primary(channel.team):
        raise bad_request("The General channel of a team cannot be deleted.")
    team_life.delete_channel(call.tenant, channel, call.user)
    return Reply(status=204)


async def archive_channel(call: Call) -> Reply:
    return await _archive(call, archived=True)


async def unarchive_channel(call: Call) -> Reply:
    return await _archive(call, archived=False)


async def _archive(call: Call, *, archived: bool) -> Reply:
    channel = team_access.owned_channel(call)
    read_archiving(call)
    if channel.team.archived:
        msg = f"Team has to be active, for channel to be archived or unarchived: {channel.id}"
        raise bad_request(msg)
    if archived and channel is team_render.primary(channel.team):
        raise bad_request("The General channel of a team cannot be archived.")
    team_life.change_channel(call.tenant, channel, call.user, archived=archived)
    kind = OperationKind.ARCHIVE_CHANNEL if archived else OperationKind.UNARCHIVE_CHANNEL
    operation = team_life.start_operation(call.tenant, channel.team, kind, channel)
    place = f"/teams/{channel.team.id}/operations/{operation.id}"
    return Reply(status=202, headers={"Location": place})


def _listed(call: Call, team: Team, name: str, channels: Iterable[Channel]) -> Reply:
    team_query.only(call, "$filter", "$select")
    seen = [channel for channel in channels if team_access.sees(call, channel)]
    shown = [team_render.channel(channel, call.tenant.id) for channel in seen]
    if name != "channels":
        shown = [{"@odata.id": _address(call, c), **s} for c, s in zip(seen, shown, strict=True)]
    found = [_hidden(call, item) for item in team_query.filtered(call, shown, _FILTERS)]
    return Reply(
        body={
            "@odata.context": call.context(f"{team_render.team_place(team)}/{name}"),
            "@odata.count": len(found),
            "value": [team_query.selected(call, item, "channel") for item in found],
        }
    )


def _entity(call: Call, channel: Channel) -> Reply:
    """One channel; its `summary` only if it is asked for."""
    team_query.only(call, "$select", "$filter")
    shown = _hidden(call, team_render.channel(channel, call.tenant.id))

    def summary() -> Json:
        return {"summary": team_render.channel_summary(channel, call.tenant.id)}

    chosen = team_query.selected(call, shown, "channel", summary)
    fragment = f"{team_render.team_place(channel.team)}/channels/$entity"
    return Reply(body={"@odata.context": call.context(fragment), **chosen})


def _hidden(call: Call, shown: Json) -> Json:
    return shown if call.wants_unknown_enums else team_render.hide_shared(shown)


def _address(call: Call, channel: Channel) -> str:
    return f"{call.graph}/tenants/{call.tenant.id}/teams/{channel.team.id}/channels/{channel.id}"


def _check_settings(call: Call, channel: Channel, setting: str) -> None:
    """A private or shared channel is its owners' business, a standard one that of the team."""
    if channel.membership is Membership.STANDARD:
        team_access.allowed(call, channel.team, setting)
    else:
        team_access.owned_channel(call)


def _check_room(team: Team, plan: ChannelPlan) -> None:
    every = [*team.channels.values(), *team.deleted_channels.values()]
    private = sum(channel.membership is Membership.PRIVATE for channel in every)
    full = plan.membership is Membership.PRIVATE and private >= PRIVATE_CHANNELS_MAX
    if full or len(every) >= CHANNELS_MAX:
        raise forbidden("The team has reached its maximum number of channels.")


def _check_name(team: Team, name: str, own: Channel | None) -> None:
    """Text as seen in camunda/connectors issue 99."""
    for channel in team.channels.values():
        if channel is not own and channel.name.casefold() == name.casefold():
            raise bad_request("Channel name already existed, please use other name.")


def _with_owner(call: Call, team: Team, plan: ChannelPlan) -> ChannelPlan:
    """The plan with the caller among the owners, if everyone in it may be there."""
    owners, members = list(plan.owners), list(plan.members)
    if call.user is not None and call.user not in owners:
        owners.append(call.user)
        members = [user for user in members if user is not call.user]
    if not owners:
        raise bad_request("A private or shared channel needs an owner among its members.")
    for user in (*owners, *members):
        check_candidate(team, plan.membership, user.id)
        if user.guest and (user in owners or plan.membership is Membership.SHARED):
            raise bad_request("A guest can neither own a channel nor be in a shared one.")
    return ChannelPlan(
        name=plan.name,
        description=plan.description,
        membership=plan.membership,
        layout=plan.layout,
        owners=owners,
        members=members,
    )


def check_candidate(team: Team, membership: Membership, user_id: str) -> None:
    """Only who is in the team can be in a private channel of it.

    Raises:
        GraphError: 404; the text is in microsoft-graph-docs issue 18669, its status is not.
    """
    if membership is Membership.PRIVATE and user_id not in team.members:
        raise GraphError(404, "NotFound", "User is not found in the team.")


_CHANNELS = "/teams/{team}/channels"
_CHANNEL = f"{_CHANNELS}/{{channel}}"
ROUTES = [
    route("GET /teams/{team}/primaryChannel", needs.PRIMARY_CHANNEL, primary_channel),
    route("GET /teams/{team}/allChannels", needs.LIST_ALL_CHANNELS, list_all_channels),
    route("GET /teams/{team}/incomingChannels", needs.LIST_ALL_CHANNELS, list_incoming),
    route(
        "DELETE /teams/{team}/incomingChannels/{channel}", needs.REMOVE_INCOMING, remove_incoming
    ),
    route(f"GET {_CHANNELS}", needs.LIST_CHANNELS, list_channels),
    route(f"POST {_CHANNELS}", needs.CREATE_CHANNEL, create_channel),
    route(f"GET {_CHANNEL}", needs.GET_CHANNEL, get_channel),
    route(f"GET /tenants/{{tenant}}{_CHANNEL}", needs.GET_CHANNEL, get_channel),
    route(f"PATCH {_CHANNEL}", needs.UPDATE_CHANNEL, update_channel),
    route(f"DELETE {_CHANNEL}", needs.DELETE_CHANNEL, delete_channel),
    route(f"POST {_CHANNEL}/archive", needs.ARCHIVE_CHANNEL, archive_channel),
    route(f"POST {_CHANNEL}/unarchive", needs.ARCHIVE_CHANNEL, unarchive_channel),
]
