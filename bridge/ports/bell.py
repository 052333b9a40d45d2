"""How a process tells itself that something has become due: what is stored rings, what reads listens."""

from __future__ import annotations

import asyncio
from typing import Literal

from typing_extensions import override


class Bell(asyncio.Event):
    """Rings when there may be something to do; tells whether somebody waits for it just now."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners = 0

    @property
    def is_waited_for(self) -> bool:
        """Whether whoever has been rung for would take something at once."""
        return self._listeners > 0

    @override
    async def wait(self) -> Literal[True]:
        self._listeners += 1
        try:
            return await super().wait()
        finally:
            self._listeners -= 1
