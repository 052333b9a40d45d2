"""What is said and done on both sides, drawn by the seed; nobody does what their client would refuse.

Who they are says `cast`. Whoever has signed in writes in Teams now and then, too, so that the gate
has something to tell apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from bridge.domain.ids import MessageRef, Place, RoomId, Side, channel_of
from bridge.domain.portal import Direction
from bridge.matrix.echo import is_marked
from tests.kit.fake_matrix import MESSAGE, REACTION, THREAD, FakeMatrix, related
from tests.kit.fake_teams import FakeTeams, Said
from tests.sim.cast import IN_BOTH, Cast, matrix_user, name_of
from tests.sim.looks import Looks

EMOJI = ("👍", "🎉", "❤")


@dataclass
class People:
    """Everybody, in all chats."""

    random: Random
    teams: FakeTeams
    matrix: FakeMatrix
    cast: Cast
    said: int = 0
    brought_back: set[MessageRef] = field(default_factory=set)
    answered: set[MessageRef] = field(default_factory=set)
    """What somebody answered, on either side, is not brought back once it was taken back: in Matrix
    that is another event, and the answer refers to the former. So do reactions that are said in words."""

    def act_in_teams(self, looks: Looks) -> None:
        """Do something in a chat."""
        place = looks.place
        chat = self.teams.chats[place.conversation]
        threads = channel_of(place) is not None
        alive = [said for said in chat.messages.values() if said.deleted is None]
        who = self.random.choice(self.cast.changing_in_teams())
        own = [s for s in alive if s.author == who and looks.is_changed_in_teams(s.ref)]
        gone = [
            said
            for said in chat.messages.values()
            if said.deleted is not None
            and said.author == who
            and looks.is_changed_in_teams(said.ref)
            and self._may_come_back(said, looks)
        ]
        acts: list[tuple[int, Callable[[], None]]] = [
            (50, lambda: self._say(place, who)),
            (10, lambda: self._say(place, self.random.choice(IN_BOTH))),
        ]
        if alive:
            acts += [(8, lambda: self._reply(place, who, self._pick(alive)))]
            acts += [(40 * threads, lambda: self._say_below(place, who, self._pick(alive)))]
            acts += [(10, lambda: self._react(place, who, self._pick(alive)))]
        if own:
            acts += [(8, lambda: self._edit(place, who, self._pick(own)))]
            acts += [(4, lambda: self.teams.delete(place, who, self._pick(own).ref))]
        # Hardly posted, and nobody here knows yet as what: that is when a change hides what it was.
        fresh = [said for said in own if looks.is_unknown(said.ref)]
        if fresh:
            acts += [(30, lambda: self._edit(place, who, self._pick(fresh)))]
            acts += [(30, lambda: self.teams.delete(place, who, self._pick(fresh).ref))]
        if gone:
            acts += [(10, lambda: self._bring_back(place, who, self._pick(gone)))]
        reacted = [said for said in alive if any(p == who for p, _ in said.reactions)]
        if reacted:
            acts += [(6, lambda: self._unreact(place, who, self._pick(reacted)))]
        self._one_of(acts)

    def act_in_matrix(self, looks: Looks) -> None:
        """Do something in a room; in that of a channel people use threads, and quote nothing there."""
        room, threads = looks.room, channel_of(looks.place) is not None
        who = matrix_user(self.random.choice((*IN_BOTH, *self.cast.guests)))
        changes = self.cast.changes_on.get(name_of(who)) is not Side.TEAMS
        events = [e for e in self.matrix.timeline if e["room_id"] == room and e["content"]]
        messages = [
            e for e in events if e["type"] == MESSAGE and related(e["content"], "m.replace") is None
        ]
        is_open = looks.direction is Direction.BOTH
        own = [e for e in messages if e["sender"] == who and (is_open or not is_marked(e))]
        reactions = [e for e in events if e["type"] == REACTION and e["sender"] == who]
        acts: list[tuple[int, Callable[[], None]]] = [(50, lambda: self._say_in_matrix(room, who))]
        if messages:
            say = self._say_below_in_matrix if threads else self._reply_in_matrix
            weight = 40 if threads else 8
            acts += [(weight, lambda: say(room, who, self._event(messages)))]
        if messages and changes:
            acts += [(10, lambda: self._react_in_matrix(room, who, self._event(messages)))]
        if own and changes:
            acts += [
                (8, lambda: self._edit_in_matrix(room, who, self._event(own))),
                (4, lambda: self._redact(room, who, self._event(own))),
            ]
        if reactions and changes:
            acts += [(6, lambda: self._redact(room, who, self._event(reactions)))]
        self._one_of(acts)

    def _may_come_back(self, said: Said, looks: Looks) -> bool:
        """Whoever brings a post back gets no thread back: in Matrix that is one of another event."""
        threads = channel_of(looks.place) is not None
        names = {said.ref, looks.linked.get(said.ref, said.ref)}
        return not names & self.answered and (said.root is not None or not threads)

    def _one_of(self, acts: list[tuple[int, Callable[[], None]]]) -> None:
        [act] = self.random.choices([a for _, a in acts], weights=[w for w, _ in acts])
        act()

    def _words(self) -> str:
        self.said += 1
        return f"words number {self.said}"

    def _pick(self, among: list[Said]) -> Said:
        return self.random.choice(among[-8:])

    def _event(self, among: list[dict[str, object]]) -> MessageRef:
        return MessageRef(str(self.random.choice(among[-8:])["event_id"]))

    # --- Teams ---

    def _say(self, place: Place, who: str) -> None:
        self.teams.say(place, who, self._words())

    def _say_below(self, place: Place, who: str, said: Said) -> None:
        post = said.root or said.ref
        self.answered.add(post)
        self.teams.below(place, who, post, self._words())

    def _reply(self, place: Place, who: str, said: Said) -> None:
        self.answered |= {said.ref, said.root or said.ref}
        self.teams.reply(place, who, said.ref, self._words())

    def _bring_back(self, place: Place, who: str, said: Said) -> None:
        self.brought_back.add(said.ref)
        self.teams.undelete(place, who, said.ref)

    def _edit(self, place: Place, who: str, said: Said) -> None:
        self.teams.edit(place, who, said.ref, self._words())

    def _react(self, place: Place, who: str, said: Said) -> None:
        self.teams.react(place, who, said.ref, self.random.choice(EMOJI))

    def _unreact(self, place: Place, who: str, said: Said) -> None:
        kinds = sorted(key for person, key in said.reactions if person == who)
        self.teams.unreact(place, who, said.ref, self.random.choice(kinds))

    # --- Matrix ---

    def _say_in_matrix(self, room: RoomId, who: str) -> None:
        self.matrix.say(room, who, self._words())

    def _reply_in_matrix(self, room: RoomId, who: str, ref: MessageRef) -> None:
        self.answered.add(ref)
        self.matrix.reply(room, who, ref, self._words())

    def _say_below_in_matrix(self, room: RoomId, who: str, ref: MessageRef) -> None:
        """In the thread that the message stands in, or one that it begins: clients nest none."""
        event = self.matrix.event(ref)
        root = None if event is None else related(event["content"], THREAD)
        self.answered |= {ref, MessageRef(root or ref)}
        self.matrix.below(room, who, MessageRef(root) if root else ref, self._words())

    def _edit_in_matrix(self, room: RoomId, who: str, ref: MessageRef) -> None:
        self.matrix.edit(room, who, ref, self._words())

    def _redact(self, room: RoomId, who: str, ref: MessageRef) -> None:
        self.matrix.redact(room, who, ref)

    def _react_in_matrix(self, room: RoomId, who: str, ref: MessageRef) -> None:
        key = self.random.choice(EMOJI)
        given = self.matrix.annotations(room, ref)
        if not any(
            e["sender"] == who and e["content"]["m.relates_to"]["key"] == key for e in given
        ):
            self.answered |= {ref} if name_of(who) in self.cast.guests else set()
            self.matrix.react(room, who, ref, key)
