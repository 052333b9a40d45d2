"""How much lies in the queues, and what people took out of them, as metrics.

measure ──▶ counted, up to a limit ──▶ gauges
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from bridge.domain.ids import Side
from bridge.ports import Clock
from bridge.store.database import Database, Row
from bridge.store.queue import State, What
from bridge.telemetry import DROPPED, LOOKS_DUE, OLDEST_SECONDS, OPEN

COUNTED_MAX = 10_000
"""Of each kind and state: beyond that a number is a flood, and counting would be part of it."""

# By the primary key, so that the oldest are counted first, and by the indexes of what is parked.
_OPEN = """
(
    SELECT 'delivery' AS what, 'waiting' AS state, w.side, count(*) AS count, min(w.since) AS oldest
    FROM (
        SELECT d.target AS side, d.created_at AS since FROM deliveries d
        WHERE d.state <> 'parked' ORDER BY d.id LIMIT $1
    ) w
    GROUP BY w.side
)
UNION ALL
(
    SELECT 'delivery', 'parked', w.side, count(*), NULL
    FROM (
        SELECT d.target AS side FROM deliveries d
        WHERE d.state = 'parked' AND NOT d.awaits_sign_in ORDER BY d.id LIMIT $1
    ) w
    GROUP BY w.side
)
UNION ALL
(
    SELECT 'delivery', 'awaiting', w.side, count(*), NULL
    FROM (SELECT d.target AS side FROM deliveries d WHERE d.awaits_sign_in LIMIT $1) w
    GROUP BY w.side
)
UNION ALL
(
    SELECT 'entry', 'waiting', w.side, count(*), min(w.since)
    FROM (
        SELECT e.side, e.received_at AS since FROM inbox e
        WHERE e.state = 'open' ORDER BY e.id LIMIT $1
    ) w
    GROUP BY w.side
)
UNION ALL
(
    SELECT 'entry', 'parked', w.side, count(*), NULL
    FROM (
        SELECT e.side FROM inbox e WHERE e.state = 'parked' ORDER BY e.id LIMIT $1
    ) w
    GROUP BY w.side
)
"""
# By the indexes of what is due.
_LOOKS = """
SELECT 'room' AS what, count(*) AS count
FROM (
    SELECT FROM portals WHERE shape_due_at <= $1 AND room_id IS NOT NULL LIMIT $2
) p
UNION ALL
SELECT 'space', count(*) FROM (SELECT FROM spaces WHERE shape_due_at <= $1 LIMIT $2) s
UNION ALL
SELECT 'person', count(*) FROM (SELECT FROM ghosts WHERE due_at <= $1 LIMIT $2) g
"""
_DROPS = "SELECT side, what, reason, count FROM drops"


class Gauges:
    """Shows what one database holds; the counter of drops goes on where the database has it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._dropped: dict[tuple[str, str, str], int] = defaultdict(int)

    async def refresh(self) -> None:
        """Look, and show.

        Raises:
            StoreUnavailable: Postgres is away; the metrics stay as they were.
        """
        rows = await self._database.fetch(_OPEN, COUNTED_MAX)
        looks = await self._database.fetch(_LOOKS, self._clock.now(), COUNTED_MAX)
        drops = await self._database.fetch(_DROPS)
        _show(rows, self._clock.now())
        for look in looks:
            LOOKS_DUE.labels(look["what"]).set(look["count"])
        for drop in drops:
            key = (drop["side"], drop["what"], drop["reason"])
            DROPPED.labels(*key).inc(max(0, drop["count"] - self._dropped[key]))
            self._dropped[key] = drop["count"]


def _show(rows: Sequence[Row], now: datetime) -> None:
    counts = {(row["side"], row["what"], row["state"]): row["count"] for row in rows}
    for side in Side:
        for what in What:
            for state in State:
                OPEN.labels(side, what, state).set(counts.get((side, what, state), 0))
        since = [row["oldest"] for row in rows if row["oldest"] and _toward(row) is side]
        OLDEST_SECONDS.labels(side).set(max((now - min(since)).total_seconds(), 0) if since else 0)


def _toward(row: Row) -> Side:
    """An entry is on its way to the other side."""
    side = Side(row["side"])
    return side if row["what"] == What.DELIVERY else side.other
