"""The memory of what was done in Teams because somebody wanted it in Matrix.

teams: Organiser ─ note, withdraw ─▶ GrantedBook ◀─ is_told ─ teams: Teller
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bridge.domain.granted import Granted
from bridge.domain.ids import MessageRef


class GrantedBook(Protocol):
    """What is done and not yet told of by Teams, shared by all processes.

    Raises (every method):
        StoreUnavailable: Postgres is away.
    """

    async def note(self, granted: Granted, at: datetime) -> None:
        """Remember what is about to be done; the same, if nothing told of it yet, is the same."""
        ...

    async def withdraw(self, granted: Granted) -> None:
        """Forget what was certainly not done."""
        ...

    async def is_told(self, granted: Granted, ref: MessageRef, at: datetime) -> bool:
        """Tell whether the system message `ref`, said at `at`, tells of what was done from Matrix.

        One message tells of one deed, and goes on doing so however often it is asked about.
        """
        ...
