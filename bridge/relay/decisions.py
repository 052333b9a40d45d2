"""What people decide about portals becomes known to this process, whoever they told.

PlumbingBook.decisions ─ as before ──▶ rest
└ more ───────▶ forget portals, learn which rooms they had before
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from typing_extensions import override

from bridge.domain.ids import PortalId, RoomId
from bridge.ports import Clock, PlumbingBook
from bridge.relay.loops import Loop, Step, wait_for

LOOK_EVERY = timedelta(seconds=2)
"""For so long another process may act on what was decided before: one read by key each time."""

Learn = Callable[[Mapping[PortalId, tuple[RoomId, ...]]], None]


class DecisionsWatch(Loop):
    """Lets go of what is out of date; knows only how often somebody had decided something."""

    def __init__(
        self, book: PlumbingBook, clock: Clock, *, forget: Callable[[], None], learn: Learn
    ) -> None:
        super().__init__(clock, book.bell, name="decisions")
        self._book = book
        self._forget = forget
        self._learn = learn
        self._known: int | None = None

    @override
    async def step(self) -> Step:
        """Look once, then rest."""
        count = await self._book.decisions()
        if count != self._known:
            self._forget()
            self._learn(await self._book.former_rooms())
            self._known = count
        await wait_for(self.bell, LOOK_EVERY)
        return Step.SOME
