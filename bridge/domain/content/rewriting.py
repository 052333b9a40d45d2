"""Changing single leaves of a body, wherever they stand.

The walk calls itself once per level, and the depth of a normal body is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from bridge.domain.content.nodes import (
    Attachment,
    Block,
    Body,
    Card,
    Cell,
    Heading,
    Image,
    Inline,
    Link,
    List,
    Paragraph,
    Quote,
    Styled,
    Table,
)
from bridge.domain.content.normal import normalise

OfImage = Callable[[Image], Inline]
OfAttachment = Callable[[Attachment], Block]


def with_media(body: Body, *, image: OfImage, attachment: OfAttachment) -> Body:
    """Return a normal body in which every image and attachment is what these make of it."""
    return normalise(Body(blocks=blocks_with_media(body.blocks, image, attachment)))


def blocks_with_media(
    blocks: Iterable[Block], image: OfImage, attachment: OfAttachment
) -> tuple[Block, ...]:
    """The same for blocks, which need not be normal afterwards."""
    return tuple(_block(block, image, attachment) for block in blocks)


def _block(block: Block, image: OfImage, attachment: OfAttachment) -> Block:
    def inside(blocks: Iterable[Block]) -> tuple[Block, ...]:
        return blocks_with_media(blocks, image, attachment)

    match block:
        case Paragraph() | Heading():
            return replace(block, content=_inlines(block.content, image))
        case Quote() | Card():
            return replace(block, blocks=inside(block.blocks))
        case List():
            return replace(block, items=tuple(map(inside, block.items)))
        case Table():
            rows = tuple(
                tuple(Cell(blocks=inside(cell.blocks), header=cell.header) for cell in row)
                for row in block.rows
            )
            return Table(rows=rows)
        case Attachment():
            return attachment(block)
        case _:
            return block


def _inlines(content: Iterable[Inline], image: OfImage) -> tuple[Inline, ...]:
    return tuple(_inline(node, image) for node in content)


def _inline(node: Inline, image: OfImage) -> Inline:
    match node:
        case Image():
            return image(node)
        case Styled() | Link():
            return replace(node, content=_inlines(node.content, image))
        case _:
            return node
