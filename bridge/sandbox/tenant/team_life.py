"""What happens to teams and channels, whichever way: through Graph or in the Teams client.

Every function changes the state, announces the change and lets the system message about it be
posted, in the channel that it is about or in the team's General channel
(learn.microsoft.com graph/system-messages). Nobody is asked for permission here; only an import
that is going on refuses changes of the members.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from bridge.sandbox.tenant import conversation, event_details, importing, render, team_render
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.team_render import GUEST, OWNER, primary
from bridge.sandbox.tenant.team_state import (
    OPERATIONS_KEPT,
    Operation,
    OperationKind,
    Visibility,
)
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject, Tenant
from bridge.sandbox.tenant.world import Channel, Layout, Member, Membership, Team, User

GENERAL = "General"
DELETED_TEAMS_KEPT = 10_000
DELETED_CHANNELS_KEPT = 1000
"""Per team. Of both, the oldest are forgotten first."""
Doer = User | Robot | None
"""Who did it; None where nobody is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """A channel to be made; `owners` and `members` count in private and shared ones only."""

    name: str
    description: str | None = None
    membership: Membership = Membership.STANDARD
    layout: Layout = Layout.POST
    favourite: bool | None = None
    owners: Sequence[User] = ()
    members: Sequence[User] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamPlan:
    """A team to be made, with the standard channels that it has from the start."""

    name: str
    description: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    owners: Sequence[User] = ()
    members: Sequence[User] = ()
    channels: Sequence[ChannelPlan] = ()
    first_channel: str = GENERAL
    settings: dict[str, Json] = field(default_factory=dict)
    takes: timedelta = timedelta(0)
    """How long until the team can be found."""
    id: str | None = None


def create_team(tenant: Tenant, plan: TeamPlan, by: Doer = None) -> Team:
    """A new team with its General channel."""
    now = tenant.clock.now()
    team = Team(
        id=plan.id or str(uuid4()),
        name=plan.name,
        description=plan.description,
        created=now,
        visibility=plan.visibility,
    )
    for name, values in plan.settings.items():
        team.settings[name] = team.settings[name] | values
    team.ready = now + plan.takes if plan.takes else None
    for user, owner in _roster(plan.owners, plan.members):
        team.members[user.id] = _member(tenant, team, user, owner=owner)
    tenant.teams[team.id] = team
    first = ChannelPlan(name=plan.first_channel, description=plan.description)
    made = [_open_channel(tenant, team, item) for item in (first, *plan.channels)]
    _announce_team(tenant, team, ChangeKind.CREATED)
    for channel in made:
        _announce_channel(tenant, channel, ChangeKind.CREATED)
    if tenant.settings.announce_creation:
        _tell(tenant, made[0], "teamCreated", by)
    return team


def change_team(tenant: Tenant, team: Team, by: Doer = None, **changes: object) -> None:
    """Set `name`, `description`, `visibility`, `archived` or `settings`."""
    changed = [name for name, value in changes.items() if getattr(team, name) != value]
    for name in changed:
        setattr(team, name, changes[name])
    if changed:
        _announce_team(tenant, team, ChangeKind.UPDATED)
    kinds = {
        "name": "teamRenamed",
        "description": "teamDescriptionUpdated",
        "archived": "teamArchived" if team.archived else "teamUnarchived",
    }
    for name in changed:
        if name in kinds:
            _tell(tenant, primary(team), kinds[name], by)


def delete_team(tenant: Tenant, team: Team) -> None:
    """The team is gone with its channels; it can be brought back for a while."""
    for channel in team.channels.values():
        for other in list(channel.shared_with.values()):
            unshare(tenant, channel, other)
    for channel in list(team.incoming.values()):
        unshare(tenant, channel, team)
    del tenant.teams[team.id]
    tenant.deleted_teams[team.id] = team
    while len(tenant.deleted_teams) > DELETED_TEAMS_KEPT:
        del tenant.deleted_teams[next(iter(tenant.deleted_teams))]
    _announce_team(tenant, team, ChangeKind.DELETED)


