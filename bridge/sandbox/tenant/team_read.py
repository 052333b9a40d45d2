"""Reading the teams, channels and members that a client wants to make.

Sources: learn.microsoft.com graph/api team-post, channel-post, team-post-members,
channel-post-members; graph/api/resources team, channel; limits from
microsoftteams/limits-specifications-teams.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from bridge.sandbox.tenant import people_kinds, permissions, wire
from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, not_found
from bridge.sandbox.tenant.migration import MIGRATE
from bridge.sandbox.tenant.team_life import GENERAL, ChannelPlan, TeamPlan
from bridge.sandbox.tenant.team_render import OWNER
from bridge.sandbox.tenant.team_state import Visibility, default_settings
from bridge.sandbox.tenant.world import Layout, Membership, User

TEAM_NAME_MAX = 256
TEAM_DESCRIPTION_MAX = 1024
CHANNEL_NAME_MAX = 50
CHANNEL_DESCRIPTION_MAX = 1024
_LENGTHS = {
    "team": {"displayName": TEAM_NAME_MAX, "description": TEAM_DESCRIPTION_MAX},
    "channel": {"displayName": CHANNEL_NAME_MAX, "description": CHANNEL_DESCRIPTION_MAX},
}
_TEAM = {
    "displayName",
    "description",
    "visibility",
    "classification",
    "specialization",
    "memberSettings",
    "guestSettings",
    "messagingSettings",
    "funSettings",
    "discoverySettings",
    "firstChannelName",
    "members",
    "channels",
    "installedApps",
    "createdDateTime",
}
_CHANNEL = {
    "displayName",
    "description",
    "membershipType",
    "layoutType",
    "isFavoriteByDefault",
    "members",
    "tabs",
    "createdDateTime",
}
_MEMBER = {"roles", "userId", "tenantId", "email", "displayName", "id", "user"}
_MEMBER_TYPE = "microsoft.graph.aaduserconversationmember"
_TEMPLATE = re.compile(r"teamsTemplates(?:\('([^']+)'\)|/([^/]+))$")
_TEMPLATES = frozenset(
    [
        "standard",
        "educationClass",
        "educationStaff",
        "educationProfessionalLearningCommunity",
        "retailStore",
        "retailManagerCollaboration",
        "healthcareWard",
        "healthcareHospital",
    ]
)
_BIND = re.compile(r"/users(?:\('([^']+)'\)|/([^/]+))$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Someone who is to become a member, by id or sign-in name."""

    key: str
    owner: bool
    home: str | None = None

    def find(self, call: Call) -> User:
        return call.tenant.user(self.key)

    def find_anywhere(self, call: Call) -> User:
        """Also somebody of another organisation, if it is named."""
        return people_kinds.find_at_home(call.tenant, self.key, self.home)


def read_team(call: Call, takes: timedelta) -> TeamPlan:
    """The team of a `POST /teams`.

    Raises:
        GraphError: 400 for anything malformed, 404 for an unknown user.
    """
    body = call.body()
    wire.only_known(body, _TEAM, "team")
    if "group@odata.bind" in body:
        raise not_found("No group of this id can be made a team: groups are not simulated.")
    _check_template(body)
    return TeamPlan(
        name=read_text(body, "displayName"),
        description=read_text(body, "description") or None,
        visibility=read_visibility(body),
        owners=[] if read_import(call, body) is not None else [_team_owner(call, body)],
        channels=[read_channel(call, item, standard=True) for item in _channels(body)],
        first_channel=wire.optional_text(body, "firstChannelName") or GENERAL,
        settings=read_settings(body),
        takes=takes,
    )


def read_channel(call: Call, body: Json, *, standard: bool = False) -> ChannelPlan:
    """A channel to be made; `standard` where no other kind is possible.

    Raises:
        GraphError: 400 for anything malformed, 404 for an unknown user.
    """
    wire.only_known(body, _CHANNEL, "channel")
    membership = _membership(body)
    wanted = [read_member(item) for item in wire.objects(body, "members")]
    if membership is Membership.STANDARD and wanted:
        raise bad_request("Members can be given only for private and shared channels.")
    if membership is not Membership.STANDARD and standard:
        raise bad_request("A new team can have standard channels only.")
    favourite = body.get("isFavoriteByDefault")
    return ChannelPlan(
        name=read_text(body, "displayName", "channel"),
        description=read_text(body, "description", "channel") or None,
        membership=membership,
        layout=read_layout(body),
        favourite=None if favourite is None else wire.optional_flag(body, "isFavoriteByDefault"),
        owners=[item.find(call) for item in wanted if item.owner],
        members=[item.find(call) for item in wanted if not item.owner],
    )


def read_member(body: Json) -> Wanted:
    """A member as it is given to a team or channel.

    Raises:
        GraphError: 400; the text about the type is in microsoft-graph-docs issue 15789.
    """
    wire.only_known(body, _MEMBER, "aadUserConversationMember")
    kind = wire.optional_text(body, "@odata.type")
    if kind is None:
        raise bad_request("'odata.type' must be specified in the request body for each member.")
    if kind.removeprefix("#").casefold() != _MEMBER_TYPE:
        raise bad_request("Invalid value for property '@odata.type' of a member.")
    bind = wire.required_text(body, "user@odata.bind")
    found = _BIND.search(bind)
    if found is None:
        msg = f"Invalid user@odata.bind '{bind}'."
        raise bad_request(msg)
    home = wire.optional_text(body, "tenantId")
    return Wanted(key=unquote(found[1] or found[2]), owner=OWNER in read_roles(body), home=home)


