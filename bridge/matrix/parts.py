"""A message as the matrix events that it becomes: text, picture, text, file, in its own order. Pure.

    blocks ─▶ pieces: text | picture or file ─▶ parts ─ text too large? cut it

- A picture or a file that has its bytes somewhere (`url`) is an event of its own.
- Within a line it parts the line: what stands before it is said before it, and what follows, after.
- Within a table, a list, a quotation or a card it leaves its name in its place, and follows the
  whole of it.
- A caption stands below its picture in every client. So what follows becomes the caption of a
  picture, file or film that is the first and the only one of its message, if it is short; what
  stands above it is said above it.
- An emoticon stays in its line.

A part with a picture or a file is a body whose first block is an `Attachment` with a `url`; the rest
of the blocks is its caption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Heading,
    Image,
    Inline,
    LineBreak,
    Link,
    Measure,
    MediaKind,
    Node,
    Paragraph,
    Rule,
    Styled,
    Text,
    bare_text,
    blocks_with_media,
    normalise,
    split,
    walk,
)

CAPTION_CHARS_MAX = 1_000
CAPTION_BYTES_MAX = 8_000
"""As the parts are measured."""

_Piece = Block | Attachment
_TextOrMedia = tuple[Inline, ...] | Attachment


def parts_of(
    body: Body, *, size_max: int, measure: Measure, bound: Measure | None = None
) -> tuple[Body, ...]:
    """Return the parts of a normal body; the texts are of `size_max` at most, as told by `measure`.

    `bound` is what they measure at most, told quickly.
    """
    if not any(map(_is_apart, walk(body))):
        return split(body, size_max=size_max, measure=measure, bound=bound)
    groups = _grouped([piece for block in body.blocks for piece in _pieces(block)])
    captioned = _captioned(groups, measure)
    if captioned is not None:
        return (captioned,)
    found: list[Body] = []
    for group in groups:
        if media_of(group) is not None:
            found.append(group)
        else:
            found += split(group, size_max=size_max, measure=measure, bound=bound)
    return tuple(found)


def media_of(body: Body) -> Attachment | None:
    """Return the picture or file that a part shows; None for a text."""
    first = body.blocks[0] if body.blocks else None
    return first if isinstance(first, Attachment) and first.url else None


def emoticons_of(body: Body) -> tuple[Image, ...]:
    """Return the pictures that stand for characters in a text."""
    return tuple(n for n in walk(body) if isinstance(n, Image) and n.is_emoticon and n.url)


def _is_apart(node: Node | Body) -> bool:
    match node:
        case Image():
            return bool(node.url) and not node.is_emoticon
        case Attachment():
            return bool(node.url)
        case _:
            return False


def _grouped(pieces: Iterable[_Piece]) -> list[Body]:
    """Put what is text together; a text that says nothing is none."""
    groups: list[Body] = []
    text: list[Block] = []
    for piece in pieces:
        if _is_apart(piece):
            groups += _said(text)
            groups.append(Body(blocks=(piece,)))
            text = []
        else:
            text.append(piece)
    return groups + _said(text)


def _said(blocks: Sequence[Block]) -> list[Body]:
    body = normalise(Body(blocks=tuple(blocks)))
    # A line drawn between two pictures says nothing without them.
    return [body] if any(not isinstance(block, Rule) for block in body.blocks) else []


def _captioned(groups: Sequence[Body], measure: Measure) -> Body | None:
    match groups:
        case [picture, caption] if media_of(picture) is not None and media_of(caption) is None:
            short = (
                len(bare_text(caption)) <= CAPTION_CHARS_MAX
                and measure(caption) <= CAPTION_BYTES_MAX
            )
            return Body(blocks=(*picture.blocks, *caption.blocks)) if short else None
        case _:
            return None


def _pieces(block: Block) -> list[_Piece]:
    if not any(map(_is_apart, walk(block))):
        return [block]
    match block:
        case Attachment():
            return [block]
        case Paragraph() | Heading():
            return [_wrapped(block, piece) for piece in _cut_out(block.content)]
        case _:
            media = [_shown(node) for node in walk(block) if _is_apart(node)]
            return [*blocks_with_media((block,), _placeholder, _noted), *media]


def _wrapped(block: Paragraph | Heading, piece: _TextOrMedia) -> _Piece:
    return piece if isinstance(piece, Attachment) else replace(block, content=piece)


def _cut_out(content: tuple[Inline, ...]) -> list[_TextOrMedia]:
    """Cut a line at its pictures; what was coloured or linked is so on both sides."""
    found: list[_TextOrMedia] = []
    words: list[Inline] = []
    for node in content:
        inner = _inner(node)
        if inner is None:
            words.append(node)
            continue
        for piece in inner:
            if isinstance(piece, Attachment):
                before = _begun(words) if found else tuple(words)
                found += [before, piece] if _says(words) else [piece]
                words = []
            else:
                words += piece
    return [*found, _begun(words) if found else tuple(words)] if _says(words) else found


def _begun(words: Sequence[Inline]) -> tuple[Inline, ...]:
    """Leave out the white space that a cut leaves at the beginning of a line."""
    for number, node in enumerate(words):
        if isinstance(node, Text) and node.text.strip(" "):
            return (Text(text=node.text.lstrip(" ")), *words[number + 1 :])
        if not isinstance(node, Text | LineBreak):
            return tuple(words[number:])
    return ()


def _inner(node: Inline) -> list[_TextOrMedia] | None:
    """The pieces of a node with pictures in it; None for one without."""
    if isinstance(node, Image) and _is_apart(node):
        return [_shown(node)]
    if not isinstance(node, Styled | Link) or not any(map(_is_apart, walk(node))):
        return None
    pieces: list[_TextOrMedia] = [
        piece if isinstance(piece, Attachment) else (replace(node, content=piece),)
        for piece in _cut_out(node.content)
    ]
    if isinstance(node, Link) and all(isinstance(piece, Attachment) for piece in pieces):
        # A picture that led somewhere: where to is said below it.
        pieces.append((Link(href=node.href, content=(Text(text=node.href),)),))
    return pieces


def _says(words: Sequence[Inline]) -> bool:
    """Tell whether there is anything but white space."""
    return any(not isinstance(n, LineBreak) and bare_text(n).strip() for n in words)


def _shown(node: Node | Body) -> Attachment:
    if isinstance(node, Attachment):
        return node
    assert isinstance(node, Image)  # noqa: S101 -- nothing else has bytes of its own
    return Attachment(
        name=node.alt,
        url=node.url,
        kind=MediaKind.IMAGE,
        width=node.width,
        height=node.height,
    )


def _placeholder(node: Image) -> Inline:
    return replace(node, url="") if _is_apart(node) else node


def _noted(node: Attachment) -> Block:
    return replace(node, url="")
