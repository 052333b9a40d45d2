"""Whose a delivery is: asked right before every post, by all who ask at once in one statement.

    worker ──ask──▶ waiting ──▶ one SELECT, begun after they asked ──▶ each learns its answer

A question that cannot wait for another costs what it did alone; when a burst of messages is carried, a
dozen workers come to the same point within the same millisecond.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from uuid import UUID

from bridge.ports import Delivery, Turn
from bridge.store.batches import Batches, Limits
from bridge.store.database import Database
from bridge.store.in_hand import TURNS

AT_ONCE_MAX = 100
WAITING_MAX = 10_000
"""More than there are deliveries in hand at any time."""


class Questions:
    """Asks for one process."""

    def __init__(self, database: Database, owner: UUID) -> None:
        self._database = database
        self._owner = owner
        self._asked: Batches[Delivery, Turn] = Batches(
            self._answer, limits=Limits(batch=AT_ONCE_MAX, waiting=WAITING_MAX)
        )

    def turn(self, delivery: Delivery) -> Awaitable[Turn]:
        """Tell whether a delivery is still open, in hand by this claim of it, and its turn.

        What is returned raises StoreUnavailable if Postgres is away.
        """
        return self._asked.submit(delivery)

    async def run(self) -> None:
        """Answer until cancelled."""
        await self._asked.run()

    async def _answer(self, asked: Sequence[Delivery]) -> list[Turn]:
        ids, attempts = [d.id for d in asked], [d.attempts for d in asked]
        rows = await self._database.fetch(TURNS, ids, attempts, self._owner)
        turns = {
            (row["id"], row["attempts"]): Turn.HELD_BACK if row["held_back"] else Turn.OURS
            for row in rows
        }
        return [turns.get((one.id, one.attempts), Turn.NOT_OURS) for one in asked]
