"""Markdown of cards to blocks: the subset that a Teams client shows, and what connectors write.

    text ──▶ lines ──▶ lists, paragraphs ──▶ tokens ──▶ emphasis closed where it was opened

Adaptive cards know bold, italic, lists and links (learn.microsoft.com
adaptive-cards/authoring-cards/text-features); the cards of connectors know headings, quotations,
code, strike-through and pictures as well (`full`). Time is linear in the length, as nothing is read
twice and no more than `OPEN_MAX` emphases are open at once; how much is made of a text is bounded by
the marks that the sheet has left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from types import MappingProxyType

from bridge.convert.cards import dates
from bridge.convert.cards.blocks import link_to
from bridge.convert.cards.sheet import Sheet
from bridge.domain.content import (
    Block,
    Bold,
    Code,
    CodeBlock,
    Heading,
    Image,
    Inline,
    Italic,
    LineBreak,
    Link,
    List,
    Paragraph,
    Quote,
    Rule,
    Strike,
    Text,
    safe_href,
)

OPEN_MAX = 16
"""Emphases within each other."""

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_BLANKS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+(?=\n)")
_BULLET = re.compile(r"\s{0,12}[-*+]\s+(?=\S)")
_NUMBER = re.compile(r"\s{0,12}(\d{1,9})[.)]\s+(?=\S)")
_HEADING = re.compile(r"(#{1,6})\s+(?=\S)")
_RULE = re.compile(r"\s*(?:-\s*){3,40}|\s*(?:\*\s*){3,40}|\s*(?:_\s*){3,40}")
_ADDRESS = r"<?([^()\s<>]{1,2048}(?:\([^()\s]{0,200}\)[^()\s<>]{0,2048})?)>?"
_TOKEN = re.compile(
    r"\\([\\`*_{}\[\]()#+\-.!~>|])"
    r"|(\*\*|__|~~|\*|_)"
    r"|(!?)\[([^\[\]\n]{0,1000})\]\(\s{0,9}" + _ADDRESS + r'(?:\s{1,9}"[^"\n]{0,300}")?\s{0,9}\)'
    r"|(<at>[^<>\n]{1,256}</at>)"
    r"|" + dates.FUNCTION
)  # fmt: skip
_STYLES: Mapping[str, type[Bold | Italic | Strike]] = {
    "**": Bold, "__": Bold, "*": Italic, "_": Italic, "~~": Strike,
}  # fmt: skip
_CODE = re.compile(r"(`{1,3})(?!`)([^`\n]{1,2000})\1(?!`)")
_FENCE = "```"

Mentions = Mapping[str, Inline]
"""What stands for an `<at>` with its name, by its whole text."""
NOBODY: Mentions = MappingProxyType({})


def blocks(
    sheet: Sheet, text: str, *, mentions: Mentions = NOBODY, full: bool = False
) -> list[Block]:
    """Read a text that may have lists and several paragraphs."""
    return _Lines(sheet, text, mentions, full=full).read()


def inlines(
    sheet: Sheet, text: str, *, mentions: Mentions = NOBODY, full: bool = False
) -> tuple[Inline, ...]:
    """Read a text that stands within a line; lists in it stay as they are written."""
    return _Words(sheet, mentions, full=full).read(_LINE_ENDS.sub("\n", text))


class _Lines:
    """Reads a text line by line."""

    def __init__(self, sheet: Sheet, text: str, mentions: Mentions, *, full: bool) -> None:
        self._sheet = sheet
        self._mentions = mentions
        self._full = full
        self._lines = _BLANKS.sub("\n\n", _LINE_ENDS.sub("\n", text)).split("\n")
        self._found: list[Block] = []

    def read(self) -> list[Block]:
        at = 0
        while at < len(self._lines):
            at = self._block(at)
        return self._found

    def _block(self, at: int) -> int:
        """Append the block that begins with a line; return where the next one begins."""
        if self._sheet.marks_left <= 0:
            self._paragraph(at, len(self._lines))
            return len(self._lines)
        if not self._lines[at]:
            return at + 1
        if self._full and (end := self._special(at)):
            return end
        for mark in (_BULLET, _NUMBER):
            if mark.match(self._lines[at]):
                return self._list(at, mark)
        end = self._until(at, self._goes_on)
        self._paragraph(at, end)
        return end

    def _until(self, at: int, goes_on: Callable[[str], object]) -> int:
        end, last = at + 1, min(len(self._lines), at + 1 + self._sheet.marks_left)
        while end < last and goes_on(self._lines[end]):
            end += 1
        return end

    def _goes_on(self, line: str) -> bool:
        """Whether a line belongs to the paragraph before it."""
        if not line.strip() or _BULLET.match(line) or _NUMBER.match(line):
            return False
        return not (self._full and (_HEADING.match(line) or line.startswith((">", _FENCE))))

    def _paragraph(self, at: int, end: int) -> None:
        words = "\n".join(line.strip() for line in self._lines[at:end])
        if words.strip():
            self._sheet.marks_left -= 1
            self._found.append(Paragraph(content=self._spoken(words)))

    def _list(self, at: int, mark: re.Pattern[str]) -> int:
        end = min(self._until(at, mark.match), at + self._sheet.marks_left)
        self._sheet.marks_left -= end - at
        marks = [match for line in self._lines[at:end] if (match := mark.match(line))]
        items = (self._spoken(match.string[match.end() :]) for match in marks)
        self._found.append(
            List(
                items=tuple((Paragraph(content=item),) for item in items),
                ordered=mark is _NUMBER,
                start=int(marks[0][1]) if mark is _NUMBER else 1,
            )
        )
        return end

    def _special(self, at: int) -> int:
        """Append a block that only connectors know; return where the next begins, 0 if it is none."""
        line = self._lines[at]
        end = at + 1
        if heading := _HEADING.match(line):
            words = self._spoken(line[heading.end() :].rstrip("# "))
            self._found.append(Heading(level=len(heading[1]), content=words))
        elif line.startswith(_FENCE):
            end = self._until(at, lambda below: not below.startswith(_FENCE))
            code = "\n".join(self._lines[at + 1 : end])
            self._found.append(CodeBlock(text=code, language=line.strip("` ").lower()))
            end += 1
        elif line.startswith(">"):
            end = self._until(at, lambda below: below.startswith(">"))
            said = "\n".join(line.lstrip("> ") for line in self._lines[at:end])
            self._found.append(Quote(blocks=(Paragraph(content=self._spoken(said)),)))
        elif _RULE.fullmatch(line):
            self._found.append(Rule())
        else:
            return 0
        self._sheet.marks_left -= 1
        return end

    def _spoken(self, text: str) -> tuple[Inline, ...]:
        return _Words(self._sheet, self._mentions, full=self._full).read(text)


class _Words:
    """Reads what stands in a line; emphasis that nobody closes stays as it was written."""

    def __init__(self, sheet: Sheet, mentions: Mentions, *, full: bool) -> None:
        self._sheet = sheet
        self._mentions = mentions
        self._full = full
        self._open: list[tuple[str, list[Inline]]] = [("", [])]

    def read(self, text: str) -> tuple[Inline, ...]:
        if text.isascii() and text.isalnum():
            return (Text(text=text),)
        if self._full and "`" in text:
            self._take_with_code(text)
        else:
            self._take(text)
        while len(self._open) > 1:
            self._give_up()
        return tuple(self._open[0][1])

    def _take_with_code(self, text: str) -> None:
        """Code first: what stands in it is not looked at again."""
        at = 0
        for code in _CODE.finditer(text):
            if self._sheet.marks_left <= 0:
                break
            self._sheet.marks_left -= 1
            self._take(text[at : code.start()])
            self._add(Code(text=code[2]))
            at = code.end()
        self._take(text[at:])

    def _take(self, text: str) -> None:
        at = 0
        for token in _TOKEN.finditer(text):
            if self._sheet.marks_left <= 0:
                break
            self._sheet.marks_left -= 1
            self._say(text[at : token.start()])
            self._token(text, token)
            at = token.end()
        self._say(text[at:])

    def _add(self, node: Inline) -> None:
        self._open[-1][1].append(node)

    def _token(self, text: str, token: re.Match[str]) -> None:
        escaped, mark, picture, words, address, at, function, written, style = token.groups()
        if escaped:
            self._literal(escaped)
        elif mark:
            self._mark(mark, text, token)
        elif address:
            self._link(token[0], is_picture=bool(picture), words=words, address=address)
        elif at:
            self._add(self._mentions.get(at) or Text(text=unescape(at[4:-5])))
        else:
            self._literal(dates.shown(function, written, style) or token[0])

    def _link(self, whole: str, *, is_picture: bool, words: str, address: str) -> None:
        href = safe_href(unescape(address))
        if href is None:
            self._say(words or whole)
        elif is_picture and self._full:
            self._add(Link(href=href, content=(Image(alt=words, url=href),)))
        else:
            inner = _Words(self._sheet, self._mentions, full=self._full).read(words)
            self._add(link_to(href, inner))

    def _mark(self, mark: str, text: str, token: re.Match[str]) -> None:
        before = text[token.start() - 1 : token.start()]
        after = text[token.end() : token.end() + 1]
        joins = mark[0] == "_" and before.isalnum() and after.isalnum()
        if (mark == "~~" and not self._full) or joins:
            self._literal(mark)
        elif before.strip() and self._is_open(mark):
            self._close(mark)
        elif after.strip() and len(self._open) <= OPEN_MAX:
            self._open.append((mark, []))
        else:
            self._literal(mark)

    def _is_open(self, mark: str) -> bool:
        return any(opened == mark and content for opened, content in self._open)

    def _close(self, mark: str) -> None:
        while self._open[-1][0] != mark:
            self._give_up()
        _, content = self._open.pop()
        self._add(_STYLES[mark](content=tuple(content)))

    def _give_up(self) -> None:
        mark, content = self._open.pop()
        self._open[-1][1].extend((Text(text=mark), *content))

    def _say(self, text: str) -> None:
        if text:
            self._literal(unescape(text) if "&" in text else text)

    def _literal(self, text: str) -> None:
        if "\n" not in text or self._sheet.marks_left <= 0:
            self._add(Text(text=text.replace("\n", " ")))
            return
        for number, line in enumerate(text.split("\n", self._sheet.marks_left)):
            if number:
                self._sheet.marks_left -= 1
                self._add(LineBreak())
            if line:
                self._add(Text(text=line.replace("\n", " ")))
