"""What people see on both sides, made comparable: what stays on its side left out, relayed words undone.

timeline of a room   without whom nobody hears in Teams, and without what does not cross;
                     a reaction of somebody who is spoken for is words here, as it is there
messages of a chat   without what does not cross; "linus: words" by `relay` are linus' words
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.domain.ids import MessageRef, Place, RoomId, Side, channel_of
from bridge.domain.portal import Direction
from bridge.matrix.echo import is_marked
from tests.kit.fake_matrix import (
    MESSAGE,
    REACTION,
    THREAD,
    FakeMatrix,
    is_ours,
    related,
    relation_of,
    said,
    view_of,
)
from tests.kit.fake_network import Shown, bare
from tests.kit.fake_teams import FakeTeams
from tests.sim.cast import IN_MATRIX, RELAY, Cast, name_of

Json = dict[str, Any]

_LED = re.compile(rf"^({'|'.join(IN_MATRIX)}): ")
REACTED = "reacted with "


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """One conversation of a run; `bridged` are the messages of Teams that a process has posted.

    `linked` are those that some process knows of, and what they are in Matrix.
    """

    cast: Cast
    number: int
    place: Place
    room: RoomId
    teams: FakeTeams
    matrix: FakeMatrix
    bridged: Collection[MessageRef]
    linked: Mapping[MessageRef, MessageRef]

    @property
    def direction(self) -> Direction:
        return self.cast.directions[self.number]

    def is_changed_in_teams(self, ref: MessageRef) -> bool:
        """Tell whether its author may change a message there, and no question is left what that means.

        What a direction keeps apart is changed where it was said.
        """
        return ref not in self.bridged or self.direction is Direction.BOTH

    def is_unknown(self, ref: MessageRef) -> bool:
        """Tell whether a process has posted a message, and none knows that it is there."""
        return ref in self.bridged and ref not in self.linked

    def in_teams(self) -> list[Shown]:
        """Return what is to be seen in Matrix, too."""
        shown = [_undone(one) for one in self.teams.view(self.place)]
        if self.direction.carries(Side.TEAMS):
            return shown
        stays = set(self.cast.changing_in_teams())
        return [
            replace(one, reactions=frozenset(p for p in one.reactions if p[0] not in stays))
            for one in shown
            if one.ref in self.bridged
        ]

    def in_matrix(self) -> list[Shown]:
        """Return what is to be seen in Teams, too."""
        return view_of(self.events(), person_of_matrix)

    def events(self) -> list[Json]:
        """Return the events of the room that count."""
        mine = [event for event in self.matrix.timeline if event["room_id"] == self.room]
        return [self._as_in_teams(event) for event in mine if self._counts(event)]

    def _counts(self, event: Json) -> bool:
        if is_ours(event["sender"]) or is_marked(event):
            return True
        if not self.direction.carries(Side.MATRIX):
            return False
        if self._is_in_words(event) and self._never_crossed(event):
            return False
        return name_of(event["sender"]) not in IN_MATRIX or self.cast.relayed[self.number]

    def reactions_in_words(self) -> dict[MessageRef, MessageRef]:
        """Return the reactions that are words in Teams, and what they are about."""
        return {
            MessageRef(event["event_id"]): MessageRef(event["content"]["m.relates_to"]["event_id"])
            for event in self.matrix.timeline
            if event["room_id"] == self.room and self._is_in_words(event)
        }

    def _is_in_words(self, event: Json) -> bool:
        is_reaction = event["type"] == REACTION and bool(event["content"])
        return is_reaction and name_of(event["sender"]) in IN_MATRIX

    def _never_crossed(self, reaction: Json) -> bool:
        """Tell whether it is to what was taken back before Teams had it: there is nothing to say."""
        target = MessageRef(reaction["content"]["m.relates_to"]["event_id"])
        of = self.matrix.event(target)
        return of is not None and not of["content"] and target not in self.linked.values()

    def _as_in_teams(self, event: Json) -> Json:
        content = event["content"]
        if not self._is_in_words(event):
            return event
        words = said(REACTED + bare(content["m.relates_to"]["key"]))
        target = MessageRef(content["m.relates_to"]["event_id"])
        relation = relation_of(reply_to=target)
        if channel_of(self.place) is not None:
            of = self.matrix.event(target)
            root = None if of is None else related(of["content"], THREAD)
            relation = relation_of(thread=MessageRef(root or target))
        return {**event, "type": MESSAGE, "content": words | relation}

    def impostors(self) -> Iterator[str]:
        """Name who is heard in Matrix by another than they should."""
        for event in self.matrix.timeline:
            user, content = event["sender"], event["content"]
            if (
                event["room_id"] != self.room
                or not content
                or event["type"] not in {MESSAGE, REACTION}
            ):
                continue
            person = person_of_matrix(user)
            if is_ours(user) and person in self.cast.puppets:
                yield f"{self.place.conversation}: the ghost of {person} says {content}"
            elif is_marked(event) and person not in self.cast.puppets:
                yield f"{self.place.conversation}: {user} is made to say {content}"


def _undone(shown: Shown) -> Shown:
    """Take what the relay account says for what it is: words of somebody else."""
    person, words = shown.person, shown.words
    if person == RELAY and (led := _LED.match(words)):
        person, words = led[1], words.removeprefix(led[0])
    return replace(
        shown,
        person=person,
        words=words,
        reply_words=_bare(shown.reply_words),
        thread=_bare(shown.thread),
    )


def _bare(words: str | None) -> str | None:
    return None if words is None else _LED.sub("", words)


def person_of_matrix(user: str) -> str:
    """Return the person behind a ghost or a Matrix user."""
    name = name_of(user)
    return name.removeprefix("teams_") if is_ours(user) else name
