"""Cleaning what strangers wrote: of what nobody can store, and of what only serves to mislead."""

from __future__ import annotations

import re
import unicodedata

from bridge.domain.content.nodes import NAME_CHARS_MAX

# NUL cannot be stored in Postgres; the other controls mean nothing in a chat; U+202D and U+202E
# turn the direction of whatever follows and serve only to disguise (CVE-2021-42574).
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202d\u202e]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff\u00ad]")
"""What is not seen, but for what it does to its neighbours."""
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
TAB = "    "


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
    name = " ".join(undirected(clean(text)).split())
    return name if len(name) <= NAME_CHARS_MAX else name[: NAME_CHARS_MAX - 1] + "…"


def undirected(text: str) -> str:
    """Without the characters that order text anew; letters go by their own direction all the same.

    In a sentence they are needed, in a name or an address they show what is not there.
    """
    return text if text.isascii() else _DIRECTIONS.sub("", text)


def normalised(text: str) -> str:
    """Reduce a text to what survives a network that re-writes white space and Unicode forms."""
    return " ".join(INVISIBLE.sub("", unicodedata.normalize("NFC", clean(text))).split())
