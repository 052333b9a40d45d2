"""The contents of the events that we send, and the names by which they are known again. Pure.

    MessageSent                     m.room.message, in reply to what it answers if that is here, and
                                    in the thread that it belongs to if what began that is here;
                                    several, if it holds pictures and files (`parts`)
    MessageEdited, said by a ghost  m.room.message that replaces it
                   of a person      the same words anew, in reply, behind a pencil
    ReactionAdded                   m.reaction

Every content carries a marker that no other delivery's has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson
from mautrix.util import variation_selector

from bridge.convert.bounding import bound_matrix
from bridge.convert.matrix import MATRIX_BYTES_MAX, MATRIX_EDIT_BYTES_MAX, measure_matrix
from bridge.domain.content import Body, Card, Paragraph, Quote, Text, normalise, walk
from bridge.domain.events import Event, MessageEdited, MessageSent
from bridge.domain.ids import MessageRef, Side, UserId, transaction_id
from bridge.matrix import mentions
from bridge.matrix.parts import media_of, parts_of
from bridge.matrix.reading import ANNOTATION, NEW_CONTENT, RELATES_TO, REPLACE, THREAD
from bridge.matrix.showing import NOTHING, Content, Media, as_if_copied, shown
from bridge.ports import Delivery, FarPart, FarThread

MARKER = "io.github.matrix-teams-bridge.message"
"""In the content of every message and reaction we send. It tells two messages of equal text and time
apart, which would be one event otherwise (an event id is a hash; measured on Synapse 1.163.2), and
it is what `find` looks for."""
CARD = "io.github.matrix-teams-bridge.card"
"""In the content of a message with cards: their own JSON, as text, for it may hold numbers that no
matrix event may (Matrix spec v1.19, appendices, "Canonical JSON")."""
TEXT = "m.text"
NOTICE = "m.notice"
"""What no bot answers: nobody has said it."""
PENCIL = "✎ "
"""Before words that somebody else wrote first, and that have been edited in Teams since."""


def in_parts(event: Event) -> tuple[Event, ...]:
    """Cut an event into what becomes one matrix event each; an edit says everything twice."""
    if not isinstance(event, MessageSent | MessageEdited):
        return (event,)
    size_max = MATRIX_BYTES_MAX if isinstance(event, MessageSent) else MATRIX_EDIT_BYTES_MAX
    bodies = parts_of(event.body, size_max=size_max, measure=_measure, bound=_bound)
    if len(bodies) == event.parts == 1 and bodies[0] is event.body:
        return (event,)
    return tuple(
        replace(event, body=body, part=part, parts=len(bodies)) for part, body in enumerate(bodies)
    )


def _measure(body: Body) -> int:
    """Bytes of what a body becomes, the JSON of its cards included."""
    return measure_matrix(as_if_copied(body)) + _cards_bytes(body)


def _bound(body: Body) -> int:
    """What `_measure` says at most, of several the sum: the marks around cards are counted by each."""
    return bound_matrix(body) + _cards_bytes(body)


def _cards_bytes(body: Body) -> int:
    kept = _cards(body)
    return len(orjson.dumps(kept)) if kept else 0


def _cards(body: Body) -> Content:
    """The cards of a body as they came; empty where it has none."""
    around = (block for block in body.blocks if isinstance(block, Card | Quote))
    found = (node for block in around for node in walk(block) if isinstance(node, Card))
    kept = [{"type": card.kind, "json": card.raw} for card in found if card.raw]
    return {CARD: kept} if kept else {}


def transaction_of(delivery: Delivery, kind: str) -> str:
    """Name one request of a delivery; `kind` tells it from the delivery's others."""
    event = delivery.event
    return transaction_id(
        delivery.portal.place,
        delivery.source,
        kind=f"{kind} {event.slot}".rstrip(),
        version=event.version,
        part=event.part,
    )


def marker_of(delivery: Delivery) -> Content:
    """Return what only this delivery leaves in an event."""
    place, event = delivery.portal.place, delivery.event
    marker: Content = {
        "tenant": place.tenant,
        "conversation": place.conversation,
        "message": delivery.source,
        "version": event.version,
        "part": event.part,
    }
    return marker | {"what": event.slot} if event.slot else marker


def said_anew(delivery: Delivery, marker: object) -> bool:
    """Tell whether a marker is one of the delivery's message, edited after somebody else wrote it."""
    own = marker_of(delivery)
    return (
        isinstance(marker, dict)
        and all(marker.get(name) == own[name] for name in ("tenant", "conversation"))
        and marker.get("message") == delivery.event.target
        and str(marker.get("what", "")).startswith("edit ")
    )


