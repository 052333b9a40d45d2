"""A profile that changes while its user joins a room: it is set once more.

    join  ──── profile read ───────────────── member, as they were ─▶
    set   ────────────────── stored ─ told to the rooms they are in ─▶ not to this one

The homeserver gives whoever joins the profile that they have when the join begins, and tells of a
change the rooms in which they are when it tells (Synapse 1.163.2, handlers/profile.py and
handlers/room_member.py). Who does both at once is shown in that room as they were, until the next
change. Another process may do it all the same: a ghost is looked at and joins in the one that has its
conversation, as a rule.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from bridge.domain.ids import UserId

TIMES_MAX = 3
"""That a profile is set; whoever joins that many rooms one after the other is left at that."""

_Over = asyncio.Future[None]


class Joins:
    """Joins that are under way, and changes during which they were."""

    def __init__(self) -> None:
        self._under_way: defaultdict[UserId, set[_Over]] = defaultdict(set)
        self._seen: defaultdict[UserId, list[set[_Over]]] = defaultdict(list)

    @contextmanager
    def joining(self, user: UserId) -> Iterator[None]:
        """A user joins a room while inside."""
        over: _Over = asyncio.get_running_loop().create_future()
        self._under_way[user].add(over)
        for seen in self._seen.get(user, ()):
            seen.add(over)
        try:
            yield
        finally:
            over.set_result(None)
            self._under_way[user].remove(over)
            if not self._under_way[user]:
                del self._under_way[user]

    async def change(self, user: UserId, change: Callable[[], Awaitable[None]]) -> None:
        """Change a user's profile, and again once they have joined what they join meanwhile."""
        for _ in range(TIMES_MAX):
            with self._watching(user) as seen:
                await change()
            if not seen:
                return
            await asyncio.wait(seen)

    @contextmanager
    def _watching(self, user: UserId) -> Iterator[set[_Over]]:
        """Collect the joins that overlap with what is done inside."""
        seen = set(self._under_way.get(user, ()))
        self._seen[user].append(seen)
        try:
            yield seen
        finally:
            self._seen[user] = [one for one in self._seen[user] if one is not seen]
            if not self._seen[user]:
                del self._seen[user]
