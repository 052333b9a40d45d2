"""Bodies and plain text: cleaning what strangers wrote, reading a body aloud, recognising it.

`plain_text` is the canonical plain form of a body. `normalised` reduces a text to what survives
a network that re-writes markup and white space: two texts that are equal under it were, for the
purpose of finding our own message again, the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from bridge.domain.content.nodes import (
    NAME_CHARS_MAX,
    URL_CHARS_MAX,
    Attachment,
    Block,
    Body,
    Card,
    Cell,
    Code,
    CodeBlock,
    Heading,
    Image,
    Inline,
    LineBreak,
    Link,
    List,
    Mention,
    Node,
    Paragraph,
    Quote,
    Rule,
    Styled,
    Table,
    Text,
)

# NUL cannot be stored in Postgres; the other controls mean nothing in a chat; U+202D and U+202E
# turn the direction of whatever follows and serve only to disguise (CVE-2021-42574).
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202d\u202e]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_BLANK_LINES = re.compile(r"\n[ \n]*\n")
_BLANK_START = re.compile(r"\A(?: *\n)+")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff\u00ad]")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):\S+")
TAB = "    "

LINK_SCHEMES = frozenset({"http", "https", "ftp", "mailto", "magnet"})
"""Matrix spec v1.19, client-server § m.room.message msgtypes: schemes a client may open."""

QUOTE_MARKS_MAX = 8
"""Marks of nested quotations before a line of plain text; deeper ones add none, or hundreds of lines
within a hundred quotations would become megabytes."""


def clean(text: str) -> str:
    """Free a text of what neither network nor database can carry; lines end in a line feed."""
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text).replace("\u00a0", " ")
    return _SURROGATE.sub("\ufffd", _UNWANTED.sub("", text))


def clean_words(text: str) -> str:
    """`clean`, with tabs as spaces: HTML has no tabs outside code."""
    return clean(text).replace("\t", TAB)


def clean_name(text: str) -> str:
    """A name on one line, of bounded length, that cannot disguise what follows it."""
    name = " ".join(clean(text).split())
    return name if len(name) <= NAME_CHARS_MAX else name[: NAME_CHARS_MAX - 1] + "…"


def safe_href(href: str) -> str | None:
    """An address fit to be followed by whoever reads the message, or None."""
    href = clean(href).replace("\n", "").replace("\t", "").strip().replace(" ", "%20")
    found = _ADDRESS.fullmatch(href)
    if found is None or found[1].lower() not in LINK_SCHEMES or len(href) > URL_CHARS_MAX:
        return None
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    return None if parts.scheme in {"http", "https", "ftp"} and not parts.netloc else href


def normalised(text: str) -> str:
    """Reduce a text to what survives a network that re-writes white space and Unicode forms."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", clean(text))).split())


def lines(text: str) -> tuple[Inline, ...]:
    """Text in which line feeds have become `LineBreak`s; `text` is clean."""
    if "\n" not in text:
        return (Text(text=text),) if text else ()
    *before, last = text.split("\n")
    found: list[Inline] = []
    for line in before:
        if line := line.rstrip(" "):
            found.append(Text(text=line))
        found.append(LineBreak())
    if last:
        found.append(Text(text=last))
    return tuple(found)


def from_text(text: str) -> Body:
    """The normal body of a plain text: an empty line parts two paragraphs."""
    text = clean_words(text)
    if "\n" not in text:
        text = text.rstrip(" ")
        return Body(blocks=(Paragraph(content=(Text(text=text),)),)) if text else Body()
    text = _BLANK_START.sub("", text.rstrip(" \n"))
    pieces = _BLANK_LINES.split(text)
    return Body(blocks=tuple(Paragraph(content=lines(piece)) for piece in pieces if piece))


def label(node: Image | Attachment) -> str:
    """The notice that stands for something which is not text."""
    kind, name = ("image", node.alt) if isinstance(node, Image) else ("attachment", node.name)
    return f"[{kind}: {name}]" if name else f"[{kind}]"


def children(node: Node | Body) -> tuple[Node, ...]:
    """The nodes directly below a node, in reading order."""
    match node:
        case Body() | Quote() | Cell() | Card():
            return node.blocks
        case List():
            return tuple(block for item in node.items for block in item)
        case Table():
            return tuple(cell for row in node.rows for cell in row)
        case Styled() | Link() | Paragraph() | Heading():
            return node.content
        case _:
            return ()


def walk(node: Node | Body) -> Iterator[Node | Body]:
    """A node and everything below it, in reading order; no tree is too deep for it."""
    waiting: list[Node | Body] = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def leaf_text(node: Node) -> str | None:
    """The text a leaf shows, or None if the node is no leaf."""
    match node:
        case Text() | Code() | CodeBlock() | Mention():
            return node.text
        case Image() | Attachment():
            return label(node)
        case LineBreak():
            return "\n"
        case Rule():
            return ""
        case _:
            return None


def bare_text(node: Node | Body) -> str:
    """The text of all leaves, without the marks and separators that `plain_text` adds."""
    return "".join(
        text for below in walk(node) if not isinstance(below, Body) and (text := leaf_text(below))
    )


def mentions(body: Body) -> tuple[Mention, ...]:
    """Everybody a body mentions, in reading order, once per mention."""
    return tuple(node for node in walk(body) if isinstance(node, Mention))


def plain_text(body: Body, *, links: bool = False) -> str:
    """The canonical plain form of a body; with `links`, addresses follow the words they are under."""
    return _read_blocks(body.blocks, links, gap="\n\n")


def _read_blocks(blocks: Iterable[Block], links: bool, gap: str = "\n") -> str:
    return gap.join(text for block in blocks if (text := _read_block(block, links)))


def _read_block(block: Block, links: bool) -> str:  # noqa: PLR0911 -- one for each kind of block
    match block:
        case Paragraph() | Heading():
            return _read_words(block.content, links)
        case Quote():
            return _read_quote(block, links)
        case Card():
            return _read_blocks(block.blocks, links)
        case CodeBlock():
            return block.text
        case List():
            return _read_list(block, links)
        case Table():
            return "\n".join(
                " | ".join(_read_blocks(cell.blocks, links) for cell in row) for row in block.rows
            )
        case Rule():
            return "---"
        case Attachment():
            href = safe_href(block.page or block.url) if links else None
            return f"{label(block)} ({href})" if href else label(block)


def _read_quote(block: Quote, links: bool) -> str:
    text = _read_blocks(block.blocks, links)
    return text if text.startswith("> " * QUOTE_MARKS_MAX) else "> " + text.replace("\n", "\n> ")


def _read_list(block: List, links: bool) -> str:
    read = []
    for number, item in enumerate(block.items, block.start):
        mark = f"{number}. " if block.ordered else "• "
        read.append(mark + _read_blocks(item, links).replace("\n", "\n" + " " * len(mark)))
    return "\n".join(read)


def _read_words(content: Iterable[Inline], links: bool) -> str:
    return "".join(_read_word(node, links) for node in content)


def _read_word(node: Inline, links: bool) -> str:
    match node:
        case Text() | Code() | Mention():
            return node.text
        case LineBreak():
            return "\n"
        case Link():
            text = _read_words(node.content, links)
            return f"{text} ({node.href})" if links and text != node.href else text
        case Image():
            return label(node)
        case _:
            return _read_words(node.content, links)