def message(
    delivery: Delivery,
    body: Body,
    media: Media = NOTHING,
    *,
    reply_to: MessageRef | None = None,
    called: Mapping[str, object] = {},
) -> Content:
    """Return the content of a message, in its thread.

    `media` is what became of its bytes; `called` the `m.mentions` of what it says anew.
    """
    content = _content(delivery, body, media) | {MARKER: marker_of(delivery)}
    if called:
        content[mentions.FIELD] = mentions.called_anew(mentions.called_in(body), called)
    relation = _relation(delivery.far.thread, reply_to)
    return content | {RELATES_TO: relation} if relation else content


def _relation(thread: FarThread | None, reply_to: MessageRef | None) -> Content:
    """Who knows no threads sees an answer to what was said last in it.

    Matrix spec v1.19, client-server § fallback for unthreaded clients.
    """
    if thread is None:
        return {} if reply_to is None else {"m.in_reply_to": {"event_id": reply_to}}
    return {
        "rel_type": THREAD,
        "event_id": thread.root,
        "is_falling_back": reply_to is None,
        "m.in_reply_to": {"event_id": reply_to or thread.last},
    }


def edit(
    delivery: Delivery,
    body: Body,
    media: Media = NOTHING,
    *,
    of: MessageRef,
    called: Mapping[str, object] = {},
) -> Content:
    """Return the content of an edit; who knows no edits sees a second message with an asterisk.

    `called` is the `m.mentions` of what it replaces: they are not called again.
    """
    words = _content(delivery, body, media)
    anew = mentions.called_anew(mentions.called_in(body), called)
    fallback = words | {"body": f"* {words['body']}", mentions.FIELD: anew}
    if "formatted_body" in words:
        fallback["formatted_body"] = f"* {words['formatted_body']}"
    return fallback | {
        NEW_CONTENT: words,
        RELATES_TO: {"rel_type": REPLACE, "event_id": of},
        MARKER: marker_of(delivery),
    }


def reaction(delivery: Delivery, key: str, *, to: MessageRef) -> Content:
    """Return the content of a reaction."""
    relation = {"rel_type": ANNOTATION, "event_id": to, "key": shown_key(key)}
    return {RELATES_TO: relation, MARKER: marker_of(delivery)}


def shown_key(key: str) -> str:
    """Return a key as Matrix clients write it: emoji that are text by default ask to be coloured."""
    is_name = any(c.isascii() and c.isalpha() for c in key)  # Or the address of an image.
    return key if is_name else variation_selector.add(key)


def _content(delivery: Delivery, body: Body, media: Media) -> Content:
    event = delivery.event
    is_notice = isinstance(event, MessageSent | MessageEdited) and event.is_notice
    content = shown(body, media, said=NOTICE if is_notice else TEXT)
    return content | {mentions.FIELD: mentions.called_in(body)} | _cards(body)


def pencilled(body: Body) -> Body:
    """Mark words as edited by somebody who cannot edit the event that they were first said in."""
    file = media_of(body)
    if file is not None:
        caption = pencilled(Body(blocks=body.blocks[1:]))
        return Body(blocks=(file, *caption.blocks))
    pencil = Text(text=PENCIL)
    match body.blocks:
        case (Paragraph() as first, *others):
            blocks = (Paragraph(content=(pencil, *first.content)), *others)
        case blocks:
            blocks = (Paragraph(content=(pencil,)), *blocks)
    return normalise(Body(blocks=blocks))


def answered(delivery: Delivery) -> MessageRef | None:
    """Return what a message answers, if that is here; of a long one its first part answers."""
    event, parts = delivery.event, delivery.far.parts
    if not isinstance(event, MessageSent) or event.reply_to is None or event.part or not parts:
        return None
    return parts[0].ref


def part_of(parts: Sequence[FarPart], number: int) -> FarPart | None:
    """Return the part of that number."""
    return next((part for part in parts if part.part == number), None)


def surplus(event: MessageEdited, parts: Sequence[FarPart]) -> tuple[FarPart, ...]:
    """Return the parts that an edit leaves nothing for, once its own last part is at hand."""
    is_last = event.part == event.parts - 1
    return tuple(part for part in parts if is_last and part.part >= event.parts)


def may_replace(original: Mapping[str, object], user: UserId) -> bool:
    """Tell whether words of this user can take the place of an event: it is a text of theirs."""
    content = original.get("content")
    kind = content.get("msgtype") if isinstance(content, dict) else None
    return original.get("sender") == user and kind == TEXT


def is_theirs(parts: Sequence[FarPart]) -> bool:
    """Tell whether a person of Matrix wrote what these are parts of."""
    return any(part.origin is Side.MATRIX for part in parts)
