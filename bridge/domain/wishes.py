"""What somebody in Matrix wants to be changed of a conversation: its name, what it is about, its people.

    a state event of a person ─▶ Wished ─▶ Teams, as that person ─┬ done: the room follows
                                                                  ├ refused: told, and set back
                                                                  └ they must sign in again: it waits

A wish is no event that crosses: what becomes of it is seen in Teams, and comes from there.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """To call the conversation otherwise; "": by no name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Describing:
    """To say otherwise what it is about; "": nothing."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """To have somebody in it: a ghost, or somebody of Matrix."""

    user: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Removing:
    """To have somebody no more in it; `banned`: and never again."""

    user: UserId
    banned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """To be no more in it oneself; `was_in`: in the room and not only invited, None if nobody says."""

    was_in: bool | None = None


Wish = Naming | Describing | Adding | Removing | Leaving


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """A Matrix user did in a room what may be done in Teams as well; `ref` is the state event.

    `has_waited`: for their sign-in, so that it may be old.
    """

    room: RoomId
    sender: UserId
    ref: MessageRef
    wish: Wish
    sent_at: datetime
    has_waited: bool = False

    @property
    def about(self) -> tuple[RoomId, UserId, str]:
        """What two wishes have in common of which only the later counts: whose, and about what."""
        match self.wish:
            case Naming():
                what = "name"
            case Describing():
                what = "topic"
            case Adding(user=user) | Removing(user=user):
                what = user
            case Leaving():
                what = self.sender
            case _:
                assert_never(self.wish)
        return self.room, self.sender, what
