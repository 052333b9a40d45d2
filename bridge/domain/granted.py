"""What was done in Teams because somebody wanted it in Matrix, and how Teams' own word of it is told apart.

    Granted, noted before it is asked for ─▶ Teams does it ─▶ its system message ─▶ the same, just now?
                                                                   ├ yes: the room shows it already
                                                                   └ no, or not certain: it is told

A room shows a new name, or who came and went, as what the person did there. Pure.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from bridge.domain.ids import Place, TeamsUserId, digest
from bridge.domain.values import dataclass

TOLD_BEFORE = timedelta(seconds=30)
"""Teams' clock may be behind ours by this much."""
TOLD_WITHIN = timedelta(minutes=10)
"""Longer than a request may take with all that Graph asks us to wait; later it was done in Teams."""


class Did(StrEnum):
    """What was done to a conversation."""

    NAMED = "named"
    DESCRIBED = "described"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One thing that somebody did to a conversation: `value` is the new words, or the other's id."""

    place: Place
    by: TeamsUserId
    did: Did
    value: str

    @property
    def facts(self) -> tuple[str, str, str]:
        """Who did what, for comparing: Graph writes ids in either case. The value as a digest."""
        is_person = self.did in {Did.ADDED, Did.REMOVED}
        value = self.value.lower() if is_person else self.value
        return self.by.lower(), self.did, digest("granted", value)
