"""What the bot says in a room about a message that is not in Teams, and how it takes that back.

    tell    ─▶ com.beeper.message_send_status ─▶ clients that know it mark the message
            └▶ m.notice, a reply that mentions the sender ─▶ everybody else
    correct ─▶ status SUCCESS ─▶ the notices about it, found by their keys, are edited
    read    ─▶ m.read of the bot

All is named by what it is about, so that saying it twice is saying it once. The status is what
mautrix bridges send (mautrix-go, event/beeper.go); while the bridge itself tries again it is
PENDING and not FAIL_RETRIABLE: a client would offer to send the message a second time. An edit has
no status: it would be that of the message it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import orjson
from typing_extensions import override

from bridge.convert.matrix_files import STICKER
from bridge.domain.ids import TRANSACTION_ID_CHARS, MessageRef, RoomId, UserId, digest
from bridge.errors import Unconvertible
from bridge.matrix import tolerant
from bridge.matrix.answers import UNKNOWN_DEVICE, RejectedByHomeserver
from bridge.matrix.appservice import (
    MESSAGE,
    POLL_ENDS,
    POLL_STARTS,
    REACTION,
    REDACTION,
    is_id,
    is_well_formed,
)
from bridge.matrix.bot import NOTICE_KEY, notice_content
from bridge.matrix.client import Client
from bridge.matrix.connection import Connection
from bridge.matrix.ghosts import DEVICE, Devices
from bridge.matrix.names import Names
from bridge.matrix.sender import Outgoing, Sender
from bridge.ports import Announcer, Deed, Reason, Subject, Tidings, Told

STATUS = "com.beeper.message_send_status"
NETWORK = "teams"
SUCCESS = "SUCCESS"
RELATES_TO = "m.relates_to"
_CHANGING = ("m.replace", "m.annotation")

STATUSES = {Told.WAITING: "PENDING", Told.PARKED: "FAIL_PERMANENT"}
DEEDS = {
    Deed.MESSAGE: "Your message",
    Deed.EDIT: "Your edit",
    Deed.DELETION: "Your deletion",
    Deed.REACTION: "Your reaction",
    Deed.UNREACTION: "The removal of your reaction",
}
_ACTS = {
    **dict.fromkeys({MESSAGE, STICKER, *POLL_STARTS, *POLL_ENDS}, Deed.MESSAGE),
    REACTION: Deed.REACTION,
    REDACTION: Deed.DELETION,
}

_NOT_HANDLED = "m.event_not_handled"
_UNSUPPORTED = "com.beeper.unsupported_event"
_NETWORK_ERROR = "m.foreign_network_error"
_NO_PERMISSION = "m.no_permission"
_BRIDGE_UNAVAILABLE = "m.bridge_unavailable"

WHY: Mapping[Reason, tuple[str, str, str]] = {
    Reason.SIGN_IN: (
        _NO_PERMISSION,
        "your sign-in to Microsoft is no longer good",
        "Write `login` to me ({bot}) in a direct chat, sign in again, and send it once more.",
    ),
    Reason.RELAY: (
        _NO_PERMISSION,
        "the account that speaks for you in Teams may not write there",
        "Ask the administrator of the bridge to let it sign in, or somebody in the chat to add it.",
    ),
    Reason.NOT_ALLOWED: (
        _NO_PERMISSION,
        "Teams does not let you do that in this chat",
        "Ask somebody there to add you again, or the administrator of the bridge.",
    ),
    Reason.GONE: (
        _NETWORK_ERROR,
        "the chat is gone, or you are no longer in it",
        "Ask somebody there to add you again, and send it once more.",
    ),
    Reason.TOO_LARGE: (_UNSUPPORTED, "it is too large for Teams", "Send it in smaller pieces."),
    Reason.TARGET_MISSING: (
        _NOT_HANDLED,
        "what it refers to is not in Teams",
        "Say it in a message of its own.",
    ),
    Reason.UNREADABLE: (
        _UNSUPPORTED,
        "the bridge cannot read it",
        "Say it in another way, or ask the administrator of the bridge.",
    ),
    Reason.BUSY: (
        _NETWORK_ERROR,
        "Teams is busy and asks for patience",
        "Send it again in a while.",
    ),
    Reason.AWAY: (_NETWORK_ERROR, "Teams does not answer", "Send it again in a while."),
    Reason.UNCLEAR: (
        _NETWORK_ERROR,
        "Teams did not say whether it took it",
        "Look in Teams whether it is there before you send it again.",
    ),
    Reason.ADMINISTRATOR: (
        _BRIDGE_UNAVAILABLE,
        "Microsoft does not let the bridge in",
        "Ask the administrator of the bridge: this takes a setting of theirs.",
    ),
    Reason.FILE_MISSING: (
        _UNSUPPORTED,
        "the file cannot be had from the homeserver",
        "Send it again; in a room that is not encrypted, without encryption.",
    ),
    Reason.FILES_FORBIDDEN: (
        _BRIDGE_UNAVAILABLE,
        "the bridge may not put files into Teams for you",
        "Ask the administrator of the bridge to consent to that; text and pictures go on.",
    ),
    Reason.NO_PLACE: (
        _NETWORK_ERROR,
        "Microsoft has no place for your file: you have no OneDrive, or it is full",
        "Make room there and send it once more, or send a link to it.",
    ),
    Reason.BUG: (
        _NOT_HANDLED,
        "something went wrong inside the bridge",
        "Ask the administrator of the bridge: they can have it tried again.",
    ),
    Reason.NOT_ALL: (
        _UNSUPPORTED,
        "in Teams the message holds more than these words, and the rest would be lost",
        "Edit it in Teams, or write it anew.",
    ),
    Reason.REFUSED: (
        _NETWORK_ERROR,
        "Teams refuses it",
        "Say it in another way, or ask the administrator of the bridge.",
    ),
}
"""For clients that know the vocabulary (mautrix-go, event/beeper.go); for people; what they can do."""


def words_of(tidings: Tidings, *, bot: UserId) -> str:
    """Say in a sentence or two what has not arrived, why, and what comes now."""
    _, why, advice = WHY[tidings.reason]
    deed = DEEDS[tidings.subject.deed]
    if waits_for_sign_in(tidings):
        return f"{deed} waits: {why}. Sign in, and it will be tried again."
    if tidings.told is Told.WAITING:
        return f"{deed} has not reached Teams yet: {why}. It will be tried again."
    return f"{deed} did not reach Teams: {why}. {advice.format(bot=bot)}"


def waits_for_sign_in(tidings: Tidings) -> bool:
    """Tell whether its sender is told in their own room: once, and not with every message."""
    return tidings.told is Told.WAITING and tidings.reason is Reason.SIGN_IN


def words_of_arrival(subject: Subject) -> str:
    """Say that it has arrived."""
    return f"{DEEDS[subject.deed]} has arrived in Teams after all."


def status_of(subject: Subject, status: str, **facts: str) -> Mapping[str, object] | None:
    """Return the content of a status; None where it would be that of another event."""
    if subject.deed is Deed.EDIT:
        return None
    relation = {"rel_type": "m.reference", "event_id": subject.source}
    return {RELATES_TO: relation, "network": NETWORK, "status": status, **facts}


def notice_of(subject: Subject, text: str, *, key: str) -> Mapping[str, object]:
    """Return the content of a notice that answers the message and mentions its sender."""
    content = notice_content(text, key=key, mentions=(subject.sender,))
    return {**content, RELATES_TO: {"m.in_reply_to": {"event_id": subject.shown}}}


def correction_of(notice: MessageRef, text: str, *, key: str) -> Mapping[str, object]:
    """Return the content of an edit of a notice; it mentions nobody anew."""
    content = notice_content(text, key=key)
    relation = {"rel_type": "m.replace", "event_id": notice}
    return {**content, "body": f"* {text}", "m.new_content": content, RELATES_TO: relation}


def key_of(subject: Subject, told: Told) -> str:
    """Name a notice by what it is about; a delivery's number means another one after a restore."""
    return digest("told", subject.room, subject.source, subject.slot, told)


