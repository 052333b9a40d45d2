"""Who changes conversations of Teams, and marks them read, as the person who wants it.

matrix.granting ─▶ Organiser          relay.marking ─▶ ReadMarker
"""

from __future__ import annotations

from typing import Protocol

from bridge.domain.ids import Place, TeamsUserId


class Organiser(Protocol):
    """Changes what a conversation is called and who is in it; `by` is who wants it.

    It looks before it acts: what is so already is left as it is, so that everything may be repeated.

    Raises (every method):
        Rejected: Teams does not let them, or not in this form, or a permission is missing; the text
            says why, to people.
        Unauthorized: They must sign in again; the same.
        RemoteError: Graph could not be asked now.
        StoreUnavailable: Postgres is away.
    """

    async def rename(self, by: TeamsUserId, place: Place, name: str) -> None: ...

    async def describe(self, by: TeamsUserId, place: Place, text: str) -> None: ...

    async def add(self, by: TeamsUserId, place: Place, person: TeamsUserId) -> None: ...

    async def remove(self, by: TeamsUserId, place: Place, person: TeamsUserId) -> None:
        """Take somebody out of a conversation, also oneself."""
        ...
