"""Teams, channels and tags as people in the Teams client make and change them: control requests.

What is said in channels is played by the same acts as what is said in chats (`stage.py`). Nothing
is checked here that a Teams client would let its user do.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.sandbox.tenant import people_kinds, stage, tags, team_life, team_render, wire
from bridge.sandbox.tenant.ask import Act, Ask, choice
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.system_events import spot
from bridge.sandbox.tenant.team_life import GENERAL, ChannelPlan, Doer, TeamPlan
from bridge.sandbox.tenant.team_state import Visibility
from bridge.sandbox.tenant.world import Channel, Layout, Membership, Team, User


async def create_team(ask: Ask) -> Reply:
    """A team with `owners`, `members` and standard `channels` by name."""
    names = wire.as_list(ask.body.get("channels", []), "channels")
    team = team_life.create_team(
        ask.tenant,
        TeamPlan(
            name=wire.required_text(ask.body, "name"),
            description=wire.optional_text(ask.body, "description"),
            visibility=choice(Visibility, wire.optional_text(ask.body, "visibility") or "public"),
            owners=_people(ask, "owners"),
            members=_people(ask, "members"),
            channels=[ChannelPlan(name=wire.as_text(name, "channels")) for name in names],
            first_channel=wire.optional_text(ask.body, "first_channel") or GENERAL,
            id=_new_id(ask, ask.tenant.teams),
        ),
        _doer(ask),
    )
    return Reply(status=201, body=_team(team))


async def list_teams(ask: Ask) -> Reply:
    return Reply(body={"teams": [_team(team) for team in ask.tenant.teams.values()]})


async def change_team(ask: Ask) -> Reply:
    """Set `name`, `description`, `visibility`, `archived`; `add`, `remove`, `promote`, `demote`."""
    team, by = ask.tenant.team(ask.ids["team"]), _doer(ask)
    changes = _changes(ask, ("name", "description"))
    if "visibility" in ask.body:
        changes["visibility"] = choice(Visibility, wire.required_text(ask.body, "visibility"))
    team_life.change_team(ask.tenant, team, by, **changes)
    _change_people(ask, team, by)
    return Reply(status=204)


async def delete_team(ask: Ask) -> Reply:
    team_life.delete_team(ask.tenant, ask.tenant.team(ask.ids["team"]))
    return Reply(status=204)


async def create_channel(ask: Ask) -> Reply:
    """A channel; `owners` and `members` count in private and shared ones only."""
    team = ask.tenant.team(ask.ids["team"])
    channel = team_life.create_channel(
        ask.tenant,
        team,
        ChannelPlan(
            name=wire.required_text(ask.body, "name"),
            description=wire.optional_text(ask.body, "description"),
            membership=choice(Membership, wire.optional_text(ask.body, "membership") or "standard"),
            layout=choice(Layout, wire.optional_text(ask.body, "layout") or "post"),
            owners=_people(ask, "owners"),
            members=_people(ask, "members"),
            id=_new_id(ask, team.channels),
        ),
        _doer(ask),
    )
    _share(ask, channel)
    return Reply(status=201, body={"id": channel.id})


async def change_channel(ask: Ask) -> Reply:
    """Set `name`, `description`, `layout`, `archived`, `favourite`.

    Further: `add`, `remove`, `promote` and `demote` people, `share_with` and `unshare` teams.
    """
    channel, by = _channel(ask), _doer(ask)
    changes = _changes(ask, ("name", "description"))
    if "layout" in ask.body:
        changes["layout"] = choice(Layout, wire.required_text(ask.body, "layout"))
    if "favourite" in ask.body:
        changes["favourite"] = wire.optional_flag(ask.body, "favourite")
    team_life.change_channel(ask.tenant, channel, by, **changes)
    _change_people(ask, channel, by)
    _share(ask, channel)
    return Reply(status=204)


async def delete_channel(ask: Ask) -> Reply:
    channel = _channel(ask)
    if channel is team_render.primary(channel.team):
        raise bad_request("The first channel of a team cannot be deleted.")
    team_life.delete_channel(ask.tenant, channel, _doer(ask))
    return Reply(status=204)


async def create_tag(ask: Ask) -> Reply:
    team = ask.tenant.team(ask.ids["team"])
    users = _people(ask, "members")
    if any(user.id not in team.members for user in users):
        raise bad_request("Only members of the team can be in a tag.")
    if len(team.tags) >= tags.TAGS_MAX:
        raise bad_request("The team has reached its maximum number of tags.")
    description = wire.optional_text(ask.body, "description")
    name = wire.required_text(ask.body, "name")
    tag = tags.make_tag(ask.tenant, team, name, users, description)
    return Reply(status=201, body={"id": tag.id})


def _channel(ask: Ask) -> Channel:
    return ask.tenant.channel(ask.ids["team"], spot(ask).id)


def _new_id(ask: Ask, taken: dict[str, Team] | dict[str, Channel]) -> str | None:
    key = wire.optional_text(ask.body, "id")
    if key is not None and key in taken:
        raise bad_request("There is one of this id already.")
    return key


def _people(ask: Ask, name: str) -> list[User]:
    names = wire.as_list(ask.body.get(name, []), name)
    return [people_kinds.find_person(ask.tenant, wire.as_text(item, name)) for item in names]


def _doer(ask: Ask) -> Doer:
    name = wire.optional_text(ask.body, "by")
    return None if name is None else people_kinds.find(ask.tenant, name)


def _changes(ask: Ask, texts: tuple[str, ...]) -> dict[str, object]:
    changes: dict[str, object] = {
        name: wire.optional_text(ask.body, name) for name in texts if name in ask.body
    }
    if "name" in changes:
        changes["name"] = wire.required_text(ask.body, "name")
    if "archived" in ask.body:
        changes["archived"] = wire.optional_flag(ask.body, "archived")
    return changes


def _change_people(ask: Ask, place: Team | Channel, by: Doer) -> None:
    """Who is in already is not added again, and who is not in it is not removed."""
    for user in _people(ask, "add"):
        if user.id not in place.members:
            team_life.add_member(ask.tenant, place, user, by=by)
    for user in _people(ask, "remove"):
        if user.id in place.members:
            team_life.remove_member(ask.tenant, place, place.members[user.id], by)
    for name, owner in (("promote", True), ("demote", False)):
        for user in _people(ask, name):
            if user.id in place.members:
                member = place.members[user.id]
                team_life.set_role(ask.tenant, place, member, owner=owner, by=by)


def _share(ask: Ask, channel: Channel) -> None:
    acts: tuple[tuple[str, Callable[..., None]], ...] = (
        ("share_with", team_life.share),
        ("unshare", team_life.unshare),
    )
    for name, act in acts:
        keys = wire.as_list(ask.body.get(name, []), name)
        if keys and channel.membership is not Membership.SHARED:
            raise bad_request("Only a shared channel can be shared with other teams.")
        for key in keys:
            act(ask.tenant, channel, ask.tenant.team(wire.as_text(key, name)))


def _team(team: Team) -> Json:
    return {
        "id": team.id,
        "name": team.name,
        "general": team_render.primary(team).id,
        "channels": [
            {"id": channel.id, "name": channel.name, "membership": channel.membership.value}
            for channel in team.channels.values()
        ],
    }


_CHANNEL = "/teams/{team}/channels/{channel}"
_MESSAGE = f"{_CHANNEL}/messages/{{message}}"
ACTS: list[tuple[str, Act]] = [
    ("GET /teams", list_teams),
    ("POST /teams", create_team),
    ("PATCH /teams/{team}", change_team),
    ("DELETE /teams/{team}", delete_team),
    ("POST /teams/{team}/tags", create_tag),
    ("POST /teams/{team}/channels", create_channel),
    (f"PATCH {_CHANNEL}", change_channel),
    (f"DELETE {_CHANNEL}", delete_channel),
    (f"GET {_CHANNEL}/events", stage.events),
    (f"GET {_CHANNEL}/messages", stage.list_messages),
    (f"POST {_CHANNEL}/messages", stage.type_messages),
    (f"PATCH {_MESSAGE}", stage.edit_message),
    (f"DELETE {_MESSAGE}", stage.delete_message),
    (f"POST {_MESSAGE}/undelete", stage.undelete_message),
    (f"POST {_MESSAGE}/reactions", stage.react),
]
