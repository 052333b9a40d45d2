"""Sign-ins by code: given out on demand, asked about until they end, and told of.

    login device ─▶ begin ─▶ the code, in the person's own room
    step ─▶ those due ─▶ teams.device.ask ─┬ not yet: due again
                                           ├ refused, too late: told, forgotten
                                           └ tokens ─▶ SignIns.settle ─▶ told

They live in this process only: when it ends in order, whoever waits is told to begin again.

Whoever types the code links *their* Teams account to the Matrix user who asked for it, and no browser
proves that the two are one person, as it does for a link. So it is off unless an administrator has
switched it on, and the code says what it does wherever it is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from bridge.domain.ids import UserId
from bridge.errors import RemoteError, StoreUnavailable, Throttled, Unauthorized
from bridge.ports import Clock
from bridge.relay.loops import Loop, Step
from bridge.teams.device import DeviceCode, DeviceCodes
from bridge.telemetry import log
from bridge.web.signin import SignIns

UNDER_WAY_MAX = 1_000
ASKED_AT_ONCE_MAX = 8
OFF = "Signing in by code is switched off here. Write `login` for a link."
FULL = "Too many people are signing in by code just now. Try again in a few minutes."
NOT_PERMITTED = "You may not sign in here."
SHOWN = """\
Open {page} in any browser and enter the code {code} within {minutes} minutes. It is for you alone: \
whoever enters it has what *you* write here sent to Teams in *their* name. I tell you when it is done."""
TOO_LATE = "The code has expired. Write `login device` for another."
BEGIN_AGAIN = "I was started anew while you were signing in by code. Write `login device` again."
IN_VAIN = "You are not signed in: {why}. Write `login device` for another code."


@dataclass(slots=True, kw_only=True)
class _Waiting:
    code: DeviceCode
    due_at: datetime


class DeviceSignIns(Loop):
    """One code for each person; the newest counts."""

    def __init__(
        self, codes: DeviceCodes, sign_ins: SignIns, clock: Clock, *, enabled: bool
    ) -> None:
        super().__init__(clock, asyncio.Event(), name="device sign-ins")
        self._codes = codes
        self._sign_ins = sign_ins
        self._enabled = enabled
        self._waiting: dict[UserId, _Waiting] = {}

    async def begin(self, user: UserId) -> str:
        """Return what to answer to somebody who wants to sign in by code.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        if not self._enabled:
            return OFF
        if not await self._sign_ins.may_sign_in(user):
            return NOT_PERMITTED
        if len(self._waiting) >= UNDER_WAY_MAX and user not in self._waiting:
            return FULL
        try:
            code = await self._codes.begin()
        except RemoteError as error:
            return f"Microsoft gives no code now: {error}."
        now = self.clock.now()
        self._waiting[user] = _Waiting(code=code, due_at=now + code.interval)
        self.bell.set()
        minutes = (code.expires_at - now) // timedelta(minutes=1)
        return SHOWN.format(page=code.page, code=code.user_code, minutes=minutes)

    @override
    async def step(self) -> Step:
        """Ask about some that are due."""
        now = self.clock.now()
        due = [user for user, waiting in self._waiting.items() if waiting.due_at <= now]
        async with asyncio.TaskGroup() as asking:
            for user in due[:ASKED_AT_ONCE_MAX]:
                asking.create_task(self._ask(user, self._waiting[user], now))
        return Step.SOME if len(due) > ASKED_AT_ONCE_MAX else Step.NOTHING

    async def _ask(self, user: UserId, waiting: _Waiting, now: datetime) -> None:
        code = waiting.code
        if code.expires_at <= now:
            await self._end(user, waiting, TOO_LATE)
            return
        waiting.due_at = now + code.interval
        try:
            found = await self._codes.ask(code)
        except Unauthorized as error:
            log.info("sign-in refused", user=user, reason="by_microsoft", error=str(error))
            await self._end(user, waiting, IN_VAIN.format(why=error))
            return
        except RemoteError as error:  # Its own watch says so, once.
            wait = error.retry_after if isinstance(error, Throttled) else code.interval
            waiting.due_at = now + max(wait, code.interval)
            return
        # Who has asked for another code meanwhile is not signed in by the one before.
        if found is None or self._waiting.get(user) is not waiting:
            return
        if not await self._sign_ins.may_sign_in(user):
            await self._end(user, waiting, NOT_PERMITTED)
            return
        try:
            holder, answer = await self._sign_ins.settle(user, found)
        except StoreUnavailable:  # The tokens were given once: they are lost.
            answer = IN_VAIN.format(why="the bridge could not write it down")
            holder = user
        self._forget(user, waiting)
        if holder is not None:
            await self._tell(user, answer)

    async def _end(self, user: UserId, waiting: _Waiting, text: str) -> None:
        if self._waiting.get(user) is waiting:
            self._forget(user, waiting)
            await self._tell(user, text)

    def _forget(self, user: UserId, waiting: _Waiting) -> None:
        if self._waiting.get(user) is waiting:
            del self._waiting[user]

    @override
    async def give_up(self) -> None:
        """Tell whoever waits that this was in vain."""
        await self._tell_all(list(self._waiting))
        self._waiting.clear()

    async def _tell_all(self, users: Iterable[UserId]) -> None:
        async with asyncio.TaskGroup() as telling:
            for user in users:
                telling.create_task(self._tell(user, BEGIN_AGAIN))

    async def _tell(self, user: UserId, text: str) -> None:
        try:
            await self._sign_ins.tell(user, text)
        except (RemoteError, StoreUnavailable) as error:
            log.warning("could not tell of a sign-in", user=user, error=str(error))
