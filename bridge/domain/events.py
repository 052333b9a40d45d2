"""What was seen on a side, and the closed set of events that cross the bridge.

    entry --take_in--> Seen --domain.changes--> Event --deliveries--> the other side

A `Sighting` is one message as its side shows it now. Matrix shows reactions and redactions as events
of their own, which say only what they change: `Reacted`, `Redacted`. An `Event` is what someone did
that the other side does not know yet.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from bridge.domain.content import Body
from bridge.domain.ids import MessageRef, Place, RoomId, TenantId, UserId, Version
from bridge.domain.values import dataclass
from bridge.domain.wishes import Wished


class PersonKind(StrEnum):
    """Who somebody is to the organisation.

    Graph says so in `userIdentityType` and `applicationIdentityType`.
    """

    USER = "user"
    GUEST = "guest"
    FEDERATED = "federated"
    CONSUMER = "consumer"
    ANONYMOUS = "anonymous"
    PHONE = "phone"
    EMAIL = "email"
    BOT = "bot"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who did something, as their side names them.

    `name` is None where the side did not say (Graph leaves it null often). Nobody has the id "": a
    system message that says nothing of who did it. `home` is the tenant whose account it is, as far
    as Graph said so; to whoever knows which tenant is ours it is that of another organisation only.
    `organisation` is the domain of another organisation, where it is known.
    """

    id: str
    name: str | None = None
    kind: PersonKind = PersonKind.USER
    home: TenantId | None = None
    organisation: str | None = None

    def seen_from(self, tenant: TenantId) -> Person:
        """Return the person as `tenant` knows them: whoever has another home is of elsewhere."""
        kind = kind_from(tenant, self.kind, self.home)
        if kind is PersonKind.FEDERATED:
            return replace(self, kind=kind)
        return replace(self, kind=kind, home=None, organisation=None)


def kind_from(tenant: TenantId, kind: PersonKind, home: TenantId | None) -> PersonKind:
    """Tell who somebody is to a tenant: Graph calls people of other tenants users, too."""
    is_elsewhere = home is not None and home.lower() != tenant.lower()
    return PersonKind.FEDERATED if kind is PersonKind.USER and is_elsewhere else kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """One person's emoji on a message; `key` is Unicode, or what the side calls its own emoji."""

    person: Person
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One message as one side shows it now.

    `edited` tells one wording of the message from another ("": never edited); a version may be newer
    for other reasons. `reactions` is None where the side shows them apart. `reply_to` is the message
    of the same side that this one answers, `thread` the one that began the thread it stands in.
    `is_notice`: it tells what happened, nobody said it. `is_own`: whoever edits a matrix event is known
    to have sent it. `losses` are the names of what could not be carried over.
    """

    origin: Place | RoomId
    ref: MessageRef
    version: Version
    author: Person
    sent_at: datetime
    body: Body
    edited: str = ""
    deleted: bool = False
    reactions: tuple[Reaction, ...] | None = ()
    reply_to: MessageRef | None = None
    thread: MessageRef | None = None
    is_notice: bool = False
    is_own: bool = False
    losses: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing has happened to the message since it was sent."""
        return not (self.edited or self.deleted or self.reactions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """Somebody reacted to `target`; `ref` is the reaction itself."""

    origin: RoomId
    ref: MessageRef
    target: MessageRef
    author: Person
    key: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """Somebody took `target` back: a message, or a reaction; `ref` is the redaction itself."""

    origin: RoomId
    ref: MessageRef
    target: MessageRef
    author: Person
    sent_at: datetime


Seen = Sighting | Reacted | Redacted


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A Matrix user wrote `text` to the bot: in a room that is no portal, or with the prefix."""

    room: RoomId
    sender: UserId
    ref: MessageRef
    text: str
    sent_at: datetime
    is_prefixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A Matrix user invited the bot into a room."""

    room: RoomId
    sender: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class GhostInvited:
    """A Matrix user invited a ghost into a room; `is_direct`: as somebody to talk with directly."""

    room: RoomId
    sender: UserId
    ghost: UserId
    is_direct: bool
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """A Matrix user wrote in a portal without being signed in to Teams: nobody there heard it."""

    room: RoomId
    sender: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """A Matrix user wrote in a portal that mirrors Teams: nothing that is said there reaches Teams."""

    room: RoomId
    sender: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTakenBack:
    """A Matrix user took back one of the events that show `message` of Teams, which stays there."""

    room: RoomId
    sender: UserId
    message: MessageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A Matrix user said by `ref` that `replacement` takes the place of a room."""

    room: RoomId
    sender: UserId
    ref: MessageRef
    replacement: RoomId


Request = Asked | Invited | GhostInvited | Unheard | OneWay | PartTakenBack | Wished | Replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """An entry that carries nothing for the other side; `reason` is the label of a counter."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent:
    """Someone said something; part `part` of `parts` where one message is too large for a side.

    `again`: it had been taken back, and is there again. `is_notice`: it tells what happened, nobody
    said it.
    """

    author: Person
    version: Version
    sent_at: datetime
    body: Body
    part: int = 0
    parts: int = 1
    reply_to: MessageRef | None = None
    thread: MessageRef | None = None
    again: bool = False
    is_notice: bool = False

    @property
    def target(self) -> MessageRef | None:
        """The message that this one refers to, as its own side names it."""
        return self.reply_to

    @property
    def slot(self) -> str:
        """What tells this event from the others about the same message and part."""
        return f"again {self.version}" if self.again else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited:
    """Someone changed the words of `target`; parts beyond those it had are new, missing ones go."""

    target: MessageRef
    author: Person
    version: Version
    sent_at: datetime
    body: Body
    part: int = 0
    parts: int = 1
    is_notice: bool = False

    @property
    def slot(self) -> str:
        """What tells this event from the others about the same message and part."""
        return f"edit {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted:
    """Someone took `target` back, all parts of it."""

    target: MessageRef
    author: Person
    version: Version
    sent_at: datetime
    part: int = 0

    @property
    def slot(self) -> str:
        """What tells this event from the others about the same message and part."""
        return f"delete {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionAdded:
    """Someone reacted to `target`."""

    target: MessageRef
    author: Person
    key: str
    version: Version
    sent_at: datetime
    part: int = 0

    @property
    def slot(self) -> str:
        """What tells this event from the others about the same message and part."""
        return f"+{self.version} {self.author.id} {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionRemoved:
    """Someone took their reaction to `target` back."""

    target: MessageRef
    author: Person
    key: str
    version: Version
    sent_at: datetime
    part: int = 0

    @property
    def slot(self) -> str:
        """What tells this event from the others about the same message and part."""
        return f"-{self.version} {self.author.id} {self.key}"


Change = MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved
"""An event that changes what is there already."""
Event = MessageSent | Change
