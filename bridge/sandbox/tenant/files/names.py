"""What files may be called, and the ids that SharePoint makes for them.

Sources: support.microsoft.com "Restrictions and limitations in OneDrive and SharePoint" (names and
lengths); learn.microsoft.com graph/api/resources driveitem, drive (forms of ids and tags).
"""

from __future__ import annotations

import base64
import mimetypes
from pathlib import PurePosixPath
from uuid import UUID

from bridge.sandbox.tenant.errors import GraphError

NAME_MAX = 255
"""Characters of a file's name."""
PATH_MAX = 400
"""Characters of the decoded path of a file."""
DEPTH_MAX = 50
"""Folders in one another; our own bound."""
RENAMES_MAX = 1000

_INVALID = frozenset('"*:<>?/\\|')
_RESERVED = frozenset(
    [".lock", "con", "prn", "aux", "nul", "desktop.ini"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in range(10)]
)
_OFFICE = frozenset([".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".one", ".vsdx"])


def check(name: str) -> str:
    """The name, if a file may have it.

    Raises:
        GraphError: 400 invalidRequest.
    """
    lowered = name.casefold()
    forbidden = (
        not name
        or name != name.strip(" ")
        or name in (".", "..")
        or not _INVALID.isdisjoint(name)
        or any(character < " " for character in name)
    )
    if forbidden or lowered in _RESERVED or lowered.startswith("~$") or "_vti_" in lowered:
        raise invalid("The provided name contains invalid characters or is reserved.")
    if len(name) > NAME_MAX:
        raise invalid("The provided name is too long.")
    return name


def split(path: str) -> list[str]:
    """The names of a path such as `Folder/a.txt`.

    Raises:
        GraphError: 400, it is too long or too deep.
    """
    names = [name for name in path.split("/") if name]
    if len(path) > PATH_MAX or len(names) > DEPTH_MAX:
        raise invalid("The path is too long.")
    return names


def numbered(name: str, number: int) -> str:
    """`report 1.docx`: what a second `report.docx` is called."""
    place = PurePosixPath(name)
    return f"{place.stem} {number}{place.suffix}"


def mime_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def opens_in_office(name: str) -> bool:
    return PurePosixPath(name).suffix.casefold() in _OFFICE


def drive_id(site: UUID, web: UUID, library: UUID) -> str:
    """`b!` and 64 characters that stand for three GUIDs."""
    return "b!" + base64.urlsafe_b64encode(site.bytes_le + web.bytes_le + library.bytes_le).decode()


def item_id(library: UUID, item: UUID) -> str:
    """`01` and 32 characters: 20 bytes that tell the library and the file."""
    return "01" + base64.b32encode(library.bytes_le[:4] + item.bytes_le).decode()


def guid(item: UUID) -> str:
    """A GUID as tags and links have it: `{1B2C…}`."""
    return f"{{{str(item).upper()}}}"


def invalid(message: str) -> GraphError:
    return GraphError(400, "invalidRequest", message)
