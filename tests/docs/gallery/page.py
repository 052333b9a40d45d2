"""The document: for each case what Graph shows, what the homeserver is sent, what a client shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.docs.gallery import happenings, things, words
from tests.docs.gallery.building import Case
from tests.docs.gallery.outward import Said
from tests.docs.gallery.outward_cases import SAYINGS
from tests.docs.gallery.showing import Shown

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENT = DOCS / "gallery.md"
PICTURES = DOCS / "gallery"
COMMAND = "python -m tests.docs.gallery"
CHAPTERS = (
    ("What people write", words.CASES),
    ("Pictures, files, cards", things.CASES),
    ("What happens", happenings.CASES),
)
CASES: tuple[Case, ...] = tuple(case for _, cases in CHAPTERS for case in cases)
TEXT_CHARS_MAX = 400
"""Of one text within JSON; the rest is cut, for it says nothing new."""

_HEAD = f"""# Gallery: what becomes of Teams in Matrix, and of Matrix in Teams

Each kind of message as Microsoft Graph shows it (shortened: what is null or empty is left out), the Matrix events that the bridge's own converters make of it, and how the page of `make demo` shows them. Written by `{COMMAND}`; `tests/docs/test_gallery.py` fails where it is not what the bridge does.

The last part is the other way: each kind of Matrix event, and what the bridge asks of Graph for it in the name of whoever sent it.

*Not carried over* names what has no counterpart on the other side; `teams-bridge audit fidelity` lists it for a real installation.
"""

_OUTWARD = """## From Matrix to Teams

Cem, who is signed in, writes in the room of a chat. `$said1` is what he has said before, `1763719200000` what Graph has called that. A file is shown with the address that it got in his OneDrive.
"""


def document(shown: Sequence[Shown], said: Sequence[Said]) -> str:
    """Return the document."""
    by_name = {one.case.name: one for one in shown}
    parts = [_HEAD, _contents()]
    for title, cases in CHAPTERS:
        parts.append(f"## {title}\n")
        parts += [_section(by_name[case.name]) for case in cases]
    parts += [_OUTWARD, *map(_outward, said)]
    return "\n".join(parts)


def _outward(one: Said) -> str:
    """A saying of Matrix, and what Graph is asked for it."""
    saying = one.saying
    lines = [f"### {saying.title}\n"]
    if one.losses:
        lines.append("Not carried over: " + ", ".join(f"`{loss}`" for loss in one.losses) + "\n")
    event = {"type": saying.kind, **(saying.facts or {}), "content": saying.content}
    lines.append(_folded("Matrix", [shortened(event)]))
    lines.append(_folded("Graph", [shortened(asked) for asked in one.asked]))
    return "\n".join(lines)


def _contents() -> str:
    lines = []
    for title, cases in CHAPTERS:
        links = ", ".join(f"[{case.title}](#{anchor(case.title)})" for case in cases)
        lines.append(f"- **{title}**: {links}")
    links = ", ".join(f"[{one.title}](#{anchor(one.title)})" for one in SAYINGS)
    lines.append(f"- **From Matrix to Teams**: {links}")
    return "\n".join(lines) + "\n"


def anchor(title: str) -> str:
    """Return what a heading is linked by."""
    kept = (c for c in title.lower() if c.isalnum() or c in " -")
    return "".join(kept).replace(" ", "-")


def _section(one: Shown) -> str:
    case = one.case
    lines = [f"### {case.title}\n", f"![{case.title}](gallery/{case.name}.png)\n"]
    if one.losses:
        lines.append("Not carried over: " + ", ".join(f"`{loss}`" for loss in one.losses) + "\n")
    lines.append(_folded("Graph", [shortened(case.message)]))
    lines.append(_folded("Matrix", [_told(event) for event in one.events]))
    return "\n".join(lines)


def _folded(title: str, values: Iterable[object]) -> str:
    shown = "\n".join(json.dumps(value, ensure_ascii=False, indent=2) for value in values)
    return f"<details><summary>{title}</summary>\n\n```json\n{shown}\n```\n\n</details>\n"


def _told(event: Mapping[str, object]) -> object:
    """Return what of an event the bridge decides."""
    return shortened({name: event[name] for name in ("type", "sender", "content")})


def shortened(value: object) -> object:
    """Return a value without what is null or empty, and with long texts cut."""
    match value:
        case dict():
            return {name: shortened(item) for name, item in value.items() if _says(item)}
        case list():
            return [shortened(item) for item in value]
        case str() if len(value) > TEXT_CHARS_MAX:
            return value[:TEXT_CHARS_MAX] + "…"
        case _:
            return value


def _says(value: object) -> bool:
    return value not in (None, "", [])
