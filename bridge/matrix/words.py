"""What is said about chats that people start: links, lists, topics. Pure."""

from __future__ import annotations

from urllib.parse import quote

from bridge.domain.ids import RoomId
from bridge.matrix.cleaning import clean
from bridge.ports.starting import Matches

TOPIC_CHARS_MAX = 250
"""Of a group in Teams (learn.microsoft.com graph/api chat-post)."""


def link_to(room: RoomId | str, server: str) -> str:
    """Return a link that leads any client to a room, or to whatever else has an id."""
    via = f"?via={quote(server)}" if room.startswith("!") else ""
    return f"https://matrix.to/#/{quote(room, safe='!:@#')}{via}"


def group_topic(name: str) -> str | None:
    """Return a name as Teams takes it for a group: short, and without colons (graph/api chat-post)."""
    plain = clean(name.replace(":", " -"), chars_max=TOPIC_CHARS_MAX)
    return plain or None


def begins_with(wanted: str) -> Matches:
    """Tell names that begin with what is wanted, whatever the case."""
    start = wanted.strip().casefold()
    return lambda name: name.strip().casefold().startswith(start)


def is_called(wanted: str) -> Matches:
    """Tell names that are what is wanted, whatever the case."""
    name_wanted = wanted.strip().casefold()
    return lambda name: name.strip().casefold() == name_wanted
