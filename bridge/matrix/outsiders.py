"""People of other organisations whom the bridge has met; to those who start chats they are contacts, too.

    known ─▶ the directory ─┬─ there ─▶ as it says
                            └─ not ───▶ met as members or authors ─▶ with their home, by what their
                                                                     ghost is known to be

Graph finds them by the id of their tenant alone, which memberships and messages tell (learn.microsoft.com
graph/api chat-post, example 7). Whom nobody has met can be looked for in no directory.
"""

from __future__ import annotations

from collections.abc import Collection

from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.domain.values import dataclass
from bridge.ports import GhostBook
from bridge.ports.starting import Contact, Contacts, FoundPeople


@dataclass(frozen=True, slots=True, kw_only=True)
class WithOutsiders(Contacts):
    """The people of the tenant, and those of other organisations who have a ghost."""

    tenant: TenantId
    directory: Contacts
    ghosts: GhostBook

    @override
    async def search(self, words: str, *, limit: int) -> FoundPeople:
        return await self.directory.search(words, limit=limit)

    @override
    async def addressed(self, address: str) -> tuple[Contact, ...]:
        return await self.directory.addressed(address)

    @override
    async def known(self, people: Collection[TeamsUserId]) -> tuple[Contact, ...]:
        found = await self.directory.known(people)
        missing = sorted(set(people) - {contact.id for contact in found})
        met = [await self._met(person) for person in missing]
        return (*found, *(contact for contact in met if contact is not None))

    async def _met(self, person: TeamsUserId) -> Contact | None:
        ghost = await self.ghosts.ghost(self.tenant, person)
        if ghost is None or ghost.likeness.home is None:
            return None
        return Contact(id=person, name=ghost.likeness.name, home=ghost.likeness.home)
