"""Are both sides equal; is everything there, once, and in order? Judged from what people see."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bridge.ports import Entry, NewEntry
from tests.kit.fake_network import Shown
from tests.sim.looks import REACTED

_ABOUT = re.compile(rb"messages\('([0-9]+)'\)(?:/replies\('([0-9]+)'\))?")
_EVENT = re.compile(rb'"event_id":"([^"]+)"')


@dataclass
class Ledger:
    """When a message first reached us, and when it was taken in hand to be sent on.

    Counted in what has happened; names as `name_of` makes them.
    """

    happened: int = 0
    arrivals: dict[str, int] = field(default_factory=dict)
    departures: dict[str, int] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)
    """What the homeserver had forgotten, and was found later; what had to wait at the gate for so
    long that others were let pass."""
    waited: set[str] = field(default_factory=set)
    """What had to wait until its speaker had signed in again; others were let pass."""
    _in_hand: dict[str, int] = field(default_factory=dict)

    def arrived(self, entry: NewEntry) -> None:
        self.happened += 1
        self.arrivals.setdefault(name_of(entry), self.happened)

    def taken(self, entry: NewEntry) -> None:
        self.happened += 1
        self._in_hand[name_of(entry)] = self.happened

    def waited_long(self, entry: Entry) -> None:
        self.excused.add(name_of(entry))

    def decided(self, name: str) -> None:
        """What was taken in hand last is what made us send it on."""
        name = name if name in self._in_hand else name.rpartition("/")[2]
        if name in self._in_hand:
            self.departures.setdefault(name, self._in_hand[name])

    def went_before(self, name: str, other: str) -> bool:
        """Whether one was sent on when the other had not reached us, or was not decided on."""
        never = 1 << 60
        left = self.departures.get(name, never)
        return left < max(self.arrivals.get(other, never), self.departures.get(other, 0))


def name_of(entry: NewEntry | Entry) -> str:
    """Return what an entry is about: conversation and message of Teams, an event of Matrix."""
    about = _ABOUT.search(entry.raw)
    if about is not None:
        ref = b"/".join(part for part in about.groups() if part)
        return f"{entry.conversation}/{ref.decode()}"
    event = _EVENT.search(entry.raw)
    return event[1].decode() if event else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """One chat as both sides show it in the end."""

    chat: str
    teams: Sequence[Shown]
    matrix: Sequence[Shown]


def differences(sides: Sides) -> Iterator[str]:
    """Say what one side shows and the other does not, or not as often."""
    there, here = Counter(map(_told, sides.teams)), Counter(map(_told, sides.matrix))
    for shown, number in sorted((there - here).items()):
        yield f"{sides.chat}: Teams alone shows {number} x {shown}"
    for shown, number in sorted((here - there).items()):
        yield f"{sides.chat}: Matrix alone shows {number} x {shown}"


def repetitions(sides: Sides) -> Iterator[str]:
    """Name what is shown twice: people never say the same again, though they may react alike.

    Not every repetition is a difference: what was posted twice is carried back, and shown twice there.
    """
    for side, shown in (("Teams", sides.teams), ("Matrix", sides.matrix)):
        for (person, words), number in sorted(Counter((s.person, s.words) for s in shown).items()):
            if number > 1 and not words.startswith(REACTED):
                yield f"{sides.chat}: {side} shows {number} x {person}: {words!r}"


def _told(shown: Shown) -> str:
    reactions = " ".join(sorted(f"{key}{person}" for person, key in shown.reactions))
    return f"{shown.person}: {shown.words!r} [{reactions}] -> {shown.reply_words!r} in {shown.thread!r}"


def inversions(
    source: Sequence[tuple[str, str]],
    far: Sequence[str],
    ledger: Ledger,
    *,
    excused: Collection[str] = (),
) -> Iterator[str]:
    """Name pairs that arrived in the wrong order although both had reached us in time.

    `source` is what was said, in its order: its name, and what it is called on the far side; `far`
    are these in the order in which the far side shows them. What is `excused`, others may pass.
    """
    excused = {*excused, *ledger.excused}
    place = {ref: number for number, ref in enumerate(far)}
    seen = [(name, place[ref]) for name, ref in source if ref in place]
    for number, (earlier, at) in enumerate(seen):
        for later, before in seen[number + 1 :]:
            if before < at and earlier not in excused and _in_time(earlier, later, ledger):
                yield f"{later} went before {earlier}"


def _in_time(earlier: str, later: str, ledger: Ledger) -> bool:
    return ledger.arrivals.get(earlier, 1 << 60) < ledger.departures.get(later, 0)
