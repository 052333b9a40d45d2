"""What is appended to streams, as the columns that `append_deliveries` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from bridge.domain.events import Event
from bridge.domain.ids import EntryId
from bridge.domain.values import dataclass
from bridge.ports import NewDelivery
from bridge.store import events
from bridge.store.database import plain


@dataclass(frozen=True, kw_only=True)  # No slots: what is encoded is kept.
class Appending:
    """What is to be appended, what has said so, and whether it is taken for new without a look."""

    deliveries: Sequence[NewDelivery]
    settled: Sequence[EntryId] = ()
    presumed: bool = False

    @cached_property
    def encoded(self) -> Sequence[bytes]:
        """The events as they are stored."""
        return [events.encode(delivery.event) for delivery in self.deliveries]

    @property
    def read(self) -> Mapping[bytes, Event]:
        """What the stored bytes say, for whoever gets them back at once."""
        return {raw: d.event for raw, d in zip(self.encoded, self.deliveries, strict=True)}

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
            self.encoded,
            now,
            self.settled,
            self.presumed,
        )
