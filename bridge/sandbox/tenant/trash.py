"""Chats that were deleted and can still be brought back; teams are in `Tenant.deleted_teams`."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.sandbox.tenant.world import Chat

KEPT_FOR = timedelta(days=7)
"""A deleted chat can be restored within seven days (learn.microsoft.com graph/api chat-delete)."""
KEPT_MAX = 10_000
"""Deleted chats; the oldest are forgotten first."""


@dataclass(slots=True)
class Trash:
    """Deleted chats by id, with the moment of the deletion; the oldest first."""

    chats: OrderedDict[str, tuple[datetime, Chat]] = field(default_factory=OrderedDict)

    def put(self, chat: Chat, now: datetime) -> None:
        self.chats[chat.id] = (now, chat)
        self._clear(now)

    def find(self, chat_id: str, now: datetime) -> Chat | None:
        self._clear(now)
        found = self.chats.get(chat_id)
        return None if found is None else found[1]

    def take(self, chat_id: str, now: datetime) -> Chat | None:
        """The chat, which is deleted no more."""
        found = self.find(chat_id, now)
        self.chats.pop(chat_id, None)
        return found

    def _clear(self, now: datetime) -> None:
        while self.chats:
            at, _ = next(iter(self.chats.values()))
            if len(self.chats) <= KEPT_MAX and at + KEPT_FOR > now:
                return
            self.chats.popitem(last=False)
