"""A room's state events -> what it shows, and what is to be done -> a state event. Pure.

    GET …/state ─▶ RoomState ─▶ shown_of ─▶ Shown       an action ─▶ state_event ─▶ PUT …/state

What strangers can write there is read as far as it makes sense, and never raises.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self

from bridge.domain.ids import UserId, is_account
from bridge.domain.shape import (
    Json,
    Mark,
    Rights,
    SetMark,
    SetName,
    SetPicture,
    SetPins,
    SetRights,
    SetTopic,
    Shown,
)
from bridge.domain.values import dataclass
from bridge.matrix.marks import KEYED, SINGLE
from bridge.matrix.names import Names

NAME = "m.room.name"
TOPIC = "m.room.topic"
PICTURE = "m.room.avatar"
PINS = "m.room.pinned_events"
LEVELS = "m.room.power_levels"
MEMBER = "m.room.member"
CREATE = "m.room.create"

BOT_LEVEL = 100
DEFAULT_LEVEL = 50
"""Matrix spec v1.19, client-server § m.room.power_levels: of `kick`, `ban`, `redact`, `state_default`."""
CREATORS_RULE_FROM = 12
"""From this room version on creators may do everything and must not be listed (MSC4289)."""

Look = SetName | SetTopic | SetPicture | SetPins | SetRights | SetMark


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomState:
    """State events by type and key."""

    events: Mapping[Mark, Json]

    @classmethod
    def of(cls, events: Iterable[Json]) -> Self:
        """Sort the events of a room; what is none is left out."""
        found: dict[Mark, Json] = {}
        for event in events:
            kind, key = event.get("type"), event.get("state_key")
            if isinstance(kind, str) and isinstance(key, str):
                found[kind, key] = event
        return cls(events=found)

    def content(self, kind: str, key: str = "") -> Json:
        """Return what a state event says, nothing if there is none."""
        found = self.events.get((kind, key), {}).get("content")
        return found if isinstance(found, dict) else {}

    def text(self, kind: str, name: str) -> str | None:
        found = self.content(kind).get(name)
        return found if isinstance(found, str) and found else None

    @property
    def almighty(self) -> frozenset[UserId]:
        """Those who made the room, where that lets them do everything, and keeps them off the list."""
        version = self.text(CREATE, "room_version") or ""
        if not version.isdecimal() or int(version[:6]) < CREATORS_RULE_FROM:
            return frozenset()
        others = self.content(CREATE).get("additional_creators")
        found = [self.maker, *(others if isinstance(others, list) else ())]
        return frozenset(UserId(user) for user in found if isinstance(user, str))

    @property
    def maker(self) -> str | None:
        """Who has made the room."""
        sender = self.events.get((CREATE, ""), {}).get("sender")
        return sender if isinstance(sender, str) else None

    def members(self, *memberships: str) -> frozenset[UserId]:
        """Return whose membership is one of these."""
        return frozenset(
            UserId(key)
            for kind, key in self.events
            if kind == MEMBER and self.content(MEMBER, key).get("membership") in memberships
        )

    def levels(self) -> Mapping[UserId, int]:
        """Return who has a level of their own."""
        found = self.content(LEVELS).get("users")
        users = found if isinstance(found, dict) else {}
        return {UserId(user): level for user, level in users.items() if _is_level(level)}


def named_in(state: RoomState, names: Names) -> frozenset[UserId]:
    """Return whoever is in a room or has rights there, and is none of ours."""
    users = state.members("join", "invite") | state.levels().keys()
    return frozenset(user for user in users if not names.is_ours(user))


def shown_of(state: RoomState, names: Names, *, accounts: Collection[UserId]) -> Shown:
    """Say what a room shows; `accounts` are those whose person in Teams is known."""
    concerned = state.levels().keys() | state.members("join", "invite")
    passed_over = {user for user in concerned if _is_passed_over(user, names)}
    fixed = out_of_reach(state, names)
    ghosts = frozenset(user for user in concerned - passed_over if names.is_ghost(user))
    levels = state.content(LEVELS)
    return Shown(
        name=state.text(NAME, "name"),
        topic=state.text(TOPIC, "topic") or "",
        picture=state.text(PICTURE, "url"),
        pins=_pins(state),
        rights=Rights(
            speak=_level(levels.get("events_default"), 0),
            invite=_level(levels.get("invite"), 0),
            remove=_level(levels.get("kick"), DEFAULT_LEVEL),
            name=level_of(NAME, levels),
            topic=level_of(TOPIC, levels),
            levels={
                user: level
                for user, level in state.levels().items()
                if level and user not in passed_over | fixed
            },
        ),
        fixed=fixed,
        marks=dict(_marks(state, names)),
        joined=state.members("join") - passed_over,
        invited=state.members("invite") - passed_over,
        ghosts=ghosts,
        accounts=frozenset(accounts) & concerned,
    )


def level_of(kind: str, levels: Json) -> int:
    """Return what it takes to send a state event of a kind."""
    own = _object(levels.get("events")).get(kind)
    return _level(own, _level(levels.get("state_default"), DEFAULT_LEVEL))


def out_of_reach(state: RoomState, names: Names) -> frozenset[UserId]:
    """Say whose level the bot cannot change: those who have as much power as it, in others' rooms.

    Matrix spec v1.19, rooms v11 § authorization rules: nobody changes the level of their equals.
    """
    if names.bot in state.almighty:
        return state.almighty - {names.bot}
    own = _level_of(names.bot, state.content(LEVELS))
    equals = {user for user, level in state.levels().items() if level >= own}
    return (state.almighty | equals) - {names.bot}


def may_speak(user: UserId, levels: Json) -> bool:
    """Tell whether these levels let a user say something."""
    return _level_of(user, levels) >= _level(levels.get("events_default"), 0)


def _level_of(user: UserId, levels: Json) -> int:
    users = levels.get("users")
    own = users.get(user) if isinstance(users, dict) else None
    return _level(own, _level(levels.get("users_default"), 0))


def state_event(look: Look, state: RoomState, names: Names) -> tuple[Mark, Json]:
    """Return the state event that makes a room look like this."""
    match look:
        case SetName(name=name):
            return (NAME, ""), {"name": name} if name else {}
        case SetTopic(topic=topic):
            return (TOPIC, ""), {"topic": topic}
        case SetPicture(picture=picture):
            return (PICTURE, ""), {"url": picture} if picture else {}
        case SetPins(pins=pins):
            return (PINS, ""), {"pinned": list(pins)}
        case SetRights(rights=rights):
            return (LEVELS, ""), levels_content(rights, state, names)
        case SetMark(mark=mark, content=content):
            return mark, content


def levels_content(rights: Rights, state: RoomState, names: Names) -> Json:
    """Return the levels of a room with these rights; what else they say stays."""
    fixed = out_of_reach(state, names)
    users: dict[UserId, int] = {
        user: level
        for user, level in state.levels().items()
        if user != names.bot and (user in fixed or _is_passed_over(user, names))
    }
    if names.bot not in state.almighty:
        users[names.bot] = max(BOT_LEVEL, state.levels().get(names.bot, 0))
    users |= {user: level for user, level in rights.levels.items() if user not in fixed}
    content = state.content(LEVELS)
    return {
        **content,
        "users": users,
        "events": {**_object(content.get("events")), NAME: rights.name, TOPIC: rights.topic},
        "events_default": rights.speak,
        "invite": rights.invite,
        "kick": rights.remove,
    }


def _is_passed_over(user: UserId, names: Names) -> bool:
    """The bot, and ghosts of whoever is in no list of members: of bots, webhooks, telephones."""
    person = names.person(user)
    return user == names.bot or (person is not None and not is_account(person))


def _marks(state: RoomState, names: Names) -> Iterable[tuple[Mark, Json]]:
    for mark, event in state.events.items():
        kind, key = mark
        ours = kind in KEYED and event.get("sender") == names.bot
        if (ours or (kind in SINGLE and not key)) and state.content(*mark):
            yield mark, state.content(*mark)


def _pins(state: RoomState) -> tuple[str, ...]:
    pinned = state.content(PINS).get("pinned")
    return tuple(one for one in pinned if isinstance(one, str)) if isinstance(pinned, list) else ()


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _is_level(value: Any) -> bool:  # noqa: ANN401 -- whatever somebody wrote there
    return isinstance(value, int) and not isinstance(value, bool)


def _level(value: Any, default: int) -> int:  # noqa: ANN401 -- whatever somebody wrote there
    return value if _is_level(value) else default
