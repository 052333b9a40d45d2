"""Entries of a batch as they were read, or could not be, and which of them are decided before others. Pure.

batch ─▶ Read, Trouble ─▶ in_turns ─▶ what can be served and written down at once, the next …
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bridge.domain.ids import UserId
from bridge.domain.values import dataclass
from bridge.errors import Unauthorized
from bridge.ports import Entry, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An entry that could not be read now (`hold_for`), or never will be (`park`).

    `awaits`: not before somebody has signed in again; `sign_in`: the one of theirs that was refused.
    """

    entry: Entry
    reason: str
    hold_for: timedelta | None
    spent: bool = True
    awaits: UserId | None = None
    sign_in: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An entry and what it says."""

    entry: Entry
    reading: Reading


def in_turns(read: Sequence[Read]) -> list[list[Read]]:
    """Part a batch where somebody asks for something after a message; one part at least.

    What is asked for may change the room itself (make it a portal, say): what was said there before is
    decided by what the room was then. Within a part requests come first.
    """
    parts: list[list[Read]] = [[]]
    reached: dict[str, tuple[int, bool]] = {}
    for one in read:
        at, has_said = reached.get(one.entry.conversation, (0, False))
        if one.reading.requests and has_said:
            at, has_said = at + 1, False
        if at == len(parts):
            parts.append([])
        parts[at].append(one)
        reached[one.entry.conversation] = at, has_said or bool(one.reading.sightings)
    return parts


def behind(before: Trouble, entry: Entry) -> Trouble:
    """What follows an entry that waits must wait with it, or it would overtake."""
    return Trouble(entry=entry, reason="behind", hold_for=before.hold_for, spent=False)


def at_the_gate(entry: Entry, wait: timedelta) -> Trouble:
    """What follows an entry that waits for our own message to be known waits as long."""
    return Trouble(entry=entry, reason="at the gate", hold_for=wait, spent=False)


def until_signed_in(entry: Entry, user: UserId, error: Unauthorized) -> Trouble:
    """Let an entry wait until its user has another sign-in than the one that was refused."""
    return Trouble(
        entry=entry, reason=str(error), hold_for=None, awaits=user, sign_in=error.sign_in
    )
