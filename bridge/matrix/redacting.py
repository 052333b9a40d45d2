"""Take back what was said or shown in a room.

redact ─▶ whose is it? ─┬─ a ghost's: by that ghost ──▶ 403, or a device forgotten: by the bot
                        ├─ of who takes it back: by their own account ─▶ the same
                        ├─ anybody else's: by the bot
                        └─ nobody's any more: done
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from bridge.domain.events import Person
from bridge.domain.ids import MessageRef, RoomId
from bridge.matrix.answers import FORBIDDEN, NOT_FOUND, UNKNOWN_DEVICE, RejectedByHomeserver
from bridge.matrix.as_bot import as_bot
from bridge.matrix.client import Client
from bridge.matrix.echo import mark
from bridge.matrix.ghosts import Ghosts, Identity
from bridge.matrix.names import localpart_of, person_of
from bridge.matrix.puppets import NOBODY, Puppets
from bridge.matrix.saying import transaction_of
from bridge.matrix.sender import Redaction, Sender
from bridge.ports import Delivery

_NOT_THEIRS = frozenset({FORBIDDEN, UNKNOWN_DEVICE})


class Redactor:
    """Redacts as whoever may; remembers nothing."""

    def __init__(
        self, sender: Sender, client: Client, ghosts: Ghosts, puppets: Puppets = NOBODY
    ) -> None:
        self._puppets = puppets
        self._sender = sender
        self._client = client
        self._ghosts = ghosts

    async def redact(self, delivery: Delivery, room: RoomId, ref: MessageRef) -> MessageRef:
        """Redact an event of a room; return the redaction, or the event if there is none to redact.

        Raises:
            Refused: It was certainly not redacted.
            Uncertain: It may have been; repeating it is harmless.
        """
        event = await self._client.event(room, ref)
        if event is None:
            return ref
        if (done := redaction_of(event)) is not None:
            return done
        who = await self._who_sent(delivery, str(event.get("sender")))
        if who is not None:
            try:
                return await self._redact_as(who, delivery, room, ref)
            except RejectedByHomeserver as error:
                if error.errcode not in _NOT_THEIRS:
                    raise
        return await as_bot(self._ghosts, lambda bot: self._redact_as(bot, delivery, room, ref))

    async def found(self, room: RoomId, refs: Sequence[MessageRef]) -> MessageRef | None:
        """Return the redaction of the first of these events if all of them are redacted.

        Raises:
            RemoteError: The room could not be read now.
        """
        redactions: list[MessageRef] = []
        for ref in refs:
            event = await self._client.event(room, ref)
            redaction = None if event is None else redaction_of(event)
            if redaction is None:
                return None
            redactions.append(redaction)
        return redactions[0] if redactions else None

    async def _who_sent(self, delivery: Delivery, sender: str) -> Identity | None:
        """Return the sender if we may speak as them; as a person only for themselves."""
        names, tenant = self._ghosts.names, delivery.portal.place.tenant
        if not names.is_ghost(sender):
            own = await self._puppets.of(tenant, delivery.event.author)
            return own if own is not None and own.user == sender else None
        person = person_of(names.ghost_template, localpart_of(sender))
        return None if person is None else await self._ghosts.ensure(tenant, Person(id=person))

    async def _redact_as(
        self, who: Identity, delivery: Delivery, room: RoomId, ref: MessageRef
    ) -> MessageRef:
        redaction = Redaction(
            room=room,
            sender=who.user,
            device=who.device,
            # One delivery may take back several events; and what a ghost may not, the bot does.
            transaction=transaction_of(delivery, f"redact {ref} as {who.user}"),
            target=ref,
            content=orjson.dumps(mark(who.user, room, ref)) if who.own else b"{}",
        )
        sender = self._puppets.sender if who.own else None
        try:
            return await (sender or self._sender).redact(redaction)
        except RejectedByHomeserver as error:
            if error.errcode == NOT_FOUND:
                return ref
            raise


def redaction_of(event: Mapping[str, Any]) -> MessageRef | None:
    """Return what has redacted an event, as the homeserver shows it; None if nothing has."""
    unsigned = event.get("unsigned")
    because = unsigned.get("redacted_because") if isinstance(unsigned, dict) else None
    ref = because.get("event_id") if isinstance(because, dict) else None
    return None if ref is None else MessageRef(str(ref))
