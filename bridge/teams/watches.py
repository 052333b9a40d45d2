"""A subscription for each signed-in person, who alone is told how they see their chats.

    WatchBook ─ due ─▶ theirs to follow? ─▶ none: room for one more? ─▶ POST, in one form or another
        ▲                                └▶ there: PATCH, which also says that they still let us
        │                                        │
        └── in a day, or when Graph rings ◀──────┴─ made: their chats are listed once ─▶ ViewNews
    who has signed out ─▶ DELETE, as the app

It is made with the person's own token, and ends with it: within the hour Graph asks for it anew by a
lifecycle notification (learn.microsoft.com graph/change-notifications-lifecycle-events), and what
happens meanwhile it keeps for four hours. Nothing is polled: chats are listed only where something may
not have been told. Nobody has a task of their own, so that there may be ten thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.errors import (
    Rejected,
    RemoteError,
    StoreUnavailable,
    Throttled,
    Unauthorized,
    Unconvertible,
)
from bridge.ports import Journal, Subscription, ViewNews, ViewpointSource, WatchBook, Watched
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.auth import Auth
from bridge.teams.client_states import ClientStates
from bridge.teams.resources import Resource, views_of
from bridge.teams.subscriptions import Means, SubscriptionKeeper
from bridge.teams.waiting import pause
from bridge.telemetry import WATCHES, log

LOOK_EVERY = timedelta(seconds=2)
TIDY_EVERY = timedelta(seconds=10)
AT_ONCE = 4
"""Each is a call or two; ten thousand people ask for three a second in the end."""
LEASE = timedelta(minutes=2)
DAY = timedelta(days=1)
"""After so long a subscription is renewed, with two days left: that says that it is there, too."""
AGAIN_AFTER = timedelta(minutes=1)
REFUSED_WAIT = timedelta(hours=1)
QUIET = timedelta(minutes=5)
"""Where Graph refuses one person it mostly refuses all: nobody is tried for so long."""
LEFT_OVER_MAX = 100
"""Subscriptions that are given up in one go."""
_BAD_REQUEST = 400


class Result(StrEnum):
    """What became of a look; the labels of its counter."""

    MADE = "made"
    RENEWED = "renewed"
    GHOST = "ghost"
    FULL = "full"
    REFUSED = "refused"
    AGAIN = "again"
    GIVEN_UP = "given_up"


Follows = Callable[[TenantId, TeamsUserId], Awaitable[bool]]
"""Says whether somebody has an account of their own to show it in. Raises RemoteError."""


@dataclass(slots=True, kw_only=True)
class Watches:
    """Looks after the subscriptions of people, a few at once; off until `follows` is set."""

    tenant: TenantId
    means: Means
    auth: Auth
    book: WatchBook
    source: ViewpointSource
    journal: Journal
    most: int = 0
    """Subscriptions that there may be."""
    follows: Follows | None = None
    states: ClientStates = field(default_factory=ClientStates)

    _quiet_until: datetime | None = field(default=None, init=False)
    _tidied_at: datetime | None = field(default=None, init=False)

    async def prepare(self) -> None:
        """Read what client states are made of, before the server listens.

        Raises:
            StoreUnavailable: The book could not be read.
        """
        self.states = ClientStates(await self.book.secret())

    def person_of(self, state: object) -> TeamsUserId | None:
        """Return for whom a client state of ours was made; None if it is none."""
        return self.states.person_of(state)

    async def ring(self, person: TeamsUserId) -> None:
        """Take note that Graph wants to hear of somebody's subscription.

        Raises:
            StoreUnavailable: It could not be noted.
        """
        await self.book.ring(self.tenant, person)

    async def run(self, stop: asyncio.Event) -> None:
        """Look after all of them until `stop` is set."""
        while not stop.is_set():
            try:
                found = await self.step()
            except StoreUnavailable:
                found = 0
            if found < AT_ONCE:
                await pause(self.means.clock, LOOK_EVERY, stop)

    async def step(self) -> int:
        """Look after some who are due; return how many.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        now = self.means.clock.now()
        await self._tidy(now)
        if self.follows is None or (self._quiet_until is not None and now < self._quiet_until):
            return 0
        until = now + LEASE
        due = await self.book.claim(self.tenant, now=now, until=until, limit=AT_ONCE)
        await asyncio.gather(*[self._look(one, self.follows, until) for one in due])
        return len(due)

    async def _look(self, one: Watched, follows: Follows, until: datetime) -> None:
        try:
            result = await self._tend(one, follows)
        except RemoteError as error:
            result, wait = self._after(one, error)
        except Unconvertible as error:
            result, wait = self._after(one, Rejected(str(error)))
        else:
            wait = REFUSED_WAIT if result is Result.GHOST else DAY
        WATCHES.labels(result).inc()
        next_at = self.means.clock.now() + wait
        missed = result not in {Result.MADE, Result.RENEWED}
        await self.book.settle(one, claimed_until=until, next_at=next_at, missed=missed)

    async def _tend(self, one: Watched, follows: Follows) -> Result:
        person = one.account.teams_user
        if not await follows(self.tenant, person):
            return Result.GHOST
        known = await self._known(person)
        now = self.means.clock.now()
        is_new = known is None or known[1].id is None or known[1].expires_at <= now
        if is_new and await self.book.count(now) >= self.most:
            log.warning("no more subscriptions for people", limit=self.most, user=one.account.user)
            return Result.FULL
        made = await self._make(person) if known is None or is_new else await self._keep(*known)
        if made or one.missed:
            await self.book.miss(one)
            await self._list(person)
        return Result.MADE if made else Result.RENEWED

    async def _known(self, person: TeamsUserId) -> tuple[Resource, Subscription] | None:
        """Return the subscription that there is, and as what it was made."""
        for resource in views_of(person):
            known = await self.book.subscription(resource.path)
            if known is not None and resource.rich is (known.certificate_id is not None):
                return resource, known
        return None

    async def _make(self, person: TeamsUserId) -> bool:
        """Subscribe in the first form that Graph takes.

        Raises:
            RemoteError: It takes none, or not now.
            StoreUnavailable: Postgres is away.
        """
        refusal: GraphRejected | None = None
        for resource in views_of(person):
            try:
                return await self._keeper(resource, person).keep_once(None)
            except GraphRejected as error:
                if error.status != _BAD_REQUEST:
                    raise
                await self.book.forget(resource.path)
                refusal = error
        assert refusal is not None  # noqa: S101 -- there are forms
        raise refusal

    async def _keep(self, resource: Resource, known: Subscription) -> bool:
        person = TeamsUserId(resource.path.split("/")[2])
        return await self._keeper(resource, person).keep_once(known)

    def _keeper(self, resource: Resource, person: TeamsUserId) -> SubscriptionKeeper:
        means = replace(self.means, credential=self.auth.for_person(person))
        return SubscriptionKeeper(resource=resource, means=means, state=self.states.of(person))

    async def _list(self, person: TeamsUserId) -> None:
        """Note how somebody sees their chats now; of those that have no portal nothing is kept."""
        async for some in self.source.views_of(person):
            news = [ViewNews(place=place, person=person, view=view) for place, view in some]
            async with self.journal.unit() as unit:
                await unit.note(news)

    def _after(self, one: Watched, error: RemoteError) -> tuple[Result, timedelta]:
        now = self.means.clock.now()
        if isinstance(error, Throttled):
            self._quiet_until = now + error.retry_after
            return Result.AGAIN, max(error.retry_after, AGAIN_AFTER)
        if not isinstance(error, Rejected | Unauthorized):
            return Result.AGAIN, AGAIN_AFTER
        if isinstance(error, GraphRejected | PermissionMissing):
            self._quiet_until = now + QUIET
        log.warning("reads of somebody are not followed", user=one.account.user, error=str(error))
        return Result.REFUSED, REFUSED_WAIT

    async def _tidy(self, now: datetime) -> None:
        """Give up what is for nobody; without a token of theirs it may be refused, and runs out."""
        if self._tidied_at is not None and now - self._tidied_at < TIDY_EVERY:
            return
        self._tidied_at = now
        left = await self.book.left_over(everybody=self.follows is None, limit=LEFT_OVER_MAX)
        for resource, key in left:
            try:
                if key is not None:
                    await self.means.delete(key)
            except Rejected as error:
                log.info("subscription left to run out", subscription=key, error=str(error))
            except RemoteError:
                return
            await self.book.forget(resource)
            WATCHES.labels(Result.GIVEN_UP).inc()
