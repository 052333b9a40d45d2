"""What becomes of a message of Teams when one matrix event that shows a part of it is edited. Pure.

    message as it is now + new words + which event, of how many ─┬─▶ all that it is to say
                                                                 └─▶ Rejected: something would be lost

A message of Teams may be shown as several matrix events: its words, each of its pictures and files;
cut into pieces, where it is long. An edit of one event says what that one is to be, and Graph wants
the whole message. So the words take the place of the words that were there, between the pictures and
files that stay; and where it is not certain that these are all of the words and that nothing else
goes, nothing is changed. What it answers, and the attachments, are kept by `outgoing.replacement`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, groupby, takewhile

from bridge.convert.losses import (
    ALIGNMENT,
    APP_MENTION,
    CELL_SPANS,
    FOLDING,
    FONT_SIZE,
    LIST_STYLE,
    TAG_MENTION,
    UNKNOWN_MENTION,
)
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Image,
    LineBreak,
    Node,
    Paragraph,
    bare_text,
    normalise,
    normalised,
    plain_text,
    walk,
)
from bridge.domain.events import MessageEdited
from bridge.domain.values import dataclass
from bridge.errors import Rejected
from bridge.ports import FarPart
from bridge.teams import trace
from bridge.teams.payloads import ChatMessage

HARMLESS = frozenset(
    {
        ALIGNMENT,
        APP_MENTION,
        CELL_SPANS,
        FOLDING,
        FONT_SIZE,
        LIST_STYLE,
        TAG_MENTION,
        UNKNOWN_MENTION,
    }
)
"""What Matrix does not show of a message although all of its words are there."""
_HOSTED = "/hostedContents/"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """A message as it is shown: its words in one piece, and what stands before and after them."""

    before: tuple[Block, ...]
    words: tuple[Block, ...]
    after: tuple[Block, ...]

    @property
    def events(self) -> int:
        """How many matrix events show it, if nothing was cut and no file has a caption."""
        return len(self.before) + bool(self.words) + len(self.after)


def reworded(message: ChatMessage, event: MessageEdited, part: FarPart, *, hosted: int) -> Body:
    """Return all that a message is to say; `hosted`: how many pictures of its own it has.

    Raises:
        Rejected: Something of it would be lost, or may be.
        Unconvertible: What it says cannot be understood.
    """
    if event.parts > 1:
        raise _losing("room: it would have to become several messages")
    read = trace.read(message)
    if any(not isinstance(b, Attachment | None) for b in _attached(message)):
        raise _losing("a card, a quotation or a snippet of code")
    if {*message.losses, *read.losses} - HARMLESS:
        raise _losing("something that Matrix does not show")
    heading = message.marks.around(Body()).blocks
    order = _order((*heading, *read.body.blocks), hosted)
    if event.body.blocks and _shows(event.body.blocks[0]):
        return _captioned(order, event.body, part)
    return _replaced(order, event.body, part, heading)


def _attached(message: ChatMessage) -> Iterable[Block | None]:
    return (block for key, block in message.attachments.items() if key != message.quote)


def _captioned(order: _Order, body: Body, part: FarPart) -> Body:
    """A picture or a file with its caption is one event, which says all that the message does."""
    if part.shown_in > 1 or len(order.before) + len(order.after) != 1:
        raise _losing("other pictures, files or words")
    return body


def _replaced(order: _Order, body: Body, part: FarPart, heading: Sequence[Block]) -> Body:
    if part.shown_in != order.events or part.part != len(order.before) or not order.words:
        raise _losing("pictures, files or other words")
    pictures, new = _emoticons(order.words), _emoticons(body.blocks)
    if pictures and (new[: len(pictures)] != pictures or order.before or order.after):
        raise _losing("pictures that stand for characters")
    words = body.blocks[len(heading) :]
    if _said(body.blocks[: len(heading)]) != _said(heading) or (heading and not words):
        raise _losing("a subject or its importance")
    return normalise(Body(blocks=tuple(_joined((*order.before, *words, *order.after)))))


def _order(blocks: Sequence[Block], hosted: int) -> _Order:
    """Part words from pictures and files; the words must be in one piece."""
    blocks = [piece for block in blocks for piece in _pieces(block)]
    for block in blocks:
        if not _shows(block) and any(_is_media(node) for node in walk(block)):
            raise _losing("pictures or files within its words")
    before = tuple(takewhile(_shows, blocks))
    rest = blocks[len(before) :]
    words = tuple(takewhile(lambda block: not _shows(block), rest))
    after = tuple(rest[len(words) :])
    if tuple(dropwhile(_shows, after)):
        raise _losing("words at several places")
    pictures = [n for block in blocks for n in walk(block) if isinstance(n, Image) and n.url]
    files = [block for block in blocks if isinstance(block, Attachment) and not block.url]
    if files or len(pictures) != hosted or any(_HOSTED not in one.url for one in pictures):
        raise _losing("a picture or a file that lies elsewhere")
    return _Order(before=before, words=words, after=after)


def _pieces(block: Block) -> Iterator[Block]:
    """Cut a paragraph at its pictures: in Teams they stand in lines of it."""
    if not isinstance(block, Paragraph) or not any(_is_media(node) for node in block.content):
        yield block
        return
    for is_media, nodes in groupby(block.content, _is_media):
        words = tuple(nodes)
        if is_media:
            yield from (Paragraph(content=(node,)) for node in words)
        elif any(not isinstance(n, LineBreak) and bare_text(n).strip() for n in words):
            yield from normalise(Body(blocks=(Paragraph(content=words),))).blocks


def _joined(blocks: Sequence[Block]) -> list[Block]:
    """Let pictures stand in lines of the paragraphs beside them."""
    found: list[Block] = []
    for block in blocks:
        match found[-1:], block:
            case [Paragraph(content=before)], Paragraph(content=after) if _is_media(
                before[-1]
            ) or _is_media(after[0]):
                found[-1] = Paragraph(content=(*before, LineBreak(), *after))
            case _:
                found.append(block)
    return found


def _shows(block: Block) -> bool:
    """Tell whether a block is a picture or a file, and nothing besides."""
    match block:
        case Attachment():
            return True
        case Paragraph(content=(Image() as image,)):
            return _is_media(image)
        case _:
            return False


def _is_media(node: Node | Body) -> bool:
    return isinstance(node, Attachment) or (
        isinstance(node, Image) and bool(node.url) and not node.is_emoticon
    )


def _emoticons(blocks: Iterable[Block]) -> tuple[str, ...]:
    nodes = (node for block in blocks for node in walk(block))
    return tuple(n.alt for n in nodes if isinstance(n, Image) and n.is_emoticon and n.url)


def _said(blocks: Sequence[Block]) -> str:
    return normalised(plain_text(Body(blocks=tuple(blocks))))


def _losing(what: str) -> Rejected:
    return Rejected(f"an edit from Matrix would lose what else the message holds in Teams: {what}")
