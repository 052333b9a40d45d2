"""`/teams/{id}/members`: who is in a team, as what; one by one and in bulk.

Sources: learn.microsoft.com graph/api team-list-members, team-get-members, team-post-members,
team-update-members, team-delete-members, conversationmembers-add, conversationmember-remove.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.sandbox.tenant import (
    render,
    team_access,
    team_life,
    team_permissions as needs,
    team_query,
    team_render,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.team_read import Wanted, read_member, read_roles
from bridge.sandbox.tenant.world import Channel, Member, Team

MEMBERS_MAX = 25_000
"""People in a team (microsoftteams/limits-specifications-teams)."""
ADDED_MAX = 200
"""People in one members/add; the current page names no number."""
REMOVED_MAX = 20
"""People in one members/remove."""
FILTERS = ("userId", "displayName", "email")
_OWNER_RIGHT = "TeamMember.ReadWrite.All"
_KIND = "microsoft.graph.aadUserConversationMember"


async def list_members(call: Call) -> Reply:
    team = team_access.team(call)
    return roster(call, f"{team_render.team_place(team)}/members", list(team.members.values()))


async def get_member(call: Call) -> Reply:
    team = team_access.team(call)
    return member_reply(call, team_render.team_place(team), find(team.members, call), 200)


async def add_member(call: Call) -> Reply:
    team = team_access.owned_team(call)
    member = _add(call, team, read_member(call.body()))
    return member_reply(call, team_render.team_place(team), member, 201)


async def update_member(call: Call) -> Reply:
    team = team_access.owned_team(call)
    member = find(team.members, call)
    _check_owner_right(call)
    change_role(call, team, member)
    return member_reply(call, team_render.team_place(team), member, 200)


async def remove_member(call: Call) -> Reply:
    """An owner removes anyone; everyone may leave."""
    team = team_access.team(call)
    member = find(team.members, call)
    if member.user is not call.user:
        team_access.owned_team(call)
    _remove(call, team, member)
    return Reply(status=204)


async def add_members(call: Call) -> Reply:
    """Up to 200 people in one request; 207 if some could not be added."""
    team = team_access.owned_team(call)
    failures = _bulk(call, ADDED_MAX, lambda wanted: _add(call, team, wanted))
    status = 207 if any(item["error"] is not None for item in failures) else 200
    return _results(call, status, failures)


async def remove_members(call: Call) -> Reply:
    """Up to 20 people in one request; 207 if some could not be removed."""
    team = team_access.owned_team(call)

    def remove(wanted: Wanted) -> None:
        member = team.members.get(wanted.find(call).id)
        if member is None:
            raise GraphError(404, "NotFound", "Could not find resource")
        _remove(call, team, member)

    failures = _bulk(call, REMOVED_MAX, remove)
    if all(item["error"] is None for item in failures):
        return Reply(status=204)
    return _results(call, 207, failures)


def roster(call: Call, place: str, members: list[Member]) -> Reply:
    """A page of members, those that pass the `$filter`."""
    team_query.only(call, "$filter", "$select", "$top", "$count")
    shown = [render.member(member, call.tenant.id) for member in members]
    found = team_query.filtered(call, shown, FILTERS)
    part, link = team_query.page(call, found)
    return Reply(
        body={
            "@odata.context": call.context(place),
            "@odata.count": len(part),
            "value": [team_query.selected(call, item, "conversationMember") for item in part],
            **link,
        }
    )


def member_reply(call: Call, place: str, member: Member, status: int) -> Reply:
    """One member as the whole answer."""
    shown = render.member(member, call.tenant.id)
    context = call.context(f"{place}/members/{_KIND}/$entity")
    headers = {"Location": f"/{place}/members('{member.id}')"} if status == 201 else {}  # noqa: PLR2004 - created
    return Reply(status=status, body={"@odata.context": context, **shown}, headers=headers)


def find(people: dict[str, Member], call: Call) -> Member:
    """The member of the id in the path.

    Raises:
        GraphError: 400, as in microsoft-graph-docs issue 8237 for a user's id, or 404.
    """
    wanted = call.ids["member"]
    for member in people.values():
        if member.id == wanted:
            return member
    if call.tenant.find_user(wanted) is not None:
        msg = f"Invalid id '{wanted}' provided."
        raise bad_request(msg)
    raise GraphError(404, "NotFound", "Could not find resource")


def change_role(call: Call, place: Team | Channel, member: Member) -> None:
    """Set the role that the body asks for.

    Raises:
        GraphError: 400, a guest, the last owner, or an unknown role.
    """
    body = call.body()
    kind = wire.optional_text(body, "@odata.type") or ""
    if kind.removeprefix("#").casefold() != _KIND.casefold():
        raise bad_request("'odata.type' must be specified in the request body.")
    wire.only_known(body, {"roles"}, "aadUserConversationMember")
    owner = bool(read_roles(body))
    if member.user.guest:
        raise bad_request("The role of a guest cannot be changed.")
    if not owner and team_access.last_owner(place, member):
        raise last_owner_stays()
    team_life.set_role(call.tenant, place, member, owner=owner, by=call.user)


def last_owner_stays() -> GraphError:
    """Text of the directory's answer, microsoft-graph-docs issue 12054."""
    return bad_request(
        "The group must have at least one owner, hence this owner cannot be removed."
    )


