"""The settle window: how long a letter waits for older ones that are still on their way.

Graph promises no order between notifications; a message's id is its time of creation, so letters
that lie together for a moment can be sorted. A letter that finds its conversation quiet goes at
once; one that follows another within the window waits it out, and they leave sorted.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def due_at(received_at: datetime, previous: datetime | None, *, window: timedelta) -> datetime:
    """Say when a letter may be read, whose conversation's previous letter came at `previous`."""
    if previous is None or received_at - previous >= window:
        return received_at
    return received_at + window
