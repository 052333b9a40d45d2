"""What commands show: tables that line up, text that steers no terminal, JSON by the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import orjson

from bridge.domain import lasting as durations


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of equally many cells as lines in which the columns line up."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def lasting(seconds: object) -> str:
    """Say how long something takes, in its largest unit."""
    return durations.lasting(timedelta(seconds=int(str(seconds))))


def cut(value: object, chars_max: int | None = None) -> str:
    """Return a text as a terminal may show it: on one line, without what would steer it."""
    text = "-" if value is None else str(value)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if chars_max is None or len(shown) <= chars_max else f"{shown[: chars_max - 1]}…"


def json_line(fields: Mapping[str, object]) -> str:
    """Return an object on one line."""
    return orjson.dumps(fields).decode()
