"""From a `Body` to HTML: one writer for both dialects, which override what they say differently.

The writer spells white space so that a reader gives it back: a space that a browser would not show
(after another one, at the beginning of a line) is written as a no-break space. A paragraph gets
its tags only beside another paragraph. The writer calls itself once per level of a normal body,
and the level is bounded by `DEPTH_MAX`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from itertools import pairwise

from bridge.convert.markup import escape, escape_attribute
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Bold,
    Card,
    Code,
    CodeBlock,
    Colour,
    Heading,
    Image,
    Inline,
    Italic,
    LineBreak,
    Link,
    List,
    Mention,
    Paragraph,
    Quote,
    Rule,
    Strike,
    Styled,
    Subscript,
    Superscript,
    Table,
    Text,
    Underline,
    label,
    safe_href,
)

STYLE_TAGS: Mapping[type[Styled], str] = {
    Bold: "strong",
    Italic: "em",
    Underline: "u",
    Strike: "del",
    Superscript: "sup",
    Subscript: "sub",
}

_RUN = re.compile("  +")


def _seen(run: re.Match[str], *, hidden: bool) -> str:
    """A run of spaces of which a browser shows every one; `hidden` if it would not the first."""
    pair = "&nbsp; " if hidden else " &nbsp;"
    length = len(run[0])
    return pair * (length // 2) + (pair.removesuffix(" ") if hidden else " ") * (length % 2)


def size_of(node: Image) -> str:
    """The attributes that say how large an image is, with a space before each."""
    sides = (("width", node.width), ("height", node.height))
    return "".join(f' {name}="{side}"' for name, side in sides if side)


class Writer(ABC):
    """Writes one body; made anew for each."""

    style_tags: Mapping[type[Styled], str] = STYLE_TAGS
    gap = ""
    """What parts two paragraphs."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._after_space = True

    def write(self, body: Body) -> str:
        """The HTML of a normal body."""
        self._blocks(body.blocks)
        return "".join(self._out)

    # What the dialects say differently.

    @abstractmethod
    def mention(self, node: Mention) -> tuple[str, str]:
        """What stands before and after the name of who is mentioned."""

    @abstractmethod
    def image(self, node: Image) -> str:
        """An image, or nothing where it can only be named."""

    def attachment(self, node: Attachment) -> str:  # noqa: ARG002 -- for the dialects
        """What stands for a file, or nothing where it can only be named."""
        return ""

    @abstractmethod
    def code_block(self, node: CodeBlock) -> str:
        """A block of code."""

    @abstractmethod
    def colours(self, node: Colour) -> str:
        """The attributes of a `<span>` that is coloured, with a space before each."""

    # Blocks.

    def _blocks(self, blocks: tuple[Block, ...]) -> None:
        loose = any(
            isinstance(block, Paragraph) and isinstance(before, Paragraph)
            for before, block in pairwise(blocks)
        )
        before: Block | None = None
        for block in blocks:
            self._after_space = True
            if isinstance(block, Paragraph):
                if isinstance(before, Paragraph):
                    self._out.append(self.gap)
                self._paragraph(block, loose=loose)
            else:
                self._block(block)
            before = block

    def _block(self, block: Block) -> None:
        match block:
            case Paragraph():
                self._inlines(block.content)
            case List():
                self._list(block)
            case Quote():
                self._out.append("<blockquote>")
                self._blocks(block.blocks)
                self._out.append("</blockquote>")
            case CodeBlock():
                self._out.append(self.code_block(block))
            case Heading():
                self._element(f"h{block.level}", block.content)
            case Table():
                self._table(block)
            case Rule():
                self._out.append("<hr>")
            case Attachment():
                self._attachment(block)
            case Card():
                self._block(Quote(blocks=block.blocks))

    def _paragraph(self, block: Paragraph, *, loose: bool) -> None:
        if loose:
            self._element("p", block.content)
        else:
            self._inlines(block.content)

    def _element(self, tag: str, content: Iterable[Inline]) -> None:
        self._out.append(f"<{tag}>")
        self._inlines(content)
        self._out.append(f"</{tag}>")

    def _list(self, block: List) -> None:
        tag = "ol" if block.ordered else "ul"
        start = f' start="{block.start}"' if block.ordered and block.start != 1 else ""
        self._out.append(f"<{tag}{start}>")
        for item in block.items:
            self._out.append("<li>")
            self._blocks(item)
            self._out.append("</li>")
        self._out.append(f"</{tag}>")

    def _table(self, block: Table) -> None:
        self._out.append("<table><tbody>")
        for row in block.rows:
            self._out.append("<tr>")
            for cell in row:
                tag = "th" if cell.header else "td"
                self._out.append(f"<{tag}>")
                self._blocks(cell.blocks)
                self._out.append(f"</{tag}>")
            self._out.append("</tr>")
        self._out.append("</tbody></table>")

    def _attachment(self, block: Attachment) -> None:
        if html := self.attachment(block):
            self._out.append(html)
            return
        href = safe_href(block.page or block.url)
        shown: Inline = Text(text=label(block))
        self._element("p", (Link(href=href, content=(shown,)) if href else shown,))

    # Within a line.

    def _inlines(self, content: Iterable[Inline]) -> None:
        for node in content:
            self._inline(node)

    def _inline(self, node: Inline) -> None:
        match node:
            case Text():
                self._text(node.text)
            case LineBreak():
                self._out.append("<br>")
                self._after_space = True
            case Colour():
                self._out.append(f"<span{self.colours(node)}>")
                self._inlines(node.content)
                self._out.append("</span>")
            case Styled():
                self._element(self.style_tags[type(node)], node.content)
            case Link():
                self._out.append(f'<a href="{escape_attribute(node.href)}">')
                self._inlines(node.content)
                self._out.append("</a>")
            case Code():
                self._code(node)
            case Mention():
                self._mention(node)
            case Image():
                self._image(node)

    def _text(self, words: str) -> None:
        text = escape(words)
        if "  " in text:
            hidden = self._after_space
            text = _RUN.sub(lambda run: _seen(run, hidden=hidden and run.start() == 0), text)
        if self._after_space and text.startswith(" "):
            text = "&nbsp;" + text[1:]
        self._after_space = text.endswith(" ")
        self._out.append(text)

    def _code(self, node: Code) -> None:
        text = _RUN.sub(lambda run: _seen(run, hidden=True), escape(node.text))
        self._out.append(f"<code>{text.replace(chr(10), '<br>')}</code>")
        self._after_space = False

    def _image(self, node: Image) -> None:
        html = self.image(node)
        if html:
            self._out.append(html)
            self._after_space = False
        else:
            self._text(label(node))

    def _mention(self, node: Mention) -> None:
        before, after = self.mention(node)
        self._out.append(before + escape(node.text) + after)
        self._after_space = False
