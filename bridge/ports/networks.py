"""The two networks, seen from the relay, and what else the relay asks of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bridge.domain.events import Event, Ignored, Request, Seen
from bridge.domain.ids import MessageRef, Place, Side, TeamId, TeamsUserId
from bridge.domain.portal import Conversation, Team
from bridge.domain.values import dataclass
from bridge.ports.journal import Delivery, Entry
from bridge.ports.news import News


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an entry turned out to say."""

    sightings: tuple[Seen, ...] = ()
    requests: tuple[Request, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    news: tuple[News, ...] = ()


Confirm = Callable[[], Awaitable[None]]


class Endpoint(Protocol):
    """One network, seen from the relay.

    `shows_within` is the time within which what was sent can be found: who takes over from a process
    that may just have sent waits for it before looking.
    """

    side: Side
    shows_within: timedelta

    async def prepare(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Do for many entries at once, and away from the event loop, what is heavy in `take_in`.

        Returns the same entries in the same order; whatever fails here fails again in `take_in`.
        """
        return entries

    async def take_in(self, entry: Entry) -> Reading:
        """Say what happened on this side.

        Reading is harmless and may be repeated; nothing is remembered here between two calls.

        Raises:
            RemoteError: The network could not be read now.
            Unconvertible: The entry makes no sense and never will.
        """
        ...

    async def recall(self, place: Place, ref: MessageRef) -> bool:
        """Store a message as an entry that nobody told us of; return whether it is there to be read.

        Raises:
            RemoteError: The network could not be read now.
            StoreUnavailable: Postgres is away.
        """
        del place, ref  # Most networks tell of everything.
        return False

    def fit(self, event: Event) -> tuple[Event, ...]:
        """Cut an event that is too large for this network into parts, in order. Pure."""
        ...

    async def deliver(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        """Carry the event out on this network, leaving a trace that `find` recognises.

        `confirm` is awaited right before anything is sent that cannot be repeated harmlessly: it
        raises `NotOurs` if another process has taken over meanwhile.

        Returns:
            What the event is called here: a message, a reaction, a redaction; the message itself for
            a change that has no name of its own.

        Raises:
            Refused: It was certainly not carried out.
            Uncertain: It may have been; `find` must be asked before the next attempt.
        """
        ...

    async def find(self, delivery: Delivery) -> MessageRef | None:
        """Look for the trace that an earlier attempt at this delivery has left.

        Of a change: look whether the message shows it already.

        Raises:
            RemoteError: The network could not be searched now; nothing was learnt.
        """
        ...


class Desk(Protocol):
    """Serves what Matrix users ask of the bot."""

    async def serve(self, request: Request) -> None:
        """Answer; the same request may come twice.

        Raises:
            RemoteError: The homeserver could not be reached now.
            StoreUnavailable: Postgres could not be reached now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as Graph has it; `tag` is another when the picture is."""

    tag: str
    content: bytes


class Directory(Protocol):
    """What Teams knows of conversations, teams and their people.

    Methods that take `as_of` do not make do with what was known before then.
    """

    async def describe(self, place: Place, *, as_of: datetime | None = None) -> Conversation:
        """Return what a conversation is called, and who is in it.

        Raises:
            Gone: Graph does not know the conversation.
            RemoteError: Graph could not be read.
        """
        ...

    async def team(self, team: TeamId, *, as_of: datetime | None = None) -> Team:
        """Return what a team is called, and who is in it.

        Raises:
            Gone: Graph does not know the team.
            RemoteError: Graph could not be read.
        """
        ...

    async def pins_of(self, place: Place) -> tuple[MessageRef, ...] | None:
        """Return the messages that are pinned in a conversation; None where Graph does not say.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...

    async def picture_of(self, team: TeamId, *, known: str | None) -> Picture | str | None:
        """Return the picture of a team, or its tag if that is `known`; None if it has none.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...

    async def teams_of(self, user: TeamsUserId) -> tuple[TeamId, ...]:
        """Return the teams that a user is in, or shares a channel of.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...

    async def conversations_of(self, user: TeamsUserId) -> tuple[Place, ...]:
        """Return the chats that a user is in.

        Raises:
            RemoteError: Graph could not be read.
        """
        ...
