"""File names as they are shown to people, from what strangers call their files. Pure.

A name must not lead anywhere (no folders), must not look like another (no characters that turn the
direction of writing, which make `cod.exe` of `exe.doc`), and has an end that fits what is in it.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from typing import Final

NAME_BYTES_MAX = 255
"""Of UTF-8, as in every common file system."""
_END_CHARS_MAX = 12
_FOLDERS = re.compile(r"[/\\]")
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode: controls, marks of direction and other invisible ones, surrogates."""
_END = re.compile(r"\.[A-Za-z0-9]{1,11}$")
_ENDS: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}
_MEDIA = ("image/", "video/", "audio/")


def file_name(name: str, mimetype: str) -> str:
    """Return a name for a file of this kind; a picture, film or sound has the end of its kind."""
    plain = _plain(name)
    wanted = _ENDS.get(mimetype, "")
    if not plain:
        return _fallback(mimetype) + wanted
    if wanted and not _fits(plain, mimetype):
        return _cut(plain, NAME_BYTES_MAX - len(wanted)) + wanted
    return _shortened(plain)


def _plain(name: str) -> str:
    last = _FOLDERS.split(name)[-1]
    seen = "".join(" " if c.isspace() else c for c in last)
    kept = "".join(c for c in seen if unicodedata.category(c) not in _UNFIT)
    return " ".join(kept.split()).strip(". ")


def _fits(name: str, mimetype: str) -> bool:
    """A file keeps its end if it has one; what is shown in place must have one of its own kind."""
    found = _END.search(name)
    if found is None:
        return not mimetype.startswith(_MEDIA)
    if not mimetype.startswith(_MEDIA):
        return True
    guessed = mimetypes.guess_type(f"x{found[0].lower()}", strict=False)[0] or ""
    return guessed.partition("/")[0] == mimetype.partition("/")[0]


def _fallback(mimetype: str) -> str:
    kind = mimetype.partition("/")[0]
    return kind if f"{kind}/" in _MEDIA else "file"


def _shortened(name: str) -> str:
    """A name that is too long loses its middle, not its end."""
    if len(name.encode()) <= NAME_BYTES_MAX:
        return name
    found = _END.search(name)
    end = found[0] if found and len(found[0]) <= _END_CHARS_MAX else ""
    return _cut(name.removesuffix(end), NAME_BYTES_MAX - len(end)) + end


def _cut(name: str, most: int) -> str:
    return name.encode()[:most].decode(errors="ignore").rstrip()
