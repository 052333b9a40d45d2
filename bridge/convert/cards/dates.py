"""`{{DATE(…)}}` and `{{TIME(…)}}` in the texts of a card.

A Teams client shows them in its reader's zone and language, which nobody knows here: they are shown
in the zone in which they are written, which is named. What does not keep to the rules stays as it
is (learn.microsoft.com adaptive-cards/authoring-cards/text-features § date/time function rules).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

FUNCTION = r"\{\{(DATE|TIME)\(([^(),{}\s]{1,40})(?:,\s?(COMPACT|SHORT|LONG))?\)\}\}"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def shown(function: str, written: str, style: str | None) -> str | None:
    """What stands for a function of a card; None where it breaks the rules."""
    moment = _instant(written)
    if moment is None:
        return None
    return _time(moment) if function == "TIME" else day(moment, style or "COMPACT")


def day(moment: datetime, style: str) -> str:
    """A date: COMPACT as 2017-02-14, SHORT as Tue, 14 Feb 2017, LONG with its names written out."""
    if style == "COMPACT":
        return moment.date().isoformat()
    name, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    if style == "SHORT":
        name, month = name[:3], month[:3]
    return f"{name}, {moment.day} {month} {moment.year:04}"


def moment(instant: datetime) -> str:
    """A date with its time, as they are written in their own zone."""
    return f"{day(instant, 'SHORT')}, {_time(instant)}"


def _time(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta(0)
    zone = "UTC" + (moment.isoformat()[-6:] if offset else "")
    return f"{moment.hour:02}:{moment.minute:02} {zone}"


def _instant(written: str) -> datetime | None:
    if not _INSTANT.fullmatch(written):
        return None
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None
