"""How far somebody has read, in Matrix."""

from __future__ import annotations

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`user` has read a room up to an event."""

    room: RoomId
    user: UserId
    ref: MessageRef
