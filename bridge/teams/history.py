"""Reading back what changed in one conversation, however much it was.

    since ─▶ windows, the oldest first ─▶ pages, newest change first ─▶ by creation ─▶ inbox
                 ▲                            │
                 └── too much at once: cut ◀──┘

Graph lists the newest change first, and the inbox wants the oldest message first: so a window is
read to its end before any of it is stored, and one that holds too much is cut in two. Channels are
listed in another way: chains.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence, Sized
from datetime import datetime, timedelta
from urllib.parse import quote

from bridge.domain.ids import MessageRef, Place, Side, channel_of
from bridge.domain.values import dataclass
from bridge.errors import Throttled, Unconvertible
from bridge.ports import Clock, Journal, NewEntry
from bridge.teams import payloads
from bridge.teams.answers import GraphRejected
from bridge.teams.chains import SLACK, ChainReader
from bridge.teams.found import entry_of_read
from bridge.teams.gaps import MILLISECOND, Window
from bridge.teams.graph import Credential, Graph, Json, has_more
from bridge.teams.paths import message_path, messages_path
from bridge.teams.quota import Priority
from bridge.telemetry import CAUGHT_UP, REFUSED, log

PAGE_SIZE = 50
"""Graph gives no more (learn.microsoft.com graph/api chat-list-messages)."""
MESSAGES_MAX = 1_000
"""Held at once, of one conversation."""
PAGES_MAX = 1_000
"""Of a window that cannot be cut: 50,000 messages that changed in one millisecond."""
ENTRIES_MAX = 50
"""In one transaction of the journal."""
WAITS_MAX = 100
"""How often the reading of one window waits because Graph has no time."""
WAIT_MAX = timedelta(minutes=10)

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Historian:
    """Reads with the app's token, and stores what it read as entries."""

    graph: Graph
    credential: Credential
    clock: Clock
    journal: Journal

    @property
    def chains(self) -> ChainReader:
        """What lists channels."""
        return ChainReader(graph=self.graph, credential=self.credential, clock=self.clock)

    async def read(self, place: Place, since: datetime) -> int:
        """Store everything that changed in a conversation since then; return how many are new.

        Raises:
            RemoteError: It could not be read to the end; what was stored stays.
            StoreUnavailable: Postgres is away.
        """
        if channel_of(place) is not None:
            return await self._read_channel(place, since - SLACK)
        windows, count = [Window(after=since - SLACK)], 0
        while windows:
            window = windows.pop()
            found, rest = await self._list(place, window)
            if rest is None:
                count += await self._store(place, found)
            else:
                older, newer = window.cut(rest)
                windows += (newer, older)
        return count

    async def recall(self, place: Place, ref: MessageRef) -> bool:
        """Store one message, however old; tell whether it is still there.

        Raises:
            RemoteError: It could not be read now.
            StoreUnavailable: Postgres is away.
        """
        try:
            message = await self.graph.request(
                "GET",
                message_path(place, ref),
                credential=self.credential,
                priority=Priority.MEMBERS,
            )
        except GraphRejected as error:
            if error.status != _NOT_FOUND:
                raise
            return False
        if payloads.is_deleted(message):
            return False
        await self._store(place, [message])
        return True

    async def _read_channel(self, place: Place, after: datetime) -> int:
        count = 0
        async for messages in self.chains.changed_after(place, after):
            count += await self._store(place, messages)
        return count

    async def _list(
        self, place: Place, window: Window
    ) -> tuple[Sequence[payloads.Json], datetime | None]:
        """Return the messages of a window; or where it must be cut, as it holds too many.

        A listing that Graph has no time for goes on where it was.
        """
        found: dict[object, payloads.Json] = {}
        before = window.before
        for _ in range(WAITS_MAX):
            try:
                async for page in self._pages(place, window.after, before):
                    found |= {message["id"]: message for message in payloads.raw_messages(page)}
                    oldest = _oldest(payloads.raw_messages(page))
                    before = before if oldest is None else oldest + MILLISECOND
                    if oldest and not window.whole and _is_too_much(found, page):
                        return (), oldest
            except Throttled as error:
                await self.clock.sleep(min(error.retry_after, WAIT_MAX))
            else:
                return tuple(found.values()), None
        raise Throttled("Graph has no time to list a conversation", retry_after=WAIT_MAX)

    def _pages(self, place: Place, after: datetime, before: datetime | None) -> AsyncIterator[Json]:
        wish = f"lastModifiedDateTime gt {payloads.stamp(after)}"
        if before is not None:
            wish += f" and lastModifiedDateTime lt {payloads.stamp(before)}"
        order = quote("lastModifiedDateTime desc")
        return self.graph.pages(
            f"{messages_path(place)}?$top={PAGE_SIZE}&$orderby={order}&$filter={quote(wish)}",
            credential=self.credential,
            pages_max=PAGES_MAX,
            priority=Priority.HISTORY,
        )

    async def _store(self, place: Place, messages: Sequence[payloads.Json]) -> int:
        """Append in the order of creation; return how many were new."""
        entries = sorted(self._entries(place, messages), key=lambda entry: entry.position)
        count = 0
        for at in range(0, len(entries), ENTRIES_MAX):
            count += await self.journal.append_entries(entries[at : at + ENTRIES_MAX])
        CAUGHT_UP.labels(Side.TEAMS).inc(count)
        return count

    def _entries(self, place: Place, messages: Iterable[payloads.Json]) -> Iterator[NewEntry]:
        now = self.clock.now()
        for message in messages:
            try:
                yield entry_of_read(place, message, now=now)
            except Unconvertible as error:
                REFUSED.labels("teams", "malformed").inc()
                log.warning("message not read", conversation=place.conversation, error=str(error))


def _is_too_much(found: Sized, page: Json) -> bool:
    return len(found) >= MESSAGES_MAX and has_more(page)


def _oldest(messages: Iterable[payloads.Json]) -> datetime | None:
    """When the message that was changed longest ago was changed."""
    times = (payloads.changed_at(message) for message in messages)
    return min((time for time in times if time is not None), default=None)
