"""A homeserver in memory: rooms, their events, and what it remembers of what it was sent.

    people: say, reply, edit, react, redact ────┐
    requests of an endpoint, as a ghost ────────┴▶ event ─▶ timeline ─▶ `push(NewEntry)`, if a person's

Events are told apart by their ids; a redacted one stays without its content. Only what people do is
pushed, at once; whoever is pushed to may lose it, and find it again through `events_since`, which is
what an incremental /sync is. `restart` forgets what a homeserver keeps in memory only. Nothing here
waits, draws numbers at random or reads a clock of its own.

What is true of transaction ids was measured on Synapse 1.163.2: with a device, (room, user, device,
txn) is remembered in the database for 24 hours, whatever is sent under it; without, (path, txn) is
remembered in memory, whoever sends it.

Sources: Matrix spec v1.19, client-server § event relationships, § redactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from bridge.convert.matrix import parse_matrix, render_matrix
from bridge.domain.content import from_text
from bridge.domain.ids import MessageRef, Place, RoomId, Side, UserId
from bridge.errors import Rejected
from bridge.matrix.appservice import DUE_AT
from bridge.ports import Clock, NewEntry
from tests.kit.fake_network import Moment, Shown, bare, milliseconds, undisturbed, words

Json = dict[str, Any]
Push = Callable[[NewEntry], None]

DOMAIN = "fake.test"
BOT = UserId(f"@teamsbot:{DOMAIN}")
DEVICE = "TEAMS_BRIDGE"
REMEMBERED_WITH_DEVICE = timedelta(hours=24)
REMEMBERED_IN_MEMORY = timedelta(minutes=30)
THREAD = "m.thread"
MESSAGE, REACTION, REDACTION = "m.room.message", "m.reaction", "m.room.redaction"
_GHOST = "@teams_"


class DuplicateAnnotation(Rejected):
    """This user has reacted to this event with this emoji already (M_DUPLICATE_ANNOTATION)."""


class FakeMatrix:
    """One homeserver. `has_devices`: whether it remembers transactions across restarts."""

    def __init__(
        self,
        clock: Clock,
        *,
        push: Push,
        moment: Moment = undisturbed,
        has_devices: bool = True,
    ) -> None:
        self.clock = clock
        self.push = push
        self.moment = moment
        self.has_devices = has_devices
        self.timeline: list[Json] = []
        """All events of all rooms, in the order in which the homeserver took them."""
        self.rooms: dict[RoomId, Place | None] = {}
        self._by_id: dict[MessageRef, Json] = {}
        self._kept: dict[tuple[str, ...], tuple[datetime, MessageRef]] = {}
        self._in_memory: dict[tuple[str, ...], tuple[datetime, MessageRef]] = {}
        self._last_ms = 0
        self.restarts = 0

    def open_room(self, place: Place | None = None) -> RoomId:
        """Make a room; a portal has one only, by its alias."""
        found = next((room for room, of in self.rooms.items() if of == place), None)
        if found is not None and place is not None:
            return found
        room = RoomId(f"!room{len(self.rooms) + 1}")
        self.rooms[room] = place
        return room

    def restart(self) -> None:
        """Lose what is in memory, and close every connection."""
        self._in_memory.clear()
        self.restarts += 1

    # --- what people do; each in a millisecond of their own, as people are not faster ---

    def say(self, room: RoomId, who: str, text: str) -> MessageRef:
        return self._act(room, who, MESSAGE, said(text))

    def reply(self, room: RoomId, who: str, answered: MessageRef, text: str) -> MessageRef:
        return self._act(room, who, MESSAGE, said(text) | relation_of(reply_to=answered))

    def below(self, room: RoomId, who: str, root: MessageRef, text: str) -> MessageRef:
        """Say something in a thread."""
        return self._act(room, who, MESSAGE, said(text) | relation_of(thread=root))

    def edit(self, room: RoomId, who: str, ref: MessageRef, text: str) -> MessageRef:
        return self._act(room, who, MESSAGE, edited(said(text), ref))

    def react(self, room: RoomId, who: str, ref: MessageRef, key: str) -> MessageRef:
        """React.

        Raises:
            DuplicateAnnotation: This one has done so.
        """
        return self._act(room, who, REACTION, annotation(ref, key))

    def redact(self, room: RoomId, who: str, ref: MessageRef) -> MessageRef:
        """Take a message, an edit or a reaction back.

        Raises:
            Rejected: It is somebody else's.
        """
        return self._act(room, who, REDACTION, {"redacts": ref})

    # --- what an application service asks for ---

    def send(
        self,
        room: RoomId,
        who: UserId,
        transaction: str,
        kind: str,
        content: Mapping[str, Any],
        *,
        sent_at: datetime | None = None,
    ) -> MessageRef:
        """Take an event, or say what this transaction has made before.

        Raises:
            Rejected: It is not allowed.
        """
        now = self.clock.now()
        with_device = (room, who, DEVICE, transaction)
        path = (room, kind, str(content.get("redacts", "")), transaction)
        made = _remembered(self._in_memory.get(path), now, REMEMBERED_IN_MEMORY)
        if made is None and self.has_devices:
            made = _remembered(self._kept.get(with_device), now, REMEMBERED_WITH_DEVICE)
        if made is None:
            made = self._take(room, who, kind, content, milliseconds(sent_at or now))
        self._in_memory[path] = (now, made)
        if self.has_devices:
            self._kept.setdefault(with_device, (now, made))
        return made

    def event(self, ref: MessageRef | None) -> Json | None:
        """Return an event as the homeserver shows it now."""
        return None if ref is None else self._by_id.get(ref)

    def events_of(self, room: RoomId, kind: str) -> Iterator[Json]:
        """Yield the events of a room that were not redacted, oldest first."""
        for event in self.timeline:
            if event["room_id"] == room and event["type"] == kind and event["content"]:
                yield event

    def annotations(self, room: RoomId, target: MessageRef) -> Iterator[Json]:
        """Yield the reactions to an event that were not taken back."""
        for event in self.events_of(room, REACTION):
            if event["content"]["m.relates_to"]["event_id"] == target:
                yield event

    def events_since(self, token: int) -> tuple[list[Json], int]:
        """Return all that came since `token`, as it is now, and the next token; 0 is the beginning."""
        return self.timeline[token:], len(self.timeline)

    def found_since(self, token: int) -> tuple[list[NewEntry], int]:
        """Return as entries what people did since `token`, and the next token."""
        events, token = self.events_since(token)
        found = [self.entry(event) for event in events if not is_ours(event["sender"])]
        return [replace(entry, found=True) for entry in found], token

    def entry(self, event: Json) -> NewEntry:
        """Make an entry of an event, as it is now."""
        now = self.clock.now()
        return NewEntry(
            side=Side.MATRIX,
            key=event["event_id"],
            conversation=event["room_id"],
            position=event["origin_server_ts"],
            raw=orjson.dumps(event),
            received_at=now,
            due_at=DUE_AT,
        )

    def view(self, room: RoomId, person: Callable[[str], str] = str) -> list[Shown]:
        """Return what people see; `person` names Teams users and Matrix users for comparison."""
        events = [event for event in self.timeline if event["room_id"] == room]
        return view_of(events, lambda user: person(person_of(user)))

    # --- within ---

    def _act(self, room: RoomId, who: str, kind: str, content: Mapping[str, Any]) -> MessageRef:
        self._last_ms = max(milliseconds(self.clock.now()), self._last_ms + 1)
        return self._take(room, who, kind, content, self._last_ms)

    def _take(
        self, room: RoomId, who: str, kind: str, content: Mapping[str, Any], ms: int
    ) -> MessageRef:
        self._check(room, who, kind, content)
        ref = MessageRef(f"$event{len(self.timeline) + 1}")
        event: Json = {
            "event_id": ref,
            "room_id": room,
            "sender": who,
            "type": kind,
            "origin_server_ts": ms,
            "content": dict(content),
            "unsigned": {},
        }
        self.timeline.append(event)
        self._by_id[ref] = event
        redacted = self._by_id.get(content.get("redacts", ""))
        if kind == REDACTION and redacted is not None and redacted["content"]:
            redacted["content"] = {}
            redacted["unsigned"] = {"redacted_because": {"event_id": ref, "sender": who}}
        if not is_ours(who):
            self.push(self.entry(event))
        return ref

    def _check(self, room: RoomId, who: str, kind: str, content: Mapping[str, Any]) -> None:
        if room not in self.rooms:
            raise Rejected("there is no such room")
        if kind == REACTION:
            relation = content["m.relates_to"]
            given = self.annotations(room, relation["event_id"])
            if any(e["sender"] == who and e["content"]["m.relates_to"] == relation for e in given):
                raise DuplicateAnnotation("the same reaction twice")
        if kind == REDACTION:
            event = self._by_id.get(content["redacts"])
            if event is None or who not in {event["sender"], BOT}:
                raise Rejected("the event is not there, or somebody else's")


def view_of(events: Sequence[Json], person: Callable[[str], str]) -> list[Shown]:
    """Return what people see of the events of a room, oldest first; `person` names senders."""
    alive = [event for event in events if event["content"]]
    said_by = [event for event in alive if event["type"] == MESSAGE]
    spoken = {
        event["event_id"]: _words(event, said_by)
        for event in said_by
        if related(event["content"], "m.replace") is None
    }
    reactions = [event for event in alive if event["type"] == REACTION]
    return [
        Shown(
            ref=MessageRef(event["event_id"]),
            person=person(event["sender"]),
            words=spoken[event["event_id"]],
            reactions=frozenset(
                (person(given["sender"]), bare(given["content"]["m.relates_to"]["key"]))
                for given in reactions
                if related(given["content"], "m.annotation") == event["event_id"]
            ),
            reply_words=spoken.get(answered_by(event["content"]) or ""),
            thread=spoken.get(related(event["content"], THREAD) or ""),
        )
        for event in said_by
        if event["event_id"] in spoken
    ]


def _words(event: Json, messages: Sequence[Json]) -> str:
    """The newest wording by the author counts; what somebody else replaced does not."""
    edits = [
        edit
        for edit in messages
        if related(edit["content"], "m.replace") == event["event_id"]
        and edit["sender"] == event["sender"]
    ]
    newest = max(edits, key=lambda edit: edit["origin_server_ts"], default=None)
    return words(parse_matrix(newest["content"]["m.new_content"] if newest else event["content"]))


def ghost(person: str) -> UserId:
    """Name the Matrix user who stands for a Teams user."""
    return UserId(f"{_GHOST}{person}:{DOMAIN}")


def is_ours(user: str) -> bool:
    return user == BOT or user.startswith(_GHOST)


def person_of(user: str) -> str:
    """Return the Teams user whose ghost this is, or the Matrix user themselves."""
    is_ghost = user.startswith(_GHOST)
    return user.removeprefix(_GHOST).removesuffix(f":{DOMAIN}") if is_ghost else user


def said(text: str) -> Json:
    """Return the content of a message that says a plain text."""
    plain, _ = render_matrix(from_text(text))
    return {"msgtype": "m.text", "body": plain}


def edited(content: Json, ref: MessageRef) -> Json:
    """Return the content of an event that replaces what `ref` says."""
    relation = {"rel_type": "m.replace", "event_id": ref}
    fallback = {"msgtype": "m.text", "body": f"* {content['body']}"}
    return fallback | {"m.new_content": content, "m.relates_to": relation}


def annotation(ref: MessageRef, key: str) -> Json:
    """Return the content of a reaction."""
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": ref, "key": key}}


def relation_of(*, reply_to: MessageRef | None = None, thread: MessageRef | None = None) -> Json:
    """Return what makes a content an answer to a message, or puts it into a thread, or both."""
    relation: Json = {"m.in_reply_to": {"event_id": reply_to or thread}}
    if thread is not None:
        falls_back = reply_to is None
        relation |= {"rel_type": THREAD, "event_id": thread, "is_falling_back": falls_back}
    return {"m.relates_to": relation}


def related(content: Mapping[str, Any], kind: str) -> str | None:
    """Return what a content relates to in this way."""
    relation = content.get("m.relates_to") or {}
    return relation.get("event_id") if relation.get("rel_type") == kind else None


def answered_by(content: Mapping[str, Any]) -> MessageRef | None:
    """Return the message that a content answers; what it falls back to in a thread is none."""
    relation = content.get("m.relates_to") or {}
    if relation.get("rel_type") == THREAD and relation.get("is_falling_back"):
        return None
    found = relation.get("m.in_reply_to", {}).get("event_id")
    return None if found is None else MessageRef(found)


def _remembered(
    made: tuple[datetime, MessageRef] | None, now: datetime, period: timedelta
) -> MessageRef | None:
    return made[1] if made is not None and now - made[0] < period else None
