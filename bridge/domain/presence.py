"""Whether somebody is there: what Matrix can say of it. Pure."""

from __future__ import annotations

from enum import StrEnum

from bridge.domain.values import dataclass


class Availability(StrEnum):
    """Matrix spec v1.19, client-server § presence."""

    ONLINE = "online"
    UNAVAILABLE = "unavailable"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Whether somebody is there, and what they say about it.

    `number` tells of two presences which is the newer one: the greater, as text.
    """

    availability: Availability
    message: str | None = None
    number: str = ""

    def is_as(self, other: Presence | None) -> bool:
        """Tell whether people would see no difference."""
        mine = (self.availability, self.message)
        return other is not None and mine == (other.availability, other.message)

    def is_older_than(self, other: Presence | None) -> bool:
        """Tell whether the other one was seen already."""
        return other is not None and self.number < other.number


AWAY = Presence(availability=Availability.OFFLINE)
