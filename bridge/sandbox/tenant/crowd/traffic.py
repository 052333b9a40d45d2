"""Live traffic: so many messages a second over the conversations of a tenant, busy ones more often.

    start ─ Order ─> run: due so far less posted so far ─> a few messages ─> a breath ─> …

What is due is reckoned by the machine's own clock, whatever the tenant's shows. A run that falls
behind catches up as fast as it can; what it has not caught up with after `BEHIND_MAX` seconds is
left out and counted (`skipped`).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from zlib import crc32

from typing_extensions import override

from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.crowd import texts
from bridge.sandbox.tenant.crowd.history import History
from bridge.sandbox.tenant.crowd.words import REACTIONS
from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.rounds import Rounds
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Chat, Message, User

RATE_MAX = 10_000.0
"""Messages per second."""
BATCH_MAX = 25
"""Messages before other tasks get their turn."""
BREATH = timedelta(milliseconds=1)
BEHIND_MAX = 5.0
"""Seconds of messages."""
RECENT_KEPT = 1000
"""Messages that may still be edited, deleted or reacted to."""

Place = Chat | Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be played.

    rate: Messages per second.
    edits, reactions, deletions: How many of them come with every message, from 0 to 1.
    skew: Zipf's exponent of the conversations; None is that of the organisation.
    chats: Only in these conversations, by id; empty is everywhere.
    messages: After so many it stops by itself; 0 is never.
    """

    rate: float
    seed: int = 0
    edits: float = 0.0
    reactions: float = 0.0
    deletions: float = 0.0
    skew: float | None = None
    chats: tuple[str, ...] = ()
    messages: int = 0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was done since the start."""

    posted: int = 0
    edited: int = 0
    reacted: int = 0
    deleted: int = 0
    refused: int = 0
    """Not possible in that conversation, for an import went on there or it is gone."""
    skipped: int = 0
    """Left out because the traffic was too far behind."""


class Traffic(Rounds):
    """The traffic of one tenant; one task runs it."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(tenant)
        self._order: Order | None = None
        self._chance = random.Random(0)  # noqa: S311 - a run must be replayable
        self._recent: deque[tuple[Place, int]] = deque(maxlen=RECENT_KEPT)
        self._everywhere: list[Place] = []
        self._started = 0.0
        self._stopped = 0.0
        self._tally = Tally()

    def start(self, order: Order) -> None:
        """Begin anew; whatever runs is replaced."""
        tenant = self._tenant
        self._chance = random.Random(order.seed)  # noqa: S311 - likewise
        self._recent.clear()
        # Those of an organisation are drawn by their number and need no list.
        self._everywhere = [] if _imagines(tenant, order) else _places(tenant, order.chats)
        self._tally = Tally()
        self._order = order
        self._started = asyncio.get_running_loop().time()
        self._wake.set()

    def stop(self) -> None:
        if self._order is not None:
            self._stopped = asyncio.get_running_loop().time()
            self._order = None

    def report(self) -> Json:
        """The tally, and the rate that was reached, in messages per second."""
        order = self._order
        now = self._stopped if order is None else asyncio.get_running_loop().time()
        seconds = max(now - self._started, 1e-9)
        return {
            **asdict(self._tally),
            "running": order is not None,
            "rate": 0.0 if order is None else order.rate,
            "seconds": round(seconds, 3),
            "achieved": round(self._tally.posted / seconds, 1),
            "behind": 0 if order is None else max(0, self._due(order)),
        }

    @override
    async def _round(self) -> datetime | None:
        order = self._order
        if order is None:
            return None
        self._leave_out(order)
        for _ in range(min(self._due(order), BATCH_MAX)):
            self._step(order)
        if order.messages and self._tally.posted + self._tally.refused >= order.messages:
            self.stop()
        return self._tenant.clock.now() + BREATH

    def _due(self, order: Order) -> int:
        passed = asyncio.get_running_loop().time() - self._started
        tally = self._tally
        done = tally.posted + tally.refused + tally.skipped
        due = int(passed * order.rate) - done
        left = order.messages - tally.posted - tally.refused if order.messages else due
        return min(due, left)

    def _leave_out(self, order: Order) -> None:
        surplus = self._due(order) - int(order.rate * BEHIND_MAX) - BATCH_MAX
        if surplus > 0:
            self._tally.skipped += surplus

    def _step(self, order: Order) -> None:
        place = self._choose(order)
        try:
            if place is None:
                self._tally.refused += 1
            else:
                self._recent.append((place, say(self._tenant, place, self._chance).id))
                self._tally.posted += 1
        except GraphError:
            self._tally.refused += 1
        shares = (
            (order.edits, self._edit),
            (order.reactions, self._react),
            (order.deletions, self._delete),
        )
        for share, change in shares:
            if share and self._chance.random() < share:
                self._change(change)

    def _choose(self, order: Order) -> Place | None:
        crowd = self._tenant.crowd
        imagines = _imagines(self._tenant, order) and crowd is not None
        count = crowd.census.places if imagines and crowd is not None else len(self._everywhere)
        if not count:
            return None
        skew = order.skew if order.skew is not None else 0.6 if crowd is None else crowd.plan.skew
        rank = zipf(self._chance.random(), count, skew)
        if imagines and crowd is not None:
            return crowd.conversation(crowd.census.place_of_rank(rank))
        return self._everywhere[rank]

    def _change(self, change: Callable[[Place, Message], None]) -> None:
        """Change one of the recent messages, if it still says something."""
        if not self._recent:
            return
        place, number = self._recent[self._chance.randrange(len(self._recent))]
        message = place.messages.get(str(number))
        if message is not None and message.deleted is None:
            change(place, message)

    def _edit(self, place: Place, message: Message) -> None:
        content = texts.compose(self._tenant, message.id, self._chance.getrandbits(64), ())
        conversation.edit(self._tenant, place, message, content)
        self._tally.edited += 1

    def _react(self, place: Place, message: Message) -> None:
        people = list(place.people.values())
        if people:
            user = self._chance.choice(people).user
            kind = self._chance.choice(REACTIONS)
            conversation.react(self._tenant, place, message, user, kind)
            self._tally.reacted += 1

    def _delete(self, place: Place, message: Message) -> None:
        conversation.delete(self._tenant, place, message)
        self._tally.deleted += 1


