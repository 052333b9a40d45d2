"""The thirty kinds of system message: what each says, and what it says where nobody tells it.

`detail(scene, kind, given)` makes an `eventDetail` with every field of its type. A field comes
from `given`, or it is made up from the scene.

Sources: learn.microsoft.com graph/system-messages (which kind belongs where, with a sample of
each) and graph/api/resources/eventmessagedetail. The page knows a thirty-first kind,
channelSharingUpdated, that v1.0 does not declare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Flag, auto
from uuid import uuid4

from bridge.sandbox.tenant import identities
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.world import Channel, Chat, User

BODY = "<systemEventMessage/>"


class Where(Flag):
    """Where a kind of system message stands; those about a team are in its primary channel."""

    CHAT = auto()
    CHANNEL = auto()
    TEAM = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a detail is made up from."""

    tenant_id: str
    now: datetime
    place: Chat | Channel
    initiator: User | Robot | None = None
    people: Sequence[User] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of system message."""

    where: Where
    fields: tuple[str, ...]


_ANYWHERE = Where.CHAT | Where.CHANNEL
_EVERYWHERE = _ANYWHERE | Where.TEAM
_CHANNEL = ("channelDisplayName", "channelId", "initiator")
_APP = ("initiator", "teamsAppDisplayName", "teamsAppId")
_TEAM = ("initiator", "teamId")

KINDS: dict[str, Kind] = {
    "callEnded": Kind(
        _ANYWHERE, ("callDuration", "callEventType", "callId", "callParticipants", "initiator")
    ),
    "callRecording": Kind(
        _ANYWHERE,
        (
            "callId",
            "callRecordingDisplayName",
            "callRecordingDuration",
            "callRecordingStatus",
            "callRecordingUrl",
            "initiator",
            "meetingOrganizer",
        ),
    ),
    "callStarted": Kind(_ANYWHERE, ("callEventType", "callId", "initiator")),
    "callTranscript": Kind(_ANYWHERE, ("callId", "callTranscriptICalUid", "meetingOrganizer")),
    "channelAdded": Kind(Where.TEAM, _CHANNEL),
    "channelDeleted": Kind(Where.TEAM, _CHANNEL),
    "channelDescriptionUpdated": Kind(
        Where.CHANNEL, ("channelDescription", "channelId", "initiator")
    ),
    "channelRenamed": Kind(Where.CHANNEL, _CHANNEL),
    "channelSetAsFavoriteByDefault": Kind(Where.CHANNEL, ("channelId", "initiator")),
    "channelUnsetAsFavoriteByDefault": Kind(Where.CHANNEL, ("channelId", "initiator")),
    "chatRenamed": Kind(Where.CHAT, ("chatDisplayName", "chatId", "initiator")),
    "conversationMemberRoleUpdated": Kind(
        Where.CHANNEL | Where.TEAM,
        ("conversationMemberRoles", "conversationMemberUser", "initiator"),
    ),
    "meetingPolicyUpdated": Kind(Where.CHAT, ("initiator", "meetingChatEnabled", "meetingChatId")),
    "membersAdded": Kind(_EVERYWHERE, ("initiator", "members", "visibleHistoryStartDateTime")),
    "membersDeleted": Kind(_EVERYWHERE, ("initiator", "members")),
    "membersJoined": Kind(Where.CHAT, ("initiator", "members")),
    "membersLeft": Kind(Where.CHAT, ("initiator", "members")),
    "messagePinned": Kind(Where.CHAT, ("eventDateTime", "initiator")),
    "messageUnpinned": Kind(Where.CHAT, ("eventDateTime", "initiator")),
    "tabUpdated": Kind(_ANYWHERE, ("initiator", "tabId")),
    "teamArchived": Kind(Where.TEAM, _TEAM),
    "teamCreated": Kind(Where.TEAM, ("initiator", "teamDescription", "teamDisplayName", "teamId")),
    "teamDescriptionUpdated": Kind(Where.TEAM, ("initiator", "teamDescription", "teamId")),
    "teamJoiningDisabled": Kind(Where.TEAM, _TEAM),
    "teamJoiningEnabled": Kind(Where.TEAM, _TEAM),
    "teamRenamed": Kind(Where.TEAM, ("initiator", "teamDisplayName", "teamId")),
    "teamsAppInstalled": Kind(_EVERYWHERE, _APP),
    "teamsAppRemoved": Kind(_EVERYWHERE, _APP),
    "teamsAppUpgraded": Kind(_EVERYWHERE, _APP),
    "teamUnarchived": Kind(Where.TEAM, _TEAM),
}


def detail(scene: Scene, kind: str, given: Json | None = None) -> Json:
    """An `eventDetail` with every field of its type; `given` fields are taken as they are.

    Raises:
        GraphError: 400, an unknown kind, a field that its type has not, or the wrong place.
    """
    known = KINDS.get(kind)
    if known is None:
        msg = f"{kind!r} is no kind of system message."
        raise bad_request(msg)
    here = Where.CHAT if isinstance(scene.place, Chat) else Where.CHANNEL | Where.TEAM
    if not known.where & here:
        msg = f"A {kind} message does not stand here."
        raise bad_request(msg)
    fields = given or {}
    strange = fields.keys() - set(known.fields)
    if strange:
        msg = f"{kind} has no field {', '.join(sorted(strange))}."
        raise bad_request(msg)
    made = {n: fields[n] if n in fields else _MADE_UP[n](scene) for n in known.fields}
    return {"@odata.type": f"#microsoft.graph.{kind}EventMessageDetail", **made}


def _nameless(user: User, tenant_id: str) -> Json:
    """Events name nobody; only who is a stranger to the tenant comes with a name."""
    shown = identities.person(user, tenant_id)
    return shown if identities.is_foreign(user) else shown | {"displayName": None}


def _set_of(who: User | Robot | None, tenant_id: str) -> Json:
    shown = identities.identity_set(who, tenant_id)
    return shown | {"user": _nameless(who, tenant_id)} if isinstance(who, User) else shown


def _initiator(scene: Scene) -> Json:
    return _set_of(scene.initiator, scene.tenant_id)


def _people(scene: Scene) -> list[Json]:
    return [_nameless(user, scene.tenant_id) for user in scene.people]


def _participants(scene: Scene) -> list[Json]:
    everyone = scene.people or [member.user for member in scene.place.people.values()]
    found = [identities.identity_set(user, scene.tenant_id) for user in everyone]
    return [{"participant": participant} for participant in found]


def _organizer(scene: Scene) -> Json:
    organizer = scene.place.organizer if isinstance(scene.place, Chat) else None
    return _set_of(organizer or scene.initiator, scene.tenant_id)


def _first_person(scene: Scene) -> Json | None:
    return _people(scene)[0] if scene.people else None


def _team(scene: Scene) -> tuple[str, str, str | None]:
    """Id, name and description of the team; a chat has none."""
    if isinstance(scene.place, Channel):
        team = scene.place.team
        return team.id, team.name, team.description
    return "", "", None


def _name(scene: Scene) -> str | None:
    place = scene.place
    return place.topic if isinstance(place, Chat) else place.name


def _description(scene: Scene) -> str | None:
    return scene.place.description if isinstance(scene.place, Channel) else None


def _recording(_: Scene) -> str:
    return "https://contoso.sharepoint.example/sites/tea/Recordings/Meeting%20Recording.mp4?web=1"


_MADE_UP: dict[str, Callable[[Scene], object]] = {
    "callDuration": lambda _: "PT59S",
    "callEventType": lambda _: "call",
    "callId": lambda _: str(uuid4()),
    "callParticipants": _participants,
    "callRecordingDisplayName": lambda _: "Meeting Recording.mp4",
    "callRecordingDuration": lambda _: "PT40M19.26S",
    "callRecordingStatus": lambda _: "success",
    "callRecordingUrl": _recording,
    "callTranscriptICalUid": lambda _: uuid4().hex.upper(),
    "channelDescription": _description,
    "channelDisplayName": _name,
    "channelId": lambda scene: scene.place.id,
    "chatDisplayName": _name,
    "chatId": lambda scene: scene.place.id,
    "conversationMemberRoles": lambda _: ["Owner"],
    "conversationMemberUser": _first_person,
    "eventDateTime": lambda scene: stamp(scene.now),
    "initiator": _initiator,
    "meetingChatEnabled": lambda _: True,
    "meetingChatId": lambda scene: scene.place.id,
    "meetingOrganizer": _organizer,
    "members": _people,
    "tabId": lambda _: f"tab::{uuid4()}",
    "teamDescription": lambda scene: _team(scene)[2],
    "teamDisplayName": lambda scene: _team(scene)[1],
    "teamId": lambda scene: _team(scene)[0],
    "teamsAppDisplayName": lambda _: "Flipgrid",
    "teamsAppId": lambda _: str(uuid4()),
    "visibleHistoryStartDateTime": lambda _: identities.ALL_HISTORY,
}
