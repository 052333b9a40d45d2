"""Telling subscribers what happened.

    conversation ─ Change ─> Notifier.take ─ fate ─> Outlet (one per address) ─ POST ─> subscriber
                                                        └ 2xx: done · else: again, later, ≤ 4 h

The first attempt must be answered with 2xx within 3 s, a later one within 10 s; the pauses grow
exponentially (learn.microsoft.com graph/change-notifications-delivery-webhooks). By default there
is one POST in flight per address and what fails is repeated before anything newer is sent, so
that nothing changes its order unless the weather wants it so.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import aiohttp
import orjson

from bridge.sandbox.tenant import envelope
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.outlet import Item, Outlet
from bridge.sandbox.tenant.subscriptions import scope_of
from bridge.sandbox.tenant.tenant import Change, Subject, Tenant
from bridge.sandbox.tenant.world import Chat, Subscription

TOKEN_KEPT = timedelta(minutes=30)
"""How long a validation token is used for further notifications."""


class Notifier:
    """Everything that one tenant has to say to its subscribers."""

    def __init__(
        self, tenant: Tenant, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup
    ) -> None:
        self._tenant = tenant
        self._session = session
        self._tasks = tasks
        self._outlets: dict[str, Outlet] = {}
        self._tokens: dict[tuple[str, int], tuple[datetime, str]] = {}
        self._running: list[asyncio.Task[None]] = []
        self._number = 0
        self._last_due: dict[str, datetime] = {}

    def take(self, change: Change) -> None:
        """Queue this change for every subscription that covers it."""
        content: bytes | None = None
        for subscription in list(self._tenant.subscriptions.values()):
            if change.kind.value in subscription.change_types and self._covers(
                subscription, change
            ):
                if subscription.with_content and content is None:
                    content = envelope.content_of(self._tenant, change)
                self._queue(subscription, change, content if subscription.with_content else None)

    def lifecycle(self, subscription: Subscription, event: str) -> None:
        """Queue a lifecycle notification, if the subscription has an address for it."""
        if subscription.lifecycle_url is None:
            return
        item = self._item(self._tenant.clock.now(), subscription, None, None)
        item.event = event
        self._outlet(subscription.lifecycle_url).add(item)

    def pending(self) -> int:
        """How many notifications have neither been acknowledged nor given up."""
        return sum(outlet.pending for outlet in self._outlets.values())

    def wake(self) -> None:
        """Look again: the weather or a subscription changed."""
        for outlet in self._outlets.values():
            outlet.wake()

    def close(self) -> None:
        """Send nothing more; a POST that is under way is broken off."""
        for task in self._running:
            task.cancel()

    async def post(self, url: str, items: list[Item], patience: float) -> bool:
        """One POST; True if it was acknowledged in time."""
        body = orjson.dumps(self._payload(items))
        headers = {"Content-Type": "application/json; charset=utf-8"}
        timeout = aiohttp.ClientTimeout(total=patience)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                return 200 <= answer.status < 300  # noqa: PLR2004 - any 2xx
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False

    def _covers(self, subscription: Subscription, change: Change) -> bool:
        scope = scope_of(subscription.resource)
        if scope is None or subscription.expires <= self._tenant.clock.now():
            return False
        if change.subject is not Subject.MESSAGE or not isinstance(change.conversation, Chat):
            return False
        if scope.chat is not None:
            return scope.chat == change.conversation.id
        if scope.user is not None:
            owner = self._tenant.find_user(scope.user)
            return owner is not None and owner.id in change.conversation.members
        return True

    def _queue(self, subscription: Subscription, change: Change, content: bytes | None) -> None:
        fate = self._tenant.weather.fate()
        if not fate.delays:
            subscription.counts.lost += 1
            return
        subscription.counts.doubled += len(fate.delays) - 1
        now = self._tenant.clock.now()
        outlet = self._outlet(subscription.notification_url)
        for delay in fate.delays:
            due = now + delay
            if fate.in_order:
                due = max(due, self._last_due.get(subscription.id, due))
                self._last_due[subscription.id] = due
            outlet.add(self._item(due, subscription, change, content))

    def _item(
        self,
        due: datetime,
        subscription: Subscription,
        change: Change | None,
        content: bytes | None,
    ) -> Item:
        self._number += 1
        return Item(
            due=due,
            number=self._number,
            subscription=subscription,
            change=change,
            content=content,
            born=self._tenant.clock.now(),
        )

    def _outlet(self, url: str) -> Outlet:
        outlet = self._outlets.get(url)
        if outlet is None:
            outlet = self._outlets[url] = Outlet(self._tenant, url, self.post)
            for _ in range(max(1, self._tenant.settings.posts_in_flight_max)):
                self._running.append(self._tasks.create_task(outlet.run()))
        return outlet

    def _payload(self, items: list[Item]) -> Json:
        tenant = self._tenant
        value = [
            envelope.lifecycle_item(tenant, item.subscription, item.event)
            if item.change is None
            else envelope.item(tenant, item.subscription, item.change, item.content)
            for item in items
        ]
        payload: Json = {"value": value}
        apps = sorted({item.subscription.app.id for item in items if item.content is not None})
        if apps:
            signed = tenant.settings.validation_tokens
            payload["validationTokens"] = [self._token(app) for app in apps] if signed else None
        return payload

    def _token(self, app_id: str) -> str:
        now = self._tenant.clock.now()
        version = self._tenant.settings.validation_token_version
        kept = self._tokens.get((app_id, version))
        if kept is None or not kept[0] <= now < kept[0] + TOKEN_KEPT:
            kept = (now, self._tenant.issuer.validation(app_id, version))
            self._tokens[(app_id, version)] = kept
        return kept[1]
