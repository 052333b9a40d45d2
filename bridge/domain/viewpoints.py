"""How somebody sees a chat in Teams, and what of it their own Matrix account is to show. Pure.

    Viewpoint, as told ─┬─ reading_of ─▶ shown up to a message, or why not
                        └─ hiding_of ──▶ low priority: set, taken away, left alone

Both sides tell us of what we do on them; that is known by what was noted when it was done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.ids import MessageRef
from bridge.domain.values import dataclass

SKEW = timedelta(seconds=5)
"""By so much Graph's clock may be ahead of ours where both say when a chat was marked read."""
MARKING_MAX = timedelta(minutes=2)
"""After so long a mark that nobody has ended was given up, or its process is gone."""


class Reads(StrEnum):
    """To whom it is shown in Matrix what somebody has read in Teams."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """Microsoft's chatViewpoint: read up to an instant, None for nothing; hidden or not."""

    read_at: datetime | None
    is_hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What was done already, in both directions.

    `through`: up to this message the person's account shows the chat as read. `hidden`: as what the
    chat was followed last. `marking_since`, `marked_at`: when it was marked read in Teams because the
    person had read it in Matrix.
    """

    through: MessageRef | None = None
    hidden: bool = False
    marking_since: datetime | None = None
    marked_at: datetime | None = None


class Reading(StrEnum):
    """What becomes of how far somebody has read; all but SHOW are done with."""

    SHOW = "read"
    WAIT = "waits"
    ECHO = "echo"
    KNOWN = "known"
    NOTHING = "nothing"


class Hiding(StrEnum):
    """What becomes of it that somebody has hidden a chat, or has it in their list."""

    SET = "tagged"
    TAKE_AWAY = "untagged"
    LEAVE = "left"


def reading_of(
    view: Viewpoint,
    shown: Shown,
    *,
    last: MessageRef | None,
    under_way: bool,
    now: datetime,
) -> Reading:
    """Decide; `last` is the last message that was said until `view.read_at`, of those that crossed.

    What we have marked read comes back as read until then: that the person has read in Matrix
    already, and whoever wrote in the same moment was not read there.
    """
    if shown.marking_since is not None and now - shown.marking_since < MARKING_MAX:
        return Reading.WAIT
    if view.read_at is not None and _is_ours(view.read_at, shown):
        return Reading.ECHO
    if under_way:
        return Reading.WAIT
    if view.read_at is None or last is None:
        return Reading.NOTHING
    is_news = shown.through is None or is_later(last, shown.through)
    return Reading.SHOW if is_news else Reading.KNOWN


def _is_ours(read_at: datetime, shown: Shown) -> bool:
    return shown.marked_at is not None and read_at <= shown.marked_at + SKEW


def hiding_of(view: Viewpoint, shown: Shown) -> Hiding:
    """Decide: only what changes in Teams changes anything."""
    if view.is_hidden == shown.hidden:
        return Hiding.LEAVE
    return Hiding.SET if view.is_hidden else Hiding.TAKE_AWAY


def is_later(one: MessageRef, other: MessageRef) -> bool:
    """Ids of messages in chats are the instants at which they were said, in ms."""
    return (len(one), one) > (len(other), other)
