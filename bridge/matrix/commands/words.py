"""Words of a command. Pure, and total: people write whatever they like."""

from __future__ import annotations

import re

WORDS_MAX = 100
_WORD = re.compile(r'"([^"\n]*)"|[“„]([^“”\n]*)[“”]|(\S+)')
"""In quotes, which clients make curly, or without; an apostrophe is a letter of names."""


def words_of(text: str) -> tuple[str, ...]:
    """Part a text into words; what stands in double quotes is one. No more than `WORDS_MAX`."""
    found = (match[1] or match[2] or match[3] or "" for match in _WORD.finditer(text))
    return tuple(word for word, _ in zip(found, range(WORDS_MAX), strict=False))


def parted(text: str) -> tuple[str, str]:
    """Return what a text begins with as the name of a command, and the rest of it."""
    first, *rest = text.split(maxsplit=1) or [""]
    return first.casefold().strip("!/.,?`"), rest[0].strip() if rest else ""


def without_prefix(text: str, prefix: str) -> str | None:
    """Return what follows the prefix of commands; None if the text does not begin with it."""
    begin = text.lstrip()
    head, rest = begin[: len(prefix)], begin[len(prefix) :]
    if head.casefold() != prefix or (rest and not rest[0].isspace()):
        return None
    return rest.strip()
