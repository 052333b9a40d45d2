"""Whether a room that people made may be joined to a conversation, and who would read it then. Pure.

the room's state, who asks, the bot ─▶ obstacle ─▶ None, or what is in the way, in a sentence
the room's state, the members ──────▶ exposure ─▶ who would read along without being a member
"""

from __future__ import annotations

from collections.abc import Collection

from bridge.domain.ids import UserId
from bridge.domain.values import dataclass
from bridge.matrix.features import ROOM_FEATURES
from bridge.matrix.marks import BRIDGE_INFO, JOIN_RULES, SPACE, VISIBILITY
from bridge.matrix.names import Names
from bridge.matrix.powers import ENCRYPTION, TOMBSTONE, creators, may_set, missing_power
from bridge.matrix.shaping import CREATE, RoomState

OUTSIDERS_NAMED_MAX = 5
KINDS = (*BRIDGE_INFO, ROOM_FEATURES)
"""State that the bot sets in a room that it serves."""

ENCRYPTED = "This room is encrypted, and I could not read what is said in it."
MADE_BY_BOT = "I made this room for something else. Make one of your own, and invite me."
IS_SPACE = "This is a space, and nothing is said in it."
IS_REPLACED = "This room was replaced by another."
NO_RIGHT = (
    "You may not do that in this room: it takes the right to change its settings, which those have"
    " who moderate it."
)
NO_POWER = (
    "I need the power level {level} in this room, to show what it is bridged with and to let the"
    " people from Teams in. Whoever may change rights here can give it to me: in Element, click on"
    " {bot} in the list of members, then on its role. Then write that again."
)
HISTORY = {
    "world_readable": "everybody in the world may read what is said here",
    "shared": "whoever joins later may read all that was said before",
}


def obstacle(state: RoomState, user: UserId, bot: UserId) -> str | None:
    """Say what is in the way of joining a room to a conversation; None: nothing."""
    if state.content(ENCRYPTION):
        return ENCRYPTED
    if state.text(CREATE, "type") == SPACE:
        return IS_SPACE
    if state.content(TOMBSTONE):
        return IS_REPLACED
    if bot in creators(state):
        return MADE_BY_BOT
    if not may_decide(user, state):
        return NO_RIGHT
    level = missing_power(bot, state, KINDS)
    return None if level is None else NO_POWER.format(level=level, bot=bot)


def may_decide(user: UserId, state: RoomState) -> bool:
    """Tell whether somebody may say what a room is bridged with."""
    return may_set(user, BRIDGE_INFO[0], state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Who reads in a room without being a member of the conversation."""

    outsiders: tuple[UserId, ...]
    is_open: bool
    history: str

    @property
    def is_none(self) -> bool:
        """Whether only members read, and nobody comes in unasked."""
        return not self.outsiders and not self.is_open and self.history != "world_readable"

    def sentences(self) -> tuple[str, ...]:
        """Say it, for whoever has to decide."""
        found: list[str] = []
        if self.outsiders:
            shown = ", ".join(self.outsiders[:OUTSIDERS_NAMED_MAX])
            rest = len(self.outsiders) - OUTSIDERS_NAMED_MAX
            more = f" and {rest} more" if rest > 0 else ""
            found.append(f"these are here and no members of the conversation: {shown}{more}")
        if self.is_open:
            found.append("others may join this room without being invited")
        if self.history in HISTORY:
            found.append(HISTORY[self.history])
        return tuple(found)


def exposure(state: RoomState, names: Names, members: Collection[UserId]) -> Exposure:
    """Say who would read along; `members` are the Matrix users whose person is one in Teams."""
    present = state.members("join", "invite")
    outsiders = sorted(u for u in present if not names.is_ours(u) and u not in members)
    rule = state.text(JOIN_RULES, "join_rule") or "invite"
    history = state.text(VISIBILITY, "history_visibility") or "shared"
    return Exposure(outsiders=tuple(outsiders), is_open=rule != "invite", history=history)
