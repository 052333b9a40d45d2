"""What happens to a subscription by itself: its token runs out, its time runs out.

A subscriber is asked to reauthorize shortly before the token behind the subscription expires, and
again every 15 minutes; when the subscription's own time is over it is gone without a word
(learn.microsoft.com graph/change-notifications-lifecycle-events).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from typing_extensions import override

from bridge.sandbox.tenant.notify import Notifier
from bridge.sandbox.tenant.rounds import Rounds
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.tenant import Tenant

CHALLENGE_LEAD = timedelta(minutes=15)
CHALLENGE_PAUSE = timedelta(minutes=15)
REAUTHORIZE = "reauthorizationRequired"


class Watch(Rounds):
    """Looks after the subscriptions of one tenant."""

    def __init__(self, tenant: Tenant, notifier: Notifier) -> None:
        super().__init__(tenant)
        self._notifier = notifier

    @override
    async def _round(self) -> datetime | None:
        now = self._tenant.clock.now()
        for subscription in list(self._tenant.subscriptions.values()):
            self._tend(subscription, now)
        return min((_next(item) for item in self._tenant.subscriptions.values()), default=None)

    def _tend(self, subscription: Subscription, now: datetime) -> None:
        if subscription.expires <= now:
            self._tenant.subscriptions.remove(subscription.id)
        elif _challenge_due(subscription) <= now:
            subscription.challenged = now
            self._notifier.lifecycle(subscription, REAUTHORIZE)


def _challenge_due(subscription: Subscription) -> datetime:
    if subscription.challenged is not None:
        return subscription.challenged + CHALLENGE_PAUSE
    return min(subscription.authorized_until, subscription.expires) - CHALLENGE_LEAD


def _next(subscription: Subscription) -> datetime:
    return min(subscription.expires, _challenge_due(subscription))
