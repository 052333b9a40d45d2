"""What waits for somebody to sign in again, and who must.

worker ──Unauthorized──▶ Awaiting.wait ──▶ set aside; the account is refused
teams.Auth ──────────────────────────────▶ Microsoft refuses: the account is refused
relay.Reminder ──RefusalBook──▶ its person is told, once; it is tried again by itself
sign-in, or mended ──▶ what was set aside is queued again, in its place
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import UserId
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.ports.journal import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSignIn:
    """What is kept of a sign-in: `token_cache` is secret; `refusal`: why it is of no use now.

    `number` tells it from every other, and from itself before it was found to be good again.
    """

    user: UserId
    number: int
    token_cache: str = field(repr=False)
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An account for which Microsoft gives no token any more; `reason` is fit for its person."""

    account: Account
    reason: str
    refused_at: datetime


class Awaiting(Protocol):
    """Sets deliveries aside whose speaker must sign in."""

    async def wait(self, delivery: Delivery, *, reason: str, sign_in: int | None) -> bool:
        """Set it aside until then; its stream goes on without it. Harmless when repeated.

        `sign_in`: the number of the one that was refused; None if the speaker had none. Return False
        if they have another by now: then nothing was written, and it is to be tried again.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def wait_after_own(self, delivery: Delivery, *, reason: str) -> bool:
        """Set it aside together with what its author did there before, if that waits for a sign-in.

        Harmless when repeated. Return False if nothing does: then nothing was written, and it is to be
        tried again.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def wait_behind(self, delivery: Delivery, *, reason: str) -> bool:
        """Set it aside together with what it refers to, if that waits for a sign-in; harmless again.

        Return False if that does not wait: then nothing was written.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...


class RefusalBook(Protocol):
    """Accounts that are refused. Every method raises `StoreUnavailable`."""

    async def untold(self, *, limit: int) -> tuple[Refusal, ...]:
        """Return those whose people were not told yet."""
        ...

    async def mark_told(self, refusal: Refusal) -> None: ...

    async def due(self, *, limit: int) -> tuple[Refusal, ...]:
        """Return those that are to be tried again now."""
        ...

    async def look_later(self, refusal: Refusal, *, at: datetime) -> None: ...

    async def mend(self, refusal: Refusal) -> int | None:
        """Note that it is of use again; return how many deliveries go on, None if it was so already."""
        ...

    async def give_up(self, *, before: datetime, limit: int) -> int:
        """Leave what waits since before then to an operator; return how many."""
        ...
