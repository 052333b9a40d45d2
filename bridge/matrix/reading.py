"""What a matrix event means to the relay. Pure, and total: whatever strangers send has an answer.

invitation of the bot         Invited
invitation of a ghost         GhostInvited
m.room.tombstone              Replaced
m.room.message, m.sticker     Sighting
  that replaces another       Sighting of the original, its version the time of the edit
  that begins with the prefix Asked; never relayed
m.reaction                    Reacted
m.room.redaction              Redacted
a poll that starts or ends    Sighting, the end one that answers the start
a wish (`wishes`)             Wished
anything else, or redacted    Ignored, with a reason
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mautrix.util import variation_selector

from bridge.convert.matrix import read_matrix
from bridge.convert.matrix_files import STICKER
from bridge.convert.polls import read_end, read_poll
from bridge.convert.reading import Parsed
from bridge.domain.content import clean
from bridge.domain.events import (
    Asked,
    GhostInvited,
    Ignored,
    Invited,
    Person,
    Reacted,
    Redacted,
    Replaced,
    Seen,
    Sighting,
)
from bridge.domain.ids import MessageRef, RoomId, UserId, Version
from bridge.errors import Unconvertible
from bridge.matrix.appservice import (
    ENCRYPTED,
    MESSAGE,
    POLL_ENDS,
    POLL_STARTS,
    REACTION,
    REDACTION,
    TOMBSTONE,
    invited_by,
    is_id,
    is_well_formed,
)
from bridge.matrix.commands.words import without_prefix
from bridge.matrix.names import localpart_of
from bridge.matrix.sender import milliseconds
from bridge.matrix.wishes import wished
from bridge.ports import Reading

CLOCK_SKEW_MAX = timedelta(minutes=5)
SENT_AT_MIN = datetime(2014, 1, 1, tzinfo=UTC)
"""There was no Matrix before."""
KEY_CHARS_MAX = 256
"""Of a reaction: an emoji is some code points, an emoji of the user's own the address of an image."""

_VERIFICATION = "m.key.verification."

RELATES_TO = "m.relates_to"
NEW_CONTENT = "m.new_content"
REPLACE = "m.replace"
ANNOTATION = "m.annotation"
THREAD = "m.thread"
REFERENCE = "m.reference"
TEXT = "m.text"

IGNORED_EDIT = "malformed_edit"
IGNORED_REACTION = "malformed_reaction"
IGNORED_REDACTION = "malformed_redaction"
IGNORED_TOMBSTONE = "malformed_tombstone"
IGNORED_REDACTED = "redacted"
IGNORED_ENCRYPTED = "encrypted"
IGNORED_EMPTY = "empty"
IGNORED_POLL_END = "malformed_poll_end"
IGNORED_VERIFICATION = "key_verification"
IGNORED_OTHER = "not_relayed"
IGNORED_COMMAND = "edited_command"
"""What somebody has turned into a command: it is not obeyed, and not for Teams."""

Json = Mapping[str, Any]


def _nobody(_user: str) -> bool:
    return False


def reading_of(
    event: object,
    *,
    bot: UserId,
    received_at: datetime,
    is_ghost: Callable[[str], bool] = _nobody,
    prefix: str = "",
) -> Reading:
    """Say what a matrix event means; `prefix` begins commands, "": nothing does.

    Raises:
        Unconvertible: It makes no sense.
    """
    if not is_well_formed(event):
        raise Unconvertible("this is no matrix event")
    sent_at = _sent_at(event.get("origin_server_ts"), received_at)
    invited = invited_by(event)
    if invited == bot:
        room, sender = RoomId(event["room_id"]), UserId(event["sender"])
        return Reading(requests=(Invited(room=room, sender=sender),))
    if invited is not None and is_ghost(invited):
        return Reading(requests=(_ghost_invited(event, UserId(invited), sent_at),))
    if event.get("type") == TOMBSTONE:
        return _replaced(event)
    if prefix and (command := _command_in(event["content"], prefix)) is not None:
        return _commanded(event, command, sent_at)
    seen = _seen(event, event["content"], sent_at)
    if isinstance(seen, str):
        return Reading(ignored=(Ignored(reason=seen),))
    return Reading(sightings=(seen,))


