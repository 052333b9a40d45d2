"""Dicts whose things are made when they are asked for.

A `Shelf` stands where the tenant has a dict of users, chats or teams. What was there before and
what is put there later is kept; the rest is imagined, made at the first look by its id, and kept
from then on. A `Roster` is the members of one imagined chat, made when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import TypeVar

from typing_extensions import override

from bridge.sandbox.tenant.world import Member

_Thing = TypeVar("_Thing")


class Shelf(dict[str, _Thing]):
    """Things by id: first those that are kept and were never imagined, then the imagined ones."""

    __slots__ = ("_count", "_drawn", "_foreign", "_key", "_make", "_number")

    def __init__(
        self,
        there: Mapping[str, _Thing],
        count: int,
        *,
        key: Callable[[int], str],
        number: Callable[[str], int | None],
        make: Callable[[int], _Thing],
    ) -> None:
        """`key` and `number` turn a thing's number into its id and back."""
        super().__init__(there)
        self._count = count
        self._key = key
        self._number = number
        self._make = make
        self._foreign: dict[str, None] = dict.fromkeys(there)
        self._drawn: set[int] = set()
        """Numbers of imagined things that are kept, or gone."""

    def is_drawn(self, number: int) -> bool:
        """Whether this imagined thing is kept, or gone."""
        return number in self._drawn

    def foreign(self) -> list[_Thing]:
        """What was never imagined."""
        return [super(Shelf, self).__getitem__(key) for key in self._foreign]

    def take(self, number: int) -> _Thing | None:
        """An imagined thing, to be kept; None: it is gone."""
        key = self._key(number)
        if number in self._drawn:
            return super().get(key)
        made = self._make(number)
        # What is made may have asked for this very thing on its way.
        self._drawn.add(number)
        return super().setdefault(key, made)

    def holds(self, key: str) -> bool:
        """Whether the thing of this id is kept."""
        return super().__contains__(key)

    def glance(self, number: int) -> _Thing | None:
        """An imagined thing without keeping it, if it was not kept already; None: it is gone."""
        if number in self._drawn:
            return super().get(self._key(number))
        return self._make(number)

    @override
    def __getitem__(self, key: str) -> _Thing:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    # A dict's views and its three forms of `get` have types that no subclass can have.
    @override
    def get(self, key: str, default: _Thing | None = None, /) -> _Thing | None:  # type: ignore[override]
        found = super().get(key)
        if found is not None:
            return found
        number = self._imagined(key)
        return default if number is None else self.take(number)

    @override
    def __setitem__(self, key: str, thing: _Thing) -> None:
        if not super().__contains__(key):
            number = self._imagined(key)
            if number is None:
                self._foreign[key] = None
            else:
                self._drawn.add(number)
        super().__setitem__(key, thing)

    @override
    def __delitem__(self, key: str) -> None:
        if self.get(key) is None:
            raise KeyError(key)
        super().__delitem__(key)
        self._foreign.pop(key, None)

    @override
    def pop(self, key: str, default: _Thing | None = None, /) -> _Thing | None:  # type: ignore[override]
        found = self.get(key, default)
        if key in self:
            del self[key]
        return found

    @override
    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        return isinstance(key, str) and self._imagined(key) is not None

    @override
    def __len__(self) -> int:
        return super().__len__() + self._count - len(self._drawn)

    @override
    def __iter__(self) -> Iterator[str]:
        yield from list(self._foreign)
        for number in range(self._count):
            key = self._key(number)
            if number not in self._drawn or super().__contains__(key):
                yield key

    @override
    def values(self) -> ValuesView[_Thing]:  # type: ignore[override]
        """Everything; whoever looks at it all has it all made and kept."""
        return ValuesView(self)

    @override
    def items(self) -> ItemsView[str, _Thing]:  # type: ignore[override]
        return ItemsView(self)

    def _imagined(self, key: str) -> int | None:
        """The number of a thing that is still imagined."""
        number = self._number(key)
        return None if number is None or number in self._drawn else number


class Roster(dict[str, Member]):
    """Members by user id; until they are read, only who they are is known."""

    __slots__ = ("_changed", "_fill", "_holds", "_size")

    def __init__(
        self,
        size: int,
        *,
        holds: Callable[[str], bool],
        fill: Callable[[], dict[str, Member]],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when a member is put in or taken out."""
        super().__init__()
        self._size = size
        self._holds = holds
        self._fill: Callable[[], dict[str, Member]] | None = fill
        self._changed = changed

    def _read(self) -> None:
        if self._fill is not None:
            fill, self._fill = self._fill, None
            super().update(fill())

    @override
    def __contains__(self, key: object) -> bool:
        if self._fill is not None:
            return isinstance(key, str) and self._holds(key)
        return super().__contains__(key)

    @override
    def __len__(self) -> int:
        return self._size if self._fill is not None else super().__len__()

    @override
    def __getitem__(self, key: str) -> Member:
        self._read()
        return super().__getitem__(key)

    @override
    def get(self, key: str, default: Member | None = None, /) -> Member | None:  # type: ignore[override]
        self._read()
        return super().get(key, default)

    @override
    def __setitem__(self, key: str, member: Member) -> None:
        self._read()
        self._changed()
        super().__setitem__(key, member)

    @override
    def __delitem__(self, key: str) -> None:
        self._read()
        self._changed()
        super().__delitem__(key)

    @override
    def pop(self, key: str, default: Member | None = None, /) -> Member | None:  # type: ignore[override]
        self._read()
        self._changed()
        return super().pop(key, default)

    @override
    def __iter__(self) -> Iterator[str]:
        self._read()
        return super().__iter__()

    @override
    def values(self) -> ValuesView[Member]:  # type: ignore[override]
        self._read()
        return super().values()

    @override
    def items(self) -> ItemsView[str, Member]:  # type: ignore[override]
        self._read()
        return super().items()
