"""A person's chats are marked read, as themselves; implements `ports.ReadMarker`.

Graph has this for chats alone, and only as a whole (learn.microsoft.com graph/api
chat-markchatreadforuser). The path is counted to the second of its chat like any other: it is the
last to be served.
"""

from __future__ import annotations

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import Place, TeamsUserId
from bridge.domain.values import dataclass
from bridge.teams.auth import Auth
from bridge.teams.graph import Graph
from bridge.teams.paths import conversation_path
from bridge.teams.quota import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMarker(ports.ReadMarker):
    """Remembers nothing."""

    graph: Graph
    auth: Auth

    @override
    async def mark_read(self, person: TeamsUserId, place: Place) -> None:
        await self.graph.request(
            "POST",
            f"{conversation_path(place)}/markChatReadForUser",
            credential=self.auth.for_person(person),
            body={"user": {"id": person, "tenantId": place.tenant}},
            repeatable=True,
            priority=Priority.AUDIT,
        )
