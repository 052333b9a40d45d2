"""What starting a chat from Matrix needs: the people of the tenant, chats made as oneself, intents.

    who is it? ─▶ Contacts ─▶ StartBook.begin ─▶ ChatMaker.make ─▶ StartBook.made ─▶ its room
                                   └─ begun before? ─▶ ChatMaker.find, before anything is made

Making a chat of two twice is harmless, as Graph returns the one that is there; a group would be
there twice. So what is wanted is written down first, and looked for before it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from bridge.domain.ids import Channel, Place, RoomId, TeamsUserId, TenantId
from bridge.domain.portal import Portal
from bridge.domain.values import dataclass
from bridge.errors import InvariantBroken

MEMBERS_MAX = 250
"""Of a chat, with whoever makes it (limits of Microsoft Teams)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody of the tenant, as its directory lists them; `sign_in` is their user principal name.

    `home` is the tenant of somebody of another organisation.
    """

    id: TeamsUserId
    name: str | None
    mail: str | None = None
    sign_in: str | None = None
    is_guest: bool = False
    home: TenantId | None = None

    @property
    def address(self) -> str:
        """By which somebody else can tell them from others of the same name."""
        return self.mail or self.sign_in or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPeople:
    """Some of those that a search has found; `is_all`: there are no more."""

    contacts: tuple[Contact, ...]
    is_all: bool = True


class Contacts(Protocol):
    """The people of the tenant. Accounts that are switched off are not among them.

    Every method raises `RemoteError`: the directory could not be asked now.
    """

    async def search(self, words: str, *, limit: int) -> FoundPeople:
        """Return whose name, mail or sign-in name begins with these words, sorted by name."""
        ...

    async def addressed(self, address: str) -> tuple[Contact, ...]:
        """Return who has this mail address or sign-in name; mostly one, or none."""
        ...

    async def known(self, people: Collection[TeamsUserId]) -> tuple[Contact, ...]:
        """Return those of these people who are there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A chat that somebody wants to have.

    `key` names the wish: the same asked for twice is one. `members` are all, with `person`, who makes
    it. Without `is_group` it is a chat of two. `room` is what is to become its room, if there is one.
    `begun_at`: when it was asked for first; `place`: the chat, once it is there.
    """

    key: str
    tenant: TenantId
    person: TeamsUserId
    members: tuple[TeamsUserId, ...]
    is_group: bool
    topic: str | None
    room: RoomId | None
    begun_at: datetime
    place: Place | None = None

    @property
    def place_made(self) -> Place:
        """The chat of a wish that has come true."""
        if self.place is None:
            raise InvariantBroken("this chat is not there yet")
        return self.place


class StartBook(Protocol):
    """What was begun. Every method raises `StoreUnavailable`."""

    async def begin(self, start: Start) -> Start | None:
        """Write a wish down before anything is done; return what was written before, if anything."""
        ...

    async def made(self, key: str, place: Place) -> None:
        """Remember the chat that a wish has become."""
        ...

    async def forget(self, key: str) -> None:
        """Let go of a wish of which certainly nothing came."""
        ...

    async def is_being_made(
        self, tenant: TenantId, members: Collection[TeamsUserId], *, since: datetime
    ) -> bool:
        """Tell whether a room waits to become that of a chat of these people, begun since then."""
        ...

    async def give_up_room(self, key: str) -> None:
        """Note that the room of a wish becomes no portal's: a chat may get one of the bridge's own."""
        ...

    async def portal_of(self, place: Place) -> Portal:
        """Return the portal of a conversation, made if there was none."""
        ...


class ChatMaker(Protocol):
    """Makes chats as the person who wants them."""

    async def make(self, start: Start, contacts: Collection[Contact]) -> Place:
        """Make a chat, or find the one that two people have; `contacts` are all but who makes it.

        Raises:
            Rejected: Teams does not let it; the message is for whoever asked.
            Unauthorized: The person must sign in again, or an administrator must consent.
            Uncertain: It may have been made: `find` it before the next attempt.
            RemoteError: Not now.
        """
        ...

    async def find(self, start: Start) -> Place | None:
        """Look for the group that an earlier attempt has made.

        Raises:
            RemoteError: Graph could not be asked now; nothing was learnt.
        """
        ...


Matches = Callable[[str], bool]
"""Tells whether a name is one that is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChannel:
    """A channel, and what people call it and its team; `is_open`: the whole team is in it."""

    channel: Channel
    team_name: str
    name: str
    is_open: bool = True


class ChannelList(Protocol):
    """Which channels there are, by name.

    Every method raises `RemoteError`: Graph could not be asked now.
    """

    async def channels_for(
        self, person: TeamsUserId, team: Matches, channel: Matches
    ) -> tuple[NamedChannel, ...]:
        """Return channels of such names that somebody is in."""
        ...

    async def open_channels(self, team: str, channel: Matches) -> tuple[NamedChannel, ...]:
        """Return channels of teams of exactly this name that their whole teams are in."""
        ...
