"""What becomes of entries that have been read: decided here, carried out by `relay.intake`.

    what was seen + known messages + what is in the air ──▶ deliveries, remembered, held, ignored

No I/O and no clock: the same world gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set as AbstractSet
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import assert_never

from bridge.convert.losses import QUOTE_IN_THREAD, THREAD_ROOT_MISSING
from bridge.domain.changes import ALREADY_KNOWN, Known, changes
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    OneWay,
    PartTakenBack,
    Reacted,
    ReactionAdded,
    ReactionRemoved,
    Redacted,
    Sighting,
    Unheard,
)
from bridge.domain.ids import (
    EntryId,
    PortalId,
    Side,
    UserId,
    Version,
    channel_of,
)
from bridge.domain.values import dataclass
from bridge.ports import Beside, Endpoint, Entry, Heard, Loss, NewDelivery, Remembered
from bridge.relay.crossing import MIRROR_TO_MATRIX, hint_of, kept_out
from bridge.relay.items import Item, MessageKey, Wanted

GATE_PATIENCE = timedelta(seconds=3)
"""While something waits for less than this, what comes after it in its conversation waits too."""
TARGET_PATIENCE = timedelta(minutes=12)
"""For a message that nobody knows, and that a look at what we missed may yet bring."""

NOT_A_PORTAL = "not_a_portal"
NOT_SIGNED_IN = "sender_not_signed_in"
NOT_THE_AUTHOR = "not_the_author"
TARGET_UNKNOWN = "target_unknown"
OTHER_PARTS_STAY = "other_parts_stay"


@dataclass(slots=True, kw_only=True)
class Plan:
    """What to write; `unheard` is what to tell senders, `wanted` what to ask for, once it is."""

    deliveries: list[NewDelivery] = field(default_factory=list)
    remembered: dict[MessageKey, Remembered] = field(default_factory=dict)
    held: dict[EntryId, Entry] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    unheard: list[Unheard | OneWay | PartTakenBack] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the journal says at the moment of deciding.

    `in_the_air`: (portal, speaker) whose words may be on the source side already. `busy`: portals in
    which something is just appearing on the source side, that nobody can name yet. `absent`: what
    began threads, and is not to be had. `beside`: what else shows the message of Teams of which an
    event is one of several.
    """

    known: Mapping[MessageKey, Known] = field(default_factory=dict)
    heard: Mapping[MessageKey, Heard] = field(default_factory=dict)
    in_the_air: AbstractSet[tuple[PortalId, str]] = frozenset()
    busy: AbstractSet[PortalId] = frozenset()
    absent: AbstractSet[Wanted] = frozenset()
    beside: Mapping[MessageKey, Beside] = field(default_factory=dict)


