"""What happened in each chat, numbered, for whoever looks on: a page, a test.

This is the sandbox's own window and no part of Graph.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from bridge.sandbox.tenant.errors import Json

EVENTS_KEPT = 10_000
"""Per chat; the oldest are forgotten first."""
EVENTS_KEPT_MAX = 100_000
"""Of all chats together, likewise."""


@dataclass(slots=True)
class _Log:
    last: int = 0
    behind: int = 0
    """Entries up to this number are forgotten."""
    entries: deque[Json] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))


class Feed:
    """Entries by chat; the number of an entry is never used twice within its chat."""

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._news = asyncio.Event()
        self._order: deque[_Log] = deque()

    def append(self, chat_id: str, kind: str, message: Json) -> None:
        log = self._logs.setdefault(chat_id, _Log())
        log.last += 1
        log.entries.append({"n": log.last, "kind": kind, "message": message})
        self._order.append(log)
        if len(self._order) > EVENTS_KEPT_MAX:
            self._forget(self._order.popleft())
        self._news.set()
        self._news = asyncio.Event()

    @staticmethod
    def _forget(log: _Log) -> None:
        """Forget the oldest entry, unless the chat's own limit has done so already."""
        log.behind += 1
        while log.entries and int(str(log.entries[0]["n"])) <= log.behind:
            log.entries.popleft()

    def since(self, chat_id: str, number: int) -> list[Json]:
        log = self._logs.get(chat_id)
        return [] if log is None else [e for e in log.entries if int(str(e["n"])) > number]

    async def wait(self, chat_id: str, number: int, patience: float) -> list[Json]:
        """Entries after `number`, waiting up to `patience` seconds for the first of them."""
        try:
            async with asyncio.timeout(patience):
                while not (entries := self.since(chat_id, number)):
                    await self._news.wait()
        except TimeoutError:
            return []
        return entries
