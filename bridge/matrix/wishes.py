"""State events that say what somebody wants to be changed of a conversation. Pure.

    m.room.name, m.room.topic             Naming, Describing
    m.room.member of another   invite     Adding
                               leave      Removing
                               ban        Removing, banned
    m.room.member of oneself   leave      Leaving

They are stored a second time, as entries of their own beside those of their room: Graph allows four
changes of members a minute, and what is said in the room must not wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.wishes import Adding, Describing, Leaving, Naming, Removing, Wish, Wished
from bridge.matrix.cleaning import clean
from bridge.matrix.names import TITLE_CHARS_MAX, TOPIC_CHARS_MAX
from bridge.ports import AWAITING, NewEntry

MEMBER = "m.room.member"
NAME = "m.room.name"
TOPIC = "m.room.topic"
WISHING = frozenset({MEMBER, NAME, TOPIC})
"""Types of state events that may be wishes."""

_BESIDE = "/wishes"
_KEY = " wish"

Json = Mapping[str, Any]


def entry_beside(entry: NewEntry) -> NewEntry:
    """Return the same event as an entry that is read apart from its room."""
    return replace(entry, key=f"{entry.key}{_KEY}", conversation=f"{entry.conversation}{_BESIDE}")


def is_beside(conversation: str) -> bool:
    """Tell whether an entry of this conversation is a wish."""
    return conversation.endswith(_BESIDE) or has_waited(conversation)


def has_waited(conversation: str) -> bool:
    """Tell whether an entry of this conversation was put aside until its sender signs in."""
    return f"{_BESIDE}{AWAITING}" in conversation


def wish_of(event: Json) -> Wish | None:
    """Return what a well-formed event wants; None if nothing that Teams could be asked for."""
    kind, key, content = event.get("type"), event.get("state_key"), event["content"]
    if kind == MEMBER and isinstance(key, str):
        return _of_member(event, UserId(key), content.get("membership"))
    if key != "":
        return None
    if kind == NAME:
        return Naming(name=_text(content.get("name"), TITLE_CHARS_MAX))
    if kind == TOPIC:
        return Describing(text=_text(content.get("topic"), TOPIC_CHARS_MAX))
    return None


def _of_member(event: Json, user: UserId, membership: object) -> Wish | None:
    is_self = event["sender"] == user
    if membership == "invite":
        return Adding(user=user)
    if membership == "ban":
        return Removing(user=user, banned=True)
    if membership != "leave":
        return None
    return Leaving(was_in=_was_in(event)) if is_self else Removing(user=user)


def _was_in(event: Json) -> bool | None:
    """Whoever refuses an invitation leaves, too; what was before is told beside the event."""
    unsigned = event.get("unsigned")
    before = unsigned.get("prev_content") if isinstance(unsigned, dict) else None
    return before.get("membership") == "join" if isinstance(before, dict) else None


def wished(event: Json, *, sent_at: datetime, waited: bool = False) -> Wished | None:
    """Return the request that a well-formed event is; None if it is none."""
    wish = wish_of(event)
    if wish is None:
        return None
    return Wished(
        room=RoomId(event["room_id"]),
        sender=UserId(event["sender"]),
        ref=MessageRef(event["event_id"]),
        wish=wish,
        sent_at=sent_at,
        has_waited=waited,
    )


def _text(value: object, chars_max: int) -> str:
    """What a client cannot have meant is no name; one that is too long is refused by Teams."""
    return clean(value, chars_max=chars_max + 1) if isinstance(value, str) else ""
