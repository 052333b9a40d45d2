"""Whether anything that is said somewhere may cross, and what its sender is told if not. Pure.

portal, side ─▶ kept_out ─▶ None: it is judged by itself; else the reason why nothing crosses
"""

from __future__ import annotations

from bridge.domain.events import OneWay, Seen, Sighting, Unheard
from bridge.domain.ids import Place, RoomId, Side, UserId
from bridge.domain.portal import Portal

MIRROR_TO_MATRIX = "mirror_to_matrix"
MIRROR_TO_TEAMS = "mirror_to_teams"
ROOM_REPLACED = "room_replaced"
KEPT_OUT = frozenset({MIRROR_TO_MATRIX, MIRROR_TO_TEAMS, ROOM_REPLACED})
"""Reasons that hold for whatever is said, so that nothing need be known of it."""


def kept_out(portal: Portal, source: Side) -> str | None:
    """Say why nothing that is said on a side of a portal crosses; None if it does."""
    if portal.replaced:
        return ROOM_REPLACED
    if portal.direction.carries(source):
        return None
    return MIRROR_TO_MATRIX if source is Side.MATRIX else MIRROR_TO_TEAMS


def hint_of(seen: Seen, *, one_way: bool) -> tuple[Unheard | OneWay, ...]:
    """Return what to tell whoever said something in a room that does not cross."""
    if isinstance(seen.origin, Place) or not isinstance(seen, Sighting):
        return ()
    room, sender = RoomId(seen.origin), UserId(seen.author.id)
    kind = OneWay if one_way else Unheard
    return (kind(room=room, sender=sender),)


def needs_gate(side: Side) -> bool:
    """Tell whether what a side shows may be our own doing under the name of a real person.

    On Matrix an echo is known by its sender, a ghost.
    """
    return side is Side.TEAMS
