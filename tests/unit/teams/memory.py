"""Memories of the Microsoft side that last for one test, and clocks that tests own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from typing_extensions import override

from bridge.config import Teams
from bridge.domain.changes import Known
from bridge.domain.ids import (
    EntryId,
    MessageRef,
    PortalId,
    Side,
    TeamsUserId,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Account
from bridge.ports import (
    AccountBook,
    Certificate,
    Clock,
    Entry,
    Journal,
    KeptSignIn,
    Loss,
    NewEntry,
    News,
    Subscription,
    SubscriptionBook,
    WatchBook,
    Watched,
)
from bridge.teams.graph import Token
from bridge.teams.quota import WAIT_MAX

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
TENANT = "5f3c1d1e-0000-4000-8000-0000000000aa"
CLIENT = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


class OwnClock(Clock):
    """Stands still, or follows the real time, until a test moves it; sleepers wait for the test."""

    def __init__(self, start: datetime | None = NOW) -> None:
        self._start = start
        self._offset = timedelta(0)
        self._moved = asyncio.Event()
        self.slept: list[timedelta] = []

    @override
    def now(self) -> datetime:
        real = datetime.now(UTC)  # noqa: TID251 -- msal and the tenant go by real time
        return (self._start or real) + self._offset

    @override
    async def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration)
        until = self.now() + duration
        while self.now() < until:
            await self._moved.wait()

    def advance(self, by: timedelta) -> None:
        self._offset += by
        self._moved.set()
        self._moved = asyncio.Event()


class HastyClock(OwnClock):
    """Moves by itself over the waits that keep Graph's limits, where a test is not about them."""

    @override
    async def sleep(self, duration: timedelta) -> None:
        if duration < WAIT_MAX:
            self.advance(duration)
        else:
            await super().sleep(duration)


class BeatClock(Clock):
    """Moves to the next moment that someone waits for, whenever everyone waits.

    While anybody still works, it stands: a run takes as long as it takes, and says the same.
    """

    def __init__(self, start: datetime = NOW) -> None:
        self._now = start
        self._sleepers: dict[asyncio.Event, datetime] = {}
        self._changed = asyncio.Event()

    @override
    def now(self) -> datetime:
        return self._now

    @override
    async def sleep(self, duration: timedelta) -> None:
        ring = asyncio.Event()
        self._sleepers[ring] = self._now + duration
        self._changed.set()
        try:
            await ring.wait()
        finally:
            self._sleepers.pop(ring, None)
            self._changed.set()

    async def beat(self, sleepers: int, duration: timedelta) -> None:
        """Return after so much time; there are so many who wait in the end, again and again."""
        end = self._now + duration
        while self._now < end:
            await self._changed.wait()
            self._changed.clear()
            if len(self._sleepers) >= sleepers:
                self._now = max(self._now, min(self._sleepers.values()))
                for ring in [r for r, until in self._sleepers.items() if until <= self._now]:
                    del self._sleepers[ring]
                    ring.set()


class Subscriptions(SubscriptionBook):
    """Certificates and subscriptions."""

    def __init__(self) -> None:
        self.kept: list[Certificate] = []
        self.known: dict[str, Subscription] = {}
        self.history: list[Subscription] = []

    @override
    async def certificates(self) -> tuple[Certificate, ...]:
        return tuple(reversed(self.kept))

    @override
    async def add_certificate(self, certificate: Certificate) -> None:
        self.kept.append(certificate)

    @override
    async def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(self.known.values())

    @override
    async def remember_subscription(self, subscription: Subscription) -> None:
        self.known[subscription.resource] = subscription
        self.history.append(subscription)


class WatchedPeople(WatchBook):
    """Whom to watch, and what is subscribed to for them, in the `books` that keepers write."""

    def __init__(self, books: Subscriptions, accounts: Accounts) -> None:
        self.books = books
        self.accounts = accounts
        self.due: dict[UserId, datetime] = {}
        self.missed: dict[UserId, bool] = {}

    @override
    async def claim(
        self, tenant: TenantId, *, now: datetime, until: datetime, limit: int
    ) -> tuple[Watched, ...]:
        due = [
            one
            for one in self.accounts.accounts.values()
            if self.due.get(one.user, now) <= now and one.user not in self.accounts.refusals
        ][:limit]
        self.due |= {one.user: until for one in due}
        return tuple(Watched(account=one, missed=self.missed.get(one.user, True)) for one in due)

    @override
    async def settle(
        self, watched: Watched, *, claimed_until: datetime, next_at: datetime, missed: bool
    ) -> None:
        user = watched.account.user
        self.missed[user] = missed
        if self.due.get(user) == claimed_until:
            self.due[user] = next_at

    @override
    async def ring(self, tenant: TenantId, person: TeamsUserId) -> None:
        for one in await self.accounts.accounts_among(tenant, [person]):
            self.due.pop(one.user, None)

    @override
    async def miss(self, watched: Watched) -> None:
        self.missed[watched.account.user] = True

    @override
    async def subscription(self, resource: str) -> Subscription | None:
        return self.books.known.get(resource)

    @override
    async def forget(self, resource: str) -> None:
        self.books.known.pop(resource, None)

    @override
    async def count(self, now: datetime) -> int:
        of_people = (one for key, one in self.books.known.items() if key.startswith("/users/"))
        return sum(one.id is not None and one.expires_at > now for one in of_people)

    @override
    async def left_over(self, *, everybody: bool, limit: int) -> tuple[tuple[str, str | None], ...]:
        there = {one.teams_user for one in self.accounts.accounts.values()}
        return tuple(
            (key, one.id)
            for key, one in self.books.known.items()
            if key.startswith("/users/") and (everybody or key.split("/")[2] not in there)
        )[:limit]

    @override
    async def secret(self) -> str:
        return "a secret of the tests"


