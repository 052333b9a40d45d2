"""The memory of what was done from Matrix, without a Postgres; passes what `store.granted` passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from typing_extensions import override

from bridge.domain.granted import TOLD_BEFORE, TOLD_WITHIN, Granted
from bridge.domain.ids import MessageRef, Place
from bridge.ports.granted import GrantedBook

_Key = tuple[Place, tuple[str, str, str]]


def _key(granted: Granted) -> _Key:
    return granted.place, granted.facts


@dataclass(slots=True)
class FakeGrantedBook(GrantedBook):
    """What was done and is not told yet, and which messages told of it."""

    untold: dict[_Key, datetime] = field(default_factory=dict)
    told: set[tuple[Place, MessageRef]] = field(default_factory=set)

    @override
    async def note(self, granted: Granted, at: datetime) -> None:
        self.untold[_key(granted)] = at

    @override
    async def withdraw(self, granted: Granted) -> None:
        self.untold.pop(_key(granted), None)

    @override
    async def is_told(self, granted: Granted, ref: MessageRef, at: datetime) -> bool:
        if (granted.place, ref) in self.told:
            return True
        done = self.untold.get(_key(granted))
        if done is None or not at - TOLD_WITHIN <= done <= at + TOLD_BEFORE:
            return False
        del self.untold[_key(granted)]
        self.told.add((granted.place, ref))
        return True
