"""Commands about somebody's own Teams account: signing in, signing out, who they are."""

from __future__ import annotations

from typing import Protocol

from bridge.domain.ids import UserId
from bridge.domain.permission import Permission
from bridge.domain.portal import Account
from bridge.matrix.commands.registry import Call, Command, Misused, Section


class SignIns(Protocol):
    """What the commands need to know of signing in."""

    async def link(self, user: UserId) -> str:
        """Return a link, good once and for a short while.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def code(self, user: UserId) -> str:
        """Begin a sign-in by a code that is typed at Microsoft's page; return what to answer.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def sign_out(self, user: UserId) -> bool:
        """Forget the user's tokens; return False if there were none.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...

    async def account(self, user: UserId) -> Account | None:
        """Return who the user is signed in as.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        ...


DEVICE = "device"


class AccountCommands:
    """Obeys them."""

    def __init__(self, sign_ins: SignIns) -> None:
        self._sign_ins = sign_ins

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="login",
                section=Section.ACCOUNT,
                usage=f"[{DEVICE}]",
                help="sign in to Teams, so that what you write in a bridged room is said there in"
                f" your name; `{DEVICE}`: with a code that you type in any browser",
                example="login",
                run=self._login,
                needs=Permission.USER,
                is_private=True,  # The link signs in whoever opens it.
            ),
            Command(
                name="logout",
                section=Section.ACCOUNT,
                help="sign out; you can still read, but nobody in Teams hears you",
                example="logout",
                run=self._logout,
                needs=Permission.RELAY,  # Who is no longer a user may still take their tokens back.
                is_private=True,
            ),
            Command(
                name="whoami",
                section=Section.ACCOUNT,
                help="who you are signed in as, and what you may do",
                example="whoami",
                run=self._whoami,
                needs=Permission.RELAY,
                is_private=True,
            ),
        )

    async def _login(self, call: Call) -> str:
        if call.words == (DEVICE,):
            return await self._sign_ins.code(call.user)
        if call.words:
            problem = f"`login` takes nothing, or `{DEVICE}`."
            raise Misused(problem)
        account = await self._sign_ins.account(call.user)
        link = await self._sign_ins.link(call.user)
        before = ""
        if account is not None:
            before = f"You are signed in as {_named(account)}. To sign in anew: "
        return f"{before}Open this link and sign in with your Microsoft account: {link}\n\n" + (
            "It is for you alone and works once, for a few minutes."
        )

    async def _logout(self, call: Call) -> str:
        if await self._sign_ins.sign_out(call.user):
            return "You are signed out. What you write no longer reaches Teams; `login` undoes it."
        return "You were not signed in."

    async def _whoami(self, call: Call) -> str:
        account = await self._sign_ins.account(call.user)
        if account is None:
            return "You are not signed in to Teams." + (
                " Write `login` to sign in." if call.permission >= Permission.USER else ""
            )
        answer = f"You are signed in to Teams as {_named(account)}."
        if account.refusal:
            answer = f"{answer} But Microsoft takes that no more: {account.refusal}."
        if call.permission < Permission.USER:
            return f"{answer} You are no longer permitted to speak there with it."
        return answer


def _named(account: Account) -> str:
    return account.name or account.teams_user
