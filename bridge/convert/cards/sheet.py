"""What is read of the cards of one message: its limits, its losses, and the words in its JSON.

Card JSON comes from strangers and has any shape: a property of a wrong type counts as absent, a
text where an object should be counts as its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bridge.convert import losses

Json = Mapping[str, object]

ELEMENTS_MAX = 1_000
"""Of the cards of one message. A card of 28 KB, the most that Teams takes (learn.microsoft.com
microsoftteams/platform/task-modules-and-cards/cards/cards-reference), has some 900 at 30 bytes."""
CHARS_MAX = 65_536
"""Of words of the cards of one message."""
MARKS_MAX = 1_500
"""Marks of Markdown; what comes after those is read as bare text."""
HTML_CHARS_MAX = 28_672
"""Of texts that are HTML, and of forwarded messages: one of 28 KB is the most that Teams takes."""
LINES_MAX = 4_000
"""Of texts; those that have too many of them stand on one line."""
RAW_BYTES_MAX = 16_384
"""Of JSON of the cards of one message that is kept with it, as bytes within JSON: a matrix event has
room for 60,000, and the words come first."""
DEPTH_MAX = 16
"""Containers within containers; deeper ones give their texts only."""
_NUMBER_CHARS_MAX = 40
_TAGS_OF_ELEMENT = 8
"""So many tags of HTML take as long as an element of a card."""
_LINE_END = re.compile("[\n\r\x85\u2028\u2029]")


class Sheet:
    """Counts what was read of the cards of one message, and notes what was lost."""

    def __init__(self) -> None:
        self.losses: set[str] = set()
        self._elements_left = ELEMENTS_MAX
        self._chars_left = CHARS_MAX
        self._lines_left = LINES_MAX
        self._html_left = HTML_CHARS_MAX
        self.marks_left = MARKS_MAX
        self.raw_bytes_left = RAW_BYTES_MAX

    def lose(self, name: str) -> None:
        """Note a loss, one of `losses.LOSSES`."""
        self.losses.add(name)

    def takes(self) -> bool:
        """Count one element more; False once there were too many, or too many words."""
        if self._elements_left <= 0 or self._chars_left <= 0:
            self.lose(losses.CARD_TEXT)
            return False
        self._elements_left -= 1
        return True

    def words(self, value: object) -> str:
        """The text that a value is; what is no text, number or truth value has none."""
        return self.words_as_they_are(value).strip()

    def words_as_they_are(self, value: object) -> str:
        """The same, with the white space around it."""
        match value:
            case str():
                text = value
            case bool():
                text = "yes" if value else "no"
            case int() | float():
                text = str(value)[:_NUMBER_CHARS_MAX]
            case _:
                return ""
        if len(text) > self._chars_left:
            self.lose(losses.CARD_TEXT)
            text = text[: self._chars_left]
        self._chars_left -= len(text)
        return text if text.isprintable() else self._with_few_lines(text)

    def _with_few_lines(self, text: str) -> str:
        self._lines_left -= len(_LINE_END.findall(text))
        return " ".join(text.split()) if self._lines_left < 0 else text

    def html(self, text: str) -> str:
        """What may be read of a text that is HTML."""
        if len(text) > self._html_left:
            self.lose(losses.CARD_TEXT)
            text = text[: self._html_left]
        self._html_left -= len(text)
        self._elements_left -= text.count("<") // _TAGS_OF_ELEMENT
        return text

    def first(self, item: Json, *names: str) -> str:
        """The words of the first of these properties that has any."""
        return next((found for name in names if (found := self.words(item.get(name)))), "")

    def objects(self, value: object) -> Iterator[Json]:
        """The objects of a list, or the one that stands where a list should; each is counted."""
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                if not self.takes():
                    return
                yield item

    def objects_or_texts(self, value: object, name: str) -> Iterator[Json]:
        """The same, where a bare text counts as an object that has it under `name`."""
        for item in value if isinstance(value, list) else [value]:
            found = {name: item} if isinstance(item, str | int | float) else item
            if isinstance(found, dict):
                if not self.takes():
                    return
                yield found


def child(item: Json, name: str) -> Json:
    """An object, an empty one where there is none."""
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def kind_of(item: Json, name: str = "type") -> str:
    """A name in lower case, as cards are written in any; empty where there is none."""
    found = item.get(name)
    return found.lower() if isinstance(found, str) else ""