def create_channel(tenant: Tenant, team: Team, plan: ChannelPlan, by: Doer = None) -> Channel:
    channel = _open_channel(tenant, team, plan)
    _announce_channel(tenant, channel, ChangeKind.CREATED)
    _tell_of_channel(tenant, channel, "channelAdded", by)
    return channel


def change_channel(tenant: Tenant, channel: Channel, by: Doer = None, **changes: object) -> None:
    """Set `name`, `description`, `layout`, `favourite` or `archived`."""
    changed = [name for name, value in changes.items() if getattr(channel, name) != value]
    for name in changed:
        setattr(channel, name, changes[name])
    if changed:
        channel.updated = tenant.clock.now()
        _announce_channel(tenant, channel, ChangeKind.UPDATED)
    verb = "Set" if channel.favourite else "Unset"
    kinds = {
        "name": "channelRenamed",
        "description": "channelDescriptionUpdated",
        "favourite": f"channel{verb}AsFavoriteByDefault",
    }
    for name in changed:
        if name in kinds:
            _tell(tenant, channel, kinds[name], by)


def delete_channel(tenant: Tenant, channel: Channel, by: Doer = None) -> None:
    """The channel and all that was said in it can be found no more."""
    for other in list(channel.shared_with.values()):
        unshare(tenant, channel, other)
    del channel.team.channels[channel.id]
    deleted = channel.team.deleted_channels
    deleted[channel.id] = channel
    while len(deleted) > DELETED_CHANNELS_KEPT:
        del deleted[next(iter(deleted))]
    _announce_channel(tenant, channel, ChangeKind.DELETED)
    _tell_of_channel(tenant, channel, "channelDeleted", by)


def add_member(
    tenant: Tenant, place: Team | Channel, user: User, *, owner: bool = False, by: Doer = None
) -> Member:
    """Take someone into a team, or into a private or shared channel."""
    importing.check_open(place)
    member = place.members[user.id] = _member(tenant, place, user, owner=owner)
    _announce_member(tenant, place, member, ChangeKind.CREATED)
    _tell(tenant, _speaker(place), "membersAdded", by, [user])
    return member


def remove_member(tenant: Tenant, place: Team | Channel, member: Member, by: Doer = None) -> None:
    """Let someone go; who leaves a team leaves its private channels and its tags as well."""
    importing.check_open(place)
    user = member.user
    if isinstance(place, Team):
        for channel in place.channels.values():
            inside = channel.members.get(user.id)
            if channel.membership is Membership.PRIVATE and inside is not None:
                remove_member(tenant, channel, inside, by)
        for tag in place.tags.values():
            tag.people.pop(user.id, None)
    del place.members[user.id]
    _announce_member(tenant, place, member, ChangeKind.DELETED)
    _tell(tenant, _speaker(place), "membersDeleted", by, [user])


def set_role(
    tenant: Tenant, place: Team | Channel, member: Member, *, owner: bool, by: Doer = None
) -> None:
    """Make someone an owner, or an ordinary member again."""
    roles = [OWNER] if owner else []
    if member.roles == roles:
        return
    member.roles = roles
    _announce_member(tenant, place, member, ChangeKind.UPDATED)
    given: Json = {"conversationMemberRoles": ["Owner" if owner else "User"]}
    kind = "conversationMemberRoleUpdated"
    _tell(tenant, _speaker(place), kind, by, [member.user], given)


def share(tenant: Tenant, channel: Channel, team: Team) -> None:
    """Share a shared channel with another team; its members but the guests take part."""
    channel.shared_with[team.id] = team
    team.incoming[channel.id] = channel
    _announce_channel(tenant, channel, ChangeKind.UPDATED)


def unshare(tenant: Tenant, channel: Channel, team: Team) -> None:
    channel.shared_with.pop(team.id, None)
    team.incoming.pop(channel.id, None)
    _announce_channel(tenant, channel, ChangeKind.UPDATED)


