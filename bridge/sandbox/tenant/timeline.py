"""The messages of one conversation: a dict by id that knows its order, and may be partly imagined.

    messages[id] ─ kept? that one : the source makes it, and it is kept from then on
    newest_first ─ what is kept, by its log ─┐
                   what is imagined, by number ─┴─ merged, page by page

A source imagines the messages of an old or a busy conversation on demand (`crowd/`); what somebody
asks for by its id, or changes, is kept like any other message. Putting a message back under its id
(`messages[id] = message`) is how one says that it changed.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import ItemsView, Iterator, ValuesView
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

if TYPE_CHECKING:
    from bridge.sandbox.tenant.world import Message

LOG_SLACK = 64
"""Outdated entries that the log of changes may hold beside as many as there are messages."""

Version = tuple[int, int]
"""When a message changed or was written, in milliseconds, and its id."""
_Found = tuple[Version, int]
"""A version, and which message of the source it is."""
_KEPT = -1
"""Instead of that: it is no message of the source."""
_FIRST: Version = (-(1 << 62), -1)
_LAST: Version = (1 << 62, 1 << 62)


class Source(Protocol):
    """Imagined messages, numbered from 0 in the order of their ids and of their changes."""

    def __len__(self) -> int: ...

    def number(self, index: int) -> int:
        """The id of the message; it grows with the index."""

    def changed(self, index: int) -> int:
        """The milliseconds of its last change, between its own id and the next one's."""

    def turn(self, index: int) -> int:
        """Which of the tenant's changes made it; never less than the one before's."""

    def make(self, index: int) -> Message:
        """The message; equal whenever it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Versions strictly between two instants, in milliseconds."""

    after: int = -(1 << 62)
    before: int = 1 << 62

    def holds(self, value: int) -> bool:
        return self.after < value < self.before


