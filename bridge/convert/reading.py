"""From tokens to a `Body`: one reader for both dialects, which differ in a table of tags (`tags`).

    tokens ──▶ Reader ──▶ normalise ──▶ Body
                 │ start tag: the dialect's opener for it, which may return a closer
                 │ end tag:   the closer of the element that is open innermost
                 └ text:      white space collapses as in a browser, a no-break space stays a space

The reader holds a stack of open elements, of blocks being filled (`Frame`) and of styles
(`_Span`); it never calls itself, so no nesting exhausts it. Elements too deep or too many are
read as if their tags were not there: their text stays, and the lines that it stands on. What it
could not carry over is in `losses`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from bridge.convert import losses
from bridge.convert.markup import LINES, Markup, Token, unescape
from bridge.domain.content import (
    DEPTH_MAX,
    Block,
    Body,
    Cell,
    Code,
    CodeBlock,
    Inline,
    LineBreak,
    Paragraph,
    Text,
    clean_words,
    normalise,
    verbatim,
)
from bridge.domain.values import dataclass

NODES_MAX = 50_000
"""Elements of one body; the text of further ones stays, their tags do not. A document that is taken as
tokens at all has hardly more (`taming.TOKENS_MAX`)."""

_VOID = frozenset({"br", "hr", "img"})
_SPACES = re.compile(r"[ \t\n\f\r]+")
_BREAK = LineBreak()

Make = Callable[[tuple[Inline, ...]], Inline]
Closer = Callable[["Reader"], None]
Opener = Callable[["Reader", str], Closer | None]


class _Span:
    """An open style or link: what it will be made of."""

    __slots__ = ("content", "make", "spent")

    def __init__(self, make: Make | None) -> None:
        self.make = make
        self.content: list[Inline] = []
        self.spent = False


class Frame:
    """An open block: the blocks in it, or its items, rows or cells."""

    __slots__ = ("blocks", "cells", "in_head", "items", "rows", "tag")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.blocks: list[Block] = []
        self.items: list[tuple[Block, ...]] = []
        self.rows: list[tuple[Cell, ...]] = []
        self.cells: list[Cell] = []
        self.in_head = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a message says, and the names of what of it could not be carried over."""

    body: Body
    losses: tuple[str, ...] = ()


