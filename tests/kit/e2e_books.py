"""Who is signed in, who is signing in, and a Microsoft that says what a test wants: in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.domain.portal import Account
from bridge.errors import Refused
from bridge.ports import AccountBook, Clock, KeptSignIn, SignInBook
from bridge.teams.auth import Auth
from bridge.teams.signed_in import SignedIn


@dataclass
class Tickets(SignInBook):
    """Sign-ins under way."""

    clock: Clock
    users: dict[str, tuple[UserId, datetime]] = field(default_factory=dict)
    flows: dict[str, str] = field(default_factory=dict)

    @override
    async def open_sign_in(self, ticket: str, user: UserId, *, expires_at: datetime) -> None:
        self.users[ticket] = (user, expires_at)

    @override
    async def store_flow(self, ticket: str, flow: str) -> bool:
        if await self.user_of_ticket(ticket) is None:
            return False
        self.flows[ticket] = flow
        return True

    @override
    async def user_of_ticket(self, ticket: str) -> UserId | None:
        user, expires_at = self.users.get(ticket, (None, None))
        return user if expires_at is not None and self.clock.now() < expires_at else None

    @override
    async def take_flow(self, ticket: str) -> tuple[UserId, str] | None:
        user, flow = await self.user_of_ticket(ticket), self.flows.pop(ticket, None)
        if user is None or flow is None:
            return None
        del self.users[ticket]
        return user, flow


class Accounts(AccountBook):
    """Who is signed in; one Matrix user for each Teams user."""

    def __init__(self) -> None:
        self.accounts: dict[UserId, Account] = {}
        self.caches: dict[UserId, str] = {}

    @override
    async def account_of(self, user: UserId) -> Account | None:
        return self.accounts.get(user)

    @override
    async def accounts_of(self, users: Collection[UserId]) -> Mapping[UserId, Account]:
        return {user: self.accounts[user] for user in users if user in self.accounts}

    @override
    async def accounts_among(
        self, tenant: TenantId, people: Collection[TeamsUserId]
    ) -> tuple[Account, ...]:
        found = (a for a in self.accounts.values() if a.tenant == tenant)
        return tuple(a for a in found if a.teams_user in people)

    @override
    async def sign_in(self, account: Account, token_cache: str) -> UserId | None:
        same = (u for u, a in self.accounts.items() if a.teams_user == account.teams_user)
        holder = next((user for user in same if user != account.user), None)
        if holder is None:
            self.accounts[account.user], self.caches[account.user] = account, token_cache
        return holder

    @override
    async def sign_out(self, user: UserId) -> bool:
        self.caches.pop(user, None)
        return self.accounts.pop(user, None) is not None

    @override
    async def kept(self, tenant: TenantId, person: TeamsUserId) -> KeptSignIn | None:
        return None

    @override
    async def refuse(self, kept: KeptSignIn, *, reason: str) -> None:
        return None

    @override
    async def token_cache(self, user: UserId) -> str | None:
        return self.caches.get(user)

    @override
    async def store_token_cache(self, user: UserId, token_cache: str) -> None:
        self.caches[user] = token_cache

    @override
    async def unwelcomed(self, *, limit: int) -> tuple[Account, ...]:
        return ()

    @override
    async def mark_welcomed(self, user: UserId) -> None:
        return None


class Microsoft(Auth):
    """Signs in whom a test names, or refuses; asks nobody."""

    def __init__(self) -> None:
        self.person = SignedIn(
            tenant=TenantId("tenant"),
            teams_user=TeamsUserId("maria"),
            name="Maria Rossi",
            upn=None,
            token_cache="a cache",  # noqa: S106 -- of nobody
        )
        self.refusal: Refused | None = None
        self.answers: list[Mapping[str, str]] = []

    @override
    def forget(self, person: TeamsUserId) -> None:
        return None

    @override
    async def begin_sign_in(
        self, redirect_uri: str, state: str, login_hint: str | None = None
    ) -> dict[str, Any]:
        if self.refusal is not None:
            raise self.refusal
        return {"auth_uri": f"https://login.test/authorize?state={state}", "back": redirect_uri}

    @override
    async def finish_sign_in(self, flow: Mapping[str, Any], query: Mapping[str, str]) -> SignedIn:
        self.answers.append(query)
        if self.refusal is not None:
            raise self.refusal
        return self.person
