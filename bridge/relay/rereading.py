"""A file that an operator keeps beside the configuration is read again when it has changed.

a look a minute: its stamp ── another ──┐
SIGHUP, `pairing reload` ───────────────┴─▶ reread ─▶ what came of it, in words
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from typing_extensions import override

from bridge.ports import Clock
from bridge.relay.loops import Loop, Step, wait_for

LOOK_EVERY = timedelta(minutes=1)


class Rereader(Loop):
    """Looks at one file; `stamp` is what tells one state of it from the next, and blocks nobody.

    It is read at the first look, too: it may have changed since the configuration was read.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str,
        stamp: Callable[[], Awaitable[object]],
        reread: Callable[[], Awaitable[str]],
        every: timedelta = LOOK_EVERY,
    ) -> None:
        super().__init__(clock, asyncio.Event(), name=name)
        self._stamp = stamp
        self._reread = reread
        self._every = every
        self._known: object = self
        """The stamp of what was read; nothing has that of this."""

    def ask(self) -> None:
        """Have it read again at once, changed or not; does not block."""
        self._known = self
        self.bell.set()

    async def now(self) -> str:
        """Read it again, changed or not; return what came of it."""
        self._known = await self._stamp()
        return await self._reread()

    @override
    async def step(self) -> Step:
        """Look once, then rest."""
        stamp = await self._stamp()
        if stamp != self._known:
            self._known = stamp
            await self._reread()
        await wait_for(self.bell, self._every)
        return Step.SOME
