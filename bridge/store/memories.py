"""How the memory of a look is kept: JSON in a bytea, as names may hold what text of Postgres cannot.

Whatever cannot be read is nothing remembered: the next look finds out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from bridge.domain.ids import TeamsUserId, UserId
from bridge.domain.shape import Memory

_INSTANTS = ("looked_at", "read_back_at", "next_at")


def encode(memory: Memory) -> bytes:
    """Write a memory; what is as it is by default is left out."""
    found: dict[str, object] = {
        "let_in": dict(memory.let_in),
        "picture": memory.picture,
        "picture_tag": memory.picture_tag,
        "read_again": memory.read_again,
        "daily": memory.daily,
        "failures": memory.failures,
    }
    found |= {name: getattr(memory, name) for name in _INSTANTS}
    return orjson.dumps({name: value for name, value in found.items() if value})


def decode(raw: bytes | None) -> Memory:
    """Read what `encode` wrote."""
    try:
        found: dict[str, Any] = orjson.loads(raw or b"{}")
        return Memory(
            let_in={
                UserId(str(user)): TeamsUserId(str(person))
                for user, person in found.get("let_in", {}).items()
            },
            picture=_text(found.get("picture")),
            picture_tag=_text(found.get("picture_tag")),
            read_again=bool(found.get("read_again")),
            daily=bool(found.get("daily")),
            failures=int(found.get("failures", 0)),
            **{name: _instant(found.get(name)) for name in _INSTANTS},
        )
    except (ValueError, TypeError, AttributeError):
        return Memory()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _instant(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
