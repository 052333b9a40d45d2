"""What this process holds: the entries it reads, the runs it carries.

A lease in the database ends by itself; this record says which ones to prolong until then, and which
ones the process has let go of without having been able to say so (the store was away just then), so
that they need not lie until they end.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from bridge.domain.ids import DeliveryId, EntryId, PortalId, Side
from bridge.ports import Delivery, Entry, Run

LEASE = timedelta(seconds=3)
"""How long a process may be silent before another one takes over what it held: with the look that
every worker takes once a second, a killed one's streams go on within 5 s."""

Reader = asyncio.Task[object] | None
Stream = tuple[PortalId, Side]


class Leases:
    """The leases of one process. Invariant: what is recorded here was claimed and not given back."""

    def __init__(self) -> None:
        self._entries: dict[EntryId, Entry] = {}
        self._readers: dict[EntryId, Reader] = {}
        self._runs: dict[Stream, Run] = {}
        self._doubtful: set[DeliveryId] = set()
        self._astray: dict[str, bool] = defaultdict(bool)
        self._passed_by: set[Side] = set()

    # --- entries ---

    def take_entries(self, entries: Iterable[Entry]) -> None:
        """Record entries as read by the task that runs now."""
        reader = asyncio.current_task()
        for entry in entries:
            self._entries[entry.id] = entry
            self._readers[entry.id] = reader

    def give_back_entries(self, entries: Iterable[Entry]) -> None:
        """Forget entries that were settled, held or parked."""
        for entry in entries:
            self._entries.pop(entry.id, None)
            self._readers.pop(entry.id, None)

    def drop_entries_of_this_reader(self, side: Side) -> bool:
        """Forget what the running task still has: a reader that claims again has let go of it."""
        reader = asyncio.current_task()
        left = [
            entry
            for entry in self._entries.values()
            if entry.side is side and self._readers[entry.id] is reader
        ]
        self.give_back_entries(left)
        return bool(left)

    def entries(self, side: Side | None = None) -> list[EntryId]:
        """Return what is being read."""
        return [e.id for e in self._entries.values() if side is None or e.side is side]

    def note_arrivals(self, side: Side, conversations: set[str]) -> None:
        """Remember that entries arrived which must wait for a reader of this process to end."""
        if any(e.side is side and e.conversation in conversations for e in self._entries.values()):
            self._passed_by.add(side)

    def take_arrivals(self, side: Side) -> bool:
        """Tell once whether `note_arrivals` remembered anything."""
        if side in self._passed_by:
            self._passed_by.discard(side)
            return True
        return False

    # --- runs ---

    def take_runs(self, runs: Iterable[Run]) -> None:
        """Record runs as carried by this process."""
        for run in runs:
            self._runs[run.portal.id, run.target] = run

    def has_run(self, run: Run) -> bool:
        """Tell whether this very run is still ours, and not a later one of the same stream."""
        return self._runs.get((run.portal.id, run.target)) is run

    def give_back_run(self, run: Run) -> None:
        """Forget a run that was released."""
        if self.has_run(run):
            del self._runs[run.portal.id, run.target]
            self._doubtful.difference_update(d.id for d in run.deliveries)

    def runs(self, target: Side) -> list[Run]:
        """Return the runs that are carried toward a side."""
        return [run for (_, side), run in self._runs.items() if side is target]

    def streams(self, target: Side | None = None) -> list[Stream]:
        """Return the streams of the runs that are carried."""
        return [stream for stream in self._runs if target is None or stream[1] is target]

    def doubt(self, delivery: Delivery) -> None:
        """Note that a delivery was carried out and is not written down yet."""
        self._doubtful.add(delivery.id)

    def believe(self, deliveries: Iterable[Delivery]) -> None:
        """Note that the fate of deliveries is written down."""
        self._doubtful.difference_update(d.id for d in deliveries)

    def doubtful(self, run: Run) -> list[DeliveryId]:
        """Return the deliveries of a run that were carried out and are not written down."""
        return [d.id for d in run.deliveries if d.id in self._doubtful]

    # --- claims whose answer never came ---

    def lose(self, what: str) -> None:
        """Note that a claim may have been carried out without our learning it."""
        self._astray[what] = True

    def is_astray(self, what: str) -> bool:
        """Tell whether leases may exist that nobody knows of."""
        return self._astray[what]

    def found(self, what: str) -> None:
        """Note that leases that nobody knew of were ended."""
        self._astray[what] = False
