"""How a room is to look, and what has to be done so that it does. Pure.

    a conversation of Teams, who is who in Matrix ─▶ shape_of ─▶ Shape ┐
    the room, as the homeserver has it just now ──────────────▶ Shown ─┴─▶ changes ─▶ Plan

State is compared with state: whatever happened to either side meanwhile, and however often somebody
looks, the room comes to show what Teams shows. Name, topic, picture, pins and rights are Teams' to
say: what somebody has set by hand in Matrix is set back. Nobody is sent away for whom Teams has no
word: only ghosts, and people whose account is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from bridge.domain.ids import TeamsUserId, UserId
from bridge.domain.portal import (
    Conversation,
    ConversationKind,
    room_name,
    room_topic,
)
from bridge.domain.rights import (
    INVITE as INVITE,
    MODERATE as MODERATE,
    ORGANISED_BY_NOBODY,
    SPEAK as SPEAK,
    SPEAK_NOBODY as SPEAK_NOBODY,
    Being as Being,
    Rights as Rights,
    levels_in,
    rights_in,
)
from bridge.domain.values import dataclass

EAGER_MAX = 50
"""People whose ghosts are all in the room from the beginning; of more they come when they speak.
A join costs a homeserver 50 to 120 ms (measured on Synapse 1.163.2)."""
ACTIONS_MAX = 100
"""Of one look; the rest is for the next one, so that a large room does not hold up the others."""

NOT_A_MEMBER = "No longer a member of this conversation in Microsoft Teams"

Json = Mapping[str, object]
Mark = tuple[str, str]
"""Type and key of a state event that says what the room is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a room is to show, and who is to be in it.

    `joined` are ghosts, in this order; `invited` are accounts; `belong` is everybody who may be
    there, None while nobody knows: then nobody is sent away. `host` is the ghost that invites; None:
    the bot does.
    """

    name: str | None = None
    topic: str = ""
    picture: str | None = None
    pins: tuple[str, ...] = ()
    rights: Rights = field(default_factory=Rights)
    marks: Mapping[Mark, Json] = field(default_factory=dict)
    joined: tuple[UserId, ...] = ()
    invited: tuple[UserId, ...] = ()
    belong: frozenset[UserId] | None = None
    host: UserId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a room shows, and who is in it; without the bot, of whom nothing is ever changed.

    Of all users that it names, `ghosts` stand for accounts of Teams, and `accounts` are those whose
    person in Teams is known. About others nobody can say whether they belong. `fixed` are those whose
    level is not ours to change: they have made the room.
    """

    name: str | None = None
    topic: str = ""
    picture: str | None = None
    pins: tuple[str, ...] = ()
    rights: Rights = field(default_factory=Rights)
    marks: Mapping[Mark, Json] = field(default_factory=dict)
    joined: frozenset[UserId] = frozenset()
    invited: frozenset[UserId] = frozenset()
    ghosts: frozenset[UserId] = frozenset()
    accounts: frozenset[UserId] = frozenset()
    fixed: frozenset[UserId] = frozenset()

    @property
    def present(self) -> frozenset[UserId]:
        return self.joined | self.invited


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered between two looks at a room, as the room itself does not say it.

    `let_in` is who was invited, and who they are in Teams: whoever left by themselves is not invited
    again, and whoever signed out is still known. `picture_tag` is Graph's name for the picture as
    `picture` shows it. `next_at`: when the next look was planned; an earlier one is because of news.
    `daily`: it was planned as there is nothing else to do, and waits until somebody says something.
    `read_again`: there were news since the conversation was read back last.
    """

    let_in: Mapping[UserId, TeamsUserId] = field(default_factory=dict)
    picture: str | None = None
    picture_tag: str | None = None
    looked_at: datetime | None = None
    read_back_at: datetime | None = None
    read_again: bool = False
    next_at: datetime | None = None
    daily: bool = False
    failures: int = 0


# --- what may have to be done ---


@dataclass(frozen=True, slots=True, kw_only=True)
class SetName:
    """Name the room; None: take its name away, so that clients call it after who is in it."""

    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTopic:
    """Say below the name what the room is about."""

    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPicture:
    """Show a picture by its `mxc://` address, or none."""

    picture: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPins:
    """Pin these events, in this order, and no others."""

    pins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRights:
    """Say who may do what."""

    rights: Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMark:
    """Say what the room is; empty content takes it back."""

    mark: Mark
    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Bring a ghost in."""

    user: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Invite an account, as a ghost or as the bot; a ghost invites to a chat of two."""

    user: UserId
    host: UserId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Have a ghost leave."""

    user: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Show an account out, saying why."""

    user: UserId
    reason: str


Action = (
    SetName | SetTopic | SetPicture | SetPins | SetRights | SetMark | Join | Invite | Leave | Remove
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, in this order; `is_all` unless there is more of it.

    `strangers` are in the room without belonging there, and are left alone.
    """

    actions: tuple[Action, ...]
    is_all: bool = True
    strangers: frozenset[UserId] = frozenset()


