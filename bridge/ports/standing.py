"""Whether people are still who they were on their homeserver, as it does not keep us from acting for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Protocol

from bridge.domain.ids import UserId
from bridge.domain.portal import Account


class Standing(StrEnum):
    """How a Matrix user stands with their homeserver."""

    GOOD = "good"
    GONE = "gone"
    """Deactivated, or there is no such user."""
    UNKNOWN = "unknown"
    """The homeserver does not say."""


class Registrar(Protocol):
    """Knows how Matrix users stand."""

    async def standings(self, users: Collection[UserId]) -> Mapping[UserId, Standing]:
        """Return how each of them stands; at most STANDINGS_MAX at once.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        ...


STANDINGS_MAX = 100


class Roll(Protocol):
    """Everybody who is signed in to Teams."""

    async def after(self, user: UserId | None, *, limit: int) -> tuple[Account, ...]:
        """Return accounts in the order of their Matrix users, those behind `user`.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...
