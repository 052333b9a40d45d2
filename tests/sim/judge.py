"""Who says in the end, from what both networks and the store hold, what is not as it should be.

looks      one conversation as it is now, on both sides
undecided  what nobody can tell any more                  ─▶ excused where it must be
wrongs     differences, repetitions, disorder, and what was left lying
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.domain.ids import MessageRef, Place, RoomId, Side, own_id
from bridge.matrix.echo import is_marked
from tests.kit.fake_matrix import MESSAGE, THREAD, FakeMatrix, answered_by, is_ours, related
from tests.kit.fake_network import Shown
from tests.kit.fake_store import FakeStore, StoredDelivery, StoredLink
from tests.kit.fake_teams import FakeTeams
from tests.sim.cast import IN_BOTH, IN_TEAMS, Cast, matrix_user
from tests.sim.looks import Looks
from tests.sim.people import People
from tests.sim.undecided import Undecided
from tests.sim.verdict import Ledger, Sides, differences, inversions, repetitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Knows both sides of one run; `rooms`: of every conversation, in the order of the cast.

    `bridged`: messages of Teams that a process has posted.
    """

    cast: Cast
    store: FakeStore
    teams: FakeTeams
    matrix: FakeMatrix
    people: People
    ledger: Ledger
    rooms: Mapping[Place, RoomId]
    bridged: Mapping[Place, set[MessageRef]]

    def looks(self, place: Place) -> Looks:
        """Look at one conversation as it is now."""
        return Looks(
            cast=self.cast,
            number=list(self.rooms).index(place),
            place=place,
            room=self.rooms[place],
            teams=self.teams,
            matrix=self.matrix,
            bridged=self.bridged[place],
            linked={link.message: link.matrix_event for link in self._links(place)},
        )

    def wrongs(self) -> Sequence[str]:
        """Say what is not as it should be now."""
        wrongs: list[str] = []
        for place in self.rooms:
            sides = self._sides(place)
            wrongs += [*differences(sides), *repetitions(sides)]
            wrongs += [*self.looks(place).impostors(), *self._disorder(place)]
        wrongs += [f"entry parked: {e.error}" for e in self.store.inbox.values() if e.parked]
        # What refers to something that nobody knows is held for longer than this lasts.
        wrongs += [
            f"entry left: {e.new.key} {e.error}"
            for e in self.store.inbox.values()
            if not e.parked and e.new.side is Side.TEAMS
        ]
        left: Iterable[StoredDelivery] = self.store.deliveries.values()
        for place in self.rooms:
            left = self.undecided(place).left(left)
        return [*wrongs, *(f"delivery {d.state}: {d.new.event} {d.error}" for d in left)]

    def set_aside(self) -> int:
        """Return how many messages were set aside because no look could find them any more."""
        return sum(len(self.undecided(place).sources) for place in self.rooms)

    def undecided(self, place: Place) -> Undecided:
        """Find out about what messages of a conversation nobody can tell any more."""
        back = self.people.brought_back
        return Undecided.of(self.store, self.teams, place, brought_back=back)

    def _sides(self, place: Place) -> Sides:
        """What came to us later than what refers to it may have been lost for that.

        But a reply in Teams knows no such excuse: its post is asked for.
        """
        replies, threads = self._loose_replies(place), self._loose_threads(place)
        undecided = self.undecided(place).sources

        def shown(views: Sequence[Shown]) -> list[Shown]:
            return [
                replace(
                    view,
                    reply_words=None if view.ref in replies else view.reply_words,
                    thread=None if view.ref in threads else view.thread,
                )
                for view in views
                if view.ref not in undecided
            ]

        looks = self.looks(place)
        return Sides(
            chat=place.conversation,
            teams=shown(looks.in_teams()),
            matrix=shown(looks.in_matrix()),
        )

    def _links(self, place: Place) -> list[StoredLink]:
        portal = self.store.portals[place].id
        return [link for link in self.store.links if link.portal == portal]

    def _loose_replies(self, place: Place) -> set[MessageRef]:
        prefix = f"{place.tenant}/{place.conversation}/"
        to_matrix = {link.message: link.matrix_event for link in self._links(place)}
        undecided = self.undecided(place).named
        loose: set[MessageRef] = set()
        for said in self.teams.chats[place.conversation].messages.values():
            if said.quotes and (
                self.ledger.went_before(prefix + said.ref, prefix + said.quotes)
                or said.quotes in undecided
                or self._was_away(to_matrix.get(said.quotes), to_matrix.get(said.ref))
            ):
                loose |= {said.ref, to_matrix.get(said.ref, said.ref)}
        return loose | self._went_before(place, answered_by)

    def _was_away(self, quoted: MessageRef | None, reply: MessageRef | None) -> bool:
        """Tell whether what was taken back came back to the room after what answers it."""
        names = [event["event_id"] for event in self.matrix.timeline]
        return quoted in names and reply in names and names.index(reply) < names.index(quoted)

    def _loose_threads(self, place: Place) -> set[MessageRef]:
        loose = self._went_before(place, lambda content: related(content, THREAD))
        to_teams = {link.matrix_event: link.message for link in self._links(place)}
        for ref, target in self.looks(place).reactions_in_words().items():
            of = self.matrix.event(target)
            is_taken_back = of is not None and not of["content"]
            # It stands in the thread of what it is about, as far as anybody can tell then.
            if target in loose or is_taken_back or self._came_after(place, target, ref):
                loose |= {ref, to_teams.get(ref, ref)}
        return loose

    def _went_before(
        self, place: Place, referred: Callable[[Mapping[str, Any]], str | None]
    ) -> set[MessageRef]:
        """Return the events, and what they are in Teams, that left before what they refer to came.

        To what was set aside they go as if it were not there.
        """
        to_teams = {link.matrix_event: link.message for link in self._links(place)}
        refs = {
            MessageRef(event["event_id"]): referred(event["content"])
            for event in self.looks(place).events()
        }
        early = {
            ref for ref, target in refs.items() if target and self._came_after(place, target, ref)
        }
        return early | {to_teams[ref] for ref in early if ref in to_teams}

    def _came_after(self, place: Place, target: str, ref: str) -> bool:
        """Tell whether what `ref` refers to was not there yet when it was decided about that."""
        return (
            target in self.undecided(place).sources
            or target in self.ledger.waited
            or self.ledger.went_before(ref, target)
        )

    def _disorder(self, place: Place) -> Sequence[str]:
        """Compare the order on each side with that in which it was said on the other."""
        prefix = f"{place.tenant}/{place.conversation}/"
        toward_matrix = [(prefix + name, ref) for name, ref in self._said_in_teams(place)]
        found = [
            *inversions(toward_matrix, self._heard_in_matrix(self.rooms[place]), self.ledger),
            *self._inversions_in_teams(self._said_in_matrix(place), excused=self.ledger.waited),
        ]
        for who in (*IN_BOTH, *self.cast.guests):
            # Nobody overtakes themselves, whatever waited for a sign-in.
            found += self._inversions_in_teams(self._said_in_matrix(place, by=matrix_user(who)))
        return found

    def _inversions_in_teams(
        self, said: list[tuple[str, str]], *, excused: Collection[str] = ()
    ) -> Iterator[str]:
        heard = sorted((ref for _, ref in said), key=_age)
        return inversions(said, heard, self.ledger, excused=excused)

    def _said_in_matrix(self, place: Place, *, by: str | None = None) -> list[tuple[str, str]]:
        """What people of Matrix said, in order, and what it is called in Teams, where ids are times."""
        links = {li.matrix_event: li.message for li in self._links(place) if not li.event.part}
        return [
            (e["event_id"], links[e["event_id"]])
            for e in self.matrix.timeline
            if e["room_id"] == self.rooms[place]
            and e["type"] == MESSAGE
            and e["event_id"] in links
            and not is_ours(e["sender"])
            and not is_marked(e)
            and by in {None, e["sender"]}
        ]

    def _said_in_teams(self, place: Place) -> list[tuple[str, str]]:
        links = {
            link.message: link.matrix_event for link in self.store.links if not link.event.part
        }
        chat = self.teams.chats[place.conversation]
        return [
            (said.ref, links[said.ref])
            for said in chat.messages.values()
            if said.ref in links
            and said.author in IN_TEAMS
            and said.ref not in self.bridged[place]
            and said.deleted is None
            and said.ref not in self.people.brought_back
        ]

    def _heard_in_matrix(self, room: RoomId) -> list[str]:
        return [
            e["event_id"]
            for e in self.matrix.timeline
            if e["room_id"] == room
            and e["type"] == MESSAGE
            and (is_ours(e["sender"]) or is_marked(e))
            and related(e["content"], "m.replace") is None
        ]


def _age(ref: str) -> int:
    """Ids in Teams are times."""
    return int(own_id(MessageRef(ref)))
