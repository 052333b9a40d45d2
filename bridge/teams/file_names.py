"""What files are called in OneDrive and SharePoint, from what people of Matrix call them. Pure.

    "tea?.pdf" ─▶ legal ─▶ "tea_.pdf" ─▶ marked ─▶ "tea_ (3f7a2xbc).pdf"

The mark is of the message that shows the file, so that a name is never taken by another file, and an
upload that is done again finds what it has done before. People see the name without it in Teams.

Source: support.microsoft.com "Restrictions and limitations in OneDrive and SharePoint".
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

NAME_CHARS_MAX = 128
"""Of a file: SharePoint takes 255, and 400 for the whole path, folders of the site included."""
END_CHARS_MAX = 20
"""Of what tells its kind, with the point; what is longer is no such end."""
FALLBACK: Final = "file"

_ILLEGAL = re.compile(r'["*:<>?/\\|\x00-\x1f\x7f]')
_RESERVED = re.compile(
    r"(?:\.lock|con|prn|aux|nul|com[0-9]|lpt[0-9]|desktop\.ini)(?:\..*)?", re.IGNORECASE
)
_VTI = re.compile(r"_vti_", re.IGNORECASE)


def legal(name: str) -> str:
    """Return a name that a file may have there."""
    name = _VTI.sub("_vti-", _ILLEGAL.sub("_", name)).strip().rstrip(".").strip()
    name = re.sub(r"^~\$?", "_", name)
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return name or FALLBACK


def marked(name: str, mark: str) -> str:
    """Return a legal name with a mark before its end; a long name loses characters before that."""
    stem, end = _parted(legal(name))
    room = NAME_CHARS_MAX - len(end) - len(mark) - 3
    return f"{stem[:room].rstrip('. ') or FALLBACK} ({mark}){end}"


def _parted(name: str) -> tuple[str, str]:
    end = PurePosixPath(name).suffix
    return (name.removesuffix(end), end) if 1 < len(end) <= END_CHARS_MAX else (name, "")