def start_operation(
    tenant: Tenant, team: Team, kind: OperationKind, channel: Channel | None = None
) -> Operation:
    """Note an asynchronous operation; what it does has been done, it only looks under way."""
    place = team_render.team_place(team) if channel is None else channel.place
    operation = Operation(
        id=str(uuid4()),
        kind=kind,
        target=team.id if channel is None else channel.id,
        location=f"/{place}",
        created=tenant.clock.now(),
        lasts=timedelta(seconds=tenant.settings.team_operation_seconds),
    )
    team.operations[operation.id] = operation
    while len(team.operations) > OPERATIONS_KEPT:
        del team.operations[next(iter(team.operations))]
    return operation


def _open_channel(tenant: Tenant, team: Team, plan: ChannelPlan) -> Channel:
    now = tenant.clock.now()
    channel = Channel(
        id=plan.id or f"19:{uuid4().hex}@thread.tacv2",
        created=now,
        updated=now,
        team=team,
        name=plan.name,
        description=plan.description,
        membership=plan.membership,
        layout=plan.layout,
        favourite=plan.favourite,
    )
    if plan.membership is not Membership.STANDARD:
        for user, owner in _roster(plan.owners, plan.members):
            channel.members[user.id] = _member(tenant, channel, user, owner=owner)
    team.channels[channel.id] = channel
    return channel


def _roster(owners: Sequence[User], members: Sequence[User]) -> list[tuple[User, bool]]:
    return [(user, False) for user in members] + [(user, True) for user in owners]


def _member(tenant: Tenant, place: Team | Channel, user: User, *, owner: bool) -> Member:
    """Opaque to clients; a guest is stamped as one whatever was asked for."""
    inside = f"{place.team.id}##{place.id}" if isinstance(place, Channel) else place.id
    raw = f"{tenant.id}##{inside}##{user.id}".encode()
    roles = [GUEST] if user.guest else [OWNER] if owner else []
    return Member(id=base64.b64encode(raw).decode(), user=user, roles=roles)


def _speaker(place: Team | Channel) -> Channel:
    """The channel in which the system messages about this place stand."""
    return primary(place) if isinstance(place, Team) else place


def _announce_team(tenant: Tenant, team: Team, kind: ChangeKind) -> None:
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.TEAM,
            id=team.id,
            place=team_render.team_place(team),
            seen=team_render.team(team, tenant.id),
            team=team,
        )
    )


def _announce_channel(tenant: Tenant, channel: Channel, kind: ChangeKind) -> None:
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.CHANNEL,
            id=channel.id,
            place=channel.place,
            seen=team_render.channel(channel, tenant.id),
            conversation=channel,
            team=channel.team,
        )
    )


def _announce_member(
    tenant: Tenant, place: Team | Channel, member: Member, kind: ChangeKind
) -> None:
    channel = place if isinstance(place, Channel) else None
    above = team_render.team_place(place) if isinstance(place, Team) else place.place
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.MEMBER,
            id=member.id,
            place=f"{above}/members('{member.id}')",
            seen=render.member(member, tenant.id),
            conversation=channel,
            team=place if isinstance(place, Team) else place.team,
            user=member.user,
        )
    )


def _tell_of_channel(tenant: Tenant, channel: Channel, kind: str, by: Doer) -> None:
    """In General, and only of channels that everyone in the team can see."""
    if channel.membership is Membership.STANDARD:
        given: Json = {"channelDisplayName": channel.name, "channelId": channel.id}
        _tell(tenant, primary(channel.team), kind, by, (), given)


def _tell(
    tenant: Tenant,
    place: Channel,
    kind: str,
    by: Doer,
    people: Sequence[User] = (),
    given: Json | None = None,
) -> None:
    if place.migration is not None and place.migration.in_progress:
        return
    scene = event_details.Scene(
        tenant_id=tenant.id, now=tenant.clock.now(), place=place, initiator=by, people=people
    )
    conversation.tell_event(tenant, place, event_details.detail(scene, kind, given))
