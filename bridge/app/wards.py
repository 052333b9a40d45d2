"""Who may sign in and speak, and whose sign-in is forgotten."""

from __future__ import annotations

from bridge.app.clock import SystemClock
from bridge.app.memory import Memory
from bridge.domain.portal import Account
from bridge.errors import RemoteError
from bridge.matrix.desk import BotDesk
from bridge.relay.warding import Farewell, Gate, Warden
from bridge.store.accounts import Roll
from bridge.teams.side import TeamsSide
from bridge.telemetry import log

FAREWELL = """\
The administrator of this bridge no longer lets you use it: I have forgotten your sign-in to Teams."""


def warden_of(
    memory: Memory, teams: TeamsSide, gate: Gate, desk: BotDesk, clock: SystemClock
) -> Warden:
    """Build what forgets the sign-ins of who is no more."""

    async def dismiss(account: Account, why: Farewell) -> None:
        await memory.accounts.sign_out(account.user)
        teams.auth.forget(account.teams_user)
        if why is Farewell.GONE:  # Nobody is there to be told.
            return
        try:
            await desk.tell(account.user, FAREWELL)
        except RemoteError as error:
            log.warning("could not tell of a sign-in", user=account.user, error=str(error))

    return Warden(Roll(memory.database), gate, clock, dismiss=dismiss)
