"""Addresses: which of them may be followed, and which words pretend to lead elsewhere.

A link's words are free, so they can show one address and lead to another; whoever reads a message
on the other side shall see where it leads: `unmasked` says what must stand beside such words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from bridge.domain.content.cleaning import INVISIBLE, clean
from bridge.domain.content.nodes import URL_CHARS_MAX

LINK_SCHEMES = frozenset({"http", "https", "ftp", "mailto", "magnet"})
"""Matrix spec v1.19, client-server § m.room.message msgtypes: schemes a client may open."""

WORDS_CHARS_MAX = 4_096
"""Characters of a link's words that are looked at; an address is no longer."""
HOST_CHARS_MAX = 253
"""RFC 1035 § 2.3.4."""

_USUAL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:[/?#][!-~]*+)?")
"""What needs no closer look: most addresses."""
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):\S+")
_HOST = r"[\w-]{1,63}(?:\.[\w-]{1,63})*"
_WITH_SCHEME = re.compile(rf"\w{{2,16}}://(?:[^\s/?#@]{{0,256}}@)?({_HOST})")
_WITH_WWW = re.compile(rf"(?<![\w.-])(www\.{_HOST})")
_ALONE = re.compile(rf"({_HOST}\.([a-z]{{2,24}}))(?::\d{{1,5}})?(/\S*)?")
_MAILBOX = re.compile(rf"[^\s@]{{1,64}}@{_HOST}")

_TOP = frozenset(
    [
        "com",
        "net",
        "org",
        "edu",
        "gov",
        "mil",
        "int",
        "info",
        "biz",
        "name",
        "io",
        "app",
        "dev",
        "cloud",
        "online",
        "shop",
        "site",
        "xyz",
        "bank",
        "eu",
    ]
)
"""What a bare name ends with that is taken for a host, beside the countries' two letters."""
_NO_COUNTRY = frozenset(
    ["ai", "cc", "cs", "gz", "js", "md", "mk", "ml", "pl", "ps", "py", "rs", "sh", "so", "ts", "vb"]
)
"""Two letters that files end with as well."""


def safe_href(href: str) -> str | None:
    """An address fit to be followed by whoever reads the message, or None."""
    if len(href) <= URL_CHARS_MAX and _USUAL.fullmatch(href):
        return href
    href = clean(href).replace("\n", "").replace("\t", "").strip().replace(" ", "%20")
    found = _ADDRESS.fullmatch(href)
    if found is None or found[1].lower() not in LINK_SCHEMES or len(href) > URL_CHARS_MAX:
        return None
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    return None if parts.scheme in {"http", "https", "ftp"} and not parts.netloc else href


def unmasked(href: str, words: str) -> str:
    """Where a link leads, if its words look like another address than `href`; else nothing."""
    if not ("." in words or "://" in words) or words == href:
        return ""
    goal = _goal(href)
    shown = _plain(words[:WORDS_CHARS_MAX])
    if not goal or shown.endswith(f"({goal})"):
        return ""
    return goal if any(not _is_same(claim, goal) for claim in _claims(shown)) else ""


def _goal(href: str) -> str:
    """The host that a link leads to, the mailbox, or at least the scheme."""
    try:
        parts = urlsplit(href)
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme == "mailto":
        return _plain(unquote(parts.path, errors="replace"))[:HOST_CHARS_MAX] or "mailto:"
    return host or f"{parts.scheme}:"


def _plain(words: str) -> str:
    """Without what looks like something else: wide letters, and what cannot be seen."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", words)).strip().lower()


def _claims(words: str) -> Iterator[str]:
    """What the words seem to name."""
    yield from _WITH_SCHEME.findall(words)
    yield from _WITH_WWW.findall(words)
    if _MAILBOX.fullmatch(words):
        yield words
    elif (alone := _ALONE.fullmatch(words)) and (alone[3] or _is_top(alone[2])):
        yield alone[1]


def _is_top(label: str) -> bool:
    return label in _TOP or (len(label) == len("eu") and label not in _NO_COUNTRY)


def _is_same(claim: str, goal: str) -> bool:
    """Whether both are one host, or one is part of the other."""
    one, other = _ascii(claim), _ascii(goal)
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _ascii(host: str) -> str:
    host = host.removeprefix("www.").rstrip(".")
    if host.isascii() or len(host) > HOST_CHARS_MAX:
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host
