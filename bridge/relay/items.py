"""What was seen, with all there is to decide it by: where it belongs, and who says it elsewhere. Pure.

seen + who says it + portal ─▶ sort_out ─┬ Item, for `relay.plan`
                                         └ Asked, for the bot: it is in no portal
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bridge.domain.content import plain_text
from bridge.domain.events import Asked, Reacted, Request, Seen, Sighting
from bridge.domain.ids import MessageRef, Place, PortalId, RoomId, UserId
from bridge.domain.portal import Portal
from bridge.domain.relaying import StandIn, said_for
from bridge.domain.values import dataclass
from bridge.domain.wishes import Wished
from bridge.ports import Entry

Errand = tuple[Entry, Request]
Sight = tuple[Entry, Seen]
Says = str | StandIn | None
"""Who says on the far side what was seen: its own author, who stands in for them, or nobody."""
Speaker = Callable[[Sequence[Seen]], Awaitable[Mapping[str, Says]]]
"""Tells of the authors of some things who says what each of them said; asked once for a whole batch."""


MessageKey = tuple[PortalId, MessageRef]
Wanted = tuple[Place, MessageRef]
"""A message of Teams that nobody has told us of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing seen with the entry it came from, its portal, and who will say it elsewhere.

    `age`: how long it has been here. `relayed`: another account says it, in words if it `reacts`.
    """

    entry: Entry
    seen: Seen
    portal: Portal
    speaker: str | None
    age: timedelta = timedelta(0)
    relayed: bool = False
    reacts: bool = False

    @property
    def key(self) -> MessageKey:
        """What the journal calls the thing itself."""
        return self.portal.id, self.seen.ref

    @property
    def target(self) -> MessageKey | None:
        """What the journal calls the thing that it refers to."""
        if isinstance(self.seen, Sighting):
            return None
        return self.portal.id, self.seen.target

    @property
    def root(self) -> Wanted | None:
        """What began the thread that it stands in."""
        thread = self.seen.thread if isinstance(self.seen, Sighting) else None
        return None if thread is None else (self.portal.place, thread)

    @property
    def answered(self) -> tuple[MessageKey, ...]:
        """What the journal calls the messages that it answers, or that began its thread."""
        if not isinstance(self.seen, Sighting):
            return ()
        refs = (self.seen.reply_to, self.seen.thread)
        return tuple((self.portal.id, ref) for ref in refs if ref is not None)


def sort_out(
    sights: Sequence[Sight],
    speakers: Sequence[Says],
    portals: dict[Place | RoomId, Portal],
    *,
    now: datetime,
) -> tuple[list[Item], list[Errand]]:
    """Tell what belongs to a portal from what was said to the bot."""
    items: list[Item] = []
    asked: list[Errand] = []
    for (entry, seen), speaker in zip(sights, speakers, strict=True):
        portal = portals.get(seen.origin)
        if portal is not None:
            items.append(_item(entry, seen, speaker, portal, age=now - entry.received_at))
        elif isinstance(seen, Sighting) and not isinstance(seen.origin, Place) and seen.is_plain:
            asked.append((entry, _asked(seen, RoomId(seen.origin))))
    return items, asked


def overtaken_in(requests: Sequence[Sequence[Request]]) -> list[Wished]:
    """Return the wishes after which, in the same order, their sender wants another thing of the same."""
    wishes = [one for some in requests for one in some if isinstance(one, Wished)]
    last = {one.about: one for one in wishes}
    return [one for one in wishes if last[one.about] != one]


def _item(entry: Entry, seen: Seen, says: Says, portal: Portal, *, age: timedelta) -> Item:
    if not isinstance(says, StandIn):
        return Item(entry=entry, seen=seen, portal=portal, speaker=says, age=age)
    if not says.speaks_in(portal):
        return Item(entry=entry, seen=seen, portal=portal, speaker=None, age=age)
    return Item(
        entry=entry,
        seen=said_for(seen, says),
        portal=portal,
        speaker=says.speaker,
        age=age,
        relayed=True,
        reacts=isinstance(seen, Reacted),
    )


def _asked(seen: Sighting, room: RoomId) -> Asked:
    return Asked(
        room=room,
        sender=UserId(seen.author.id),
        ref=seen.ref,
        text=plain_text(seen.body),
        sent_at=seen.sent_at,
    )
