"""`/teams/{id}/tags`: groups of people within a team that can be mentioned together.

Sources: learn.microsoft.com graph/api teamworktag-list, -post, -get, -update, -delete,
teamworktagmember-list, -post, -get, -delete; microsoftteams/manage-tags for the limits.
"""

from __future__ import annotations

import base64
from uuid import uuid4

from bridge.sandbox.tenant import (
    team_access,
    team_permissions as needs,
    team_query,
    team_render,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.team_state import Tag
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Team, User

NAME_MAX = 40
CREATED_WITH_MAX = 25
"""Members that a new tag can have."""
MEMBERS_MAX = 200
TAGS_MAX = 100
"""Tags of one team."""
_CREATE = {"displayName", "description", "members", "tagType"}
_MEMBER = {"userId", "id", "displayName", "tenantId"}


async def list_tags(call: Call) -> Reply:
    team = team_access.team(call)
    team_query.only(call, "$filter", "$select", "$top")
    shown = [team_render.tag(item, team.id) for item in team.tags.values()]
    found = team_query.filtered(call, shown, ("id", "displayName", "tagType"))
    part, link = team_query.page(call, found)
    return Reply(
        body={
            "@odata.context": call.context(_place(team)),
            "@odata.count": len(part),
            "value": [team_query.selected(call, item, "teamworkTag") for item in part],
            **link,
        }
    )


async def get_tag(call: Call) -> Reply:
    team = team_access.team(call)
    return _entity(call, team, _tag(call, team), 200)


async def create_tag(call: Call) -> Reply:
    team = team_access.owned_team(call)
    body = call.body()
    wire.only_known(body, _CREATE, "teamworkTag")
    name = _name(team, body, None)
    members = wire.objects(body, "members")
    if not 1 <= len(members) <= CREATED_WITH_MAX:
        msg = f"A new tag has between 1 and {CREATED_WITH_MAX} members."
        raise bad_request(msg)
    if len(team.tags) >= TAGS_MAX:
        raise forbidden("The team has reached its maximum number of tags.")
    users = [_candidate(team, item) for item in members]
    description = wire.optional_text(body, "description")
    tag = make_tag(call.tenant, team, name, users, description)
    return _entity(call, team, tag, 201)


async def update_tag(call: Call) -> Reply:
    team = team_access.owned_team(call)
    tag = _tag(call, team)
    body = call.body()
    wire.only_known(body, {"displayName"}, "teamworkTag")
    tag.name = _name(team, body, tag)
    return _entity(call, team, tag, 200)


async def delete_tag(call: Call) -> Reply:
    team = team_access.owned_team(call)
    del team.tags[_tag(call, team).id]
    return Reply(status=204)


async def list_members(call: Call) -> Reply:
    team = team_access.team(call)
    tag = _tag(call, team)
    team_query.only(call, "$filter", "$select", "$top")
    shown = [_member(call, team, tag, user_id) for user_id in tag.people]
    found = team_query.filtered(call, shown, ("id", "userId", "displayName"))
    part, link = team_query.page(call, found)
    return Reply(
        body={
            "@odata.context": call.context(f"{_place(team)}('{tag.id}')/members"),
            "@odata.count": len(part),
            "value": [team_query.selected(call, item, "teamworkTagMember") for item in part],
            **link,
        }
    )


async def get_member(call: Call) -> Reply:
    team = team_access.team(call)
    tag = _tag(call, team)
    return _member_entity(call, team, tag, _person(call, tag), 200)


async def add_member(call: Call) -> Reply:
    team = team_access.owned_team(call)
    tag = _tag(call, team)
    user = _candidate(team, call.body())
    if user.id in tag.people:
        raise bad_request("The user is a member of the tag already.")
    if len(tag.people) >= MEMBERS_MAX:
        msg = f"A tag has at most {MEMBERS_MAX} members."
        raise bad_request(msg)
    put_in(call.tenant, tag, user)
    return _member_entity(call, team, tag, user.id, 201)


async def remove_member(call: Call) -> Reply:
    team = team_access.owned_team(call)
    tag = _tag(call, team)
    del tag.people[_person(call, tag)]
    return Reply(status=204)


def make_tag(
    tenant: Tenant, team: Team, name: str, users: list[User], description: str | None = None
) -> Tag:
    """A new tag with these people in it."""
    raw = f"{tenant.id}##{team.id}##{uuid4().hex[:10]}".encode()
    tag = Tag(id=base64.b64encode(raw).decode(), name=name, description=description)
    for user in users:
        put_in(tenant, tag, user)
    team.tags[tag.id] = tag
    return tag


def put_in(tenant: Tenant, tag: Tag, user: User) -> None:
    raw = f"{tenant.id}##{uuid4()}##{user.id}".encode()
    tag.people[user.id] = base64.b64encode(raw).decode()


def _place(team: Team) -> str:
    return f"{team_render.team_place(team)}/tags"


def _tag(call: Call, team: Team) -> Tag:
    tag = team.tags.get(call.ids["tag"])
    if tag is None:
        raise not_found()
    return tag


def _name(team: Team, body: Json, own: Tag | None) -> str:
    name = wire.required_text(body, "displayName")
    if len(name) > NAME_MAX:
        msg = f"The name of a tag has at most {NAME_MAX} characters."
        raise bad_request(msg)
    if any(t.name.casefold() == name.casefold() for t in team.tags.values() if t is not own):
        raise bad_request("There is a tag of this name already.")
    return name


def _candidate(team: Team, body: Json) -> User:
    wire.only_known(body, _MEMBER, "teamworkTagMember")
    member = team.members.get(wire.required_text(body, "userId"))
    if member is None:
        raise bad_request("Only members of the team can be in a tag.")
    return member.user


def _person(call: Call, tag: Tag) -> str:
    """The user whose place in the tag has the id in the path."""
    for user_id, member_id in tag.people.items():
        if member_id == call.ids["member"]:
            return user_id
    raise not_found()


def _member(call: Call, team: Team, tag: Tag, user_id: str) -> Json:
    user = team.members[user_id].user
    return team_render.tag_member(tag.people[user_id], user, call.tenant.id)


def _entity(call: Call, team: Team, tag: Tag, status: int) -> Reply:
    context = call.context(f"{_place(team)}/$entity")
    body = {"@odata.context": context, **team_render.tag(tag, team.id)}
    return Reply(status=status, body=body)


def _member_entity(call: Call, team: Team, tag: Tag, user_id: str, status: int) -> Reply:
    context = call.context(f"{_place(team)}('{tag.id}')/members/$entity")
    return Reply(
        status=status, body={"@odata.context": context, **_member(call, team, tag, user_id)}
    )


_TAGS = "/teams/{team}/tags"
_ONE = f"{_TAGS}/{{tag}}"
_PERSON = f"{_ONE}/members/{{member}}"
ROUTES = [
    route(f"GET {_TAGS}", needs.READ_TAGS, list_tags),
    route(f"POST {_TAGS}", needs.WRITE_TAGS, create_tag),
    route(f"GET {_ONE}", needs.READ_TAGS, get_tag),
    route(f"PATCH {_ONE}", needs.WRITE_TAGS, update_tag),
    route(f"DELETE {_ONE}", needs.WRITE_TAGS, delete_tag),
    route(f"GET {_ONE}/members", needs.READ_TAGS, list_members),
    route(f"POST {_ONE}/members", needs.ADD_TAG_MEMBER, add_member),
    route(f"GET {_PERSON}", needs.READ_TAGS, get_member),
    route(f"DELETE {_PERSON}", needs.WRITE_TAGS, remove_member),
]
