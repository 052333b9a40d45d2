"""Single properties of Graph's JSON: a value of the type that is wanted, or what stands for none. Pure.

A property that is absent, null, or of a type it should not have, counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

Json = Mapping[str, object]

ID_CHARS_MAX = 512
"""Of a short text: an id, a name, an instant."""
_MS_DIGITS_MAX = 18
"""So that it fits a bigint."""


def instant(value: str | None) -> datetime | None:
    """Read an instant as Graph writes it; one without zone is UTC."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stamp(moment: datetime) -> str:
    """Write an instant as Graph reads it, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(ref: str) -> int | None:
    """Read a message id as the ms since the epoch that it is; None for one that is not."""
    return int(ref) if ref.isascii() and ref.isdecimal() and len(ref) <= _MS_DIGITS_MAX else None


def text(value: Json, name: str) -> str | None:
    """Return a short text, None where it is empty or none."""
    found = value.get(name)
    if isinstance(found, str) and 0 < len(found) <= ID_CHARS_MAX:
        return found
    return None


def child(value: Json, name: str) -> Json:
    """Return an object, an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def objects(value: Json, name: str, limit: int) -> Iterator[Json]:
    """Return the objects of a list, of which no more than `limit` items are looked at."""
    found = value.get(name)
    if not isinstance(found, list):
        return
    for item in found[:limit]:
        if isinstance(item, dict):
            yield item


def long_text(value: Json, name: str) -> str:
    """Return a text of any length, empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, str) else ""
