"""What was seen on a side, and the closed set of events that cross the bridge.

    entry --take_in--> Sighting --domain.changes--> Event --deliveries--> the other side

A `Sighting` is one message as its side shows it now; an `Event` is what someone did that the other
side does not know yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.content import Body
from bridge.domain.ids import MessageRef, Place, RoomId, UserId, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who did something, as their side names them.

    `name` is None where the side did not say (Graph leaves it null often).
    """

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One message as one side shows it now."""

    origin: Place | RoomId
    ref: MessageRef
    version: Version
    author: Person
    sent_at: datetime
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A Matrix user wrote `text` to the bot in a room that is no portal."""

    room: RoomId
    sender: UserId
    ref: MessageRef
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A Matrix user invited the bot into a room."""

    room: RoomId
    sender: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """A Matrix user wrote in a portal without being signed in to Teams: nobody there heard it."""

    room: RoomId
    sender: UserId


Request = Asked | Invited | Unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """An entry that carries nothing for the other side; `reason` is the label of a counter."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent:
    """Someone said something; part `part` of `parts` where one message is too large for a side."""

    author: Person
    version: Version
    sent_at: datetime
    body: Body
    part: int = 0
    parts: int = 1


Event = MessageSent
