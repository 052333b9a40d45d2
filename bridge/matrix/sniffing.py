"""What bytes are, by their beginning and not by what is claimed of them. Pure.

    head, claim ─▶ known by its first bytes ──────────────────────▶ that
                   text that a browser would run (HTML, SVG, XML) ─▶ application/octet-stream
                   of a family that first bytes tell, but do not ──▶ application/octet-stream
                   anything else ──────────────────────────────────▶ the claim, if it is harmless

A media type decides whether a client shows something in place, and how. What is named here is what
Matrix clients show, and the forms in which it can be known: WHATWG MIME Sniffing §
6 for pictures, sound and film; ISO/IEC 14496-12 for `ftyp`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

HEAD_BYTES = 4_096
"""How much of the beginning is looked at."""
UNKNOWN: Final = "application/octet-stream"
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What every Matrix client shows in place, and we look at."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"%PDF-", "application/pdf"),
)
_RIFF: Mapping[bytes, str] = {
    b"WEBP": "image/webp",
    b"WAVE": "audio/wav",
    b"AVI ": "video/x-msvideo",
}
_BRANDS: Mapping[bytes, str] = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
    b"avis": "image/avif",
}
"""ISO base media files by their major brand; any other is a film."""
_ISO: Final = "video/mp4"
_MPEG_AUDIO = frozenset({b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"})
_ADTS = frozenset({b"\xff\xf1", b"\xff\xf9"})
_EBML = b"\x1a\x45\xdf\xa3"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_RUNS = re.compile(
    rb"<(?:!doctype|html|head|body|script|iframe|svg|math|style|\?xml|!--|[a-z]+:svg)",
    re.IGNORECASE,
)
"""What a browser would take for a document, wherever it stands in the head of a text."""
_ACTIVE = re.compile(r"html|xml|svg|script|x-shockwave|x-msdownload|mathml")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def kind_of(head: bytes, claim: str) -> str:
    """Return the media type of bytes that begin like this; `claim` is what somebody says it is."""
    head = head[:HEAD_BYTES]
    claim = bare_type(claim)
    found = _by_start(head)
    if found == _ISO and claim.startswith("audio/"):
        return "audio/mp4"  # The brand does not say whether there is a picture to the sound.
    if found is not None:
        return found
    if head.startswith(_ZIP):
        return claim if _is_office(claim) else "application/zip"
    if head.startswith(_OLE):
        return claim if _is_office(claim) else UNKNOWN
    if head.startswith(_TEXT_MARKS) or not _BINARY.search(head):
        return _of_text(head, claim)
    return claim if claim.startswith("application/") and _is_harmless(claim) else UNKNOWN


def bare_type(claim: str) -> str:
    """Return a media type without its parameters; empty for what is none."""
    found = claim.partition(";")[0].strip().lower()
    return found if _TYPE.fullmatch(found) else ""


def _by_start(head: bytes) -> str | None:
    for start, found in _STARTS:
        if head.startswith(start):
            return found
    return _by_container(head) or _by_frame(head)


def _by_container(head: bytes) -> str | None:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _ISO)
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return None


def _by_frame(head: bytes) -> str | None:
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    if head[:2] in _MPEG_AUDIO:
        return "audio/mpeg"
    return "audio/aac" if head[:2] in _ADTS else None


def _of_text(head: bytes, claim: str) -> str:
    """A text that a browser might run is for downloading only."""
    if _RUNS.search(head.replace(b"\x00", b"")):
        return UNKNOWN
    if claim.startswith("text/") and _is_harmless(claim):
        return claim
    return claim if claim.startswith("application/") and _is_harmless(claim) else "text/plain"


def _is_harmless(claim: str) -> bool:
    return not _ACTIVE.search(claim)


def _is_office(claim: str) -> bool:
    known = ("application/vnd.", "application/msword", "application/epub")
    return claim.startswith(known)