class RoomAnnouncer(Announcer):
    """Speaks as the bot; remembers nothing but its device."""

    def __init__(
        self,
        connection: Connection,
        sender: Sender,
        client: Client,
        *,
        names: Names,
        devices: Devices,
    ) -> None:
        self._connection = connection
        self._sender = sender
        self._client = client
        self._names = names
        self._devices = devices
        self._has_device: bool | None = None

    @override
    def subject_of(self, room: RoomId, raw: bytes) -> Subject | None:
        try:
            event = tolerant.loads(raw)
        except Unconvertible:
            return None
        if not is_well_formed(event) or event["room_id"] != room:
            return None
        deed, sender = _ACTS.get(event["type"]), event["sender"]
        if deed is None or "state_key" in event or self._names.is_ours(sender):
            return None
        source = MessageRef(event["event_id"])
        return Subject(
            room=room,
            source=source,
            slot="",
            deed=deed,
            sender=UserId(sender),
            shown=_target_of(event) or source,
        )

    @override
    async def tell(self, tidings: Tidings) -> None:
        subject, told = tidings.subject, tidings.told
        text = words_of(tidings, bot=self._names.bot)
        key = key_of(subject, told)
        status = status_of(subject, STATUSES[told], reason=WHY[tidings.reason][0], message=text)
        await self._send_status(subject.room, status, key)
        if not waits_for_sign_in(tidings):
            await self._send(subject.room, notice_of(subject, text, key=key), key)

    @override
    async def correct(self, subject: Subject) -> None:
        key = digest("told", subject.room, subject.source, subject.slot, SUCCESS)
        await self._send_status(subject.room, status_of(subject, SUCCESS), key)
        keys = {key_of(subject, told) for told in Told}
        text = words_of_arrival(subject)
        for event in await self._client.messages_of(subject.room, self._names.bot):
            content = event.get("content")
            # An edit has a key of its own: only what was said first is edited.
            if isinstance(content, dict) and content.get(NOTICE_KEY) in keys:
                notice = MessageRef(str(event["event_id"]))
                edit = digest("arrived", notice)
                await self._send(subject.room, correction_of(notice, text, key=edit), edit)

    @override
    async def read(self, room: RoomId, ref: MessageRef) -> None:
        target = (
            f"/_matrix/client/v3/rooms/{quote(room, safe='')}/receipt/m.read/"
            f"{quote(ref, safe='')}?user_id={quote(self._names.bot, safe='')}"
        )
        await self._connection.exchange("POST", target, b"{}", what="receipt")

    async def _send_status(
        self, room: RoomId, status: Mapping[str, object] | None, key: str
    ) -> None:
        if status is not None:
            await self._send(room, status, key, kind=STATUS)

    async def _send(
        self, room: RoomId, content: Mapping[str, object], key: str, *, kind: str | None = None
    ) -> None:
        """Send as the bot; once more if the homeserver has forgotten its device."""
        try:
            await self._send_once(room, content, key, kind=kind)
        except RejectedByHomeserver as error:
            if error.errcode != UNKNOWN_DEVICE:
                raise
            self._has_device = None
            await self._send_once(room, content, key, kind=kind)

    async def _send_once(
        self, room: RoomId, content: Mapping[str, object], key: str, *, kind: str | None
    ) -> None:
        if self._has_device is None:
            self._has_device = await self._devices.put(self._names.bot)
        kind = kind or MESSAGE
        await self._sender.send(
            Outgoing(
                room=room,
                sender=self._names.bot,
                device=DEVICE if self._has_device else None,
                transaction=digest(kind, key)[:TRANSACTION_ID_CHARS],
                content=orjson.dumps(content),
                kind=kind,
            )
        )


def _target_of(event: Mapping[str, object]) -> MessageRef | None:
    """Return what an event changes, where it says so; redactions say it in two ways."""
    content = event.get("content")
    if not isinstance(content, dict):
        return None
    relation = content.get(RELATES_TO)
    named = None
    if isinstance(relation, dict) and relation.get("rel_type") in _CHANGING:
        named = relation.get("event_id")
    found = named or event.get("redacts") or content.get("redacts")
    return MessageRef(found) if is_id(found, "$") else None
