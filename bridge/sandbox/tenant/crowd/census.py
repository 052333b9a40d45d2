"""Who is where, in a few bytes per chat; and how much was said where, in none.

    users   0 … users-1
    chats   0 … chats-1          members of a chat, chats of a user: two arrays each way
    places  chats first, then the channels of team 0, of team 1, …

Ids look like Microsoft's and hide the number of what they name, so that a thing is found by its id
without a table.
"""

from __future__ import annotations

import base64
import math
import random
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from bridge.sandbox.tenant.crowd.draw import mix, shuffle32, unit, unshuffle32
from bridge.sandbox.tenant.crowd.plan import Plan
from bridge.sandbox.tenant.world import ChatKind

KINDS = (ChatKind.ONE_ON_ONE, ChatKind.GROUP, ChatKind.MEETING)
GROUP_SHARE, MEETING_SHARE = 0.3, 0.1
GROUP_MAX = 60
"""People of the largest group chats."""
TEAM_MAX = 300
POPULARITY = 1.6
"""How much more often some users are chosen than others; 1 is even."""
TRIES = 20
"""How often a pair is drawn anew that has a chat already, before it becomes a group."""
_USER, _CHAT, _TEAM, _CHANNEL, _LENGTH, _START = range(1, 7)
_HEX = 16


@dataclass(slots=True)
class _Index:
    """Lists of numbers, laid end to end."""

    ends: array[int]
    items: array[int]

    def of(self, number: int) -> Sequence[int]:
        first = self.ends[number - 1] if number else 0
        return self.items[first : self.ends[number]]

    @property
    def size(self) -> int:
        """Bytes."""
        return (len(self.ends) + len(self.items)) * self.items.itemsize


class Census:
    """An organisation by numbers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        chance = random.Random(plan.seed)  # noqa: S311 - an organisation must be replayable
        self.kinds = array("B")
        self.members = _Index(array("I"), array("I"))
        pairs: set[int] = set()
        for _ in range(plan.chats):
            kind, people = _draw_chat(chance, plan.users, pairs)
            self.kinds.append(kind)
            self.members.items.extend(people)
            self.members.ends.append(len(self.members.items))
        self.chats_of = _inverted(self.members, plan.users)
        self._channel_ends = array("I")
        total = 0
        for team in range(plan.teams):
            total += _channels(plan, team)
            self._channel_ends.append(total)
        self.places = plan.chats + total
        self._stride = _coprime(self.places)
        self._back = pow(self._stride, -1, self.places) if self.places else 0
        weight = sum(rank**-plan.skew for rank in range(1, self.places + 1))
        self._scale = plan.history * self.places / weight if self.places else 0.0

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        arrays = len(self.kinds) + self._channel_ends.itemsize * len(self._channel_ends)
        return arrays + self.members.size + self.chats_of.size

    def place_of_rank(self, rank: int) -> int:
        """The conversation that is the `rank`-th most active one, counted from 0."""
        return rank * self._stride % self.places

    def length(self, place: int) -> int:
        """Messages that were written in a conversation before the organisation was imagined."""
        if not self.places:
            return 0
        rank = place * self._back % self.places
        exact = self._scale * (rank + 1) ** -self.plan.skew
        return int(exact + unit(self.plan.seed, _LENGTH, place))

    def age(self, place: int) -> float:
        """How much of the organisation's life a conversation has existed: most are young."""
        return float(unit(self.plan.seed, _START, place) ** 1.5)

    def channels(self, team: int) -> range:
        """The places of a team's channels."""
        first = self._channel_ends[team - 1] if team else 0
        return range(self.plan.chats + first, self.plan.chats + self._channel_ends[team])

    def team_of(self, place: int) -> int:
        return bisect_right(self._channel_ends, place - self.plan.chats)

    def team_people(self, team: int) -> list[int]:
        """Users of a team; the first is its owner."""
        seed, users = self.plan.seed, self.plan.users
        wanted = int(3 + (TEAM_MAX - 3) * unit(seed, _TEAM, team) ** 4)
        drawn = (
            int(users * unit(seed, _TEAM, team, turn) ** POPULARITY) for turn in range(2 * wanted)
        )
        return list(dict.fromkeys(drawn))[:wanted]

    def user_id(self, user: int) -> str:
        return self._guid(_USER, user)

    def user_of(self, user_id: str) -> int | None:
        return self._number(_USER, user_id, self.plan.users)

    def user_of_head(self, head: str) -> int | None:
        """The user whose id begins with these eight digits."""
        return self._number(_USER, head, self.plan.users, check=False)

    def team_id(self, team: int) -> str:
        return self._guid(_TEAM, team)

    def team_number(self, team_id: str) -> int | None:
        return self._number(_TEAM, team_id, self.plan.teams)

    def channel_id(self, place: int) -> str:
        return f"19:{self._guid(_CHANNEL, place).replace('-', '')}@thread.tacv2"

    def chat_id(self, chat: int) -> str:
        kind = KINDS[self.kinds[chat]]
        if kind is ChatKind.ONE_ON_ONE:
            low, high = sorted(self.user_id(user) for user in self.members.of(chat))
            return f"19:{low}_{high}@unq.gbl.spaces"
        guid = self._guid(_CHAT, chat)
        if kind is ChatKind.GROUP:
            return f"19:{guid.replace('-', '')}@thread.v2"
        return f"19:meeting_{base64.urlsafe_b64encode(guid.encode()).decode()}@thread.v2"

    def chat_number(self, chat_id: str) -> int | None:
        """Which chat this is, if it is one of these."""
        head, _, tail = chat_id.removeprefix("19:").partition("@")
        if tail == "unq.gbl.spaces":
            return self._pair(head)
        if tail != "thread.v2":
            return None
        text = _unwrapped(head) if head.startswith("meeting_") else head
        chat = None if text is None else self._number(_CHAT, text, self.plan.chats, check=False)
        return chat if chat is not None and self.chat_id(chat) == chat_id else None

    def _pair(self, head: str) -> int | None:
        low, _, high = head.partition("_")
        first, second = self.user_of(low), self.user_of(high)
        if first is None or second is None:
            return None
        shorter = min((self.chats_of.of(first), self.chats_of.of(second)), key=len)
        wanted = {first, second}
        for chat in shorter:
            if self.kinds[chat] == 0 and set(self.members.of(chat)) == wanted:
                return chat if f"{low}_{high}" in self.chat_id(chat) else None
        return None

    def _guid(self, purpose: int, number: int) -> str:
        seed = mix(self.plan.seed, purpose)
        head = shuffle32(seed, number)
        rest = mix(seed, number) << 32 | mix(seed, number, 1) & 0xFFFFFFFF
        return str(UUID(int=head << 96 | rest, version=4))

    def _number(self, purpose: int, text: str, count: int, *, check: bool = True) -> int | None:
        """The number behind an id; None if it is none of ours."""
        try:
            head = int(text[:8], _HEX)
        except ValueError:
            return None
        number = unshuffle32(mix(self.plan.seed, purpose), head)
        if number >= count or (check and self._guid(purpose, number) != text):
            return None
        return number


