"""What lies in the queues, and who is signed in, for a person who looks after the bridge.

    cli.queue · cli.accounts ──┐
    matrix.commands ───────────┴─▶ Operations ─▶ store.queue, store.accounts, store.gauges

No message text is needed for any of it: `Item.raw` may hold one, and is for who asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from typing_extensions import override

from bridge.domain.ids import Side, TeamsUserId, UserId
from bridge.domain.values import dataclass
from bridge.errors import InvariantBroken

REASON_FORM = re.compile(r"[a-z0-9_]{1,40}")
"""Under which what is dropped is counted: a label of a metric."""
ID_FORM = re.compile(r"([de])([1-9][0-9]{0,17})")


class What(StrEnum):
    """The two kinds of things in the queues."""

    DELIVERY = "delivery"
    ENTRY = "entry"


class State(StrEnum):
    """Whether something waits for a person, for its turn, or for its speaker to sign in."""

    PARKED = "parked"
    WAITING = "waiting"
    AWAITING = "awaiting"


class Verdict(StrEnum):
    """What became of a wish."""

    DONE = "done"
    UNKNOWN = "unknown"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ItemId:
    """A delivery (`d123`) or an entry (`e45`)."""

    what: What
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            InvariantBroken: It is not of that form.
        """
        match = ID_FORM.fullmatch(text)
        if match is None:
            raise InvariantBroken("an id of the queues is d or e and a number")
        what = What.DELIVERY if match[1] == "d" else What.ENTRY
        return cls(what=what, number=int(match[2]))

    @override
    def __str__(self) -> str:
        return f"{'d' if self.what is What.DELIVERY else 'e'}{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing in the queues; `side` is where a delivery goes and where an entry came from.

    `facts` are its columns that have no field of their own; `raw` may hold what people wrote.
    """

    id: ItemId
    side: Side
    conversation: str
    room: str | None
    state: State
    is_held: bool
    """A living process is at it."""
    attempts: int
    created_at: datetime
    due_at: datetime
    error: str | None
    facts: dict[str, object]
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a wish, and the thing as it was before."""

    verdict: Verdict
    item: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """How much lies where, each counted up to a limit; `oldest` by the side that it is on its way to.

    `looks` are what is to be looked at now: rooms, spaces, people.
    """

    open: Mapping[tuple[Side, What, State], int] = field(default_factory=dict)
    oldest: Mapping[Side, timedelta] = field(default_factory=dict)
    looks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody who is signed in to Teams; `refusal`: why Microsoft takes it no more."""

    user: UserId
    name: str
    refusal: str | None = None


class Operations(Protocol):
    """What an administrator sees and does. Every method raises `StoreUnavailable`."""

    async def measured(self) -> Measurements:
        """Count what there is."""
        ...

    async def find(self, states: Sequence[State], *, limit: int) -> tuple[Item, ...]:
        """Return what lies in the queues, the oldest first."""
        ...

    async def retry(self, item: ItemId) -> Outcome:
        """Have something tried again, at once; repeating is harmless."""
        ...

    async def drop(self, item: ItemId, *, reason: str) -> Outcome:
        """Take something out for good, and count it."""
        ...

    async def signed_in(self, *, limit: int) -> tuple[SignedIn, ...]:
        """Return who is signed in, by the order of their Matrix users."""
        ...


class Probe(Protocol):
    """Tries out whether Graph answers."""

    async def ask(self, person: TeamsUserId | None) -> timedelta:
        """Ask something small, as somebody or, for None, as the bridge itself; return how long it took.

        Raises:
            Unauthorized: They must sign in again, or an administrator must act.
            RemoteError: Graph did not answer, or not in time.
        """
        ...

    def listening(self) -> Mapping[str, bool]:
        """Return to what the bridge subscribes, and whether the subscription stands just now."""
        ...
