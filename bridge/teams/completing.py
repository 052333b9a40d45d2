"""What a message does not say itself is looked up before it is read: names of whom it shows.

ChatMessage.unnamed ─ Directory: who is that? ─▶ the block anew, with the name
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bridge.domain.content import Block
from bridge.domain.events import Person
from bridge.domain.ids import Place
from bridge.domain.values import dataclass
from bridge.teams.identities import id_of
from bridge.teams.payloads import ChatMessage

NAMES_MAX = 10
"""Looked up for one message: more than that it hardly quotes."""

Naming = Callable[[Place, Person], Awaitable[Person]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    """Looks up what a message leaves out; `naming` fills in what Graph did not say of somebody."""

    naming: Naming

    async def complete(self, place: Place, message: ChatMessage) -> ChatMessage:
        """Return the message with what could be looked up; a missing name holds nothing up."""
        if not message.unnamed:
            return message
        found: dict[str, Block | None] = dict(message.attachments)
        # What it answers is shown as an answer, not as a quotation with a name.
        keys = [key for key in message.unnamed if key != message.quote]
        for key in keys[:NAMES_MAX]:
            unnamed = message.unnamed[key]
            person = await self.naming(place, Person(id=id_of(unnamed.person)))
            if person.name:
                found[key] = unnamed.naming(person.name)
        return replace(message, attachments=found)
