"""How large the imagined organisation is, and how its activity is spread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

USERS_MAX = 1_000_000
CHATS_MAX = 2_000_000
TEAMS_MAX = 100_000
HISTORY_MAX = 100_000
"""Messages per conversation on average."""
YEARS_MAX = 20.0
SKEW_MAX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An organisation; the same plan with the same `until` is the same organisation.

    users, chats, teams: How many of each.
    channels: Channels per team on average, the General one included.
    history: Messages per conversation on average, written before the organisation is imagined.
    years: How long ago the first of them.
    until: When the last of them; None is the last full hour before the tenant's present.
    skew: Zipf's exponent of the conversations' activity: 0 is even, 1 is the words of a language.
    """

    seed: int = 0
    users: int = 0
    chats: int = 0
    teams: int = 0
    channels: float = 3.0
    history: int = 0
    years: float = 3.0
    until: datetime | None = None
    skew: float = 0.6

    def flaw(self) -> str | None:
        """What is wrong with the plan."""
        for name, value, most in (
            ("users", self.users, USERS_MAX),
            ("chats", self.chats, CHATS_MAX),
            ("teams", self.teams, TEAMS_MAX),
            ("history", self.history, HISTORY_MAX),
            ("years", self.years, YEARS_MAX),
            ("skew", self.skew, SKEW_MAX),
        ):
            if not 0 <= value <= most:
                return f"{name} is from 0 to {most}."
        if not 1 <= self.channels <= CHANNELS_MEAN_MAX:
            return f"channels is from 1 to {CHANNELS_MEAN_MAX}."
        if self.users < PAIR and (self.chats or self.teams):
            return "Chats and teams need at least two users."
        return None


CHANNELS_MEAN_MAX = 100.0
PAIR = 2
