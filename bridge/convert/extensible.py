"""Texts as extensible events hold them (MSC1767), stable and as clients have sent them for years. Total.

A text is a string, or a list of representations of which the one in plain text is read.
"""

from __future__ import annotations

from collections.abc import Mapping

Json = Mapping[str, object]

_TEXTS = ("m.text", "org.matrix.msc1767.text", "body")
_PLAIN = "text/plain"
REPRESENTATIONS_MAX = 20
"""Of one text that are looked at."""


def text_in(block: object) -> str:
    """The plain text of a content block, or nothing."""
    if not isinstance(block, Mapping):
        return ""
    return next((text for name in _TEXTS if (text := _plain(block.get(name)))), "")


def object_in(content: Json, *names: str) -> Json | None:
    """The first object that a content holds under one of its names."""
    found = (content.get(name) for name in names)
    return next((block for block in found if isinstance(block, Mapping)), None)


def _plain(text: object) -> str:
    if isinstance(text, str):
        return text
    if not isinstance(text, list):
        return ""
    for one in text[:REPRESENTATIONS_MAX]:
        if isinstance(one, Mapping) and one.get("mimetype", _PLAIN) == _PLAIN:
            body = one.get("body")
            return body if isinstance(body, str) else ""
    return ""