def _draw_chat(chance: random.Random, users: int, pairs: set[int]) -> tuple[int, Iterable[int]]:
    """The kind of a new chat, and who is in it."""
    roll = chance.random()
    if roll >= GROUP_SHARE + MEETING_SHARE or users == 2:  # noqa: PLR2004 - a pair
        for _ in range(TRIES):
            first, second = _draw_people(chance, users, 2)
            key = min(first, second) * users + max(first, second)
            if key not in pairs:
                pairs.add(key)
                return 0, (first, second)
    wanted = int(3 + (min(GROUP_MAX, users) - 3) * chance.random() ** 5)
    return (2 if roll < MEETING_SHARE else 1), _draw_people(chance, users, min(wanted, users))


def _draw_people(chance: random.Random, users: int, wanted: int) -> list[int]:
    found: dict[int, None] = {}
    while len(found) < wanted:
        found[int(users * chance.random() ** POPULARITY)] = None
    return list(found)


def _inverted(index: _Index, count: int) -> _Index:
    """For every item the lists that it is in."""
    ends = array("I", bytes(4 * count))
    for item in index.items:
        ends[item] += 1
    total = 0
    for item in range(count):
        total += ends[item]
        ends[item] = total
    items = array("I", bytes(4 * total))
    free = array("I", [0, *ends[:-1]]) if count else array("I")
    for number in range(len(index.ends)):
        for item in index.of(number):
            items[free[item]] = number
            free[item] += 1
    return _Index(ends, items)


def _channels(plan: Plan, team: int) -> int:
    """Channels of a team, one at least, with the mean of the plan."""
    chance = unit(plan.seed, _CHANNEL, team)
    return 1 + int(-math.log(1 - chance) * max(0.0, plan.channels - 1) + 0.5)


def _coprime(count: int) -> int:
    """A stride that visits every one of `count` places once."""
    stride = max(1, int(count * 0.6180339887))
    while math.gcd(stride, max(count, 1)) != 1:
        stride += 1
    return stride


def _unwrapped(head: str) -> str | None:
    """The guid inside a meeting's id."""
    try:
        return base64.urlsafe_b64decode(head.removeprefix("meeting_")).decode()
    except ValueError:
        return None
