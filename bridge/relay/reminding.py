"""Tell people, once, that Microsoft lets them speak no more, and what to do; and see when it does again.

    book.untold ──▶ refused(refusal) ──▶ mark_told
    book.due    ──▶ try_again ─┬ refused: look_later
                               └ a token: mend, what waited goes on ──▶ mended(refusal, count)
    book.give_up: what has waited for too long is left to an operator

What was told is written down after it was told: a crash in between tells it again, and the same news
told twice are one notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from typing_extensions import override

from bridge.domain.ids import TeamsUserId
from bridge.domain.values import dataclass
from bridge.errors import Rejected, RemoteError, Unauthorized
from bridge.ports import AWAITED_FOR, Clock, Refusal, RefusalBook
from bridge.relay.loops import Loop, Step, wait_for
from bridge.telemetry import PARKED, log

AT_ONCE_MAX = 20
"""Of people told, and tried again, at one look; Entra has sign-ins of others to answer, too."""
LOOK_EVERY = timedelta(hours=1)
"""Consent, policies and accounts are mended by administrators, and nobody tells us."""
WAIT_MAX = AWAITED_FOR
GIVEN_UP_MAX = 1_000
REST = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the reminder acts with. `try_again` raises `RemoteError`; so do the others."""

    try_again: Callable[[TeamsUserId], Awaitable[None]]
    refused: Callable[[Refusal], Awaitable[None]]
    mended: Callable[[Refusal, int], Awaitable[None]]


class Reminder(Loop):
    """Keeps nothing in memory."""

    def __init__(self, book: RefusalBook, clock: Clock, *, means: Means) -> None:
        super().__init__(clock, asyncio.Event(), name="reminder")
        self.book = book
        self.means = means

    @override
    async def step(self) -> Step:
        """Tell some, try some, and rest."""
        told = await self._tell()
        tried = await self._try_again()
        given_up = await self.book.give_up(before=self.clock.now() - WAIT_MAX, limit=GIVEN_UP_MAX)
        if given_up:
            PARKED.labels("teams", "delivery").inc(given_up)
            log.error("nobody signed in again", count=given_up)
        if max(told, tried) < AT_ONCE_MAX and not self.stopping:
            await wait_for(self.bell, REST)
        return Step.SOME

    async def _tell(self) -> int:
        untold = await self.book.untold(limit=AT_ONCE_MAX)
        for refusal in untold:
            user = refusal.account.user
            try:
                await self.means.refused(refusal)
            except Rejected as error:
                log.warning("not told to sign in", user=user, error=str(error))
            except RemoteError as error:  # The homeserver's own watch says so, once.
                log.debug("not told to sign in yet", user=user, error=str(error))
                return 0
            else:
                log.info("told to sign in", user=user, reason=refusal.reason)
            await self.book.mark_told(refusal)
        return len(untold)

    async def _try_again(self) -> int:
        due = await self.book.due(limit=AT_ONCE_MAX)
        for refusal in due:
            try:
                await self.means.try_again(refusal.account.teams_user)
            except Unauthorized as error:
                if error.everyone:
                    return 0
                await self.book.look_later(refusal, at=self.clock.now() + LOOK_EVERY)
            except RemoteError:  # Microsoft's sign-in is away, or busy: its own watch says so.
                return 0
            else:
                await self._mend(refusal)
        return len(due)

    async def _mend(self, refusal: Refusal) -> None:
        count = await self.book.mend(refusal)
        if count is None:
            return
        user = refusal.account.user
        log.info("sign-in is good again", user=user, count=count)
        try:
            await self.means.mended(refusal, count)
        except RemoteError as error:
            log.warning("could not tell of a sign-in", user=user, error=str(error))
