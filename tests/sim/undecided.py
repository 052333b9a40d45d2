"""What no look could tell any more: set aside for a person, and so left out of the comparison.

    posted, the answer lost ─▶ its author changes it in Teams ─▶ neither its words nor its trace
                                                             ─▶ said again? perhaps twice. Parked

What refers to it cannot cross either. What was changed in Teams comes to Matrix as something new.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from bridge.domain.events import MessageSent
from bridge.domain.ids import MessageRef, Place
from tests.kit.fake_store import FakeStore, StoredDelivery
from tests.kit.fake_teams import FakeTeams, Said

_NAMED = re.compile(
    r"messages? (.+?)( and \d+ before them)? (was|were) edited or deleted in Teams: it may have been"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Of one conversation: what was set aside, and what in Teams it may be."""

    sources: frozenset[MessageRef]
    named: frozenset[MessageRef]

    @classmethod
    def of(
        cls,
        store: FakeStore,
        teams: FakeTeams,
        place: Place,
        *,
        brought_back: Collection[MessageRef],
    ) -> Self:
        """Believe only what is so: the same author, and it was changed indeed."""
        portal = store.portals[place].id
        found = [
            (delivery.new.source, said.ref)
            for delivery in store.deliveries.values()
            if delivery.new.portal == portal
            for said in _named_by(delivery, teams, place)
            if said.author == delivery.new.speaker
            and (said.edited or said.deleted is not None or said.ref in brought_back)
        ]
        return cls(
            sources=frozenset(source for source, _ in found),
            named=frozenset(ref for _, ref in found),
        )

    def left(self, deliveries: Iterable[StoredDelivery]) -> Iterator[StoredDelivery]:
        """Leave out what was set aside, and what refers to it."""
        for delivery in deliveries:
            event, source = delivery.new.event, delivery.new.source
            about = source if isinstance(event, MessageSent) else event.target
            if delivery.state != "parked" or about not in self.sources:
                yield delivery


def _named_by(delivery: StoredDelivery, teams: FakeTeams, place: Place) -> list[Said]:
    found = _NAMED.search(delivery.error or "") if delivery.state == "parked" else None
    refs = found[1].split(", ") if found else []
    return [said for ref in refs if (said := teams.message(place, MessageRef(ref))) is not None]
