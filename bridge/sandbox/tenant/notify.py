"""Telling subscribers what happened.

    conversation ─ Change ─> Notifier.take ─ coverage: who? ─ fate ─> Outlet, one per address ─ POST
                                                    health, one per host ──┘

The first attempt must be answered with 2xx within 3 s, a later one within 10 s; the pauses grow
exponentially (learn.microsoft.com graph/change-notifications-delivery-webhooks). By default there
is one POST in flight per address and what fails is repeated before anything newer is sent, so
that nothing changes its order unless the weather wants it so.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import aiohttp

from bridge.sandbox.tenant import coverage, envelope
from bridge.sandbox.tenant.envelope import Telling
from bridge.sandbox.tenant.health import Health
from bridge.sandbox.tenant.outlet import Item, Outcome, Outlet
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.targets import MESSAGES
from bridge.sandbox.tenant.tenant import Change, Tenant

REMOVED = "subscriptionRemoved"
TOKEN_KEPT = timedelta(minutes=30)
"""How long a validation token is used for further notifications."""
TOKENS_KEPT = 1000
"""Validation tokens; when there are more, all are made anew."""
OUTLETS_MAX = 1000
"""Addresses; above this those are closed that nothing waits for."""
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class Notifier:
    """Everything that one tenant has to say to its subscribers."""

    def __init__(
        self, tenant: Tenant, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup
    ) -> None:
        self._tenant = tenant
        self._session = session
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._outlets: dict[str, Outlet] = {}
        self._running: dict[str, list[asyncio.Task[None]]] = {}
        self._tokens: dict[tuple[str, int], tuple[datetime, str]] = {}
        self._number = 0
        self.health: dict[str, Health] = {}
        """How fast each host answers."""

    def take(self, change: Change) -> None:
        """Queue this change for every subscription that covers it."""
        kind = coverage.kind_of(change)
        told = coverage.change_types(kind, change)
        telling: Telling | None = None
        now = self._tenant.clock.now()
        late = timedelta(0)
        for subscription in coverage.reached(self._tenant, kind, change):
            wanted = told & subscription.change_types
            if (
                wanted
                and subscription.expires > now
                and coverage.is_told(self._tenant, subscription, kind, change)
            ):
                if telling is None:
                    telling = Telling(self._tenant, kind, change)
                    late = self._latency()
                for change_type in sorted(wanted, reverse=True):
                    self._queue(subscription, telling, change_type, now, late)

    def lifecycle(self, subscription: Subscription, event: str) -> None:
        """Queue a lifecycle notification, if the subscription has an address for it.

        That a subscription was removed is told for messages alone (graph/change-notifications-
        lifecycle-events), and that notifications were missed never is: that is Outlook's.
        """
        if subscription.lifecycle_url is None:
            return
        if event == REMOVED and subscription.target.kind not in MESSAGES:
            return
        now = self._tenant.clock.now()
        item = self._item(subscription, None, event, born=now, due=now)
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
        for url in list(self._outlets):
            self._shut(url)

    async def post(self, url: str, items: list[Item], patience: float) -> Outcome:
        """One POST."""
        body = self._body(items)
        timeout = aiohttp.ClientTimeout(total=patience)
        began = self._loop.time()
        try:
            async with self._session.post(
                url, data=body, headers=_HEADERS, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                acked = 200 <= answer.status < 300  # noqa: PLR2004 - any 2xx
        except TimeoutError:
            return Outcome(acked=False, seconds=patience)
        except (aiohttp.ClientError, OSError, ValueError):
            acked = False
        return Outcome(acked=acked, seconds=self._loop.time() - began)

    def _queue(
        self,
        subscription: Subscription,
        telling: Telling,
        change_type: str,
        now: datetime,
        late: timedelta,
    ) -> None:
        fate = self._tenant.weather.fate()
        if not fate.delays:
            subscription.counts.lost += 1
            return
        subscription.counts.doubled += len(fate.delays) - 1
        outlet = self._outlet(subscription.notification_url)
        for delay in fate.delays:
            due = now + delay + late
            if fate.in_order:
                due = max(due, subscription.last_due or due)
                subscription.last_due = due
            outlet.add(self._item(subscription, telling, change_type, born=now, due=due))

    def _item(
        self,
        subscription: Subscription,
        telling: Telling | None,
        event: str,
        *,
        born: datetime,
        due: datetime,
    ) -> Item:
        self._number += 1
        return Item(
            due=due,
            number=self._number,
            subscription=subscription,
            telling=telling,
            event=event,
            born=born,
        )

    def _latency(self) -> timedelta:
        """How long Microsoft takes over this change; the same for all who are told of it."""
        settings = self._tenant.settings
        if settings.latency_average_seconds <= 0:
            return timedelta(0)
        drawn = self._tenant.weather.draw.expovariate(1 / settings.latency_average_seconds)
        return timedelta(seconds=min(drawn, settings.latency_max_seconds))

    def _outlet(self, url: str) -> Outlet:
        outlet = self._outlets.get(url)
        if outlet is None:
            self._make_room()
            host = urlsplit(url).netloc
            health = self.health.setdefault(host, Health(self._tenant.settings))
            outlet = self._outlets[url] = Outlet(self._tenant, url, health, self.post)
            many = max(1, self._tenant.settings.posts_in_flight_max)
            self._running[url] = [self._tasks.create_task(outlet.run()) for _ in range(many)]
        return outlet

    def _make_room(self) -> None:
        """Forget the addresses that nothing waits for, once there are too many."""
        if len(self._outlets) < OUTLETS_MAX:
            return
        for url in [url for url, outlet in self._outlets.items() if not outlet.pending]:
            self._shut(url)
        hosts = {urlsplit(url).netloc for url in self._outlets}
        for host in [host for host in self.health if host not in hosts]:
            del self.health[host]

    def _shut(self, url: str) -> None:
        for task in self._running.pop(url, []):
            task.cancel()
        self._outlets.pop(url, None)

    def _body(self, items: list[Item]) -> bytes:
        tenant = self._tenant
        for item in items:
            if item.wire is None:
                item.wire = self._wire(item)
        apps = sorted(
            {item.subscription.app.id for item in items if _is_rich(item)},
        )
        signed = tenant.settings.validation_tokens
        tokens = [self._token(app) for app in apps] if signed else None
        made = [item.wire for item in items if item.wire is not None]
        return envelope.collection(made, tokens, rich=bool(apps))

    def _wire(self, item: Item) -> bytes:
        tenant, telling = self._tenant, item.telling
        if telling is None:
            return envelope.lifecycle_item(tenant, item.subscription, item.event)
        shown = item.event.capitalize() if tenant.settings.swap_casing else item.event
        return envelope.item(tenant, item.subscription, telling, shown)

    def _token(self, app_id: str) -> str:
        now = self._tenant.clock.now()
        version = self._tenant.settings.validation_token_version
        kept = self._tokens.get((app_id, version))
        if kept is None or not kept[0] <= now < kept[0] + TOKEN_KEPT:
            if len(self._tokens) >= TOKENS_KEPT:
                self._tokens.clear()
            kept = (now, self._tenant.issuer.validation(app_id, version))
            self._tokens[(app_id, version)] = kept
        return kept[1]


def _is_rich(item: Item) -> bool:
    return item.telling is not None and item.subscription.with_content
