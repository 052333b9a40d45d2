"""How somebody learns that what they said in Matrix has not arrived in Teams, and that it has.

    store: TidingsBook ──▶ relay: Herald ──▶ matrix: Announcer ──▶ the room where it was said

What they are told is remembered with what has not arrived, so that they are told once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bridge.domain.events import Event
from bridge.domain.ids import DeliveryId, EntryId, MessageRef, PortalId, RoomId, UserId
from bridge.domain.values import dataclass


class Told(StrEnum):
    """What a sender was told last of a message that has not arrived."""

    WAITING = "waiting"
    """It will be tried again."""
    PARKED = "parked"
    """It will not be tried again by itself."""


class Reason(StrEnum):
    """Why something has not arrived, in as many words as its sender needs."""

    SIGN_IN = "sign_in"
    RELAY = "relay"
    """The account that says what others write is not let in, or has lost its sign-in."""
    NOT_ALLOWED = "not_allowed"
    GONE = "gone"
    TOO_LARGE = "too_large"
    TARGET_MISSING = "target_missing"
    UNREADABLE = "unreadable"
    BUSY = "busy"
    AWAY = "away"
    UNCLEAR = "unclear"
    ADMINISTRATOR = "administrator"
    FILE_MISSING = "file_missing"
    FILES_FORBIDDEN = "files_forbidden"
    NO_PLACE = "no_place"
    BUG = "bug"
    NOT_ALL = "not_all"
    """What was changed is not all that the message holds there."""
    REFUSED = "refused"


class Deed(StrEnum):
    """What somebody did, and what has not arrived."""

    MESSAGE = "message"
    EDIT = "edit"
    DELETION = "deletion"
    REACTION = "reaction"
    UNREACTION = "unreaction"


class Fate(StrEnum):
    """What has become of something while its sender was told of it."""

    RESTING = "resting"
    """Still there, and nobody is at it: whoever takes it up knows that its sender was told."""
    UNDER_WAY = "under_way"
    """Somebody is at it who took it up before its sender was told."""
    ARRIVED = "arrived"
    GONE = "gone"
    """Neither there nor known to have arrived: a change that was carried out, or dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What tidings are about: `source` is the matrix event, `slot` tells several of one apart.

    `shown` is the message that a person sees it at: itself, or what it changes.
    """

    room: RoomId
    source: MessageRef
    slot: str
    deed: Deed
    sender: UserId
    shown: MessageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidings:
    """What a sender is to be told."""

    subject: Subject
    told: Told
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Something said in Matrix that is not in Teams: a delivery, or an entry that was set aside.

    `event` is None where it could not be read; `raw` is then what there is of it.
    """

    id: DeliveryId | EntryId
    portal: PortalId | None
    """None: it is an entry."""
    room: RoomId
    source: MessageRef
    slot: str
    event: Event | None
    raw: bytes
    error: str
    is_parked: bool
    created_at: datetime
    told: Told | None
    awaits_sign_in: bool = False
    """It waits until its speaker has signed in again."""
    is_relayed: bool = False
    """Another account is to say it than its sender's."""


class TidingsBook(Protocol):
    """What senders were told. Every method raises `StoreUnavailable`."""

    async def untold(self, *, waiting_since: datetime, limit: int) -> tuple[Undelivered, ...]:
        """Return what is parked, or waits since then after an error, and was not told as such."""
        ...

    async def mark(self, undelivered: Undelivered, told: Told) -> Fate:
        """Remember, for all parts of it, what its sender was told; harmless when repeated."""
        ...

    async def is_open(self, portal: PortalId, source: MessageRef, slot: str) -> bool:
        """Tell whether a part of it is still to arrive."""
        ...


class Announcer(Protocol):
    """Tells people in the room where they said something; the same thing twice is said once.

    Every async method raises `RemoteError`; `Rejected`: they cannot be told there, ever.
    """

    def subject_of(self, room: RoomId, raw: bytes) -> Subject | None:
        """Say what an entry is about that nobody could read; None if nobody said anything. Pure."""
        ...

    async def tell(self, tidings: Tidings) -> None:
        """Say that something has not arrived."""
        ...

    async def correct(self, subject: Subject) -> None:
        """Say that it has arrived, where it was said that it had not."""
        ...

    async def read(self, room: RoomId, ref: MessageRef) -> None:
        """Show that everything up to this message has arrived."""
        ...