class Planner:
    """Decides, in reading order, what crosses to `target`; `plan` grows with every decision."""

    def __init__(self, target: Endpoint, world: World) -> None:
        self.plan = Plan()
        self._target = target
        self._side = target.side.other
        self._world = world
        self._blocked: set[PortalId] = set()
        self._known = dict(world.known)
        self._heard = dict(world.heard)

    def decide(self, item: Item) -> None:
        """Add to the plan what becomes of one thing seen, or nothing at all if it raises.

        Raises:
            Unconvertible: It cannot be cut so that it fits the far side.
        """
        if self._is_kept_out(item):
            return
        if item.portal.id in self._blocked:
            self._hold(item)
            return
        match item.seen:
            case Sighting():
                if not item.reacts or self._is_there(item, self._reacted_to(item, item.seen)):
                    self._message(item, item.seen)
            case Reacted():
                self._reaction(item, item.seen)
            case Redacted():
                self._redaction(item, item.seen)
            case _:
                assert_never(item.seen)

    def _is_kept_out(self, item: Item) -> bool:
        reason = kept_out(item.portal, self._side)
        if reason is None:
            return False
        self.plan.ignored.append(reason)
        if reason == MIRROR_TO_MATRIX:
            self.plan.unheard.extend(hint_of(item.seen, one_way=True))
        return True

    # --- messages ---

    def _message(self, item: Item, seen: Sighting) -> None:
        known = self._known.get(item.key)
        if self._side is Side.MATRIX and seen.edited and not self._is_there(item, known):
            return  # Matrix shows an edit apart; alone it does not say all that the message said.
        outcome = changes(known, seen, side=self._side)
        if outcome.ignored is not None:
            self.plan.ignored.append(outcome.ignored.reason)
        elif self._may_be_an_echo(item, outcome.events):
            # The gate: this may be our own doing, back before the answer to our request.
            self._hold(item)
            return
        elif known is None and (self._answers_what_appears(item) or self._asks_for_root(item)):
            self._hold(item)
            return
        elif not self._may_change(item, seen, known, outcome.events):
            self.plan.ignored.append(NOT_THE_AUTHOR)
            return
        elif self._is_unheard(item):
            return
        events = outcome.events
        if known is None and item.root is not None:
            seen, events = self._as_a_channel_takes_it(item, seen, events)
        self.plan.deliveries += self._deliveries(item, events)
        self.plan.losses += _losses(item, seen, events)
        if outcome.known is not None:
            self._remember(item, outcome.known, outcome.consumed)
        elif known is None and outcome.events:
            self._known[item.key] = Known(
                origin=self._side,
                version=seen.version,
                author=seen.author.id,
                position=_milliseconds(seen.sent_at),
            )

    def _reacted_to(self, item: Item, seen: Sighting) -> Known | None:
        return self._known.get((item.portal.id, seen.reply_to)) if seen.reply_to else None

    def _may_be_an_echo(self, item: Item, events: Sequence[Event]) -> bool:
        in_the_air = self._world.in_the_air
        return any((item.portal.id, event.author.id) in in_the_air for event in events)

    def _answers_what_appears(self, item: Item) -> bool:
        """Tell whether it answers a message that is just appearing, and cannot be named yet."""
        unknown = any(key not in self._known for key in item.answered)
        return unknown and item.portal.id in self._world.busy

    def _asks_for_root(self, item: Item) -> bool:
        """Tell whether what began its thread, older than the bridge perhaps, may still be had."""
        if self._side is Side.MATRIX or not self._lacks_root(item) or item.root is None:
            return False
        if item.root in self._world.absent or item.age >= TARGET_PATIENCE:
            return False
        self.plan.wanted.append(item.root)
        return True

    def _lacks_root(self, item: Item) -> bool:
        """Tell whether nobody knows what began its thread; chats have no threads to lose."""
        if item.root is None or channel_of(item.portal.place) is None:
            return False
        return (item.portal.id, item.root[1]) not in self._known

    def _as_a_channel_takes_it(
        self, item: Item, seen: Sighting, events: tuple[Event, ...]
    ) -> tuple[Sighting, tuple[Event, ...]]:
        """What stands in a thread of nothing stands alone; in Teams nothing there is quoted."""
        lost: list[str] = []
        if self._lacks_root(item):
            lost.append(THREAD_ROOT_MISSING)
            events = tuple(_unthreaded(event) for event in events)
        quotes = seen.reply_to is not None and seen.reply_to != seen.thread
        if quotes and self._side is Side.MATRIX and channel_of(item.portal.place) is not None:
            lost.append(QUOTE_IN_THREAD)
        return replace(seen, losses=(*seen.losses, *lost)), events

    def _may_change(
        self, item: Item, seen: Sighting, known: Known | None, events: Sequence[Event]
    ) -> bool:
        """On Matrix anybody may send an edit of anything; it counts from the author only.

        What somebody wrote in Teams they edit in Matrix where it stands under their own account; of
        what their ghost said, every client says that an edit of theirs is none.
        """
        edits = any(isinstance(event, MessageEdited) for event in events)
        if self._side is Side.TEAMS or known is None or not edits:
            return True
        if known.origin is self._side:
            return seen.author.id == known.author
        return seen.is_own and item.speaker in {known.author, None}

    def _is_unheard(self, item: Item) -> bool:
        if item.speaker is not None or self._side is Side.TEAMS:
            return False
        self.plan.ignored.append(NOT_SIGNED_IN)
        self.plan.unheard.extend(hint_of(item.seen, one_way=False))
        return True

    def _remember(self, item: Item, known: Known, consumed: tuple[int, ...] = ()) -> None:
        key = item.target or item.key
        before = self.plan.remembered.get(key)
        self._known[key] = known
        self.plan.remembered[key] = Remembered(
            portal=item.portal.id,
            side=self._side,
            ref=key[1],
            known=known,
            consumed=(before.consumed if before else ()) + consumed,
        )

    def _hold(self, item: Item) -> None:
        """Look at it again a little later; for a while nothing may overtake it."""
        self.plan.held[item.entry.id] = item.entry
        if item.age < GATE_PATIENCE:
            self._blocked.add(item.portal.id)

    # --- reactions and redactions, which Matrix shows apart ---

    def _reaction(self, item: Item, seen: Reacted) -> None:
        if item.key in self._heard:
            self.plan.ignored.append(ALREADY_KNOWN)
        elif self._is_there(item, self._known.get((item.portal.id, seen.target))):
            if self._is_unheard(item) or item.speaker is None:
                return
            added = ReactionAdded(
                target=seen.target,
                author=seen.author,
                key=seen.key,
                version=_version_at(seen.sent_at),
                sent_at=seen.sent_at,
            )
            self.plan.deliveries += self._deliveries(item, [added])
            self._heard[item.key] = Heard(target=seen.target, person=item.speaker, key=seen.key)

    def _redaction(self, item: Item, seen: Redacted) -> None:
        target = (item.portal.id, seen.target)
        heard = self._heard.get(target)
        if heard is not None:
            self._unreact(item, seen, heard)
            return
        known = self._known.get(target)
        if not self._is_there(item, known) or known is None:
            return
        if known.deleted:
            self.plan.ignored.append(ALREADY_KNOWN)
            return
        if target in self._world.beside:  # It is gone from the room, whoever took it.
            self._remember(item, replace(known, deleted=True))
        if not self._is_unheard(item):
            self._take_back(item, seen, known)

    def _unreact(self, item: Item, seen: Redacted, heard: Heard) -> None:
        if item.speaker != heard.person:
            self.plan.ignored.append(NOT_THE_AUTHOR)
            return
        removed = ReactionRemoved(
            target=heard.target,
            author=seen.author,
            key=heard.key,
            version=_version_at(seen.sent_at),
            sent_at=seen.sent_at,
        )
        self.plan.deliveries += self._deliveries(item, [removed])

    def _take_back(self, item: Item, seen: Redacted, known: Known) -> None:
        """In Teams people take back what they wrote themselves, and nothing else."""
        is_own = known.origin is self._side or item.relayed
        who = seen.author.id if is_own else item.speaker
        if known.author != who:
            self.plan.ignored.append(NOT_THE_AUTHOR)
            return
        beside = self._world.beside.get((item.portal.id, seen.target))
        if beside is not None and self._is_left(item, beside):
            self.plan.ignored.append(OTHER_PARTS_STAY)
            sender = UserId(seen.author.id)
            told = PartTakenBack(room=seen.origin, sender=sender, message=beside.message)
            self.plan.unheard.append(told)
            return
        version = _version_at(seen.sent_at)
        deleted = MessageDeleted(
            target=seen.target, author=seen.author, version=version, sent_at=seen.sent_at
        )
        self.plan.deliveries += self._deliveries(item, [deleted])
        self._remember(item, replace(known, deleted=True))

    def _is_left(self, item: Item, beside: Beside) -> bool:
        """Tell whether anything is left in the room of a message, as far as this plan goes."""
        others = (self._known.get((item.portal.id, ref)) for ref in beside.events)
        return beside.comes or any(known is None or not known.deleted for known in others)

    def _is_there(self, item: Item, target: Known | None) -> bool:
        """Tell whether what it refers to is known; if that may still become so, it is held."""
        if target is not None:
            return True
        if item.portal.id in self._world.busy or item.age < TARGET_PATIENCE:
            self._hold(item)
        else:
            self.plan.ignored.append(TARGET_UNKNOWN)
        return False

    # --- deliveries ---

    def _deliveries(self, item: Item, events: Sequence[Event]) -> list[NewDelivery]:
        return [
            NewDelivery(
                portal=item.portal.id,
                target=self._target.side,
                source=item.seen.ref,
                speaker=self._speaker(item, part),
                event=part,
                position=self._position(item, part),
                doubtful=item.entry.found,
            )
            for event in events
            for part in self._fit(event)
        ]

    def _fit(self, event: Event) -> tuple[Event, ...]:
        if isinstance(event, MessageSent | MessageEdited):
            return self._target.fit(event)
        return (event,)

    def _speaker(self, item: Item, event: Event) -> str:
        return event.author.id if self._side is Side.TEAMS else item.speaker or ""

    def _position(self, item: Item, event: Event) -> int:
        """After what it refers to, whatever the clock of its sender's homeserver says."""
        thread = event.thread if isinstance(event, MessageSent) else None
        before = (self._known.get((item.portal.id, ref)) for ref in (event.target, thread) if ref)
        positions = (known.position for known in before if known is not None)
        return max(_milliseconds(event.sent_at), *positions, 0)


_MS = timedelta(milliseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MS


def _version_at(instant: datetime) -> Version:
    return Version(str(_milliseconds(instant)))


def _unthreaded(event: Event) -> Event:
    return replace(event, thread=None) if isinstance(event, MessageSent) else event


def _losses(item: Item, seen: Sighting, events: Sequence[Event]) -> list[Loss]:
    if not any(isinstance(event, MessageSent | MessageEdited) for event in events):
        return []
    return [Loss(portal=item.portal.id, ref=seen.ref, name=name) for name in seen.losses]
