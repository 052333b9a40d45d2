"""Taking request paths apart: segments, patterns, keys in parentheses, file paths between colons.

`root:/a/b.txt:/content` becomes `root`, `:`, `a/b.txt`, `content`; what ends the path of a file may
be missing (learn.microsoft.com graph/onedrive-addressing-driveitems).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from bridge.sandbox.tenant.errors import bad_request

SEGMENTS_MAX = 12
PATH_MAX = 4096
"""Characters of a path."""
PATH_FOLLOWS = ":"
"""The segment between an item and the path of a file below it."""

_PARENTHESES = re.compile(r"([A-Za-z]+)\('(.*)'\)", re.DOTALL)
_FUNCTION = re.compile(r"([A-Za-z]+)\(\s*\w+\s*=.*\)", re.DOTALL)
"""A function with named arguments; who answers it reads them from the path."""

Pattern = tuple[str, ...]


def pattern(path: str) -> Pattern:
    """A route such as `/chats/{chat}` as its segments."""
    return tuple(part for _, part in _addressed(path.strip("/").split("/")))


def segments(raw_path: str) -> list[str]:
    """The decoded segments of a percent-encoded path; `chats('id')` becomes two.

    Raises:
        GraphError: 400, the path makes no sense.
    """
    if len(raw_path) > PATH_MAX:
        raise bad_request("The request URL is too long.")
    found: list[str] = []
    for literal, raw in _addressed(raw_path.strip("/").split("/")):
        text = _decoded(raw)
        if literal:
            found.append(text)
            continue
        function = _FUNCTION.fullmatch(text)
        text = text if function is None else function[1]
        parts = _PARENTHESES.fullmatch(text)
        if parts is None:
            found.append(text.removesuffix("()"))
        else:
            found += [parts[1], parts[2].replace("''", "'")]
    if len(found) > SEGMENTS_MAX:
        raise bad_request("The request URL has too many segments.")
    return found


def match(wanted: Pattern, given: list[str]) -> dict[str, str] | None:
    """The ids in the path if it has this pattern; names match in any case."""
    if len(wanted) != len(given):
        return None
    ids: dict[str, str] = {}
    for name, segment in zip(wanted, given, strict=True):
        if name.startswith("{"):
            ids[name[1:-1]] = segment
        elif name.casefold() != segment.casefold():
            return None
    return ids


def _addressed(parts: list[str]) -> Iterator[tuple[bool, str]]:
    """The segments, with the path of a file between two colons as one; True for such a path."""
    inside: list[str] | None = None
    for part in parts:
        if inside is not None:
            inside.append(part.removesuffix(":"))
            if part.endswith(":"):
                yield True, "/".join(inside)
                inside = None
        elif part.endswith(":") and len(part) > 1:
            yield False, part[:-1]
            yield True, PATH_FOLLOWS
            inside = []
        else:
            yield False, part
    if inside is not None:
        yield True, "/".join(inside)


def _decoded(raw: str) -> str:
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise bad_request("The request URL is not valid UTF-8.") from None
