"""Known state of a message and the version just seen -> the events that make them equal.

Whatever way a message came to be seen (letter, bell, history), and however often, it passes here:
doubled and reordered notifications change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.events import Event, Ignored, MessageSent, Sighting
from bridge.domain.ids import Side, Version

ALREADY_KNOWN = "already_known"
ECHO = "echo"
CHANGED_SINCE = "changed_after_relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the portal mapping holds of a message: where it was first said, in which version."""

    origin: Side
    version: Version


def changes(known: Known | None, seen: Sighting, *, side: Side) -> Event | Ignored:
    """Decide what the other side must learn of a message that `side` shows."""
    if known is None:
        return MessageSent(
            author=seen.author, version=seen.version, sent_at=seen.sent_at, body=seen.body
        )
    if known.origin is not side:
        return Ignored(reason=ECHO)
    if known.version == seen.version:
        return Ignored(reason=ALREADY_KNOWN)
    return Ignored(reason=CHANGED_SINCE)
