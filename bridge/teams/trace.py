"""Recognising, among the messages of a conversation, the one that an earlier attempt left. Pure.

    messages since the delivery ─┬─ one has our trace ──────────────────────▶ that one
                                 ├─ others have traces, none has ours ──────▶ none: never arrived
                                 └─ Teams keeps no traces ─▶ same speaker, same words ─▶ candidates

What its speaker has edited or deleted since has neither its words nor, perhaps, its trace: it may be
the one, or any other that they wrote there. To say it again could say it twice, so a person decides.

Whether Teams keeps an attribute that it does not know is not documented ("specific HTML
restrictions", learn.microsoft.com graph/api chatmessage-post), so both must work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from bridge.convert.reading import Parsed
from bridge.convert.teams import find_trace, read_teams
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Image,
    Inline,
    Paragraph,
    Text,
    normalised,
    plain_text,
    with_media,
)
from bridge.domain.ids import MessageRef, digest, trace_of
from bridge.domain.values import dataclass
from bridge.errors import Unconvertible, Undecidable
from bridge.teams.payloads import ChatMessage

TRACE_CHARS = 40
NAMED_MAX = 10
"""Messages that a person is told to look at, where any of them may be the one."""
MEDIA_SIGN = "\ufffc"
"""Object replacement character: something stands there."""


def trace_for(source: MessageRef, part: int, slot: str = "") -> str:
    """Name the trace of a delivery: a digest, for Matrix event ids hold what HTML attributes may not.

    `slot` tells apart what one source message says anew: the parts that an edit adds.
    """
    facts = (trace_of(source, part), slot) if slot else (trace_of(source, part),)
    return digest(*facts)[:TRACE_CHARS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an attempt would have left behind."""

    trace: str
    speaker: str
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`certain` is the message with our trace; else `candidates` say the same, oldest first.

    `veiled` are those of the same speaker of which nobody can say any more what they said at first.
    """

    certain: MessageRef | None = None
    candidates: tuple[MessageRef, ...] = ()
    veiled: tuple[MessageRef, ...] = ()

    @property
    def possible(self) -> tuple[MessageRef, ...]:
        """All of which it must be known whether another delivery is linked to them."""
        return self.candidates + self.veiled

    def unlinked(self, linked: Collection[MessageRef]) -> MessageRef | None:
        """Choose among messages that look the same: those of other deliveries are linked already.

        A stream is worked off in order, so the oldest that is left is ours. A message typed in Teams
        itself is known as soon as its notification was read.

        Raises:
            Undecidable: None looks the same, but one that was changed since may have.
        """
        if (ours := next((ref for ref in self.candidates if ref not in linked), None)) is not None:
            return ours
        if left := [ref for ref in self.veiled if ref not in linked]:
            raise Undecidable(_unclear(left))
        return None


def _unclear(veiled: Sequence[MessageRef]) -> str:
    """Name what a person must look at; where it is much, the latest."""
    named, more = ", ".join(veiled[-NAMED_MAX:]), len(veiled) - NAMED_MAX
    if len(veiled) == 1:
        return f"message {named} was edited or deleted in Teams: it may have been this one"
    some = f"messages {named}" + (f" and {more} before them" if more > 0 else "")
    return f"{some} were edited or deleted in Teams: it may have been one of them"


def recognise(wanted: Wanted, messages: Sequence[ChatMessage]) -> Found:
    """Say which of `messages` the attempt left, as far as it can be told."""
    traces = [(find_trace(message.content), message) for message in messages]
    # A person may copy a message together with its trace, so the speaker must be right as well.
    certain = [
        message
        for trace, message in traces
        if trace == wanted.trace and _is_by(message, wanted.speaker)
    ]
    if certain:
        return Found(certain=min(certain, key=_age).ref)
    theirs = [m for trace, m in traces if trace is None and _is_by(m, wanted.speaker)]
    veiled = _refs(message for message in theirs if message.deleted or message.edited)
    if any(trace is not None for trace, _ in traces):
        return Found(veiled=veiled)
    return Found(candidates=_refs(m for m in theirs if says(m, wanted.body)), veiled=veiled)


def read(message: ChatMessage) -> Parsed:
    """Read what a message says itself: what it answers is left out, unless it says nothing else.

    Raises:
        Unconvertible: It says nothing that we could understand.
    """
    if message.reply_to is None:
        return _parsed(message, message.attachments)
    own = _parsed(message, {**message.attachments, message.quote: None})
    return own if own.body.blocks else _parsed(message, message.attachments)


def body_of(message: ChatMessage) -> Body:
    """`read` without what is lost.

    Raises:
        Unconvertible: It says nothing that we could understand.
    """
    return read(message).body


def says(message: ChatMessage, body: Body) -> bool:
    """Tell whether a message says just that, whatever markup Teams has made of it."""
    if message.deleted:
        return False
    try:
        return _words(body_of(message)) == _words(body)
    except Unconvertible:
        return False


def _parsed(message: ChatMessage, attachments: Mapping[str, Block | None]) -> Parsed:
    return read_teams(
        message.content,
        content_type=message.content_type,
        mentions=message.mentions,
        attachments=attachments,
    )


def _is_by(message: ChatMessage, speaker: str) -> bool:
    return message.author is not None and message.author.id.lower() == speaker.lower()


def _words(body: Body) -> str:
    """What is said, whatever the pictures and files in it are called: Teams has names of its own."""
    return normalised(plain_text(with_media(body, image=_sign, attachment=_file_sign)))


def _sign(_: Image) -> Inline:
    return Text(text=MEDIA_SIGN)


def _file_sign(_: Attachment) -> Block:
    return Paragraph(content=(Text(text=MEDIA_SIGN),))


def _refs(messages: Iterable[ChatMessage]) -> tuple[MessageRef, ...]:
    return tuple(message.ref for message in sorted(messages, key=_age))


def _age(message: ChatMessage) -> tuple[int, str]:
    return int(message.created_at.timestamp() * 1000), message.ref
