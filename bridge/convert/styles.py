"""What a `style` attribute, or one that CSS has replaced, says that means something to us. Total.

"color:#c00; font-size:20px" ─▶ Look(ink, paper, losses, width, height)
"""

from __future__ import annotations

import re
from functools import lru_cache

from bridge.convert import losses
from bridge.convert.colours import ink_and_paper
from bridge.domain.values import dataclass

STYLE_CHARS_MAX = 2_000
"""Characters of a style attribute that are read; Teams' own have some dozens, Word's some hundreds."""
LOOKS_KEPT_MAX = 1_024
"""Styles that are remembered: a pasted table says the same in each of its cells."""

_DECLARATION = re.compile(r"(?:^|;)\s*([a-zA-Z-]{1,32})\s*:([^;]*)")
_PIXELS = re.compile(r"\s*([0-9]{1,5})(?:\.[0-9]{0,20})?\s*(?:px)?\s*", re.IGNORECASE)
_ASIDE = frozenset({"center", "right", "end", "-webkit-center", "-webkit-right"})
_ORDINARY = frozenset(
    [
        "inherit",
        "initial",
        "unset",
        "medium",
        "normal",
        "1em",
        "1rem",
        "100%",
        "14px",
        "14.0px",
        "10.5pt",
        "11pt",
        "11.0pt",
        "12pt",
    ]
)
"""Sizes of text that are the ordinary one: Teams' is 14px, Outlook's and Word's are 11 and 12pt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How an element looks: colours as `#rrggbb`, sizes in pixels; "" and 0 are not said."""

    ink: str = ""
    paper: str = ""
    width: int = 0
    height: int = 0
    losses: frozenset[str] = frozenset()


NOTHING = Look()


@lru_cache(maxsize=LOOKS_KEPT_MAX)
def look_of(style: str) -> Look:
    """What a `style` attribute says."""
    said = {name.lower(): value.strip() for name, value in _DECLARATION.findall(style)}
    paper = said.get("background-color") or said.get("background", "")
    ink, paper = ink_and_paper(_value(said, "color"), paper.removesuffix("!important"))
    return Look(
        ink=ink,
        paper=paper,
        width=pixels(said.get("width", "")),
        height=pixels(said.get("height", "")),
        losses=frozenset(_losses(said)),
    )


def _losses(said: dict[str, str]) -> list[str]:
    found = []
    if _value(said, "text-align") in _ASIDE:
        found.append(losses.ALIGNMENT)
    if _value(said, "font-size") not in _ORDINARY | {""}:
        found.append(losses.FONT_SIZE)
    return found


def _value(said: dict[str, str], name: str) -> str:
    return said.get(name, "").lower().removesuffix("!important").strip()


def pixels(written: str) -> int:
    """A length in whole pixels; 0 for one in anything else."""
    found = _PIXELS.fullmatch(written)
    return int(found[1]) if found else 0
