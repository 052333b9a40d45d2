"""How people see their chats, as Graph tells it to each of them alone; `ports.ViewpointSource`.

`viewpoint` is there in delegated context only (learn.microsoft.com graph/api resources/chat,
resources/chatviewpoint). Both calls are the last to be served.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import ConversationId, Place, TeamsUserId, TenantId
from bridge.domain.values import dataclass
from bridge.domain.viewpoints import Viewpoint
from bridge.errors import Unconvertible
from bridge.teams.answers import GraphRejected
from bridge.teams.auth import Auth
from bridge.teams.fields import Json, child, instant, objects, text
from bridge.teams.graph import Graph, segment
from bridge.teams.paths import conversation_path
from bridge.teams.quota import Priority

PAGE = 50
"""Graph gives no more at once (learn.microsoft.com graph/api chat-list)."""
PAGES_MAX = 10
"""Of one person's chats, those that were written in last; what is older is told when it changes."""
_NOT_THERE = frozenset({403, 404})


def of_chat(value: object) -> tuple[str, Viewpoint | None]:
    """Return a chat's id, and how the one who is told of it sees it; None: that is not told here.

    Raises:
        Unconvertible: It is no chat.
    """
    chat = value if isinstance(value, dict) else {}
    key, view = text(chat, "id"), child(chat, "viewpoint")
    if key is None:
        raise Unconvertible("a chat without an id")
    if not view:
        return key, None
    read_at = instant(text(view, "lastMessageReadDateTime"))
    return key, Viewpoint(read_at=read_at, is_hidden=view.get("isHidden") is True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoints(ports.ViewpointSource):
    """Asks with each person's own token; remembers nothing."""

    tenant: TenantId
    graph: Graph
    auth: Auth

    @override
    async def view_of(self, person: TeamsUserId, place: Place) -> Viewpoint | None:
        try:
            answer = await self.graph.request(
                "GET",
                conversation_path(place),
                credential=self.auth.for_person(person),
                priority=Priority.AUDIT,
            )
        except GraphRejected as error:
            if error.status in _NOT_THERE:
                return None
            raise
        return of_chat(answer)[1]

    @override
    async def views_of(
        self, person: TeamsUserId
    ) -> AsyncIterator[Sequence[tuple[Place, Viewpoint]]]:
        pages = self.graph.pages(
            f"/users/{segment(person)}/chats?$top={PAGE}",
            credential=self.auth.for_person(person),
            pages_max=PAGES_MAX,
            priority=Priority.AUDIT,
        )
        async for page in pages:
            yield tuple(self._in(page))

    def _in(self, page: Json) -> Iterator[tuple[Place, Viewpoint]]:
        for item in objects(page, "value", PAGE):
            key, view = of_chat(item)
            if view is not None:
                yield Place(tenant=self.tenant, conversation=ConversationId(key)), view
