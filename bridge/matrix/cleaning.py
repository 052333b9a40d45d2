"""Text of strangers as a name: one line, bounded, nothing invisible. Pure."""

from __future__ import annotations

import unicodedata

NAME_CHARS_MAX = 100
"""Of a person's name; Synapse refuses display names above 256 characters."""

# Joiners hold emoji and Persian words together; every other format character can only mislead.
_JOINERS = frozenset("\u200c\u200d")
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str, *, chars_max: int) -> str:
    """Return text fit for a name: one line, nothing invisible that could mislead, cut to size."""
    kept = (c for c in text if c in _JOINERS or c.isspace() or _is_wanted(c))
    return " ".join("".join(kept).split())[:chars_max].rstrip()


def _is_wanted(character: str) -> bool:
    return unicodedata.category(character) not in _UNWANTED
