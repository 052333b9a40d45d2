"""Whether people are there, as Teams knows it; implements `ports.PresenceSource`.

    POST /communications/getPresencesByUserId, 650 ids at a time ─▶ availability, activity, status ─▶ Presence

Microsoft's pages write the words in two ways, and add new ones: an unknown word is as good as none.
Sources: learn.microsoft.com graph/api cloudcommunications-getpresencesbyuserid, resources/presence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from typing_extensions import override

from bridge import ports
from bridge.convert.teams import parse_teams
from bridge.domain.content import plain_text
from bridge.domain.ids import TeamsUserId
from bridge.domain.presence import Availability, Presence
from bridge.domain.values import dataclass
from bridge.teams.fields import Json, child, long_text, objects, text
from bridge.teams.graph import Credential, Graph
from bridge.teams.identities import id_of
from bridge.teams.quota import Priority

IDS_MAX = 650
"""learn.microsoft.com graph/api cloudcommunications-getpresencesbyuserid."""
STATUS_CHARS_MAX = 4_096
"""Of markup; what is shown is cut shorter."""

_AVAILABLE = {
    "available": Availability.ONLINE,
    "busy": Availability.ONLINE,
    "donotdisturb": Availability.ONLINE,
    "focusing": Availability.ONLINE,
    "inacall": Availability.ONLINE,
    "inameeting": Availability.ONLINE,
    "presenting": Availability.ONLINE,
    "availableidle": Availability.UNAVAILABLE,
    "busyidle": Availability.UNAVAILABLE,
    "away": Availability.UNAVAILABLE,
    "berightback": Availability.UNAVAILABLE,
}
"""Somebody busy sits in front of it all the same; everything else is not there."""
_ACTIVITIES = {
    "busy": "Busy",
    "donotdisturb": "Do not disturb",
    "urgentinterruptionsonly": "Do not disturb",
    "focusing": "Focusing",
    "inacall": "In a call",
    "inaconferencecall": "In a call",
    "inameeting": "In a meeting",
    "presenting": "Presenting",
    "berightback": "Be right back",
    "outofoffice": "Out of office",
}
"""What is worth a word beside being there or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presences(ports.PresenceSource):
    """Asks with the app's token."""

    graph: Graph
    credential: Credential

    @override
    async def presences(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, Presence]:
        found: dict[TeamsUserId, Presence] = {}
        for first in range(0, len(people), IDS_MAX):
            answer = await self.graph.request(
                "POST",
                "/communications/getPresencesByUserId",
                credential=self.credential,
                body={"ids": list(people[first : first + IDS_MAX])},
                repeatable=True,
                priority=Priority.HISTORY,
            )
            found |= dict(read(answer))
        return found


def read(answer: Json) -> Iterator[tuple[TeamsUserId, Presence]]:
    """Read a list of presences."""
    for item in objects(answer, "value", IDS_MAX):
        key = text(item, "id")
        if key is not None:
            yield TeamsUserId(id_of(key)), presence_of(item)


def presence_of(item: Json) -> Presence:
    """Read a presence."""
    available = _word(item, "availability")
    words = [_activity(item), _status(item)]
    return Presence(
        availability=_AVAILABLE.get(available, Availability.OFFLINE),
        message=" · ".join(word for word in words if word) or None,
        number=text(item, "sequenceNumber") or "",
    )


def _activity(item: Json) -> str:
    if child(item, "outOfOfficeSettings").get("isOutOfOffice") is True:
        return _ACTIVITIES["outofoffice"]
    return _ACTIVITIES.get(_word(item, "activity"), "")


def _status(item: Json) -> str:
    """What somebody wrote; it is marked up whatever its type says."""
    message = child(child(item, "statusMessage"), "message")
    return plain_text(parse_teams(long_text(message, "content")[:STATUS_CHARS_MAX])).strip()


def _word(item: Json, name: str) -> str:
    return (text(item, name) or "").casefold()