# --- deciding ---


def shape_of(
    conversation: Conversation,
    beings: Sequence[Being],
    *,
    name_direct: bool = False,
    read_only: bool = False,
    let_in: Mapping[UserId, TeamsUserId] | None = None,
) -> Shape:
    """Say what the room of a conversation is to show, now that it is as it is.

    What only Matrix knows by name is left to the caller: picture, pins and marks. `read_only`:
    nothing that is said there would arrive. `let_in`: who was invited before; they belong as long as
    their person is a member, also when they have signed out since.
    """
    direct = conversation.kind is ConversationKind.ONE_ON_ONE
    speak = SPEAK_NOBODY if conversation.is_archived or read_only else SPEAK
    speakers = dict.fromkeys(_at_once(beings), SPEAK_NOBODY) if read_only else {}
    return Shape(
        name=None if direct and not name_direct else room_name(conversation),
        topic=room_topic(conversation),
        rights=replace(
            ORGANISED_BY_NOBODY if read_only else rights_in(conversation),
            speak=speak,
            levels={**levels_in(conversation, beings), **speakers},
        ),
        joined=_at_once(beings),
        invited=tuple(being.account for being in beings if being.account is not None),
        belong=_belong(beings, let_in or {}) if conversation.all_members else None,
        host=_host(beings) if direct else None,
    )


def archive_of(shown: Shown, *, unlinked: Collection[Mark]) -> Shape:
    """Say what a room is to show whose conversation is no more: the same, to be read only.

    It is kept, as it may be the only copy; `unlinked` are the marks that lead to it.
    """
    return Shape(
        name=shown.name,
        topic=shown.topic,
        picture=shown.picture,
        pins=shown.pins,
        rights=replace(ORGANISED_BY_NOBODY, speak=SPEAK_NOBODY, levels=shown.rights.levels),
        marks={mark: {} if mark in unlinked else shown.marks[mark] for mark in shown.marks},
    )


def plumbed_shape(shown: Shown, beings: Sequence[Being], marks: Mapping[Mark, Json]) -> Shape:
    """Say what a room is to show that people had made: what it shows, with `marks` for ours.

    Who is there is for them to say; only ghosts of whoever is no member leave.
    """
    members = frozenset(being.ghost for being in beings if being.ghost is not None)
    return Shape(
        name=shown.name,
        topic=shown.topic,
        picture=shown.picture,
        pins=shown.pins,
        rights=shown.rights,
        marks=marks,
        belong=(shown.present - shown.ghosts) | members if members else None,
    )


def _at_once(beings: Sequence[Being]) -> tuple[UserId, ...]:
    """Whoever is there themselves needs no ghost until they say something in Teams."""
    if len(beings) > EAGER_MAX:
        return ()
    return tuple(b.ghost for b in beings if b.ghost is not None and b.account is None)


