"""What keeps ghosts like their people needs: the people as Teams knows them, and who is due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.domain.likeness import Likeness, PictureStep, Profile
from bridge.domain.values import dataclass
from bridge.ports.books import Ghost

NOT_TOLD = ""
"""The tag of a picture of which nobody tells us: what is shown stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueGhost:
    """A ghost whose person is to be looked at; `lease` is until when nobody else does."""

    ghost: Ghost
    lease: datetime


class LikenessBook(Protocol):
    """Which ghosts are due.

    Every method raises `StoreUnavailable`.
    """

    async def ring(self, people: Collection[tuple[TenantId, str]]) -> None:
        """Have people looked at soon; who is due already stays due as they are."""
        ...

    async def claim(self, *, limit: int, until: datetime) -> tuple[DueGhost, ...]:
        """Take ghosts that are due, those that waited longest first; no two callers get the same."""
        ...

    async def settle(self, due: DueGhost, ghost: Ghost) -> None:
        """Remember what a ghost shows now; it stays due if its person was rung for meanwhile."""
        ...

    async def put_back(self, due: Sequence[DueGhost], *, at: datetime) -> None:
        """Have ghosts that could not be looked at claimed again, from then on."""
        ...


class People(Protocol):
    """The people of a tenant, as its directory has them.

    Who is not in an answer could not be looked at now.
    """

    async def look(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, Profile | None]:
        """Return who people are now; None for whom the directory does not know.

        Raises:
            RemoteError: Nobody could be looked at now.
        """
        ...

    async def picture_tags(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, str | None]:
        """Return what tells one picture of a person from the next; None for who has none.

        `NOT_TOLD` for those whose pictures may not be read.

        Raises:
            RemoteError: No picture could be looked at now.
        """
        ...

    async def picture(self, person: TeamsUserId) -> bytes | None:
        """Return the picture of a person; None if there is none, or too large a one.

        Raises:
            RemoteError: It could not be read now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """The bytes of a picture, and what Graph calls it; no bytes: it is none that can be shown."""

    tag: str
    content: bytes | None


class Portraitist(Protocol):
    """Shows on the far side what people are like."""

    async def show(
        self, ghost: Ghost, likeness: Likeness, step: PictureStep, new: Print | None
    ) -> Ghost:
        """Have a ghost show a likeness; return it as it is now.

        `new` is the picture to be shown if `step` is to fetch one.

        Raises:
            RemoteError: Not all of it is shown; trying again goes on.
        """
        ...

    def forget(self, ghost: Ghost) -> None:
        """Let go of what is remembered of a ghost in memory: something newer was written down."""
        ...
