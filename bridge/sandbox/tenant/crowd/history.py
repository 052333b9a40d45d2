"""The imagined messages of one conversation, old ones and new ones, as a `timeline.Source`.

Old messages cost nothing: the time of the n-th is computed. They come in sessions of a few, on
working days. New ones (`say`) cost their time and their place in the tenant's row of changes, 16
bytes; what they say is imagined like the rest. What is edited or reacted to *before* anybody looks
was so before the next message came, so that ids and changes have one order.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from bridge.sandbox.tenant.clock import from_milliseconds
from bridge.sandbox.tenant.crowd import calendar, texts
from bridge.sandbox.tenant.crowd.draw import mix, pick, unit
from bridge.sandbox.tenant.crowd.words import REACTIONS
from bridge.sandbox.tenant.world import Content, Message, Reaction, User

if TYPE_CHECKING:
    from bridge.sandbox.tenant.crowd.organisation import Organisation

SESSION = 8
"""Messages that are written closely after each other."""
CHAIN = 4
"""A root and its replies, in channels."""
PACE_MIN = 10_000
"""Working milliseconds between two messages on average, at least."""
PAUSE_MAX = 45_000
"""Working milliseconds between two messages of a session, at most."""
REACTED_SHARE, EDITED_SHARE, DELETED_SHARE = 12, 3, 1
"""Per cent of the old messages."""
REACTIONS_MAX = 4


class History:
    """Messages of one place of the organisation, numbered from 0."""

    __slots__ = (
        "_key",
        "_name",
        "_old",
        "_organisation",
        "_place",
        "_spacing",
        "_start",
        "_team",
        "_times",
        "_turns",
    )

    def __init__(
        self, organisation: Organisation, place: int, name: str, team: str | None = None
    ) -> None:
        """`name` is the conversation's id, `team` that of its team if it is a channel."""
        self._organisation = organisation
        self._place = place
        self._name = name
        self._team = team
        self._key = mix(organisation.plan.seed, place)
        self._old = organisation.census.length(place)
        sessions = -(-self._old // SESSION)
        begin, end = organisation.begin, organisation.end
        span = max((end - begin) * organisation.census.age(place), self._old * PACE_MIN)
        self._spacing = span / max(1, sessions)
        self._start = end - span
        self._times = array("Q")
        self._turns = array("Q")

    def __len__(self) -> int:
        return self._old + len(self._times)

    @property
    def started(self) -> int:
        """When the conversation came to be, in milliseconds."""
        return calendar.to_real(int(self._start)) - 1

    def say(self, time: int, turn: int) -> int:
        """Imagine a new message at this millisecond, later than all before; gives its index."""
        self._times.append(time)
        self._turns.append(turn)
        return len(self) - 1

    def newest(self) -> int:
        """The id of the last message; 0 if there is none."""
        return self.number(len(self) - 1) if len(self) else 0

    def number(self, index: int) -> int:
        if index >= self._old:
            return self._times[index - self._old]
        session, within = divmod(index, SESSION)
        base = (session + 0.4 * unit(self._key, session)) * self._spacing
        pause = min(PAUSE_MAX, 0.5 * self._spacing / SESSION)
        late = (within + 0.5 * unit(self._key, index, 1)) * pause
        return calendar.to_real(int(self._start + base + late))

    def changed(self, index: int) -> int:
        number = self.number(index)
        if index >= self._old or self._fate(index) >= REACTED_SHARE + EDITED_SHARE + DELETED_SHARE:
            return number
        last = index == self._old - 1
        until = calendar.to_real(int(self._organisation.end)) if last else self.number(index + 1)
        return number + int((until - number) * 0.5 * unit(self._key, index, 2))

    def turn(self, index: int) -> int:
        return self._turns[index - self._old] if index >= self._old else 0

    def make(self, index: int) -> Message:
        organisation = self._organisation
        number = self.number(index)
        chance = mix(self._key, index, 3)
        people = organisation.people(self._place)
        root = index - index % CHAIN
        message = Message(
            id=number,
            conversation=self._name,
            sender=organisation.user(pick(people, chance)),
            content=self._content(index, people),
            etag=self.changed(index),
            team=self._team,
            reply_to=None if self._team is None or index == root else self.number(root),
            turn=self.turn(index),
        )
        if index < self._old:
            self._spoil(message, index, people)
        return message

    def _content(self, index: int, people: list[int]) -> Content:
        chance = mix(self._key, index, 4)
        whom = [self._organisation.user(pick(people, chance >> 8))]
        return texts.compose(self._organisation.tenant, self._key, chance, whom)

    def _fate(self, index: int) -> int:
        """From 0 to 99: what happened to an old message."""
        return mix(self._key, index, 5) % 100

    def _spoil(self, message: Message, index: int, people: list[int]) -> None:
        """Let happen to an old message what happened to it."""
        fate, at = self._fate(index), from_milliseconds(message.etag)
        if fate < REACTED_SHARE:
            fans = 1 + mix(self._key, index, 6) % REACTIONS_MAX
            found: dict[str, User] = {}
            for fan in range(fans):
                user = self._organisation.user(pick(people, mix(self._key, index, 7, fan)))
                found[user.id] = user
            kind = pick(REACTIONS, mix(self._key, index, 8))
            message.reactions = [Reaction(kind=kind, user=u, at=at) for u in found.values()]
        elif fate < REACTED_SHARE + EDITED_SHARE:
            message.edited = at
        elif fate < REACTED_SHARE + EDITED_SHARE + DELETED_SHARE:
            message.deleted = at
            message.kept, message.content = message.content, Content(kind=message.content.kind)