def _belong(
    beings: Sequence[Being], let_in: Mapping[UserId, TeamsUserId]
) -> frozenset[UserId] | None:
    """An empty list is rather a list that could not be read than a conversation of nobody."""
    people = {being.member.id for being in beings}
    signed_out = {user for user, person in let_in.items() if person in people}
    users = frozenset(user for being in beings for user in being.users)
    return users | signed_out if users else None


def still_let_in(
    beings: Sequence[Being],
    shape: Shape,
    *,
    present: Collection[UserId],
    let_in: Mapping[UserId, TeamsUserId],
) -> Mapping[UserId, TeamsUserId]:
    """Say who has been let in: who was, and belongs, and whoever is there as themselves now."""
    kept = {
        user: person
        for user, person in let_in.items()
        if shape.belong is None or user in shape.belong
    }
    there = {
        being.account: being.member.id
        for being in beings
        if being.account in present and being.account is not None and being.member.id is not None
    }
    return kept | there


def _host(beings: Sequence[Being]) -> UserId | None:
    return next((b.ghost for b in beings if b.ghost is not None and b.account is None), None)


def changes(shown: Shown, shape: Shape, *, let_in: Collection[UserId] = ()) -> Plan:
    """Say what has to be done so that a room shows its shape; nothing if it does.

    `let_in`: accounts that were invited before, and went away by themselves if they are not there.
    """
    actions = [*_looks(shown, shape), *_arrivals(shown, shape, let_in)]
    belong = shown.present if shape.belong is None else shape.belong
    away = sorted(shown.present - belong)
    actions += [Leave(user=user) for user in away if user in shown.ghosts]
    known = [user for user in away if user in shown.accounts]
    actions += [Remove(user=user, reason=NOT_A_MEMBER) for user in known]
    return Plan(
        actions=tuple(actions[:ACTIONS_MAX]),
        is_all=len(actions) <= ACTIONS_MAX,
        strangers=frozenset(away) - shown.ghosts - shown.accounts,
    )


def _looks(shown: Shown, shape: Shape) -> list[Action]:
    found: list[Action] = []
    if shown.name != shape.name:
        found.append(SetName(name=shape.name))
    if shown.topic != shape.topic:
        found.append(SetTopic(topic=shape.topic))
    if shown.picture != shape.picture:
        found.append(SetPicture(picture=shape.picture))
    if shown.pins != shape.pins:
        found.append(SetPins(pins=shape.pins))
    wanted: dict[Mark, Json] = {mark: {} for mark in shown.marks} | dict(shape.marks)
    found += [
        SetMark(mark=mark, content=wanted[mark])
        for mark in sorted(wanted)
        if shown.marks.get(mark, {}) != wanted[mark]
    ]
    rights = _rights(shown, shape)
    if shown.rights != rights:
        found.append(SetRights(rights=rights))
    return found


def _rights(shown: Shown, shape: Shape) -> Rights:
    """What somebody else was given by hand stays; a ghost that was raised to speak stays so long."""
    wanted = shape.rights
    ours = shown.ghosts | shown.accounts | (shape.belong or frozenset())
    ours |= {*shape.joined, *shape.invited}
    kept = {
        user: level
        for user, level in shown.rights.levels.items()
        if user not in ours or (user in shown.ghosts and level == wanted.speak > SPEAK)
    }
    levels = {user: level for user, level in wanted.levels.items() if user not in shown.fixed}
    return replace(wanted, levels=levels | kept)


def _arrivals(shown: Shown, shape: Shape, let_in: Collection[UserId]) -> list[Action]:
    joins = [Join(user=user) for user in shape.joined if user not in shown.joined]
    absent = (user for user in shape.invited if user not in shown.present)
    return [*joins, *(Invite(user=user, host=shape.host) for user in absent if user not in let_in)]
