"""Teams, channels, tags and operations in Graph's form, with what v1.0 declares and no more.

Sources: learn.microsoft.com graph/api/resources team, channel, teamworktag, teamworktagmember,
teamsasyncoperation, sharedwithchannelteaminfo, associatedteaminfo; graph/api team-get,
channel-get.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote

from bridge.sandbox.tenant import importing, render
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.team_state import HIDDEN_KINDS, Operation, Tag
from bridge.sandbox.tenant.world import Channel, Member, Membership, Team, User

OWNER = "owner"
GUEST = "guest"


def team_place(seen: Team) -> str:
    """The team as an OData address, relative to `/v1.0/`."""
    return f"teams('{seen.id}')"


def team(seen: Team, tenant_id: str) -> Json:
    """A team as Get team shows it."""
    return {
        "id": seen.id,
        "createdDateTime": stamp(seen.created),
        "displayName": seen.name,
        "description": seen.description,
        "internalId": primary(seen).id,
        "classification": None,
        "specialization": "none",
        "visibility": seen.visibility.value,
        "webUrl": _team_url(seen, tenant_id),
        "isArchived": seen.archived,
        "tenantId": tenant_id,
        "summary": _counts(seen.members.values()),
        **{name: dict(values) for name, values in seen.settings.items()},
    }


def team_basic(seen: Team) -> Json:
    """What the lists of teams show (graph/api teams-list, user-list-joinedteams)."""
    return {"id": seen.id, "displayName": seen.name, "description": seen.description}


def team_info(seen: Team, tenant_id: str) -> Json:
    """An associatedTeamInfo."""
    return {
        "@odata.type": "#microsoft.graph.associatedTeamInfo",
        "id": seen.id,
        "displayName": seen.name,
        "tenantId": tenant_id,
    }


def sharing_info(seen: Team, tenant_id: str, *, is_host: bool) -> Json:
    """A sharedWithChannelTeamInfo."""
    kind = {"@odata.type": "#microsoft.graph.sharedWithChannelTeamInfo"}
    return team_info(seen, tenant_id) | kind | {"isHostTeam": is_host}


def channel(seen: Channel, tenant_id: str) -> Json:
    """A channel without its `summary`, which must be asked for."""
    return {
        "id": seen.id,
        "createdDateTime": stamp(seen.created),
        "displayName": seen.name,
        "description": seen.description,
        "isFavoriteByDefault": seen.favourite,
        "email": "",
        "tenantId": tenant_id,
        "webUrl": _channel_url(seen, tenant_id),
        "membershipType": seen.membership.value,
        "layoutType": seen.layout.value,
        "isArchived": seen.read_only,
        **importing.shown(seen),
    }


def channel_summary(seen: Channel, tenant_id: str) -> Json:
    """A channelSummary."""
    people = seen.people.values()
    homes = {render.member(member, tenant_id).get("tenantId", tenant_id) for member in people}
    return _counts(people) | {"hasMembersFromOtherTenants": bool(homes - {tenant_id, None})}


def hide_shared(seen: Json) -> Json:
    """A channel for a reader who did not send `Prefer: include-unknown-enum-members`."""
    if seen.get("membershipType") == Membership.SHARED.value:
        return seen | {"membershipType": render.UNKNOWN_ENUM}
    return seen


def tag(seen: Tag, team_id: str) -> Json:
    """A teamworkTag."""
    return {
        "@odata.type": "#microsoft.graph.teamworkTag",
        "id": seen.id,
        "teamId": team_id,
        "displayName": seen.name,
        "description": seen.description,
        "memberCount": len(seen.people),
        "tagType": "standard",
    }


def tag_member(member_id: str, user: User, tenant_id: str) -> Json:
    """A teamworkTagMember."""
    person = render.identity(user, tenant_id)
    return {
        "@odata.type": "#microsoft.graph.teamworkTagMember",
        "id": member_id,
        "displayName": person["displayName"],
        "tenantId": person["tenantId"],
        "userId": user.id,
    }


def operation(seen: Operation, now: datetime, *, unknown_enums: bool) -> Json:
    """A teamsAsyncOperation as it stands at `now`."""
    done = seen.created + seen.lasts
    hidden = seen.kind in HIDDEN_KINDS and not unknown_enums
    return {
        "id": seen.id,
        "operationType": render.UNKNOWN_ENUM if hidden else seen.kind.value,
        "createdDateTime": stamp(seen.created),
        "status": "succeeded" if now >= done else "inProgress",
        "lastActionDateTime": stamp(min(now, done)),
        "attemptsCount": 1,
        "targetResourceId": seen.target,
        "targetResourceLocation": seen.location,
        "error": None,
    }


def primary(seen: Team) -> Channel:
    """The team's General channel, which a team always has."""
    return next(iter(seen.channels.values()))


def _counts(people: Iterable[Member]) -> Json:
    roles = [member.roles for member in people]
    owners = sum(OWNER in role for role in roles)
    guests = sum(GUEST in role for role in roles)
    return {
        "ownersCount": owners,
        "membersCount": len(roles) - owners - guests,
        "guestsCount": guests,
    }


def _team_url(seen: Team, tenant_id: str) -> str:
    place = quote(primary(seen).id, safe="")
    return (
        f"https://teams.microsoft.com/l/team/{place}/conversations"
        f"?groupId={seen.id}&tenantId={tenant_id}"
    )


def _channel_url(seen: Channel, tenant_id: str) -> str:
    place, name = quote(seen.id, safe=""), quote(seen.name, safe="")
    return (
        f"https://teams.microsoft.com/l/channel/{place}/{name}"
        f"?groupId={seen.team.id}&tenantId={tenant_id}&allowXTenantAccess=False"
    )
