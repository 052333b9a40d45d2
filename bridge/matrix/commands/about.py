"""Commands about the bridge itself: which one this is, and whether it reaches Teams."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.domain.lasting import lasting
from bridge.domain.permission import Permission
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.errors import RemoteError, Unauthorized
from bridge.matrix.cleaning import clean
from bridge.matrix.commands.registry import Call, Command, Section
from bridge.ports import AccountBook, Clock
from bridge.ports.operating import Probe
from bridge.telemetry import Watch

ERROR_CHARS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which bridge this is, since when it runs, and what it knows to be away."""

    version: str
    started_at: datetime
    clock: Clock
    watch: Watch

    def introduction(self) -> str:
        """Say which bridge this is."""
        running = lasting(self.clock.now() - self.started_at)
        return f"matrix-teams-bridge {self.version}, running for {running}."

    def away(self) -> str:
        """Say what does not answer just now; "" where everything does."""
        parts = self.watch.parts_away
        return f"Not answering just now: {', '.join(parts)}." if parts else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutCommands:
    """Obeys them."""

    about: About
    probe: Probe
    accounts: AccountBook

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="version",
                section=Section.GENERAL,
                help="which bridge this is, and how long it runs",
                example="version",
                run=self._version,
                needs=Permission.RELAY,
            ),
            Command(
                name="ping",
                section=Section.GENERAL,
                help="try out whether your sign-in is good and Teams answers",
                example="ping",
                run=self._ping,
                needs=Permission.USER,
                is_private=True,
            ),
        )

    async def _version(self, _call: Call) -> str:
        return self.about.introduction()

    async def _ping(self, call: Call) -> str:
        account = await self.accounts.account_of(call.user)
        lines = [await self._tried(account), self.about.away()]
        return "\n".join(line for line in lines if line)

    async def _tried(self, account: Account | None) -> str:
        """Say what comes of asking Graph; whatever it is, that is the answer."""
        try:
            took = await self.probe.ask(None if account is None else account.teams_user)
        except Unauthorized as error:
            whose = "the bridge" if account is None or error.everyone else "your sign-in"
            hint = " Write `login` to sign in again." if whose == "your sign-in" else ""
            return f"Microsoft does not take {whose}: {said(error)}.{hint}"
        except RemoteError as error:
            return f"Teams could not be asked: {said(error)}. Try again in a while."
        answered = f"Microsoft Graph answered in {milliseconds(took)} ms"
        if account is None:
            return f"You are not signed in to Teams: `login` does that. {answered}."
        return f"Your sign-in as {account.name or account.teams_user} is good: {answered}."


def said(error: object) -> str:
    """Return the words of an error as an answer may hold them."""
    return clean(str(error), chars_max=ERROR_CHARS_MAX).replace("`", "'").rstrip(".")


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return max(0, round(duration / timedelta(milliseconds=1)))
