"""Reading a channel: chains of a post with its replies, what changed last first.

    ?$expand=replies ─▶ page ─▶ chains ─▶ one that changed before `after`: the end
                          │        └─ replies@odata.nextLink ─▶ the older replies of a long one
                          └─ more than one page: chains may have moved to the front meanwhile,
                             so what changed since the beginning is listed once more

Graph sorts the posts of a channel by the last change of their whole chain and takes no filter
(learn.microsoft.com graph/api channel-list-messages). What is wanted is the oldest message first: so
a listing keeps the oldest that it found, as many as may be held, and if there were more, the next
one goes on behind those.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import field
from datetime import datetime, timedelta

from bridge.domain.ids import MessageRef, Place, own_id
from bridge.domain.values import dataclass
from bridge.errors import Throttled, Unavailable, Unconvertible
from bridge.ports import Clock
from bridge.teams import payloads
from bridge.teams.gaps import MILLISECOND
from bridge.teams.graph import Credential, Graph, TooLarge
from bridge.teams.paths import messages_path
from bridge.teams.payloads import Json
from bridge.teams.quota import Priority

POSTS_PER_PAGE = (10, 3, 1)
"""Each comes with up to 200 replies. Where an answer is too large, the list is begun anew with less:
what is seen twice does no harm."""
PAGES_MAX = 5_000
"""Of one listing: 100,000 posts that changed."""
REPLY_PAGES_MAX = 200
"""Of one chain, beyond the newest 200 replies; edits that nobody notified of older ones are lost."""
HELD_MAX = 1_000
"""Messages that are held at once, of one channel."""
ROUNDS_MAX = 10
"""How often a listing is followed by another one because it took more than one page."""
SLACK = timedelta(minutes=1)
"""Graph's clock may be behind ours by this much."""
WAITS_MAX = 100
"""How often one listing waits because Graph has no time."""
WAIT_MAX = timedelta(minutes=10)

_REPLIES = "replies"

Age = tuple[int, MessageRef]
"""When a message was created, in ms, and its name: no two have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A post and its replies, the newest first; `more` leads to older replies."""

    messages: tuple[Json, ...]
    more: str | None

    @property
    def is_whole(self) -> bool:
        return self.more is None

    @property
    def changed_at(self) -> datetime | None:
        """When what is seen of it changed last."""
        times = [payloads.changed_at(message) for message in self.messages]
        return max((time for time in times if time is not None), default=None)

    def changed_after(self, moment: datetime) -> bool:
        """Tell whether something that is seen of it changed since; what bears no time may have."""
        return any(_changed_after(message, moment) for message in self.messages)


@dataclass(slots=True)
class _Held:
    """The oldest of what is beyond `floor`, and whether there was more than that."""

    floor: Age | None
    most: int
    found: dict[Age, Json] = field(default_factory=dict)
    has_more: bool = False

    def add(self, message: Json) -> None:
        age = _age(message)
        if age is None or (self.floor is not None and age <= self.floor):
            return
        self.found[age] = message
        if len(self.found) >= 2 * self.most:
            self.shrink()

    def shrink(self) -> None:
        """Leave the oldest."""
        if len(self.found) > self.most:
            self.has_more = True
            for age in sorted(self.found)[self.most :]:
                del self.found[age]

    def in_order(self) -> list[Json]:
        return [self.found[age] for age in sorted(self.found)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReader:
    """Reads with the app's token."""

    graph: Graph
    credential: Credential
    clock: Clock

    async def changed_after(self, place: Place, after: datetime) -> AsyncIterator[Sequence[Json]]:
        """Yield all messages that changed since then, oldest first, in batches.

        Raises:
            RemoteError: The channel could not be read to the end.
        """
        floor: Age | None = None
        while True:
            held = _Held(floor, HELD_MAX)
            await self._fill(held, place, after)
            held.shrink()
            yield held.in_order()
            if not held.has_more:
                return
            floor = max(held.found)

    async def chains(
        self, place: Place, after: datetime, *, priority: Priority, pages_max: int
    ) -> AsyncIterator[Sequence[Chain]]:
        """Yield, page by page, the chains that changed since then; their older replies are not read.

        A caller that must know whether it saw the end asks for one page more than it takes.

        Raises:
            RemoteError: The channel could not be read.
        """
        *more, least = POSTS_PER_PAGE
        for size in more:
            try:
                async for found in self._listed(place, after, size, priority, pages_max):
                    yield found
            except TooLarge:
                continue
            else:
                return
        async for found in self._listed(place, after, least, priority, pages_max):
            yield found

    async def _listed(
        self, place: Place, after: datetime, size: int, priority: Priority, pages_max: int
    ) -> AsyncIterator[Sequence[Chain]]:
        path = f"{messages_path(place)}?$top={size}&$expand={_REPLIES}"
        for _ in range(pages_max):
            page = await self._page(path, priority)
            found = [self._chain(post) for post in payloads.raw_messages(page)]
            fresh = list(_fresh(found, after))
            yield fresh
            following = self.graph.next_path(page)
            if len(fresh) < len(found) or following is None:
                return
            path = following

    async def _fill(self, held: _Held, place: Place, after: datetime) -> None:
        """List until one page says it all: what changes while more are read moves to the front."""
        stop = after
        for _ in range(ROUNDS_MAX):
            pages, newest = 0, stop
            async for chains in self.chains(
                place, stop, priority=Priority.HISTORY, pages_max=PAGES_MAX
            ):
                pages += bool(chains)
                newest = max([newest, *(chain.changed_at or newest for chain in chains)])
                for chain in chains:
                    async for message in self._all_of(chain):
                        if _changed_after(message, after):
                            held.add(message)
            if pages <= 1:
                return
            stop = newest - MILLISECOND
        raise Unavailable("a channel changes faster than it can be listed")

    async def _all_of(self, chain: Chain) -> AsyncIterator[Json]:
        for message in chain.messages:
            yield message
        path = chain.more
        for _ in range(REPLY_PAGES_MAX):
            if path is None:
                return
            page = await self._page(path, Priority.HISTORY)
            for message in payloads.raw_messages(page):
                yield message
            path = self.graph.next_path(page)

    def _chain(self, post: Json) -> Chain:
        own = {name: value for name, value in post.items() if not name.startswith(_REPLIES)}
        replies = tuple(payloads.raw_messages(post, _REPLIES))
        more = self.graph.next_path(post, f"{_REPLIES}@odata.nextLink")
        return Chain(messages=(own, *replies), more=more)

    async def _page(self, path: str, priority: Priority) -> Json:
        """Wait where Graph has no time, and nobody waits for us."""
        for _ in range(WAITS_MAX):
            try:
                return await self.graph.request(
                    "GET", path, credential=self.credential, priority=priority
                )
            except Throttled as error:
                if priority < Priority.HISTORY:
                    raise
                await self.clock.sleep(min(error.retry_after, WAIT_MAX))
        raise Throttled("Graph has no time to list a channel", retry_after=WAIT_MAX)


def _fresh(chains: Sequence[Chain], after: datetime) -> Iterator[Chain]:
    """Leave out what follows a chain that certainly has not changed; one with older replies may have."""
    for chain in chains:
        if chain.is_whole and not chain.changed_after(after):
            return
        yield chain


def _changed_after(message: Json, after: datetime) -> bool:
    changed = payloads.changed_at(message)
    return changed is None or changed > after


def _age(message: Json) -> Age | None:
    try:
        ref = payloads.chat_message(message).ref
    except Unconvertible:  # It has no id, or no time: nothing can be made of it.
        return None
    return payloads.milliseconds(own_id(ref)) or 0, ref