class Reader:
    """Builds one body; `put`, `say` and the `open_…` methods are what a dialect's openers use."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = openers
        self._open: list[Closer | None] = []
        self._depth = 0
        self._nodes = 0
        self._frames = [Frame("")]
        self._spans = [_Span(None)]
        self._in_code = 0
        self._verbatim: list[str] | None = None
        self._language = ""
        # As in a browser: a space after a space, or at the beginning of a line, is not seen.
        self._after_space = True
        self._line_open = False
        self._losses: set[str] = set()

    def read(self, markup: Markup) -> Body:
        """The normal body of a whole document."""
        for number, stretch in enumerate(markup.stretches):
            if number:
                self._pause()
            self._read(stretch)
        while self._open:
            self._end()
        self.flush()
        blocks = self._frames[0].blocks
        if markup.rest:
            self.lose(losses.STRUCTURE)
            blocks.extend(verbatim(clean_words(markup.rest)))
        return normalise(Body(blocks=tuple(blocks)))

    def lose(self, what: str) -> None:
        """Note that something has no counterpart."""
        self._losses.add(what)

    @property
    def losses(self) -> tuple[str, ...]:
        """What could not be carried over, each once."""
        return tuple(sorted(self._losses))

    # What a document consists of.

    def _read(self, tokens: Iterable[Token]) -> None:
        openers, open_ = self._openers, self._open
        for slash, tag, attributes, text in tokens:
            if text:
                self._text(text)
            elif slash:
                self._end()
            elif tag == "br":
                self.break_line()
            else:
                opener = openers.get(tag)
                closer = None if opener is None else self._start(opener, tag, attributes)
                if tag not in _VOID:
                    open_.append(closer)
                    if closer is not None:
                        self._depth += 1

    def _pause(self) -> None:
        """A block ends here, so that none is longer than a stretch."""
        if self._verbatim is None:
            self.flush()
        else:
            self._close_verbatim()
            self._verbatim = []

    def _start(self, opener: Opener, tag: str, attributes: str) -> Closer | None:
        if self._depth < DEPTH_MAX and self._nodes < NODES_MAX:
            self._nodes += 1
            return opener(self, attributes)
        self.lose(losses.STRUCTURE)
        if tag not in LINES:
            return None
        self.end_line()
        return Reader.end_line

    def _end(self) -> None:
        closer = self._open.pop() if self._open else None
        if closer is not None:
            self._depth -= 1
            closer(self)

    def _text(self, raw: str) -> None:
        if self._verbatim is not None or self._in_code:
            self._code(raw)
            return
        text = raw
        # Most texts hold no white space to collapse, and looking is cheaper than replacing.
        if "\n" in raw or "  " in raw or "\t" in raw or "\f" in raw:
            text = _SPACES.sub(" ", raw)
        if self._after_space and text[0] == " ":
            text = text[1:]
            if not text:
                return
        self._after_space = text[-1] == " "
        self._line_open = True
        self._spans[-1].content.append(Text(text=unescape(text) if "&" in text else text))

    def _code(self, raw: str) -> None:
        if self._verbatim is not None:
            self._verbatim.append(unescape(raw))
            return
        self._after_space = False
        self._line_open = True
        self._spans[-1].content.append(Code(text=unescape(_SPACES.sub(" ", raw))))

    # For openers: within a line.

    def say(self, text: str) -> None:
        """Append words that no text token brought."""
        if not text:
            return
        if self._verbatim is not None:
            self._verbatim.append(text)
        else:
            self.put(Text(text=text))

    def put(self, node: Inline) -> None:
        """Append what is not made of text tokens."""
        self._spans[-1].content.append(node)
        self._after_space = False
        self._line_open = True

    def break_line(self) -> None:
        """A line ends here, in any case."""
        if self._verbatim is not None:
            self._verbatim.append("\n")
            return
        self._spans[-1].content.append(Code(text="\n") if self._in_code else _BREAK)
        self._after_space = True
        self._line_open = False

    def end_line(self) -> None:
        """A line ends here if one has begun."""
        if self._verbatim is not None:
            if self._verbatim and not self._verbatim[-1].endswith("\n"):
                self._verbatim.append("\n")
        elif self._line_open:
            self._spans[-1].content.append(_BREAK)
            self._after_space = True
            self._line_open = False

    def open_span(self, make: Make) -> Closer:
        """What follows is within a style or a link."""
        self._spans.append(_Span(make))
        return Reader.close_span

    def close_span(self) -> None:
        """The innermost style or link ends here."""
        span = self._spans.pop()
        if span.content and span.make is not None:
            self._spans[-1].content.append(span.make(tuple(span.content)))

    @property
    def silent(self) -> bool:
        """Whether nothing has been said in the innermost open style or link."""
        return not self._spans[-1].content and not self._spans[-1].spent

    def spoken(self) -> list[Inline]:
        """What the innermost open style or link holds as yet; an opener may rewrite it."""
        return self._spans[-1].content

    def open_code(self) -> Closer:
        """What follows is code within a line."""
        self._in_code += 1
        return Reader._close_code

    def _close_code(self) -> None:
        self._in_code -= 1
        self._after_space = False

    # For openers: blocks.

    def flush(self) -> None:
        """A paragraph ends here if one has begun; open styles go on in the next."""
        if len(self._spans) > 1:
            self._suspend()
        outermost = self._spans[0]
        if outermost.content:
            self._frames[-1].blocks.append(Paragraph(content=tuple(outermost.content)))
            outermost.content = []
        self._after_space = True
        self._line_open = False

    def _suspend(self) -> None:
        """Styles and links hand over what they hold as yet."""
        for at in range(len(self._spans) - 1, 0, -1):
            span = self._spans[at]
            if span.content and span.make is not None:
                self._nodes += 1
                over = self._nodes > NODES_MAX
                made = span.content if over else [span.make(tuple(span.content))]
                self._spans[at - 1].content.extend(made)
                span.content = []
                span.spent = True

    def put_block(self, block: Block) -> None:
        """Append a block that stands by itself."""
        if self._verbatim is not None:
            return
        self.flush()
        self._frames[-1].blocks.append(block)

    def open_frame(self, tag: str) -> None:
        """What follows is within a block."""
        self.flush()
        self._frames.append(Frame(tag))

    def close_frame(self) -> Frame:
        """The block ends here."""
        self.flush()
        return self._frames.pop()

    @property
    def frame(self) -> Frame:
        """The block being filled."""
        return self._frames[-1]

    def open_verbatim(self, language: str = "") -> Closer | None:
        """What follows is a block of code, kept to the character."""
        if self._verbatim is not None:
            return None
        self.flush()
        self._verbatim = []
        self._language = language
        return Reader._close_verbatim

    def _close_verbatim(self) -> None:
        text = "".join(self._verbatim or ())
        self._verbatim = None
        self.put_block(CodeBlock(text=text, language=self._language))

    def name_language(self, language: str) -> bool:
        """Whether this is within a block of code; if so, its language is known now."""
        if self._verbatim is not None and not self._language:
            self._language = language
        return self._verbatim is not None

    @property
    def verbatim(self) -> bool:
        """Whether this is within a block of code."""
        return self._verbatim is not None
