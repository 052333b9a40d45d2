"""What was missed and is still to be read: decisions and the texts they are kept as. Pure.

    mark   when the bridge certainly listened last
    gap    since when nobody may have told us, and how far that has been made up for

A gap outlives the process: whoever finds one goes on where the other was killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from bridge.domain.ids import ConversationId
from bridge.domain.values import dataclass

OVERLAP = timedelta(minutes=5)
"""What was notified just before we went away may have been refused; Graph's clock is not ours."""
STALE_AFTER = timedelta(minutes=2)
"""Nobody has listened, or been awake, for so long: what was said meanwhile is looked for."""
LEFT_MAX = 1_000
"""Conversations of one gap that could not be read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Nothing is certain from `since` on; `until` is when that was noticed.

    Portals are gone through by number, from `first` on to the last and then, `wrapped`, from the
    lowest on to `first`; `after` is the one that was read last. `left` could not be read, and will
    be tried again: a gap ends when all of it was read.
    """

    since: datetime
    until: datetime
    first: int = 0
    after: int = 0
    wrapped: bool = False
    portals_read: bool = False
    strangers_read: bool = False
    left: tuple[ConversationId, ...] = ()

    @property
    def last(self) -> int | None:
        """The number of the portal up to which this way goes; None for all that there are."""
        return self.first if self.wrapped else None

    def at_the_end(self) -> Gap:
        """Return the gap when there are no more portals this way."""
        if self.wrapped or self.first == 0:
            return replace(self, portals_read=True)
        return replace(self, wrapped=True, after=0)

    @property
    def only_left(self) -> bool:
        """Whether only those remain that could not be read."""
        return self.portals_read and self.strangers_read

    @property
    def is_over(self) -> bool:
        return self.only_left and not self.left

    def having_left(self, more: Sequence[ConversationId]) -> Gap:
        """Return the gap with what could not be read noted, each once."""
        return replace(self, left=tuple(dict.fromkeys((*self.left, *more))))


def widened(gap: Gap | None, since: datetime, *, now: datetime) -> Gap:
    """Join what was just found to be missing to what is still to be read.

    All must be gone through again, but first what has waited longest: whoever is killed time and
    again gets to the end all the same.
    """
    if gap is None:
        return Gap(since=since, until=now)
    begin = 0 if gap.portals_read else gap.after
    return Gap(since=min(gap.since, since), until=now, first=begin, after=begin, left=gap.left)


def missed_since(mark: datetime | None, *, now: datetime, started: bool) -> datetime | None:
    """Say since when something may have been missed, None if nothing was.

    Without a mark nobody has ever listened: what was said before is not ours to carry.
    """
    if mark is None or (not started and now - mark <= STALE_AFTER):
        return None
    return mark - OVERLAP


def gap_to_text(gap: Gap | None) -> str:
    """Write a gap for the book; empty for none."""
    if gap is None:
        return ""
    return orjson.dumps(
        {
            "since": gap.since.isoformat(),
            "until": gap.until.isoformat(),
            "first": gap.first,
            "after": gap.after,
            "wrapped": gap.wrapped,
            "portals_read": gap.portals_read,
            "strangers_read": gap.strangers_read,
            "left": gap.left,
        }
    ).decode()


def gap_from_text(text: str | None) -> Gap | None:
    """Read what `gap_to_text` wrote; None for anything else."""
    try:
        found = orjson.loads(text or "")
        return Gap(
            since=_instant(found["since"]),
            until=_instant(found["until"]),
            first=int(found["first"]),
            after=int(found["after"]),
            wrapped=bool(found["wrapped"]),
            portals_read=bool(found["portals_read"]),
            strangers_read=bool(found["strangers_read"]),
            left=tuple(ConversationId(str(one)) for one in found["left"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def mark_from_text(text: str | None) -> datetime | None:
    """Read an instant; None for anything else."""
    try:
        return _instant(text)
    except (ValueError, TypeError):
        return None


def _instant(text: object) -> datetime:
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Messages whose last change lies after `after` and, where that is given, before `before`.

    `whole`: it cannot be cut any further, however much it holds.
    """

    after: datetime
    before: datetime | None = None
    whole: bool = False

    def cut(self, at: datetime) -> tuple[Window, Window]:
        """Cut at the oldest change that was seen in it: what is older, and what is newer or as old."""
        older = Window(after=self.after, before=at)
        start = max(at - MILLISECOND, self.after)
        newer = Window(after=start, before=self.before, whole=start == self.after)
        return older, newer


MILLISECOND = timedelta(milliseconds=1)
"""Graph goes by no smaller time."""
