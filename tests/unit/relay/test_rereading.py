"""A file beside the configuration is read again when it is another, or when somebody asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge.relay.rereading import Rereader
from tests.kit.fake_store import FakeClock

LIMIT_SECONDS = 10


class File:
    """Changes as it is told; the loop that looks at it ends after so many looks."""

    def __init__(self, *stamps: object) -> None:
        self.stamps = list(stamps)
        self.read: list[object] = []
        self.loop = Rereader(
            FakeClock(),
            name="a file",
            stamp=self.stamp,
            reread=self.reread,
            every=timedelta(milliseconds=1),
        )

    async def stamp(self) -> object:
        if len(self.stamps) == 1:
            self.loop.stop()
        return self.stamps.pop(0) if len(self.stamps) > 1 else self.stamps[0]

    async def reread(self) -> str:
        self.read.append(self.stamps[0])
        return f"read {len(self.read)} times"

    async def run(self) -> int:
        async with asyncio.timeout(LIMIT_SECONDS):
            await self.loop.run()
        return len(self.read)


async def test_it_is_read_at_first_and_whenever_it_is_another() -> None:
    assert await File(1, 1, 2, 2, None, None, 3).run() == 4


async def test_who_asks_has_it_read_changed_or_not() -> None:
    file = File(1, 1, 1, 1)

    assert await file.loop.now() == "read 1 times"
    assert await file.loop.now() == "read 2 times"
    file.loop.ask()
    assert await file.run() == 3