def say(tenant: Tenant, place: Place, chance: random.Random) -> Message:
    """Let somebody of the conversation say something in it.

    Raises:
        GraphError: 403, an import is going on; 404, there is nobody.
    """
    number = conversation.next_id(tenant, place)
    source = place.messages.source
    if isinstance(source, History):
        # What an imagined conversation says next need not be kept: it can be imagined again.
        message = source.make(source.say(number, tenant.turns + 1))
        conversation.tell_new(tenant, place, message)
        return message
    people = list(place.people.values())
    sender: User | None = chance.choice(people).user if people else None
    content = texts.compose(
        tenant, crc32(place.id.encode()), chance.getrandbits(64), [] if sender is None else [sender]
    )
    return conversation.post(tenant, place, sender, content, spot=conversation.Spot(number=number))


def zipf(chance: float, count: int, skew: float) -> int:
    """A rank from 0 to `count` - 1; `chance` lies between 0 and 1.

    The continuous distribution is inverted, which is near enough and needs no table.
    """
    if abs(skew - 1) < 1e-9:  # noqa: PLR2004 - where the formula below divides by nothing
        found = (count + 1) ** chance
    else:
        power = 1 - skew
        found = (((count + 1) ** power - 1) * chance + 1) ** (1 / power)
    return min(int(found) - 1, count - 1)


def _imagines(tenant: Tenant, order: Order) -> bool:
    """Whether the conversations are those of the tenant's organisation."""
    return not order.chats and tenant.crowd is not None and tenant.crowd.census.places > 0


def _places(tenant: Tenant, wanted: tuple[str, ...]) -> list[Place]:
    if wanted:
        return [tenant.chat(key) for key in wanted]
    channels = (channel for team in tenant.teams.values() for channel in team.channels.values())
    return [*tenant.chats.values(), *channels]
