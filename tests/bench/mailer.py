"""Notifications as Graph makes them, composed and encrypted before the clock starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import aiohttp

from bridge.sandbox.tenant import conversation, coverage, envelope
from bridge.sandbox.tenant.seal import Seal
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.targets import Kind
from bridge.sandbox.tenant.tenant import Change, Tenant
from bridge.sandbox.tenant.world import Content, User

ACCEPTED = 202
ITEMS_PER_POST = 10
POSTS_IN_FLIGHT = 4
REPEAT_S = 0.01
"""Graph waits longer; a start-up is measured with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message that somebody typed: where, who, what."""

    chat: str
    user: User
    text: str


class Mailer:
    """Types messages in the tenant without notifying, and posts the notifications itself."""

    def __init__(self, tenant: Tenant, url: str, session: aiohttp.ClientSession) -> None:
        self.tenant = tenant
        self.url = url
        self._session = session
        self._changes: list[Change] = []
        self._composing = False
        tenant.listeners[:] = [self.note]

    @property
    def subscription(self) -> Subscription:
        found = self.tenant.subscriptions.values()
        return next(one for one in found if one.target.kind is Kind.CHAT_MESSAGE)

    def note(self, change: Change) -> None:
        """Hear of a change that `compose` makes; every other change is none of ours."""
        if self._composing:
            self._changes.append(change)

    def compose(
        self,
        letters: Sequence[Letter],
        *,
        per_post: int = ITEMS_PER_POST,
        seal: Seal | None = None,
    ) -> list[bytes]:
        """Return bodies of POSTs, `per_post` notifications each; `seal`: for whom, if not the bridge."""
        self._changes.clear()
        self._composing = True
        for letter in letters:
            content = Content(kind="text", text=letter.text)
            conversation.post(self.tenant, self.tenant.chat(letter.chat), letter.user, content)
        self._composing = False
        if len(self._changes) != len(letters):
            raise RuntimeError("another mailer listens to this tenant")
        subscription = self.subscription
        if seal is not None:
            subscription = replace(subscription, seal=seal)
        items = [
            envelope.item(self.tenant, subscription, self._telling(change), change.kind.value)
            for change in self._changes
        ]
        token = self.tenant.issuer.validation(subscription.app.id, 2)
        return [
            envelope.collection(items[n : n + per_post], [token], rich=True)
            for n in range(0, len(items), per_post)
        ]

    def _telling(self, change: Change) -> envelope.Telling:
        return envelope.Telling(self.tenant, coverage.kind_of(change), change)

    async def post(self, body: bytes, url: str | None = None) -> float:
        """Post one body, to another process if `url` says so; return the seconds to the answer."""
        started = time.perf_counter()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        async with self._session.post(url or self.url, data=body, headers=headers) as answer:
            await answer.read()
            if answer.status != ACCEPTED:
                problem = f"the webhook answered {answer.status}"
                raise RuntimeError(problem)
        return time.perf_counter() - started

    async def post_until_taken(self, body: bytes, url: str | None = None) -> float:
        """Post one body as Graph does, again and again; return when it was taken."""
        while True:
            try:
                await self.post(body, url)
            except (RuntimeError, aiohttp.ClientError):
                await asyncio.sleep(REPEAT_S)
            else:
                return time.perf_counter()

    async def post_all(self, bodies: Sequence[bytes], url: str | None = None) -> None:
        """Post in order, a few at a time, to another process if `url` says so."""
        turn = asyncio.Semaphore(POSTS_IN_FLIGHT)

        async def one(body: bytes) -> None:
            async with turn:
                await self.post(body, url)

        async with asyncio.TaskGroup() as posts:
            for body in bodies:
                posts.create_task(one(body))
