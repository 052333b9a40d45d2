"""The bridge's way to the fake homeserver: what `bridge.matrix.endpoint` is to Synapse.

take_in   event JSON ─▶ what `bridge.matrix.reading` makes of it
deliver   the portal's room, made when first needed ─▶ what `bridge.matrix.saying` makes of the event
          ─▶ as the author's own account, with its mark, or as their ghost; what is taken back is taken
          back by whoever sent it, if we may speak as them for who takes it back, or by the bot
find      while the homeserver remembers transactions: None, for repeating is harmless;
          later: the event with our marker, the ghost's reaction, the redaction of the target
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

import orjson
from typing_extensions import override

from bridge.convert.matrix import measure_matrix
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
    Seen,
    Sighting,
)
from bridge.domain.ids import MessageRef, RoomId, Side, UserId
from bridge.domain.portal import Portal
from bridge.matrix import saying
from bridge.matrix.echo import mark
from bridge.matrix.reading import reading_of
from bridge.ports import Confirm, Delivery, Endpoint, Entry, Reading
from tests.kit.fake_matrix import (
    BOT,
    MESSAGE,
    REACTION,
    REDACTION,
    DuplicateAnnotation,
    FakeMatrix,
    Json,
    ghost,
    is_ours,
)
from tests.kit.fake_network import (
    bare,
    exchange,
    far_parts,
    in_parts,
    milliseconds,
    part_of,
    surplus,
)

BYTES_MAX = 600
"""So small that ordinary messages have parts."""
REMEMBERED_FOR = timedelta(hours=20)

RoomMade = Callable[[Portal, RoomId], Awaitable[None]]


async def _nobody(_portal: Portal, _room: RoomId) -> None:
    return


class FakeMatrixEndpoint(Endpoint):
    """One process's way to Matrix.

    `room_made` is told which room a portal has got; `own_accounts`: as whom people of Teams are heard
    who have an account here, the others by their ghosts.
    """

    side = Side.MATRIX
    shows_within = timedelta(0)

    def __init__(
        self,
        network: FakeMatrix,
        *,
        bytes_max: int = BYTES_MAX,
        room_made: RoomMade = _nobody,
        own_accounts: Mapping[str, UserId] = {},
    ) -> None:
        self.network = network
        self.own_accounts = own_accounts
        self.bytes_max = bytes_max
        self.room_made = room_made

    @override
    async def take_in(self, entry: Entry) -> Reading:
        read = reading_of(orjson.loads(entry.raw), bot=BOT, received_at=entry.received_at)
        return replace(read, sightings=tuple(map(self._settled, read.sightings)))

    def _settled(self, seen: Seen) -> Seen:
        """Say whether an edit is by who sent what it edits."""
        if not self.own_accounts or not isinstance(seen, Sighting) or not seen.edited:
            return seen
        original = self.network.event(seen.ref)
        return replace(seen, is_own=original is not None and original["sender"] == seen.author.id)

    @override
    def fit(self, event: Event) -> tuple[Event, ...]:
        return in_parts(event, size_max=self.bytes_max, measure=measure_matrix)

    @override
    async def deliver(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        event = delivery.event
        match event:
            case MessageSent():
                answers = saying.answered(delivery)
                content = saying.message(delivery, event.body, reply_to=answers)
                return await self._send(delivery, MESSAGE, content, confirm)
            case MessageEdited():
                return await self._edit(delivery, event, confirm)
            case MessageDeleted():
                return await self._take_back(delivery)
            case ReactionAdded():
                return await self._react(delivery, event, confirm)
            case ReactionRemoved():
                target, ref = far_parts(delivery)[0].ref, delivery.far.reaction
                return target if ref is None else await self._redact(delivery, ref)
            case _:
                assert_never(event)

    @override
    async def find(self, delivery: Delivery) -> MessageRef | None:
        room = delivery.portal.room
        if room is None or self._is_harmless(delivery):
            return None
        await self.network.moment("matrix read")
        event = delivery.event
        match event:
            case MessageSent() | MessageEdited():
                return self._marked(room, delivery)
            case MessageDeleted():
                gone = [self._redaction_of(part.ref) for part in delivery.far.parts]
                return gone[0] if gone and all(gone) else None
            case ReactionAdded():
                return self._reaction_of(room, delivery, event)
            case ReactionRemoved():
                return self._redaction_of(delivery.far.reaction)
            case _:
                assert_never(event)

    # --- delivering ---

    def _voice(self, delivery: Delivery) -> UserId:
        author = delivery.event.author.id
        return self.own_accounts.get(author) or ghost(author)

    def _may_replace(self, delivery: Delivery, event: MessageEdited) -> bool:
        """Tell whether the author themselves can edit what they have written here."""
        parts = delivery.far.parts
        original = self.network.event(parts[0].ref) if len(parts) == event.parts == 1 else None
        own = self.own_accounts.get(event.author.id)
        return original is not None and own is not None and saying.may_replace(original, own)

    async def _room(self, delivery: Delivery) -> RoomId:
        if delivery.portal.room is not None:
            return delivery.portal.room
        place = delivery.portal.place
        room = await exchange(
            self.network.moment, "matrix room", lambda: self.network.open_room(place)
        )
        await self.room_made(delivery.portal, room)
        return room

    async def _send(
        self, delivery: Delivery, kind: str, content: Json, confirm: Confirm
    ) -> MessageRef:
        room, who = await self._room(delivery), self._voice(delivery)
        if not is_ours(who):
            content = content | mark(who, room, milliseconds(delivery.event.sent_at))
        # As in the real one, the kind and the slot tell apart what one source has led to.
        transaction, sent_at = saying.transaction_of(delivery, kind), delivery.event.sent_at
        return await exchange(
            self.network.moment,
            f"matrix {kind}",
            lambda: self.network.send(room, who, transaction, kind, content, sent_at=sent_at),
            connection=lambda: self.network.restarts,
            confirm=None if self.network.has_devices else confirm,
        )

    async def _redact(self, delivery: Delivery, ref: MessageRef) -> MessageRef:
        """Take an event back as the ghost whose it is, as its own author, or as the bot."""
        event, done = self.network.event(ref), self._redaction_of(ref)
        if event is None or done is not None:
            return done or ref
        room, sender = await self._room(delivery), UserId(event["sender"])
        who = sender if is_ours(sender) or sender == self._voice(delivery) else BOT
        transaction = saying.transaction_of(delivery, f"{REDACTION} {ref} as {who}")
        marked = {} if is_ours(who) else mark(who, room, ref)
        return await exchange(
            self.network.moment,
            f"matrix {REDACTION}",
            lambda: self.network.send(room, who, transaction, REDACTION, {"redacts": ref} | marked),
        )

    async def _edit(self, delivery: Delivery, event: MessageEdited, confirm: Confirm) -> MessageRef:
        """What a person of Matrix wrote nobody else can edit for them: it is said anew, in reply."""
        parts = far_parts(delivery)
        if saying.is_theirs(parts) and self._may_replace(delivery, event):
            content = saying.edit(delivery, event.body, of=parts[0].ref)
            return await self._send(delivery, MESSAGE, content, confirm)
        if saying.is_theirs(parts):
            first = event.part == 0
            content = saying.message(
                delivery,
                saying.pencilled(event.body) if first else event.body,
                reply_to=parts[0].ref if first else None,
            )
            return await self._send(delivery, MESSAGE, content, confirm)
        for over in surplus(event, parts):
            await self._redact(delivery, over.ref)
        part = part_of(parts, event.part)
        if part is None:
            content = saying.message(delivery, event.body)
        else:
            content = saying.edit(delivery, event.body, of=part.ref)
        return await self._send(delivery, MESSAGE, content, confirm)

    async def _take_back(self, delivery: Delivery) -> MessageRef:
        """Redact all parts, and what the words of a person of Matrix became when they were edited."""
        parts = far_parts(delivery)
        refs = [part.ref for part in parts]
        if saying.is_theirs(parts):
            refs += self._said_anew(delivery)
        first, *others = dict.fromkeys(refs)
        for ref in others:
            await self._redact(delivery, ref)
        return await self._redact(delivery, first)

    async def _react(
        self, delivery: Delivery, event: ReactionAdded, confirm: Confirm
    ) -> MessageRef:
        content = saying.reaction(delivery, event.key, to=far_parts(delivery)[0].ref)
        try:
            return await self._send(delivery, REACTION, content, confirm)
        except DuplicateAnnotation:
            found = self._reaction_of(await self._room(delivery), delivery, event)
            if found is None:
                raise
            return found

    # --- looking ---

    def _is_harmless(self, delivery: Delivery) -> bool:
        """Tell whether the homeserver still knows what an attempt has sent."""
        since = min(delivery.created_at, delivery.event.sent_at)
        return self.network.has_devices and self.network.clock.now() - since < REMEMBERED_FOR

    def _marked(self, room: RoomId, delivery: Delivery) -> MessageRef | None:
        marker = saying.marker_of(delivery)
        found = self.network.events_of(room, MESSAGE)
        marked = (event for event in found if event["content"].get(saying.MARKER) == marker)
        return next((MessageRef(event["event_id"]) for event in marked), None)

    def _said_anew(self, delivery: Delivery) -> list[MessageRef]:
        room = delivery.portal.room
        return [
            MessageRef(event["event_id"])
            for event in ([] if room is None else self.network.events_of(room, MESSAGE))
            if saying.said_anew(delivery, event["content"].get(saying.MARKER))
        ]

    def _reaction_of(
        self, room: RoomId, delivery: Delivery, event: ReactionAdded
    ) -> MessageRef | None:
        parts = delivery.far.parts
        users = {ghost(event.author.id), self._voice(delivery)}
        for given in self.network.annotations(room, parts[0].ref) if parts else ():
            key = given["content"]["m.relates_to"]["key"]
            if given["sender"] in users and bare(key) == event.key:
                return MessageRef(given["event_id"])
        return None

    def _redaction_of(self, ref: MessageRef | None) -> MessageRef | None:
        event = self.network.event(ref)
        because = None if event is None else event["unsigned"].get("redacted_because")
        return None if because is None else MessageRef(because["event_id"])
