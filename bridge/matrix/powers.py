"""Who may do what in a room, as its state says. Pure.

Matrix spec v1.19, rooms/v11 and rooms/v12 § authorization rules; m.room.power_levels. From room
version 12 on creators may do everything, whatever the levels say (MSC4289).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from bridge.domain.ids import UserId
from bridge.matrix.shaping import CREATE, LEVELS, RoomState

ENCRYPTION = "m.room.encryption"
TOMBSTONE = "m.room.tombstone"
MESSAGE = "m.room.message"

_STATE_DEFAULT = 50
_STATE_DEFAULT_WITHOUT_LEVELS = 0
_CREATOR_WITHOUT_LEVELS = 100
_DEFAULTS: Mapping[str, int] = {"invite": 0, "redact": 50, "events_default": 0, "users_default": 0}


def power_of(user: UserId, state: RoomState) -> float:
    """Return the power that a user has in a room; without limit for creators since version 12."""
    if user in state.almighty:
        return inf
    if not _has_levels(state):
        return _CREATOR_WITHOUT_LEVELS if user in creators(state) else 0
    levels = state.content(LEVELS)
    users = levels.get("users")
    own = users.get(user) if isinstance(users, dict) else None
    return _number(own, _number(levels.get("users_default"), 0))


def creators(state: RoomState) -> frozenset[str]:
    """Return who made a room."""
    named = state.content(CREATE).get("creator", state.maker)  # Below version 11.
    return state.almighty or frozenset([named] if isinstance(named, str) else [])


def needed_to(act: str, state: RoomState) -> int:
    """Return the power that it takes to `invite` or `redact`, or what everybody has or needs."""
    return _number(state.content(LEVELS).get(act), _DEFAULTS[act])


def needed_to_send(kind: str, state: RoomState, *, is_state: bool) -> int:
    """Return the power that an event of a kind takes."""
    levels = state.content(LEVELS)
    events = levels.get("events")
    own = events.get(kind) if isinstance(events, dict) else None
    if not is_state:
        return _number(own, needed_to("events_default", state))
    default = _STATE_DEFAULT if _has_levels(state) else _STATE_DEFAULT_WITHOUT_LEVELS
    return _number(own, _number(levels.get("state_default"), default))


def may_set(user: UserId, kind: str, state: RoomState) -> bool:
    """Tell whether a user may set a state event of a kind."""
    return power_of(user, state) >= needed_to_send(kind, state, is_state=True)


def may_redact(user: UserId, state: RoomState) -> bool:
    """Tell whether a user may take back what others have said."""
    return power_of(user, state) >= needed_to("redact", state)


def missing_power(bot: UserId, state: RoomState, kinds: Iterable[str]) -> int | None:
    """Return the power that the bot needs to serve in a room, if that is more than it has.

    It sets state of `kinds`, invites ghosts where not everybody may come in, takes back for them,
    and, where not everybody may write, gives them the right to.
    """
    wanted = [needed_to_send(kind, state, is_state=True) for kind in kinds]
    if state.text("m.room.join_rules", "join_rule") != "public":
        wanted.append(needed_to("invite", state))
    wanted.append(needed_to("redact", state))
    speak = needed_to_send(MESSAGE, state, is_state=False)
    if speak > needed_to("users_default", state):
        wanted += [speak, needed_to_send(LEVELS, state, is_state=True)]
    needed = max(wanted)
    return needed if power_of(bot, state) < needed else None


def _has_levels(state: RoomState) -> bool:
    return (LEVELS, "") in state.events


def _number(value: Any, default: int) -> int:  # noqa: ANN401 -- whatever somebody wrote there
    """Rooms below version 10 take numbers in words as well."""
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() and len(value) < 20:  # noqa: PLR2004
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
