"""Keeps all subscriptions alive, each by itself.

resources.py ─▶ a SubscriptionKeeper for each row; one that is refused stops no other
book ─ what is no longer wanted ─▶ DELETE
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from bridge.errors import RemoteError, StoreUnavailable
from bridge.ports import Subscription
from bridge.teams.notifications import Lifecycle
from bridge.teams.resources import Covers, Resource
from bridge.teams.subscriptions import Means, SubscriptionKeeper
from bridge.teams.waiting import pause
from bridge.telemetry import log

DELETE_AGAIN_AFTER = timedelta(minutes=1)


class Keepers:
    """What the bridge subscribes to, for as long as `run` runs."""

    def __init__(self, resources: tuple[Resource, ...], means: Means) -> None:
        self._means = means
        self._keepers = [SubscriptionKeeper(resource=one, means=means) for one in resources]
        self._wanted = {one.path for one in resources}

    async def prepare(self) -> None:
        """Read the book, so that the hook knows our client states before the server listens.

        Raises:
            StoreUnavailable: The book could not be read.
        """
        await self._means.keyring.load()
        for keeper in self._keepers:
            await keeper.prepare()

    def accepted_states(self) -> tuple[str, ...]:
        """Return the client states that notifications may carry."""
        return tuple(
            [keeper.known.client_state for keeper in self._keepers if keeper.known is not None]
        )

    @property
    def is_alive(self) -> bool:
        """Tell whether everything that the bridge cannot do without is subscribed to."""
        return all(keeper.is_alive for keeper in self._keepers if keeper.resource.required)

    def listening(self) -> dict[str, bool]:
        """Return what is subscribed to, and whether each subscription stands."""
        return {keeper.resource.path: keeper.is_alive for keeper in self._keepers}

    def listens_to(self, covers: Covers) -> bool:
        """Tell whether we are told of everything of that kind just now."""
        alive = [k.is_alive for k in self._keepers if k.resource.covers is covers]
        return bool(alive) and all(alive)

    async def note(self, lifecycle: Lifecycle) -> None:
        """Hand a lifecycle notification to whom it concerns; returns at once."""
        for keeper in self._keepers:
            await keeper.note(lifecycle)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep everything until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._give_up_others(stop))
            for keeper in self._keepers:
                tasks.create_task(keeper.run(stop), name=keeper.resource.part)

    async def _give_up_others(self, stop: asyncio.Event) -> None:
        """Delete what was wanted once: Graph would go on telling us for days, and be refused."""
        while not stop.is_set():
            try:
                for found in await self._means.book.subscriptions():
                    if found.resource not in self._wanted and found.id is not None:
                        await self._give_up(found, found.id)
            except (RemoteError, StoreUnavailable):
                await pause(self._means.clock, DELETE_AGAIN_AFTER, stop)
            else:
                return

    async def _give_up(self, found: Subscription, key: str) -> None:
        await self._means.delete(key)
        await self._means.book.remember_subscription(replace(found, id=None))
        log.info("subscription given up", resource=found.resource, subscription=key)
