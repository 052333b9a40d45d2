"""How long something takes or took, as people say it. Pure."""

from __future__ import annotations

from datetime import timedelta

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def lasting(duration: timedelta) -> str:
    """Say a duration in its largest unit."""
    for name, unit in _UNITS:
        if duration >= unit:
            return f"{duration // unit}{name}"
    return f"{max(0, int(duration.total_seconds()))}s"
