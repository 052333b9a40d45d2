"""What a side shows of a message, as the bytes that lie in `message_states`, and back."""

from __future__ import annotations

from dataclasses import replace

import orjson

from bridge.domain.changes import Known


def encode(known: Known) -> bytes:
    """Return what has a column of its own nowhere, as JSON in UTF-8."""
    return orjson.dumps(
        {
            "edited": known.edited,
            "deleted": known.deleted,
            "reactions": sorted(known.reactions),
            "words": known.words,
        }
    )


def is_deleted(state: bytes) -> bool:
    """Tell whether its side showed the message as taken back."""
    deleted: bool = orjson.loads(state)["deleted"]
    return deleted


def known_of(known: Known, state: bytes | None) -> Known:
    """Return `known` with what `encode` wrote of it, if anything."""
    if state is None:
        return known
    found = orjson.loads(state)
    return replace(
        known,
        edited=found["edited"],
        deleted=found["deleted"],
        reactions=frozenset((person, key) for person, key in found["reactions"]),
        words=found.get("words", ""),  # Not written before migration 0005.
    )
