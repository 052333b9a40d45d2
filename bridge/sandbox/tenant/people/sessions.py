"""Presence as values: sessions of apps and of Teams clients, and what they add up to at a moment.

    sessions ─ the strongest one that is not over ┐
                                                  ├─> availability, activity
    the user's own wish, while there is a session ┘

Sources: learn.microsoft.com graph/cloud-communications-manage-presence-state (sessions, their
order, fading and expiry), graph/api presence-setpresence, presence-setuserpreferredpresence,
presence-setstatusmessage, graph/api/resources presence, presencestatusmessage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.sandbox.tenant.errors import Json

FADES = timedelta(minutes=5)
"""After so long an app's `Available` is inactive, and after as long again away."""
CLIENT = "Microsoft Teams"
"""The session of the user's own Teams client, which does not run out."""
SESSIONS_MAX = 100
"""Per user."""

_RANK = {"DoNotDisturb": 4, "Busy": 3, "Available": 2, "AvailableIdle": 2, "Away": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Availability and activity."""

    availability: str
    activity: str


OFFLINE = State(availability="Offline", activity="Offline")
_INACTIVE = State(availability="Available", activity="AvailableInactive")
_AWAY = State(availability="Away", activity="Away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One client's or app's idea of a user; `until` None is until it is ended."""

    state: State
    since: datetime
    until: datetime | None
    fades: bool

    def at(self, now: datetime) -> State | None:
        """What it says now; None once it is over."""
        if self.until is not None and self.until <= now:
            return None
        age = now - self.since
        if not self.fades or self.state.availability != "Available" or age < FADES:
            return self.state
        return _INACTIVE if age < 2 * FADES else _AWAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A status message; `expiry` is a dateTimeTimeZone as it was given."""

    content: str
    content_type: str
    published: datetime
    until: datetime | None = None
    expiry: Json | None = None


@dataclass(slots=True, kw_only=True)
class Presence:
    """Everything about one user's presence; `told` is what subscribers know."""

    sessions: dict[str, Session] = field(default_factory=dict)
    wish: Session | None = None
    status: Status | None = None
    out_of_office: str | None = None
    number: int = 0
    """Grows with every change."""
    told: State = OFFLINE

    def at(self, now: datetime) -> State:
        """What others see now."""
        every = (session.at(now) for session in self.sessions.values())
        states = [state for state in every if state is not None]
        if not states:
            return OFFLINE
        wished = None if self.wish is None else self.wish.at(now)
        return wished or max(states, key=lambda state: _RANK.get(state.availability, 0))

    def next_change(self, now: datetime) -> datetime | None:
        """When it changes by itself the next time."""
        moments = [moment for session in self._timed() for moment in _moments(session)]
        if self.status is not None and self.status.until is not None:
            moments.append(self.status.until)
        return min((moment for moment in moments if moment > now), default=None)

    def clean(self, now: datetime) -> bool:
        """Throw away what is over; True if the status message was."""
        self.sessions = {k: s for k, s in self.sessions.items() if s.at(now) is not None}
        if self.wish is not None and self.wish.at(now) is None:
            self.wish = None
        over = self.status_over(now)
        if over:
            self.status = None
        return over

    def status_over(self, now: datetime) -> bool:
        until = None if self.status is None else self.status.until
        return until is not None and until <= now

    def _timed(self) -> list[Session]:
        return [*self.sessions.values(), *([] if self.wish is None else [self.wish])]


@dataclass(slots=True)
class Presences:
    """Of all users, by id; who is not there is offline."""

    by_user: dict[str, Presence] = field(default_factory=dict)

    def seen(self, user_id: str) -> Presence:
        """The user's presence, to look at and not to change."""
        return self.by_user.get(user_id) or Presence()

    def of(self, user_id: str) -> Presence:
        """The user's presence, to be changed."""
        return self.by_user.setdefault(user_id, Presence())

    def next_change(self, now: datetime) -> datetime | None:
        moments = (presence.next_change(now) for presence in self.by_user.values())
        return min((moment for moment in moments if moment is not None), default=None)


def _moments(session: Session) -> list[datetime]:
    fading = [session.since + FADES, session.since + 2 * FADES] if session.fades else []
    return fading if session.until is None else [*fading, session.until]
