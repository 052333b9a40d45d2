"""`/teams`: list, create, read, change, archive, delete; and the teams of a user.

Sources: learn.microsoft.com graph/api teams-list, team-post, team-get, team-update, team-archive,
team-unarchive, group-delete, user-list-joinedteams, associatedteaminfo-list; graph/api/resources
teamsasyncoperation.
"""

from __future__ import annotations

from datetime import timedelta

from bridge.sandbox.tenant import (
    migration,
    permissions,
    team_access,
    team_life,
    team_permissions as needs,
    team_query,
    team_render,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request, forbidden, no_such_user, not_found
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.team_read import (
    read_import,
    read_settings,
    read_team,
    read_text,
    read_visibility,
)
from bridge.sandbox.tenant.team_state import Operation, OperationKind, Visibility
from bridge.sandbox.tenant.world import Membership, Team

_UPDATE = {
    "displayName",
    "description",
    "visibility",
    "classification",
    "specialization",
    "memberSettings",
    "guestSettings",
    "messagingSettings",
    "funSettings",
}
_ARCHIVE = {"shouldSetSpoSiteReadOnlyForMembers"}
_BASIC = ("id", "displayName", "description")


async def list_teams(call: Call) -> Reply:
    """All teams; a person who does not administer them sees the own ones and the public ones."""
    team_query.only(call, "$filter", "$select", "$top", "$count")
    shown = [team_render.team_basic(team) for team in _all(call) if _listed(call, team)]
    found = team_query.filtered(call, shown, _BASIC)
    part, link = team_query.page(call, found)
    count: Json = {"@odata.count": len(found)} if call.query.get("$count") == "true" else {}
    return Reply(
        body={
            "@odata.context": call.context("teams"),
            **count,
            "value": [team_query.selected(call, item, "team") for item in part],
            **link,
        }
    )


async def get_team(call: Call) -> Reply:
    team_query.only(call, "$select")
    shown = team_render.team(team_access.team(call), call.tenant.id)
    chosen = team_query.selected(call, shown, "team")
    return Reply(body={"@odata.context": call.context("teams/$entity"), **chosen})


async def create_team(call: Call) -> Reply:
    """A new team, which can be found once the operation has succeeded."""
    takes = timedelta(seconds=call.tenant.settings.team_operation_seconds)
    plan = read_team(call, takes)
    created = read_import(call, call.body())
    team = team_life.create_team(call.tenant, plan, call.user)
    if created is not None:
        migration.begin(call.tenant, team, call.app.id, created)
        for channel in team.channels.values():
            migration.begin(call.tenant, channel, call.app.id, created)
    operation = team_life.start_operation(call.tenant, team, OperationKind.CREATE_TEAM)
    where = f"/{team_render.team_place(team)}"
    return _accepted(team, operation, {"Content-Location": where})


async def update_team(call: Call) -> Reply:
    team = team_access.owned_team(call)
    team_access.writable(team)
    body = call.body()
    wire.only_known(body, _UPDATE, "team")
    changes: dict[str, object] = {}
    if "displayName" in body:
        changes["name"] = read_text(body, "displayName")
    if "description" in body:
        changes["description"] = read_text(body, "description")
    if "visibility" in body:
        changes["visibility"] = read_visibility(body)
    given = read_settings(body)
    if given:
        changes["settings"] = {
            name: values | given.get(name, {}) for name, values in team.settings.items()
        }
    team_life.change_team(call.tenant, team, call.user, **changes)
    return Reply(status=204)


async def delete_group(call: Call) -> Reply:
    """A team is deleted by deleting its group, which has the same id."""
    permissions.check_directory(needs.DELETE_GROUP, call.bearer)
    found = call.tenant.teams.get(call.ids["group"])
    if found is None:
        raise no_such_user(call.ids["group"])
    call.ids["team"] = found.id
    team_life.delete_team(call.tenant, team_access.owned_team(call))
    return Reply(status=204)


async def archive_team(call: Call) -> Reply:
    return await _archive(call, archived=True)


async def unarchive_team(call: Call) -> Reply:
    return await _archive(call, archived=False)


async def get_operation(call: Call) -> Reply:
    """How an operation stands; also of a team that cannot be found yet."""
    team = call.tenant.teams.get(call.ids["team"]) or call.tenant.team(call.ids["team"])
    if call.user is not None and not call.user.admin and call.user.id not in team.members:
        raise forbidden()
    operation = team.operations.get(call.ids["operation"])
    if operation is None:
        raise not_found()
    shown = team_render.operation(
        operation, call.tenant.clock.now(), unknown_enums=call.wants_unknown_enums
    )
    fragment = f"{team_render.team_place(team)}/operations/$entity"
    return Reply(body={"@odata.context": call.context(fragment), **shown})


async def joined_teams(call: Call) -> Reply:
    """The teams that a user is a direct member of; shared channels do not count."""
    user = call.owner() or call.signed_in()
    found = [team_render.team_basic(team) for team in _all(call) if user.id in team.members]
    return _list(call, "teams", [team_query.selected(call, item, "team") for item in found])


async def associated_teams(call: Call) -> Reply:
    """The joined teams, and those whose shared channels a user takes part in."""
    user = call.owner() or call.signed_in()
    found = [
        team_render.team_info(team, call.tenant.id)
        for team in _all(call)
        if user.id in team.members
        or any(
            channel.membership is Membership.SHARED and user.id in channel.members
            for channel in team.channels.values()
        )
    ]
    return _list(call, f"users('{user.id}')/teamwork/associatedTeams", found)


async def _archive(call: Call, *, archived: bool) -> Reply:
    team = team_access.owned_team(call)
    read_archiving(call)
    team_life.change_team(call.tenant, team, call.user, archived=archived)
    kind = OperationKind.ARCHIVE_TEAM if archived else OperationKind.UNARCHIVE_TEAM
    return _accepted(team, team_life.start_operation(call.tenant, team, kind), {})


def read_archiving(call: Call) -> None:
    """The optional body of an archiving.

    Raises:
        GraphError: 400; what an app may not ask for is in microsoft-graph-docs issue 4944.
    """
    body = call.body() if call.raw else {}
    wire.only_known(body, _ARCHIVE, "archive")
    if wire.optional_flag(body, "shouldSetSpoSiteReadOnlyForMembers") and call.user is None:
        raise bad_request("shouldSetSpoSiteReadOnlyForMembers is not supported in app-only context")


def _accepted(team: Team, operation: Operation, more: dict[str, str]) -> Reply:
    place = f"/{team_render.team_place(team)}/operations('{operation.id}')"
    return Reply(status=202, headers={"Location": place, **more})


def _all(call: Call) -> list[Team]:
    """Every team that can be found by now."""
    now = call.tenant.clock.now()
    return [t for t in call.tenant.teams.values() if t.ready is None or t.ready <= now]


def _listed(call: Call, team: Team) -> bool:
    if call.user is None or call.user.admin or call.user.id in team.members:
        return True
    return team.visibility is Visibility.PUBLIC


def _list(call: Call, fragment: str, found: list[Json]) -> Reply:
    return Reply(
        body={
            "@odata.context": call.context(fragment),
            "@odata.count": len(found),
            "value": found,
        }
    )


ROUTES = [
    route("GET /teams", needs.LIST_TEAMS, list_teams),
    route("POST /teams", needs.CREATE_TEAM, create_team),
    route("GET /teams/{team}", needs.GET_TEAM, get_team),
    route("PATCH /teams/{team}", needs.UPDATE_TEAM, update_team),
    route("DELETE /groups/{group}", None, delete_group),
    route("POST /teams/{team}/archive", needs.ARCHIVE_TEAM, archive_team),
    route("POST /teams/{team}/unarchive", needs.ARCHIVE_TEAM, unarchive_team),
    route("GET /teams/{team}/operations/{operation}", needs.GET_OPERATION, get_operation),
    route("GET /users/{user}/joinedTeams", needs.JOINED_TEAMS, joined_teams),
    route("GET /users/{user}/teamwork/associatedTeams", needs.ASSOCIATED_TEAMS, associated_teams),
]
