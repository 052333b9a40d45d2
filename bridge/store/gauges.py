"""How much lies in the queues, and what people took out of them, as metrics.

measure ──▶ counted, up to a limit ──▶ gauges
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from bridge.domain.ids import Side
from bridge.ports import Clock
from bridge.ports.operating import Measurements, State, What
from bridge.store.database import Database, Row
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
        WHERE e.state = 'open' AND (e.awaits IS NULL OR e.due_at <= $2) ORDER BY e.id LIMIT $1
    ) w
    GROUP BY w.side
)
UNION ALL
(
    SELECT 'entry', 'awaiting', w.side, count(*), NULL
    FROM (
        SELECT e.side FROM inbox e
        WHERE e.awaits IS NOT NULL AND e.state = 'open' AND e.due_at > $2 LIMIT $1
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
        now = self._clock.now()
        _show(await measured(self._database, now))
        for drop in await self._database.fetch(_DROPS):
            key = (drop["side"], drop["what"], drop["reason"])
            DROPPED.labels(*key).inc(max(0, drop["count"] - self._dropped[key]))
            self._dropped[key] = drop["count"]


async def measured(database: Database, now: datetime) -> Measurements:
    """Count what lies in the queues, and what is to be looked at.

    Raises:
        StoreUnavailable: Postgres is away.
    """
    rows = await database.fetch(_OPEN, COUNTED_MAX, now)
    looks = await database.fetch(_LOOKS, now, COUNTED_MAX)
    oldest: dict[Side, datetime] = {}
    for row in rows:
        if row["oldest"]:
            side = _toward(row)
            oldest[side] = min(row["oldest"], oldest.get(side, row["oldest"]))
    return Measurements(
        open={
            (Side(row["side"]), What(row["what"]), State(row["state"])): row["count"]
            for row in rows
        },
        oldest={side: max(now - since, timedelta(0)) for side, since in oldest.items()},
        looks={look["what"]: look["count"] for look in looks},
    )


def _show(found: Measurements) -> None:
    for side in Side:
        for what in What:
            for state in State:
                OPEN.labels(side, what, state).set(found.open.get((side, what, state), 0))
        OLDEST_SECONDS.labels(side).set(found.oldest.get(side, timedelta(0)).total_seconds())
    for what_due, count in found.looks.items():
        LOOKS_DUE.labels(what_due).set(count)


def _toward(row: Row) -> Side:
    """An entry is on its way to the other side."""
    side = Side(row["side"])
    return side if row["what"] == What.DELIVERY else side.other
