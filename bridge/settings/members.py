"""What becomes of people in Teams when they come and go in Matrix."""

from __future__ import annotations

from bridge.domain.values import dataclass
from bridge.settings.document import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """`carry_leaving`: who leaves a room leaves the conversation in Teams.

    `added_see_history`: who is added to a chat from Matrix sees there what was said before.
    """

    carry_leaving: bool = False
    added_see_history: bool = False


def members(section: Section) -> Members:
    """Read the settings of the section `bridge` about people who come and go."""
    return Members(
        carry_leaving=section.flag("carry_leaving", default=False),
        added_see_history=section.flag("added_see_history", default=False),
    )
