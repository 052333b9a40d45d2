"""Telling in Matrix what a system message of Teams says, with the names that it leaves out.

system_events.Event ─ done from Matrix? (GrantedBook) ─ yes ─▶ Ignored; News
          └─ no ─ Directory: who is that? ─▶ convert.system ─▶ Sighting, a notice; News
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bridge.convert.losses import UNKNOWN_SYSTEM_EVENT
from bridge.convert.system import words_for
from bridge.domain.events import Ignored, Person, Sighting
from bridge.domain.ids import Place, channel_of, root_of
from bridge.domain.values import dataclass
from bridge.ports import Reading
from bridge.ports.granted import GrantedBook
from bridge.teams.payloads import ChatMessage
from bridge.teams.system_events import Event, granted_in, news_of

NOBODY = Person(id="")
"""Who tells what nobody did."""

DONE_IN_MATRIX = "done_in_matrix"

Naming = Callable[[Place, Person], Awaitable[Person]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Makes notices of events; `naming` fills in what Graph did not say of somebody."""

    naming: Naming
    granted: GrantedBook

    async def tell(self, place: Place, message: ChatMessage) -> Reading:
        """Say what happened, and what must be looked at since.

        What somebody did in Matrix stands in the room as what they did: it is not told there again.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        event = message.event or Event(kind="")
        deed = granted_in(place, event)
        if deed is not None and await self.granted.is_told(deed, message.ref, message.created_at):
            return Reading(ignored=(Ignored(reason=DONE_IN_MATRIX),), news=news_of(place, event))
        whose = event.whose and await self.naming(place, event.whose)
        people = [await self.naming(place, person) for person in event.to_name]
        happening = event.told(whose, people, in_channel=channel_of(place) is not None)
        sighting = Sighting(
            origin=place,
            ref=message.ref,
            version=message.version,
            author=NOBODY if whose is None or event.teller is None else whose,
            sent_at=message.created_at,
            body=words_for(happening),
            edited=event.stage,
            deleted=message.deleted,
            reactions=message.reactions,
            thread=root_of(message.ref),
            is_notice=True,
            losses=() if event.is_known else (UNKNOWN_SYSTEM_EVENT,),
        )
        return Reading(sightings=(sighting,), news=news_of(place, event))
