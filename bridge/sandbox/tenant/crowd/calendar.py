"""When people write: on working days, from eight to six, in milliseconds.

`Working time` is what is left of time when nights and weekends are cut out; it is counted from
the first Monday of 1970, and turns into real time and back in a few operations.
"""

from __future__ import annotations

DAY = 86_400_000
EPOCH_MONDAY = 4 * DAY
"""Monday, 5 January 1970, in real milliseconds."""
MORNING = 8 * 3_600_000
WORKDAY = 10 * 3_600_000
"""Working milliseconds of one day."""
WORKDAYS = 5


def to_real(working: int) -> int:
    """The real instant, in milliseconds, of a working instant."""
    day, within = divmod(working, WORKDAY)
    week, weekday = divmod(day, WORKDAYS)
    return EPOCH_MONDAY + (week * 7 + weekday) * DAY + MORNING + within


def to_working(real: int) -> int:
    """The last working instant that is not after this real one."""
    day, within = divmod(real - EPOCH_MONDAY, DAY)
    week, weekday = divmod(day, 7)
    if weekday >= WORKDAYS:
        return (week + 1) * WORKDAYS * WORKDAY - 1
    passed = min(max(within - MORNING, -1), WORKDAY - 1)
    return (week * WORKDAYS + weekday) * WORKDAY + passed