class Timeline(dict[str, "Message"]):
    """All messages of a conversation by their id as text; what it gives comes oldest first."""

    __slots__ = ("_by_change", "_by_id", "_drawn", "_logged", "source")

    def __init__(self, source: Source | None = None) -> None:
        super().__init__()
        self.source = source
        self._by_id: list[Version] = []
        """What is kept, ascending."""
        self._by_change: list[Version] = []
        """Changes of what is kept, ascending; only those in `_logged` are still true."""
        self._logged: dict[int, int] = {}
        """The last change of what is kept, by id."""
        self._drawn: set[int] = set()
        """Ids of the source that are kept instead, or gone."""

    @override
    def __getitem__(self, key: str) -> Message:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    # A dict's views and its three forms of `get` have types that no subclass can have.
    @override
    def get(self, key: str, default: Message | None = None, /) -> Message | None:  # type: ignore[override]
        found = super().get(key)
        if found is not None:
            return found
        index = self._index(key)
        if index is None or self.source is None:
            return default
        self[key] = made = self.source.make(index)
        return made

    @override
    def __setitem__(self, key: str, message: Message) -> None:
        number = message.id
        if not super().__contains__(key):
            if self._index(key) is not None:
                self._drawn.add(number)
            _insert(self._by_id, (number, number))
        super().__setitem__(key, message)
        if self._logged.get(number) != message.etag:
            self._logged[number] = message.etag
            _insert(self._by_change, (message.etag, number))
            if len(self._by_change) > 2 * len(self._logged) + LOG_SLACK:
                self._by_change = sorted((etag, key) for key, etag in self._logged.items())

    @override
    def __delitem__(self, key: str) -> None:
        number = self[key].id
        super().__delitem__(key)
        self._by_id.remove((number, number))
        del self._logged[number]

    @override
    def pop(self, key: str, default: Message | None = None, /) -> Message | None:  # type: ignore[override]
        found = self.get(key, default)
        if key in self:
            del self[key]
        return found

    @override
    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (isinstance(key, str) and self._index(key) is not None)

    @override
    def __len__(self) -> int:
        imagined = 0 if self.source is None else len(self.source) - len(self._drawn)
        return super().__len__() + imagined

    @override
    def __iter__(self) -> Iterator[str]:
        return (str(message.id) for message in self.oldest_first(by_change=False))

    @override
    def __reversed__(self) -> Iterator[str]:
        return (str(message.id) for message in self.newest_first(by_change=False))

    @override
    def values(self) -> _Values:  # type: ignore[override]
        """Oldest first. What is imagined is made for the look and not kept."""
        return _Values(self)

    @override
    def items(self) -> ItemsView[str, Message]:  # type: ignore[override]
        return _Items(self)

    def kept(self) -> list[Message]:
        """What is kept, oldest first."""
        return [super(Timeline, self).__getitem__(str(number)) for number, _ in self._by_id]

    def newest_first(
        self, *, by_change: bool, span: Span | None = None, below: Version | None = None
    ) -> Iterator[Message]:
        """Messages by their version, newest first, made only as they are taken.

        by_change: The version is the last change; otherwise the message's own id.
        below: Only versions before this one.
        """
        limits = span or Span()
        edge = min(below or _LAST, (limits.before, -1))
        log = self._by_change if by_change else self._by_id
        kept = reversed(log[: bisect_left(log, edge)])
        found = heapq.merge(
            self._true(kept, by_change=by_change),
            self._imagined(edge, by_change=by_change, down=True),
            reverse=True,
        )
        for (value, number), index in found:
            if value <= limits.after:
                return
            yield self._made(number, index)

    def oldest_first(
        self, *, by_change: bool, span: Span | None = None, above: Version | None = None
    ) -> Iterator[Message]:
        """The same, oldest first; `above` lets only later versions through."""
        limits = span or Span()
        edge = max(above or _FIRST, (limits.after, _LAST[1]))
        log = self._by_change if by_change else self._by_id
        kept = iter(log[bisect_right(log, edge) :])
        found = heapq.merge(
            self._true(kept, by_change=by_change),
            self._imagined(edge, by_change=by_change, down=False),
        )
        for (value, number), index in found:
            if value >= limits.before:
                return
            yield self._made(number, index)

    def by_turn(self, above: Version) -> Iterator[Message]:
        """Messages by the turn of their last change and by id, those after this turn and id."""
        source = self.source
        kept = [(m.turn, m.id) for m in super().values()]
        log = [(version, _KEPT) for version in sorted(kept) if version > above]
        for (_, number), index in heapq.merge(
            log, () if source is None else self._turned(source, above)
        ):
            yield self._made(number, index)

    def _turned(self, source: Source, above: Version) -> Iterator[_Found]:
        def version(index: int) -> Version:
            return source.turn(index), source.number(index)

        every = range(len(source))
        for index in range(bisect_right(every, above, key=version), len(source)):
            found = version(index)
            if found[1] not in self._drawn:
                yield found, index

    def _true(self, log: Iterator[Version], *, by_change: bool) -> Iterator[_Found]:
        """The entries of a log that are still true."""
        for version in log:
            if not by_change or self._logged.get(version[1]) == version[0]:
                yield version, _KEPT

    def _imagined(self, edge: Version, *, by_change: bool, down: bool) -> Iterator[_Found]:
        """What the source has on this side of an edge, going away from it."""
        source = self.source
        if source is None:
            return

        def version(index: int) -> Version:
            number = source.number(index)
            return (source.changed(index) if by_change else number, number)

        every = range(len(source))
        if down:
            indices = range(bisect_left(every, edge, key=version) - 1, -1, -1)
        else:
            indices = range(bisect_right(every, edge, key=version), len(source))
        for index in indices:
            found = version(index)
            if found[1] not in self._drawn:
                yield found, index

    def _made(self, number: int, index: int) -> Message:
        if index == _KEPT or self.source is None:
            return super().__getitem__(str(number))
        return self.source.make(index)

    def _index(self, key: str) -> int | None:
        """Which message of the source this is, if it is one and was not drawn."""
        source = self.source
        if source is None or not key.isdecimal():
            return None
        number = int(key)
        index = bisect_left(range(len(source)), number, key=source.number)
        there = index < len(source) and source.number(index) == number
        return index if there and number not in self._drawn else None


class _Values(ValuesView["Message"]):
    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._timeline = timeline

    @override
    def __iter__(self) -> Iterator[Message]:
        return self._timeline.oldest_first(by_change=False)

    def __reversed__(self) -> Iterator[Message]:
        return self._timeline.newest_first(by_change=False)


class _Items(ItemsView[str, "Message"]):
    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._timeline = timeline

    @override
    def __iter__(self) -> Iterator[tuple[str, Message]]:
        every = self._timeline.oldest_first(by_change=False)
        return ((str(message.id), message) for message in every)


def _insert(log: list[Version], version: Version) -> None:
    """Keep the log ascending; nearly everything comes last."""
    if not log or log[-1] < version:
        log.append(version)
    else:
        insort(log, version)
