"""The state events that say what a room is: of which conversation, of which space, for whom. Pure.

A `Mark` is type and key of such an event; `domain.shape` compares what they say.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from bridge.domain.ids import Place, RoomId, TeamId, TenantId, UserId
from bridge.domain.portal import Conversation, ConversationKind, Direction, Membership, Team
from bridge.domain.shape import Being, Json, Mark
from bridge.matrix.features import ROOM_FEATURES, room_features
from bridge.matrix.names import Names
from bridge.ports import ChildRoom

BRIDGE_INFO = ("m.bridge", "uk.half-shot.bridge")
"""MSC2346, under its future and its present name: clients read the one or the other."""
FUNCTIONAL_MEMBERS = "io.element.functional_members"
"""MSC4171: who is there to serve, and not to be counted or to name a chat after."""
JOIN_RULES = "m.room.join_rules"
VISIBILITY = "m.room.history_visibility"
SPACE_CHILD = "m.space.child"
SPACE_PARENT = "m.space.parent"
SPACE = "m.space"
"""The type of a room that is a space."""

SINGLE = frozenset({FUNCTIONAL_MEMBERS, JOIN_RULES, VISIBILITY})
"""There is one of each in a room: whoever has set it, it is ours to say."""
KEYED = frozenset({*BRIDGE_INFO, ROOM_FEATURES, SPACE_CHILD, SPACE_PARENT})
"""Others may have set such ones too, about something else."""

PROTOCOL = {"id": "msteams", "displayname": "Microsoft Teams"}
ORDER_CHARS_MAX = 50
"""Of `order` (Matrix spec v1.19, "m.space.child"), in printable ASCII."""

_ROOM_TYPES = {
    ConversationKind.ONE_ON_ONE: "dm",
    ConversationKind.GROUP: "group_dm",
}
"""What bridges of the mautrix family call them (`com.beeper.room_type.v2`); else a group."""


def room_marks(
    conversation: Conversation,
    names: Names,
    *,
    name: str,
    beings: Sequence[Being] = (),
    space: RoomId | None = None,
    features: Json | None = None,
) -> Mapping[Mark, Json]:
    """Say what the room of a conversation is; by default all can be said there."""
    if features is None:
        features = room_features(conversation, Direction.BOTH)
    marks = dict(own_marks(conversation, names, name=name, features=features))
    marks[FUNCTIONAL_MEMBERS, ""] = {"service_members": _servants(conversation, names, beings)}
    marks[JOIN_RULES, ""] = _join_rules(conversation, space)
    marks[VISIBILITY, ""] = {"history_visibility": "shared"}
    if space is not None:
        marks[SPACE_PARENT, space] = {"via": [names.domain], "canonical": True}
    return marks


def own_marks(
    conversation: Conversation, names: Names, *, name: str, features: Json
) -> Mapping[Mark, Json]:
    """Say of which conversation a room is, and what can be said there; nothing about its looks."""
    info, key = bridge_info(conversation, names, name=name), bridge_key(conversation.place)
    marks: dict[Mark, Json] = {(kind, key): info for kind in BRIDGE_INFO}
    marks[ROOM_FEATURES, names.bot] = features
    return marks


def space_marks(
    tenant: TenantId,
    team: Team | None,
    names: Names,
    *,
    name: str,
    children: Iterable[ChildRoom] = (),
    parent: RoomId | None = None,
) -> Mapping[Mark, Json]:
    """Say what a space is, and what belongs into it, in this order, the first one before all."""
    info = space_info(tenant, team, names, name=name)
    key = space_key(tenant, team.id if team else None)
    marks: dict[Mark, Json] = {(kind, key): info for kind in BRIDGE_INFO}
    marks[JOIN_RULES, ""] = {"join_rule": "invite"}
    marks[VISIBILITY, ""] = {"history_visibility": "shared"}
    general = team.general if team else None
    for child in children:
        marks[SPACE_CHILD, child.room] = {
            "via": [names.domain],
            "order": _order(child.name, first=child.key == general),
            "suggested": child.key == general,
        }
    if parent is not None:
        marks[SPACE_PARENT, parent] = {"via": [names.domain], "canonical": True}
    return marks


def bridge_key(place: Place) -> str:
    """Name a conversation in the state key of its bridge info."""
    return f"msteams://{quote(place.tenant, safe='')}/{quote(place.conversation, safe='')}"


def space_key(tenant: TenantId, team: TeamId | None) -> str:
    """Name a team, or the whole organisation, in the state key of its bridge info."""
    end = f"/{quote(team, safe='')}" if team else ""
    return f"msteams://{quote(tenant, safe='')}{end}"


def bridge_info(conversation: Conversation, names: Names, *, name: str) -> Json:
    """Say which conversation of Teams a room is (MSC2346)."""
    kind = _ROOM_TYPES.get(conversation.kind, "group")
    channel: dict[str, str] = {"id": conversation.place.conversation, "displayname": name}
    if conversation.page:
        channel["external_url"] = conversation.page
    info = _info(conversation.place.tenant, conversation.team, names, kind=kind)
    return info | {"channel": channel}


def space_info(tenant: TenantId, team: Team | None, names: Names, *, name: str) -> Json:
    """Say which team of Teams a space is."""
    channel: dict[str, str] = {"id": team.id if team else tenant, "displayname": name}
    if team and team.page:
        channel["external_url"] = team.page
    return _info(tenant, None, names, kind="space") | {"channel": channel}


def _info(tenant: TenantId, team: Team | None, names: Names, *, kind: str) -> dict[str, object]:
    network: dict[str, str] = {"id": tenant}
    if team is not None:
        network = {"id": team.id, "displayname": team.name or team.id}
    info: dict[str, object] = {
        "bridgebot": names.bot,
        "creator": names.bot,
        "protocol": PROTOCOL | ({"avatar_url": names.icon} if names.icon else {}),
        "network": network,
        "com.beeper.room_type.v2": kind,
    }
    return info | ({"com.beeper.room_type": "dm"} if kind == "dm" else {})


def _servants(
    conversation: Conversation, names: Names, beings: Sequence[Being]
) -> Sequence[UserId]:
    """In a chat of two, the ghost of whoever is there themselves is not to name it either."""
    found = {names.bot}
    if conversation.kind is ConversationKind.ONE_ON_ONE:
        found |= {being.ghost for being in beings if being.account and being.ghost}
    return sorted(found)


def _join_rules(conversation: Conversation, space: RoomId | None) -> Json:
    """Whoever is in a team finds its standard channels in its space, and comes in."""
    is_open = conversation.team is not None and conversation.membership is Membership.STANDARD
    if space is None or not is_open:
        return {"join_rule": "invite"}
    allowed = {"type": "m.room_membership", "room_id": space}
    return {"join_rule": "restricted", "allow": [allowed]}


def _order(name: str, *, first: bool) -> str:
    """Sort by name, as far as ASCII can tell; the General channel is before all."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(c if " " <= c <= "~" else "~" for c in plain if not unicodedata.combining(c))
    return f"{0 if first else 1} {kept}"[:ORDER_CHARS_MAX]
