"""The bridge's way to the fake Teams: what `bridge.teams.endpoint` is to Graph.

take_in   entry ─▶ the message that it holds ─▶ Sighting
deliver   confirm ─▶ one request as a person ─▶ the message's id; an edit may take several requests
find      MessageSent: by trace, else by speaker, words and time; of a change: is it shown already?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, assert_never

import orjson
from typing_extensions import override

from bridge.convert.teams import render_teams
from bridge.domain.content import Body, plain_text
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    Reaction,
    ReactionAdded,
    ReactionRemoved,
    Sighting,
)
from bridge.domain.ids import (
    MessageRef,
    Place,
    Side,
    Version,
    channel_of,
    digest,
    reply_ref,
    root_of,
)
from bridge.errors import Rejected, Unconvertible
from bridge.ports import Confirm, Delivery, Endpoint, Entry, FarPart, Journal, Reading
from bridge.teams.notifications import Glimpse, Notice, read_entry
from bridge.teams.payloads import chat_message
from bridge.teams.trace import Wanted, recognise
from tests.kit.fake_network import exchange, far_parts, in_parts, part_of, surplus, words
from tests.kit.fake_teams import (
    CannotQuote,
    FakeTeams,
    NoSuchPost,
    body_of,
    emoji,
    quoted_by,
    ref_of,
    unquoted,
)

WORDS_CHARS_MAX = 300
"""So small that ordinary messages have parts."""
TRACE_CHARS = 40
FIND_BEFORE = timedelta(minutes=5)
SHOWS_WITHIN = timedelta(seconds=1)

T = TypeVar("T")


def _nobodys(_who: str) -> None:
    return None


class FakeTeamsEndpoint(Endpoint):
    """One process's way to Teams. Keeps nothing between two calls."""

    side = Side.TEAMS
    shows_within = SHOWS_WITHIN

    def __init__(
        self, network: FakeTeams, journal: Journal, *, words_chars_max: int = WORDS_CHARS_MAX
    ) -> None:
        self.network = network
        self.journal = journal
        self.words_chars_max = words_chars_max
        self.sign_in_of: Callable[[str], int | None] = _nobodys
        """Says by which sign-in somebody speaks now."""

    @override
    async def take_in(self, entry: Entry) -> Reading:
        notice = read_entry(entry.raw)
        if isinstance(notice, Glimpse):
            raise Unconvertible("nobody's views are followed here")
        if not isinstance(notice, Notice):
            return Reading(news=(notice,))
        if notice.sealed is None:
            raise Unconvertible("a letter without content")
        shown = orjson.loads(str(notice.sealed["data"]))
        return Reading(sightings=(sighting_of(notice.address.place, shown),))

    @override
    async def recall(self, place: Place, ref: MessageRef) -> bool:
        await self.network.moment("teams read")
        found = self.network.entry_of(place, ref)
        if found is not None:
            await self.journal.append_entries([found])
        return found is not None

    @override
    def fit(self, event: Event) -> tuple[Event, ...]:
        return in_parts(
            event, size_max=self.words_chars_max, measure=lambda body: len(plain_text(body))
        )

    @override
    async def deliver(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        event = delivery.event
        match event:
            case MessageSent():
                return await self._say(delivery, event, confirm)
            case MessageEdited():
                return await self._edit(delivery, event, confirm)
            case MessageDeleted():
                parts = far_parts(delivery)
                for part in parts:
                    await self._take_back(delivery, part, confirm)
                return parts[0].ref
            case ReactionAdded() | ReactionRemoved():
                return await self._react(delivery, event, confirm)
            case _:
                assert_never(event)

    @override
    async def find(self, delivery: Delivery) -> MessageRef | None:
        event, parts = delivery.event, delivery.far.parts
        await self.network.moment("teams read")
        match event:
            case MessageSent():
                return await self._find_words(delivery, event)
            case MessageEdited():
                part = part_of(parts, event.part)
                ref = await self._find_words(delivery, event) if part is None else part.ref
                shown = part is None or self._says(delivery, part, event.body)
                left = all(self._is_gone(delivery, over) for over in surplus(event, parts))
                return ref if shown and left else None
            case MessageDeleted():
                gone = bool(parts) and all(self._is_gone(delivery, part) for part in parts)
                return parts[0].ref if gone else None
            case ReactionAdded() | ReactionRemoved():
                wanted = isinstance(event, ReactionAdded)
                part = part_of(parts, event.part)
                if part is None or self._shows(delivery, part, event.key) is not wanted:
                    return None
                return part.ref
            case _:
                assert_never(event)

    # --- delivering ---

    async def _request(self, what: str, who: str, confirm: Confirm, act: Callable[[], T]) -> T:
        """Make a request that is not to be repeated without a look."""
        await self.network.token_of(who, self.sign_in_of(who))
        return await exchange(self.network.moment, f"teams {what}", act, confirm=confirm)

    async def _say(
        self, delivery: Delivery, event: MessageSent | MessageEdited, confirm: Confirm
    ) -> MessageRef:
        place, who = delivery.portal.place, delivery.speaker
        html = render_teams(event.body, trace=trace_of(delivery))
        for quotes, root in ways_of(delivery):
            try:
                return await self._request(
                    "post",
                    who,
                    confirm,
                    partial(self.network.post, place, who, html, quotes=quotes, root=root),
                )
            except (CannotQuote, NoSuchPost):
                continue
        raise Rejected("Teams takes no form of this message")

    async def _edit(self, delivery: Delivery, event: MessageEdited, confirm: Confirm) -> MessageRef:
        place, parts = delivery.portal.place, far_parts(delivery)
        for over in surplus(event, parts):
            await self._take_back(delivery, over, confirm)
        part = part_of(parts, event.part)
        if part is None:
            ref = await self._say(delivery, event, confirm)
        else:
            ref, who = part.ref, delivery.speaker
            html = render_teams(event.body, trace=trace_of(delivery))
            await self._request(
                "edit", who, confirm, lambda: self.network.patch(place, who, ref, html)
            )
        return ref

    async def _take_back(self, delivery: Delivery, part: FarPart, confirm: Confirm) -> None:
        place, who = delivery.portal.place, delivery.speaker
        await self._request(
            "delete", who, confirm, lambda: self.network.delete(place, who, part.ref)
        )

    async def _react(
        self, delivery: Delivery, event: ReactionAdded | ReactionRemoved, confirm: Confirm
    ) -> MessageRef:
        place, who = delivery.portal.place, delivery.speaker
        ref = far_parts(delivery)[0].ref
        added = isinstance(event, ReactionAdded)
        act = self.network.react if added else self.network.unreact
        await self._request(
            "react" if added else "unreact", who, confirm, lambda: act(place, who, ref, event.key)
        )
        return ref

    # --- looking ---

    async def _find_words(
        self, delivery: Delivery, event: MessageSent | MessageEdited
    ) -> MessageRef | None:
        since = delivery.created_at - FIND_BEFORE
        listed = self.network.changed_since(delivery.portal.place, since)
        found = recognise(
            Wanted(trace=trace_of(delivery), speaker=delivery.speaker, body=event.body),
            [m for m in map(chat_message, map(without_quotes, listed)) if m.created_at >= since],
        )
        if found.certain is not None or not found.possible:
            return found.certain
        asked = [(delivery.portal.id, ref) for ref in found.possible]
        async with self.journal.unit() as unit:
            known = await unit.known(Side.TEAMS, asked)
        return found.unlinked({ref for _, ref in known} | {p.ref for p in delivery.far.parts})

    def _says(self, delivery: Delivery, part: FarPart, body: Body) -> bool:
        said = self.network.message(delivery.portal.place, part.ref)
        return said is not None and words(body_of(said.html)) == words(body)

    def _is_gone(self, delivery: Delivery, part: FarPart) -> bool:
        said = self.network.message(delivery.portal.place, part.ref)
        return said is None or said.deleted is not None

    def _shows(self, delivery: Delivery, part: FarPart, key: str) -> bool:
        said = self.network.message(delivery.portal.place, part.ref)
        return said is not None and (delivery.speaker, key) in said.reactions


def trace_of(delivery: Delivery) -> str:
    """Name what an attempt leaves; an edit of a part that is there keeps what was left in it."""
    event = delivery.event
    is_new = isinstance(event, MessageSent) or part_of(delivery.far.parts, event.part) is None
    return digest(delivery.source, str(event.part), event.slot if is_new else "")[:TRACE_CHARS]


def ways_of(delivery: Delivery) -> Iterator[tuple[MessageRef | None, MessageRef | None]]:
    """What to quote and which post to reply to, and what is left if that is not there."""
    if channel_of(delivery.portal.place) is not None:
        thread, parts = delivery.far.thread, delivery.far.parts
        if thread is not None:
            yield None, thread.root
        elif parts:
            yield None, root_of(parts[0].ref) or parts[0].ref
    elif (quoted := quoted_in(delivery)) is not None:
        yield quoted, None
    yield None, None


def quoted_in(delivery: Delivery) -> MessageRef | None:
    """Return what a message of a chat quotes; the later parts of a long one quote nothing."""
    event, parts, thread = delivery.event, delivery.far.parts, delivery.far.thread
    if not isinstance(event, MessageSent) or event.part:
        return None
    if event.reply_to is not None and parts:
        return parts[0].ref
    return None if thread is None else thread.root


def without_quotes(shown: Mapping[str, Any]) -> dict[str, object]:
    """Leave out what stands for a quotation: what was quoted is no part of what was said."""
    body = {**shown["body"], "content": unquoted(shown["body"]["content"])}
    return {**shown, "body": body, "attachments": []}


def sighting_of(place: Place, shown: Mapping[str, Any]) -> Sighting:
    """Read a chatMessage as `FakeTeams.as_graph` writes it."""
    author = shown["from"]["user"]
    quotes, ref = quoted_by(shown), ref_of(shown)
    thread = root_of(ref)
    answered = None if not quotes else quotes[0]
    if answered is not None and thread not in {None, answered}:
        answered = reply_ref(thread or answered, answered)
    return Sighting(
        origin=place,
        ref=ref,
        version=Version(shown["etag"]),
        author=Person(id=author["id"], name=author["displayName"]),
        sent_at=datetime.fromtimestamp(int(shown["id"]) / 1000, UTC),
        body=body_of(shown["body"]["content"]),
        edited=shown["lastEditedDateTime"] or "",
        deleted=shown["deletedDateTime"] is not None,
        reactions=tuple(
            Reaction(person=Person(id=item["user"]["user"]["id"]), key=emoji(item["reactionType"]))
            for item in shown["reactions"]
        ),
        reply_to=answered,
        thread=thread,
    )
