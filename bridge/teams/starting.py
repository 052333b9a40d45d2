"""Chats made as the person who wants them; implements `ports.ChatMaker`.

    make  POST /chats as the person, everybody of it named; for two it answers with the chat they have
    find  the person's group chats since the wish ─▶ of that topic ─▶ with exactly those members

A group would be there twice if it was asked for twice, and nothing of ours can be left in it: what
was asked for is its trace. People of other organisations are found by their tenant alone (example 7
of chat-post). Sources: learn.microsoft.com graph/api chat-post, chat-list, chat-list-members.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import timedelta

from typing_extensions import override

from bridge.domain.ids import ConversationId, Place, TeamsUserId, TenantId
from bridge.domain.values import dataclass
from bridge.errors import Rejected, Uncertain
from bridge.ports import starting as ports
from bridge.ports.starting import Contact, Start
from bridge.teams import payloads
from bridge.teams.answers import GraphRejected
from bridge.teams.auth import Auth
from bridge.teams.directory import CHAT_PAGES_MAX
from bridge.teams.fields import instant, objects, text
from bridge.teams.graph import Graph, Json, has_more, segment
from bridge.teams.quota import Priority

CLOCK_SKEW_MAX = timedelta(minutes=2)
"""Between our clock and that of Graph, by which a chat says when it was made."""
CHATS_IN_A_PAGE = 50
MEMBER_PAGES_MAX = 20

_FORBIDDEN = 403
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMaker(ports.ChatMaker):
    """Speaks to Graph as whoever wants a chat."""

    tenant: TenantId
    graph: Graph
    auth: Auth

    @override
    async def make(self, start: Start, contacts: Collection[Contact]) -> Place:
        try:
            chat = await self.graph.request(
                "POST",
                "/chats",
                credential=self.auth.for_person(start.person),
                body=wish(start, contacts, self.graph.address),
                repeatable=not start.is_group,
                priority=Priority.EDITS,
            )
        except GraphRejected as error:
            outside = any(contact.home for contact in contacts)
            raise Rejected(starting_refusal(error, outside=outside)) from error
        key = text(chat, "id")
        if key is None:
            raise Uncertain("Graph made a chat without saying its id")
        return self._place(key)

    @override
    async def find(self, start: Start) -> Place | None:
        since = start.begun_at - CLOCK_SKEW_MAX
        async for chat in self._groups(start.person):
            made, key = instant(text(chat, "createdDateTime")), text(chat, "id")
            if key is None or made is None or made < since or text(chat, "topic") != start.topic:
                continue
            if await self._members(key) == set(start.members):
                return self._place(key)
        return None

    def _place(self, chat: str) -> Place:
        return Place(tenant=self.tenant, conversation=ConversationId(chat))

    async def _groups(self, person: TeamsUserId) -> AsyncIterator[Json]:
        path = f"/users/{segment(person)}/chats?$top={CHATS_IN_A_PAGE}"
        async for page in self.graph.pages(
            path,
            credential=self.auth.for_app(),
            pages_max=CHAT_PAGES_MAX,
            priority=Priority.MEMBERS,
        ):
            for chat in objects(page, "value", CHATS_IN_A_PAGE):
                if (text(chat, "chatType") or "").lower() == "group":
                    yield dict(chat)

    async def _members(self, chat: str) -> set[TeamsUserId] | None:
        """Return who is in a chat; None if they are too many to be those that are looked for."""
        found: set[TeamsUserId] = set()
        more = False
        async for page in self.graph.pages(
            f"/chats/{segment(chat)}/members",
            credential=self.auth.for_app(),
            pages_max=MEMBER_PAGES_MAX,
            priority=Priority.MEMBERS,
        ):
            found |= {one.id for one in payloads.members(page, "value") if one.id is not None}
            more = has_more(page)
        return None if more else found


def wish(start: Start, contacts: Collection[Contact], graph: str) -> Json:
    """Say to Graph which chat is wanted; `graph` is the address that users are named below."""
    known = {contact.id: contact for contact in contacts}
    members = [_member(person, known.get(person), graph) for person in start.members]
    named = {"topic": start.topic} if start.is_group and start.topic else {}
    kind = "group" if start.is_group else "oneOnOne"
    return {"chatType": kind, **named, "members": members}


def _member(person: TeamsUserId, contact: Contact | None, graph: str) -> Json:
    """Guests of the organisation are called guests, and people of others owners with their tenant."""
    home = None if contact is None else contact.home
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["guest" if contact is not None and contact.is_guest else "owner"],
        "user@odata.bind": f"{graph}/users('{person}')",
        **({} if home is None else {"tenantId": home}),
    }


def starting_refusal(error: GraphRejected, *, outside: bool = False) -> str:
    """Say why a chat cannot be started, for whoever wants it; `outside`: not only with one's own."""
    if error.status == _FORBIDDEN and outside:
        return (
            "Teams does not let you start this chat: your organisation, or theirs, does not allow "
            f"chats with the other ({error.code}). Its administrator can allow them"
        )
    if error.status == _FORBIDDEN:
        return (
            "Teams does not let you start this chat: a policy of your organisation forbids it, or "
            f"somebody may not be reached from here ({error.code})"
        )
    if error.status == _NOT_FOUND:
        return "Teams does not know somebody of them, or not any more"
    return f"Teams does not make this chat ({error.code}: {error})"
