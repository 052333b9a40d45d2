"""Looking for what an earlier attempt at a delivery has done.

    a message    changed since shortly before it was sent ─ trace.recognise ─▶ its id
                 in a channel: as a post, or below one
    a change     the message as it is now shows it already ─▶ its id

A delivery that is doubtful from the beginning is newer than what it may have left behind: on a
database that was restored from a backup, yesterday's message is delivered today.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

from bridge.domain.events import (
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, Place, Side, channel_of
from bridge.domain.values import dataclass
from bridge.errors import Uncertain
from bridge.ports import Delivery, FarPart, Journal
from bridge.teams import payloads
from bridge.teams.chains import ChainReader
from bridge.teams.changing import Glance, part_of, shows, surplus, was_written_there
from bridge.teams.graph import Graph, has_more
from bridge.teams.paths import messages_path
from bridge.teams.payloads import ChatMessage
from bridge.teams.quota import Priority
from bridge.teams.speaking import trace_in
from bridge.teams.trace import Found, Wanted, recognise, says

FIND_BEFORE = timedelta(minutes=5)
"""Teams' clock may be behind ours by this much."""
FIND_BACK_MAX = timedelta(days=7)
"""Before the delivery: the time that a matrix event bears is whatever its sender has written."""
FIND_PAGES_MAX = 40
"""Of 50 messages; in a chat that saw more than that since the attempt a person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """Messages, and whether there are more than those."""

    messages: Sequence[ChatMessage]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Looks, and changes nothing.

    Raises (every method):
        RemoteError: The chat could not be searched now, or is too busy to be searched; Undecidable
            if what was changed there since may have been it.
        StoreUnavailable: What is linked already could not be read.
    """

    graph: Graph
    glance: Glance
    journal: Journal
    chains: ChainReader

    async def find(self, delivery: Delivery) -> MessageRef | None:
        """Return what the event is called where it has been carried out."""
        event = delivery.event
        match event:
            case MessageSent():
                return await self._said(delivery, event)
            case MessageEdited():
                return await self._edited(delivery, event)
            case MessageDeleted():
                parts = delivery.far.parts
                return parts[0].ref if parts and await self._are_gone(delivery, parts) else None
            case ReactionAdded() | ReactionRemoved():
                return await self._reacted(delivery, event)
            case _:
                assert_never(event)

    async def _edited(self, delivery: Delivery, event: MessageEdited) -> MessageRef | None:
        parts = delivery.far.parts
        if parts and was_written_there(parts):
            message = await self.glance.read(delivery, parts[0].ref)
            return parts[0].ref if message is not None and says(message, event.body) else None
        part = part_of(parts, event.part)
        if part is None:
            ref = await self._said(delivery, event)
        else:
            message = await self.glance.read(delivery, part.ref)
            ref = part.ref if message is not None and says(message, event.body) else None
        if ref is None or not await self._are_gone(delivery, surplus(event, parts)):
            return None
        return ref

    async def _reacted(
        self, delivery: Delivery, event: ReactionAdded | ReactionRemoved
    ) -> MessageRef | None:
        for part in delivery.far.parts[:1]:
            message = await self.glance.read(delivery, part.ref)
            given = shows(message, delivery.speaker, event.key)
            return part.ref if given is isinstance(event, ReactionAdded) else None
        return None

    async def _are_gone(self, delivery: Delivery, parts: tuple[FarPart, ...]) -> bool:
        for part in parts:
            if await self.glance.read(delivery, part.ref) is not None:
                return False
        return True

    # --- messages ---

    async def _said(
        self, delivery: Delivery, event: MessageSent | MessageEdited
    ) -> MessageRef | None:
        wanted = Wanted(
            trace=trace_in(delivery, event, anew=True), speaker=delivery.speaker, body=event.body
        )
        found = await self._search(delivery, wanted, _since(delivery, event))
        if found.certain is not None or not found.possible:
            return found.certain
        return found.unlinked(await self._linked(delivery, found))

    async def _search(self, delivery: Delivery, wanted: Wanted, since: datetime) -> Found:
        """Read what the conversation saw since then, page by page, until it is certain."""
        place = delivery.portal.place
        pages = self._of_chat if channel_of(place) is None else self._of_channel
        messages: list[ChatMessage] = []
        more = False
        async for page in pages(place, since):
            more = page.has_more
            messages += [m for m in page.messages if m.created_at >= since]
            found = recognise(wanted, messages)
            if found.certain is not None:
                return found
        if more:
            raise Uncertain("too many messages were said here since to be searched for this one")
        return recognise(wanted, messages)

    async def _of_chat(self, place: Place, since: datetime) -> AsyncIterator[_Page]:
        """Graph wants a range, not the whole chat."""
        wish = quote(f"lastModifiedDateTime gt {payloads.stamp(since)}")
        order = quote("lastModifiedDateTime desc")
        async for page in self.graph.pages(
            f"{messages_path(place)}?$top=50&$orderby={order}&$filter={wish}",
            credential=self.glance.credential,
            pages_max=FIND_PAGES_MAX,
            priority=Priority.EDITS,
        ):
            yield _Page(messages=tuple(payloads.chat_messages(page)), has_more=has_more(page))

    async def _of_channel(self, place: Place, since: datetime) -> AsyncIterator[_Page]:
        """Who repeats an attempt may find it as a post, though it would be a reply by now."""
        count = 0
        async for chains in self.chains.chains(
            place, since, priority=Priority.EDITS, pages_max=FIND_PAGES_MAX + 1
        ):
            count += 1
            shown = (payloads.chat_message(one) for chain in chains for one in chain.messages)
            yield _Page(messages=tuple(shown), has_more=count > FIND_PAGES_MAX)

    async def _linked(self, delivery: Delivery, found: Found) -> set[MessageRef]:
        asked = [(delivery.portal.id, ref) for ref in found.possible]
        async with self.journal.unit() as unit:
            known = await unit.known(Side.TEAMS, asked)
        return {ref for _, ref in known} | {part.ref for part in delivery.far.parts}


def _since(delivery: Delivery, event: MessageSent | MessageEdited) -> datetime:
    earliest = delivery.created_at - FIND_BACK_MAX
    return max(min(delivery.created_at, event.sent_at), earliest) - FIND_BEFORE
