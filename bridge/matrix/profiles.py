"""Messages under another name than their ghost's: per-message profiles (MSC4144). Pure.

Several webhooks speak through one application, and so as one ghost. Clients that know MSC4144 show
the name of the message; for all others it stands before the words, as the proposal demands it:

    body            Name: words
    formatted_body  <strong data-mx-profile-fallback>Name: </strong>words
"""

from __future__ import annotations

import html

from bridge.domain.ids import digest
from bridge.matrix.reading import NEW_CONTENT

PROFILE = "com.beeper.per_message_profile"
"""Until the proposal is part of the spec."""
HTML = "org.matrix.custom.html"
MADE_BYTES_MAX = 8_000
"""Plain words up to this are given a formatted form too, so that the name stands out."""
ID_CHARS = 32

Content = dict[str, object]


def under(name: str, content: Content) -> Content:
    """Return the content of a message as said under `name`; of an edit, both of its forms."""
    dressed = _dressed(name, content)
    new = content.get(NEW_CONTENT)
    return dressed | {NEW_CONTENT: _dressed(name, new)} if isinstance(new, dict) else dressed


def _dressed(name: str, content: Content) -> Content:
    words, formatted = str(content.get("body", "")), content.get("formatted_body")
    found = dict(content)
    if "url" in content or "file" in content:  # A medium, whose body is a file name or a caption.
        found.setdefault("filename", words)
        words = "" if words == found["filename"] else words
    elif not isinstance(formatted, str) and len(words.encode()) <= MADE_BYTES_MAX:
        formatted = html.escape(words, quote=False).replace("\n", "<br>")
    found["body"] = f"{name}: {words}"
    if isinstance(formatted, str):
        found |= {"format": HTML, "formatted_body": _prefixed(name, formatted)}
    found[PROFILE] = {"id": digest(name)[:ID_CHARS], "displayname": name, "has_fallback": True}
    return found


def _prefixed(name: str, formatted: str) -> str:
    """Put the name into the first paragraph, if there is one: before it, it would be a line of its own."""
    fallback = f"<strong data-mx-profile-fallback>{html.escape(name, quote=False)}: </strong>"
    if formatted.startswith("<p>"):
        return f"<p>{fallback}{formatted.removeprefix('<p>')}"
    return fallback + formatted