def read_roles(body: Json) -> list[str]:
    """The roles of a member: owner or none; a guest's cannot be given."""
    value = body.get("roles")
    names = [] if value is None else wire.as_list(value, "roles")
    roles = [wire.as_text(role, "roles").casefold() for role in names]
    if not {OWNER}.issuperset(roles):
        raise bad_request("Invalid role specified for member.")
    return roles


def read_text(body: Json, name: str, kind: str = "team") -> str:
    """A name, which must be there, or a description, which may be empty.

    Raises:
        GraphError: 400, it is missing or too long.
    """
    wanted = name == "displayName"
    text = wire.required_text(body, name) if wanted else wire.optional_text(body, name) or ""
    most = _LENGTHS[kind][name]
    if len(text) > most or (wanted and not text.strip()):
        msg = f"Invalid {name}: it has to have between 1 and {most} characters."
        raise bad_request(msg)
    return text


def read_visibility(body: Json) -> Visibility:
    text = wire.optional_text(body, "visibility") or Visibility.PUBLIC.value
    for known in Visibility:
        if known.value.casefold() == text.casefold():
            return known
    raise _unknown_literal(text, "teamVisibilityType")


def read_layout(body: Json) -> Layout:
    text = wire.optional_text(body, "layoutType") or Layout.POST.value
    if text not in list(Layout):
        raise _unknown_literal(text, "channelLayoutType")
    return Layout(text)


def read_settings(body: Json) -> dict[str, Json]:
    """The settings that are given, by the name of their property.

    Raises:
        GraphError: 400, a setting that does not exist or is of another type.
    """
    given: dict[str, Json] = {}
    for name, known in default_settings().items():
        if body.get(name) is None:
            continue
        values = wire.as_object(body[name], name)
        kind = f"team{name[0].upper()}{name[1:]}"
        wire.only_known(values, known, kind)
        given[name] = {key: _setting(values[key], key) for key in known if key in values}
    return given


def read_import(call: Call, body: Json) -> datetime | None:
    """When a team or channel that is made for an import is to have been created; else None.

    Raises:
        GraphError: 403, a person or an app without the permission; 400, no such mode.
    """
    modes = [body.get(f"@microsoft.graph.{kind}CreationMode") for kind in ("team", "channel")]
    mode = next((item for item in modes if item is not None), None)
    if mode is None:
        return None
    if wire.as_text(mode, "creationMode") != "migration":
        raise bad_request("Invalid creation mode: it can only be 'migration'.")
    permissions.check(MIGRATE, call.bearer)
    text = wire.required_text(body, "createdDateTime")
    return wire.parse_instant(text, "createdDateTime")


def _setting(value: object, name: str) -> object:
    if name == "giphyContentRating":
        text = wire.as_text(value, name).casefold()
        if text not in ("moderate", "strict"):
            raise _unknown_literal(text, "giphyRatingType")
        return text
    if not isinstance(value, bool):
        msg = f"Invalid value specified for property '{name}': a boolean is expected."
        raise bad_request(msg)
    return value


def _team_owner(call: Call, body: Json) -> User:
    """Who will own the new team: the caller, or the one member that an app must name."""
    wanted = [read_member(item) for item in wire.objects(body, "members")]
    if call.user is not None:
        if any(item.find(call) is not call.user for item in wanted):
            raise bad_request("Members other than the calling user cannot be given.")
        return call.user
    if len(wanted) != 1 or not wanted[0].owner:
        raise bad_request(
            "A team owner must be provided when creating a team in application context."
        )
    return wanted[0].find(call)


def _channels(body: Json) -> list[Json]:
    items = wire.objects(body, "channels")
    names = [str(item.get("displayName")).casefold() for item in items]
    if len(set(names)) != len(names) or GENERAL.casefold() in names:
        raise bad_request("Channel name already existed, please use other name.")
    return items


def _check_template(body: Json) -> None:
    bind = wire.optional_text(body, "template@odata.bind")
    if bind is None:
        raise bad_request("Property 'template@odata.bind' must be specified.")
    found = _TEMPLATE.search(bind)
    if found is None or (found[1] or found[2]) not in _TEMPLATES:
        msg = f"Invalid template@odata.bind '{bind}'."
        raise bad_request(msg)


def _membership(body: Json) -> Membership:
    text = wire.optional_text(body, "membershipType") or Membership.STANDARD.value
    for known in Membership:
        if known.value == text.casefold():
            return known
    raise _unknown_literal(text, "channelMembershipType")


def _unknown_literal(text: str, kind: str) -> GraphError:
    msg = f"Cannot convert the literal '{text}' to the expected type 'microsoft.graph.{kind}'."
    return bad_request(msg)
