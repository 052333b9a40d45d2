"""What is appended to streams, as the columns that `append_deliveries` takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.ids import EntryId
from bridge.ports import NewDelivery
from bridge.store import events
from bridge.store.database import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Appending:
    """What is to be appended, what has said so, and whether it is taken for new without a look."""

    deliveries: Sequence[NewDelivery]
    settled: Sequence[EntryId] = ()
    presumed: bool = False

    def values(self, now: datetime) -> tuple[object, ...]:
        """Return the arguments of `append_deliveries`, in its order."""
        deliveries = self.deliveries
        return (
            [d.portal for d in deliveries],
            [d.target for d in deliveries],
            [d.source for d in deliveries],
            [d.event.part for d in deliveries],
            [plain(d.event.slot) for d in deliveries],
            [plain(d.speaker) for d in deliveries],
            [plain(d.event.author.id) for d in deliveries],
            [d.position for d in deliveries],
            [d.doubtful for d in deliveries],
            [d.event.version for d in deliveries],
            [events.encode(d.event) for d in deliveries],
            now,
            self.settled,
            self.presumed,
        )