class Accounts(AccountBook):
    """Who is signed in, with their token caches."""

    def __init__(self) -> None:
        self.accounts: dict[UserId, Account] = {}
        self.caches: dict[UserId, str] = {}
        self.refusals: dict[UserId, str] = {}
        self.numbers: dict[UserId, int] = {}
        self.reads = 0
        self._numbers = itertools.count(1)

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
        self.accounts[account.user] = account
        self.caches[account.user] = token_cache
        self.numbers[account.user] = next(self._numbers)
        self.refusals.pop(account.user, None)
        return None

    @override
    async def kept(self, tenant: TenantId, person: TeamsUserId) -> KeptSignIn | None:
        self.reads += 1
        for account in await self.accounts_among(tenant, [person]):
            return KeptSignIn(
                user=account.user,
                number=self.numbers[account.user],
                token_cache=self.caches[account.user],
                refusal=self.refusals.get(account.user),
            )
        return None

    @override
    async def refuse(self, kept: KeptSignIn, *, reason: str) -> None:
        self.refusals.setdefault(kept.user, reason)

    @override
    async def sign_out(self, user: UserId) -> bool:
        self.caches.pop(user, None)
        return self.accounts.pop(user, None) is not None

    @override
    async def token_cache(self, user: UserId) -> str | None:
        self.reads += 1
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


@dataclass
class Links:
    """As much of a journal as the Microsoft side and its hook use: entries, and what is linked."""

    linked: set[tuple[PortalId, MessageRef]] = field(default_factory=set)
    entries: asyncio.Queue[NewEntry] = field(default_factory=asyncio.Queue)
    noted: list[News] = field(default_factory=list)
    lost: list[Loss] = field(default_factory=list)
    number: int = 0

    def as_journal(self) -> Journal:
        return cast(Journal, self)

    async def append_entries(self, entries: Collection[NewEntry]) -> int:
        for entry in entries:
            self.entries.put_nowait(entry)
        return len(entries)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Links]:
        yield self

    async def lose(self, losses: Sequence[Loss]) -> None:
        self.lost += losses

    async def note(self, news: Collection[News]) -> None:
        self.noted += news

    async def known(
        self, side: Side, messages: Collection[tuple[PortalId, MessageRef]]
    ) -> Mapping[tuple[PortalId, MessageRef], Known]:
        known = Known(origin=Side.MATRIX, version=Version(""))
        return {message: known for message in messages if message in self.linked}

    async def next_entry(self) -> Entry:
        async with asyncio.timeout(10):
            return self.claimed(await self.entries.get())

    def claimed(self, new: NewEntry) -> Entry:
        self.number += 1
        return Entry(
            id=EntryId(self.number),
            side=new.side,
            conversation=new.conversation,
            raw=new.raw,
            received_at=new.received_at,
            attempts=1,
        )


def teams_config(**changes: object) -> Teams:
    base = Teams(
        tenant_id=TENANT,
        client_id=CLIENT,
        client_secret="a secret of the tests",  # noqa: S106
        certificate_file=None,
        graph_url="https://graph.test",
        login_url="https://login.test",
        webhook_url="https://bridge.test/teams",
        ca_file=None,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


class Bearer:
    """A credential that hands out numbered tokens and remembers what it was asked."""

    def __init__(self, *, everyone: bool = True) -> None:
        self.everyone = everyone
        self.number = 1
        self.claims: list[str | None] = []

    async def token(self, *, refused: str | None = None, claims: str | None = None) -> Token:
        if refused is not None:
            self.number += 1
            self.claims.append(claims)
        return Token(f"token-{self.number}", None if self.everyone else self.number)