def _add(call: Call, team: Team, wanted: Wanted) -> Member:
    """Take in, or give someone who is in already the role that is asked for."""
    user = wanted.find(call)
    if wanted.owner:
        _check_owner_right(call)
        if user.guest:
            raise bad_request("A guest cannot be an owner of a team.")
    member = team.members.get(user.id)
    if member is not None:
        if wanted.owner:
            team_life.set_role(call.tenant, team, member, owner=True, by=call.user)
        return member
    if len(team.members) >= MEMBERS_MAX:
        raise forbidden("The team has reached its maximum number of members.")
    return team_life.add_member(call.tenant, team, user, owner=wanted.owner, by=call.user)


def _remove(call: Call, team: Team, member: Member) -> None:
    if team_render.OWNER in member.roles and member.user is not call.user:
        _check_owner_right(call)
    if team_access.last_owner(team, member):
        raise last_owner_stays()
    team_life.remove_member(call.tenant, team, member, by=call.user)


def _check_owner_right(call: Call) -> None:
    """`TeamMember.ReadWriteNonOwnerRole.All` makes and unmakes no owners."""
    if _OWNER_RIGHT not in call.bearer.granted:
        msg = f"Managing owners requires '{_OWNER_RIGHT}'."
        raise forbidden(msg)


def _bulk(call: Call, most: int, change: Callable[[Wanted], object]) -> list[Json]:
    """Do it for everyone in `values`; what went wrong is part of the answer."""
    body = call.body()
    wire.only_known(body, {"values"}, "conversationMember")
    items = wire.objects(body, "values")
    if not 1 <= len(items) <= most:
        msg = f"The number of members has to be between 1 and {most}."
        raise bad_request(msg)
    results: list[Json] = []
    for wanted in [read_member(item) for item in items]:
        error: Json | None = None
        user = call.tenant.find_user(wanted.key)
        try:
            change(wanted)
        except GraphError as refused:
            error = {"code": refused.code, "message": refused.message}
        results.append(
            {
                "@odata.type": "#microsoft.graph.aadUserConversationMemberResult",
                "userId": wanted.key if user is None else user.id,
                "error": error,
            }
        )
    return results


def _results(call: Call, status: int, results: list[Json]) -> Reply:
    context = call.context("Collection(microsoft.graph.aadUserConversationMemberResult)")
    return Reply(status=status, body={"@odata.context": context, "value": results})


_MEMBERS = "/teams/{team}/members"
_MEMBER = f"{_MEMBERS}/{{member}}"
ROUTES = [
    route(f"GET {_MEMBERS}", needs.LIST_TEAM_MEMBERS, list_members),
    route(f"POST {_MEMBERS}", needs.CHANGE_TEAM_MEMBERS, add_member),
    route(f"POST {_MEMBERS}/add", needs.CHANGE_TEAM_MEMBERS, add_members),
    route(f"POST {_MEMBERS}/remove", needs.REMOVE_TEAM_MEMBERS, remove_members),
    route(f"GET {_MEMBER}", needs.LIST_TEAM_MEMBERS, get_member),
    route(f"PATCH {_MEMBER}", needs.CHANGE_TEAM_MEMBERS, update_member),
    route(f"DELETE {_MEMBER}", needs.CHANGE_TEAM_MEMBERS, remove_member),
]