def _replaced(event: Json) -> Reading:
    replacement = event["content"].get("replacement_room")
    if not is_id(replacement, "!") or event.get("state_key") != "":
        return Reading(ignored=(Ignored(reason=IGNORED_TOMBSTONE),))
    replaced = Replaced(
        room=RoomId(event["room_id"]),
        sender=UserId(event["sender"]),
        ref=MessageRef(event["event_id"]),
        replacement=RoomId(replacement),
    )
    return Reading(requests=(replaced,))


def _ghost_invited(event: Json, ghost: UserId, sent_at: datetime) -> GhostInvited:
    return GhostInvited(
        room=RoomId(event["room_id"]),
        sender=UserId(event["sender"]),
        ghost=ghost,
        is_direct=event["content"].get("is_direct") is True,
        sent_at=sent_at,
    )


def wish_in(event: object, *, received_at: datetime, waited: bool = False) -> Reading:
    """Say what a state event wants to be changed; `waited`: until its sender has signed in.

    Raises:
        Unconvertible: It makes no sense.
    """
    if not is_well_formed(event):
        raise Unconvertible("this is no matrix event")
    sent_at = _sent_at(event.get("origin_server_ts"), received_at)
    wish = wished(event, sent_at=sent_at, waited=waited)
    if wish is None:
        return Reading(ignored=(Ignored(reason=IGNORED_OTHER),))
    return Reading(requests=(wish,))


def _command_in(content: Json, prefix: str) -> str | None:
    """Return the command that a content gives, or an edit turns it into."""
    new = content.get(NEW_CONTENT)
    for said in (new, content) if isinstance(new, dict) else (content,):
        body = said.get("body")
        if said.get("msgtype") == TEXT and isinstance(body, str):
            return without_prefix(body, prefix)
    return None


def _commanded(event: Json, command: str, sent_at: datetime) -> Reading:
    if relation_of(event["content"]).get("rel_type") == REPLACE:
        return Reading(ignored=(Ignored(reason=IGNORED_COMMAND),))
    asked = Asked(
        room=RoomId(event["room_id"]),
        sender=UserId(event["sender"]),
        ref=MessageRef(event["event_id"]),
        text=command,
        sent_at=sent_at,
        is_prefixed=True,
    )
    return Reading(requests=(asked,))


