"""Forget the sign-ins of who is no more: deactivated on the homeserver, or no longer permitted here.

    roll, page by page ─▶ permitted? ─▶ how does the homeserver say that they stand?
                             └─ no ──────────────┴─ gone ──▶ dismiss: tokens forgotten

The homeserver does not keep an application service from acting for whoever has left. Who cannot be
asked about now is asked about next time; nobody is dismissed for want of an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum

from typing_extensions import override

from bridge.domain.ids import UserId
from bridge.domain.portal import Account
from bridge.errors import RemoteError
from bridge.ports import STANDINGS_MAX, Clock, Registrar, Roll, Standing
from bridge.relay.loops import Loop, Step, wait_for
from bridge.telemetry import log

LOOK_EVERY = timedelta(minutes=10)
"""One request for a hundred people."""


class Farewell(StrEnum):
    """Why somebody's sign-in is forgotten."""

    GONE = "deactivated"
    NOT_PERMITTED = "not_permitted"


Permitted = Callable[[UserId], bool]


class Gate:
    """Says who may sign in and speak; keeps nothing."""

    def __init__(self, registrar: Registrar, *, permitted: Permitted) -> None:
        self.registrar = registrar
        self.permitted = permitted

    async def may_sign_in(self, user: UserId) -> bool:
        """Tell whether somebody may sign in now; who cannot be asked about may.

        What they write is looked at again, and sooner or later the homeserver answers.
        """
        if not self.permitted(user):
            return False
        try:
            standings = await self.registrar.standings([user])
        except RemoteError as error:
            log.debug("standing not known", user=user, error=str(error))
            return True
        return standings.get(user) is not Standing.GONE


class Warden(Loop):
    """Goes through everybody who is signed in, again and again."""

    def __init__(
        self,
        roll: Roll,
        gate: Gate,
        clock: Clock,
        *,
        dismiss: Callable[[Account, Farewell], Awaitable[None]],
    ) -> None:
        super().__init__(clock, asyncio.Event(), name="warden")
        self.roll = roll
        self.gate = gate
        self.dismiss = dismiss

    @override
    async def step(self) -> Step:
        """Look at everybody, then rest."""
        last: UserId | None = None
        while not self.stopping:
            page = await self.roll.after(last, limit=STANDINGS_MAX)
            if not page:
                break
            last = page[-1].user
            await self._look(page)
        if not self.stopping:
            await wait_for(self.bell, LOOK_EVERY)
        return Step.SOME

    async def _look(self, page: tuple[Account, ...]) -> None:
        for account, why in await self._farewells(page):
            await self.dismiss(account, why)
            log.warning("sign-in forgotten", user=account.user, reason=why)

    async def _farewells(self, page: tuple[Account, ...]) -> list[tuple[Account, Farewell]]:
        barred = [one for one in page if not self.gate.permitted(one.user)]
        found = [(one, Farewell.NOT_PERMITTED) for one in barred]
        asked = [one for one in page if one not in barred]
        try:
            standings = await self.gate.registrar.standings([one.user for one in asked])
        except RemoteError as error:  # The homeserver's own watch says so, once.
            log.debug("standing not known", error=str(error))
            return found
        gone = [one for one in asked if standings.get(one.user) is Standing.GONE]
        return found + [(one, Farewell.GONE) for one in gone]
