"""What an administrator sees and does, by the functions that the command line uses as well."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bridge.domain.ids import UserId
from bridge.ports import Clock, operating
from bridge.ports.operating import Item, ItemId, Measurements, Outcome, SignedIn, State
from bridge.store import accounts, queue
from bridge.store.database import Database
from bridge.store.gauges import measured


class Operations(operating.Operations):
    """Implements `ports.operating.Operations`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @override
    async def measured(self) -> Measurements:
        return await measured(self._database, self._clock.now())

    @override
    async def find(self, states: Sequence[State], *, limit: int) -> tuple[Item, ...]:
        now = self._clock.now()
        return await queue.find(self._database, side=None, states_=states, limit=limit, now=now)

    @override
    async def retry(self, item: ItemId) -> Outcome:
        return await queue.retry(self._database, item, now=self._clock.now())

    @override
    async def drop(self, item: ItemId, *, reason: str) -> Outcome:
        return await queue.drop(self._database, item, reason=reason, now=self._clock.now())

    @override
    async def signed_in(self, *, limit: int) -> tuple[SignedIn, ...]:
        return tuple(
            SignedIn(
                user=UserId(str(one["user"])),
                name=str(one["name"] or one["teams_user"]),
                refusal=None if one["refusal"] is None else str(one["refusal"]),
            )
            for one in await accounts.signed_in(self._database, limit=limit)
        )
