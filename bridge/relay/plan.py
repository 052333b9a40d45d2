"""What becomes of entries that have been read: decided here, carried out by `relay.intake`.

    sightings + known messages + what is in the air ──▶ deliveries, held, ignored

No I/O and no clock: the same world gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Set as AbstractSet
from dataclasses import dataclass, field

from bridge.domain.changes import Known, changes
from bridge.domain.events import Event, Ignored, Sighting, Unheard
from bridge.domain.ids import EntryId, MessageRef, Place, PortalId, RoomId, Side, UserId
from bridge.domain.portal import Portal
from bridge.ports import Endpoint, Entry, NewDelivery

NOT_A_PORTAL = "not_a_portal"
NOT_SIGNED_IN = "sender_not_signed_in"

MessageKey = tuple[PortalId, MessageRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One sighting with the entry it came from, the portal it belongs to and who will say it."""

    entry: Entry
    sighting: Sighting
    portal: Portal
    speaker: str | None


@dataclass(slots=True, kw_only=True)
class Plan:
    """What to write; `unheard` is what to tell senders, once it is written."""

    deliveries: list[NewDelivery] = field(default_factory=list)
    held: dict[EntryId, Entry] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)


class Planner:
    """Decides, in reading order, what crosses to `target`; `plan` grows with every decision."""

    def __init__(
        self,
        target: Endpoint,
        *,
        known: Mapping[MessageKey, Known],
        in_the_air: AbstractSet[tuple[PortalId, str]],
    ) -> None:
        self.plan = Plan()
        self._target = target
        self._known = dict(known)
        self._in_the_air = in_the_air

    def decide(self, one: Seen) -> None:
        """Add to the plan what becomes of one sighting, or nothing at all if it raises.

        Raises:
            Unconvertible: It cannot be cut so that it fits the far side.
        """
        key = (one.portal.id, one.sighting.ref)
        side = self._target.side.other
        event = changes(self._known.get(key), one.sighting, side=side)
        if isinstance(event, Ignored):
            self.plan.ignored.append(event.reason)
        elif (one.portal.id, one.sighting.author.id) in self._in_the_air:
            # The gate: this may be our own message, back before the answer to our POST.
            self.plan.held[one.entry.id] = one.entry
        elif one.speaker is None:
            self.plan.ignored.append(NOT_SIGNED_IN)
            self.plan.unheard.extend(_unheard(one.sighting))
        else:
            self.plan.deliveries += self._deliveries(one, event, one.speaker)
            self._known[key] = Known(origin=side, version=one.sighting.version)

    def _deliveries(self, one: Seen, event: Event, speaker: str) -> list[NewDelivery]:
        return [
            NewDelivery(
                portal=one.portal.id,
                target=self._target.side,
                source=one.sighting.ref,
                speaker=speaker,
                event=part,
            )
            for part in self._target.fit(event)
        ]


def _unheard(sighting: Sighting) -> tuple[Unheard, ...]:
    if isinstance(sighting.origin, Place):
        return ()
    return (Unheard(room=RoomId(sighting.origin), sender=UserId(sighting.author.id)),)


def needs_gate(side: Side) -> bool:
    """Tell whether sightings of a side may be our own messages under the name of a real person.

    On Matrix an echo is known by its sender, a ghost.
    """
    return side is Side.TEAMS
