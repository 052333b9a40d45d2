"""What becomes of entries that have been read: decided here, carried out by `relay.intake`.

    sightings + known messages + what is in the air ──▶ deliveries, held, ignored

No I/O and no clock: the same world gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass, field

from bridge.domain.changes import Known, changes
from bridge.domain.events import Ignored, Sighting, Unheard
from bridge.domain.ids import MessageRef, Place, PortalId, RoomId, Side, UserId
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
    held: dict[int, Entry] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)


def make_plan(
    seen: Iterable[Seen],
    *,
    target: Endpoint,
    known: Mapping[MessageKey, Known],
    in_the_air: AbstractSet[tuple[PortalId, str]],
) -> Plan:
    """Decide, in reading order, what crosses to `target`."""
    plan = Plan()
    known_now = dict(known)
    for one in seen:
        _decide(plan, one, target=target, known=known_now, in_the_air=in_the_air)
    return plan


def _decide(
    plan: Plan,
    one: Seen,
    *,
    target: Endpoint,
    known: dict[MessageKey, Known],
    in_the_air: AbstractSet[tuple[PortalId, str]],
) -> None:
    side = target.side.other
    key = (one.portal.id, one.sighting.ref)
    event = changes(known.get(key), one.sighting, side=side)
    if isinstance(event, Ignored):
        plan.ignored.append(event.reason)
    elif (one.portal.id, one.sighting.author.id) in in_the_air:
        # The gate: this may be our own message, back before the answer to our POST.
        plan.held[one.entry.id] = one.entry
    elif one.speaker is None:
        plan.ignored.append(NOT_SIGNED_IN)
        plan.unheard.extend(_unheard(one.sighting))
    else:
        known[key] = Known(origin=side, version=one.sighting.version)
        plan.deliveries.extend(
            NewDelivery(
                portal=one.portal.id,
                target=target.side,
                source=one.sighting.ref,
                speaker=one.speaker,
                event=part,
            )
            for part in target.fit(event)
        )


def _unheard(sighting: Sighting) -> tuple[Unheard, ...]:
    if isinstance(sighting.origin, Place):
        return ()
    return (Unheard(room=RoomId(sighting.origin), sender=UserId(sighting.author.id)),)


def gate_side(side: Side) -> Side | None:
    """Name the side whose unfinished deliveries make sightings of `side` ambiguous.

    Only Teams shows our own messages under the name of a real person; on Matrix an echo is known
    by its sender, a ghost.
    """
    return side if side is Side.TEAMS else None
