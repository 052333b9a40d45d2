"""Taking request paths apart: segments, patterns, keys in parentheses."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from bridge.sandbox.tenant.errors import bad_request

SEGMENTS_MAX = 12
PATH_MAX = 4096
"""Characters of a path."""

_PARENTHESES = re.compile(r"([A-Za-z]+)\('(.*)'\)", re.DOTALL)

Pattern = tuple[str, ...]


def pattern(path: str) -> Pattern:
    """A route such as `/chats/{chat}` as its segments."""
    return tuple(path.strip("/").split("/"))


def segments(raw_path: str) -> list[str]:
    """The decoded segments of a percent-encoded path; `chats('id')` becomes two.

    Raises:
        GraphError: 400, the path makes no sense.
    """
    if len(raw_path) > PATH_MAX:
        raise bad_request("The request URL is too long.")
    found: list[str] = []
    for raw in raw_path.strip("/").split("/"):
        text = _decoded(raw)
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


def _decoded(raw: str) -> str:
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise bad_request("The request URL is not valid UTF-8.") from None