def _seen(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    """Return what was seen, or why it is ignored."""
    kind = event.get("type")
    if kind == REDACTION:  # The one kind whose content may be empty, in rooms below version 11.
        return _redacted(event, content, sent_at)
    if kind == ENCRYPTED:
        return IGNORED_ENCRYPTED
    seen = _SEEN.get(str(kind))
    if seen is None:
        return IGNORED_OTHER
    return seen(event, content, sent_at) if content else IGNORED_REDACTED


def _redacted(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    """Matrix spec v1.19, m.room.redaction: `redacts` is in the content since room version 11."""
    targets = [at for at in (event.get("redacts"), content.get("redacts")) if is_id(at, "$")]
    if not targets:
        return IGNORED_REDACTION if content else IGNORED_REDACTED
    return Redacted(
        origin=RoomId(event["room_id"]),
        ref=MessageRef(event["event_id"]),
        target=MessageRef(targets[0]),
        author=Person(id=event["sender"]),
        sent_at=sent_at,
    )


def _reacted(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    relation = relation_of(content)
    target, key = relation.get("event_id"), bare_key(relation.get("key"))
    if relation.get("rel_type") != ANNOTATION or not is_id(target, "$") or key is None:
        return IGNORED_REACTION
    return Reacted(
        origin=RoomId(event["room_id"]),
        ref=MessageRef(event["event_id"]),
        target=MessageRef(target),
        author=Person(id=event["sender"]),
        key=key,
        sent_at=sent_at,
    )


def _said(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    if str(content.get("msgtype")).startswith(_VERIFICATION):
        return IGNORED_VERIFICATION  # Between the devices of two people of Matrix.
    return _sighted(event, content, sent_at, _words)


def _stuck(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    """A sticker, which is a picture."""
    return _sighted(event, {**content, "msgtype": STICKER}, sent_at, _words)


def _asked(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    return _sighted(event, content, sent_at, lambda said, _: read_poll(said))


def _ended(event: Json, content: Json, sent_at: datetime) -> Seen | str:
    """What it says until the votes are counted; a poll is ended once, and then nothing is edited."""
    relation = relation_of(content)
    start = relation.get("event_id")
    if relation.get("rel_type") != REFERENCE or not is_id(start, "$"):
        return IGNORED_POLL_END
    seen = _sighted(event, content, sent_at, lambda said, _: read_end(said))
    return replace(seen, reply_to=MessageRef(start)) if isinstance(seen, Sighting) else seen


def _words(said: Json, sender: str) -> Parsed:
    return read_matrix(said, sender_name=localpart_of(sender))


def _sighted(
    event: Json, content: Json, sent_at: datetime, read: Callable[[Json, str], Parsed]
) -> Sighting | str:
    ref: object = event["event_id"]
    said: object = content
    version, relation = "", relation_of(content)
    if relation.get("rel_type") == REPLACE:
        ref, said = relation.get("event_id"), content.get(NEW_CONTENT)
        version = str(milliseconds(sent_at))
    if not is_id(ref, "$") or not isinstance(said, dict):
        return IGNORED_EDIT
    parsed = read(said, event["sender"])
    if not parsed.body.blocks:
        return IGNORED_EMPTY
    return Sighting(
        origin=RoomId(event["room_id"]),
        ref=MessageRef(ref),
        version=Version(version),
        author=Person(id=event["sender"]),
        sent_at=sent_at,
        body=parsed.body,
        edited=version,
        reactions=None,
        reply_to=answered_by(content),
        thread=thread_of(content),
        losses=parsed.losses,
    )


_SEEN: Mapping[str, Callable[[Json, Json, datetime], Seen | str]] = {
    MESSAGE: _said,
    STICKER: _stuck,
    REACTION: _reacted,
    **dict.fromkeys(POLL_STARTS, _asked),
    **dict.fromkeys(POLL_ENDS, _ended),
}


def relation_of(content: Json) -> Json:
    """Return how a content relates to another event; empty if it does not."""
    relation = content.get(RELATES_TO)
    return relation if isinstance(relation, dict) else {}


def answered_by(content: Json) -> MessageRef | None:
    """Return the event that a content answers.

    In a thread every message names the one before it, for clients that show no threads: that is no
    answer (Matrix spec v1.19, client-server § fallback for unthreaded clients).
    """
    relation = relation_of(content)
    if relation.get("rel_type") == THREAD and relation.get("is_falling_back") is True:
        return None
    answer = relation.get("m.in_reply_to")
    ref = answer.get("event_id") if isinstance(answer, dict) else None
    return MessageRef(ref) if is_id(ref, "$") else None


def thread_of(content: Json) -> MessageRef | None:
    """Return the event that began the thread that a content stands in."""
    relation = relation_of(content)
    root = relation.get("event_id") if relation.get("rel_type") == THREAD else None
    return MessageRef(root) if is_id(root, "$") else None


def bare_key(key: object) -> str | None:
    """Return a reaction's key as the domain keeps it; None if it is none."""
    if not isinstance(key, str) or len(key) > KEY_CHARS_MAX:
        return None
    return variation_selector.remove(clean(key)).strip() or None


def _sent_at(value: object, received_at: datetime) -> datetime:
    """Believe the sender's homeserver within reason; its clock is not ours."""
    latest = received_at + CLOCK_SKEW_MAX
    first, last = SENT_AT_MIN.timestamp() * 1000, latest.timestamp() * 1000
    if not isinstance(value, int) or not first <= value <= last:
        return received_at
    return datetime.fromtimestamp(value / 1000, UTC)
