"""Drives and files in Graph's JSON -> typed values; with `payloads` what knows Graph's names.

Sources: learn.microsoft.com graph/api resources/driveitem, drive, image, video, audio.
"""

from __future__ import annotations

import re

from bridge.domain.content.normal import PIXELS_MAX
from bridge.domain.values import dataclass
from bridge.ports import Found
from bridge.teams.fields import Json, child, long_text, text
from bridge.teams.graph import segment

DURATION_MS_MAX = 7 * 24 * 3600 * 1000
SIZE_MAX = 1 << 53
"""Of a number that JSON can hold exactly."""
ADDRESS_CHARS_MAX = 8 * 1024
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""What an eTag names first: `"{GUID},1"` (learn.microsoft.com graph/api chatmessage-post)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A library of files: its id, where its pages begin, and the group that it belongs to."""

    id: str
    page: str
    group: str | None


def drive(found: Json) -> Drive | None:
    """Read a drive; None where it has no id or no address."""
    key, page = text(found, "id"), _address(found, "webUrl")
    if key is None or not page:
        return None
    return Drive(id=key, page=page, group=text(child(child(found, "owner"), "group"), "id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file as a message refers to it: `guid` is the attachment's id, `address` leads to its path."""

    drive: str
    id: str
    guid: str
    address: str
    name: str


def stored(found: Json) -> Stored | None:
    """Read a file that was put there; None where Graph leaves out what a message needs.

    `webUrl` of Office's files is a page that does not end like their name, which Teams refuses.
    """
    drive_id, key = text(child(found, "parentReference"), "driveId"), text(found, "id")
    guid = _GUID.search(text(found, "eTag") or "")
    address = _address(found, "webDavUrl") or _address(found, "webUrl")
    if drive_id is None or key is None or guid is None or not address:
        return None
    return Stored(
        drive=drive_id, id=key, guid=guid[0], address=address, name=text(found, "name") or ""
    )


def folder(found: Json) -> tuple[str, str] | None:
    """Read which drive a folder is in, and its own id."""
    drive_id, key = folder_drive(found), text(found, "id")
    return None if drive_id is None or key is None else (drive_id, key)


def folder_drive(found: Json) -> str | None:
    """Read which drive a folder is in."""
    return text(child(found, "parentReference"), "driveId")


def site_id(found: Json) -> str | None:
    return text(found, "id")


def item(found: Json) -> Found | None:
    """Read a file; None for a folder, a notebook, and whatever else has no bytes."""
    drive_id, key = text(child(found, "parentReference"), "driveId"), text(found, "id")
    if key is None or drive_id is None or not isinstance(found.get("file"), dict):
        return None
    seen = child(found, "image") or child(found, "video")
    tag = text(found, "cTag") or text(found, "eTag")
    return Found(
        handle=_address(found, "@microsoft.graph.downloadUrl") or _content(drive_id, key),
        version=f"{drive_id}/{key}/{tag}" if tag else "",
        name=text(found, "name") or "",
        size=_number(found, "size", SIZE_MAX),
        mimetype=text(child(found, "file"), "mimeType") or "",
        width=_number(seen, "width", PIXELS_MAX) or 0,
        height=_number(seen, "height", PIXELS_MAX) or 0,
        duration_ms=_duration(found),
    )


def _content(drive_id: str, key: str) -> str:
    return f"/drives/{segment(drive_id)}/items/{segment(key)}/content"


def _duration(found: Json) -> int:
    """In milliseconds, of a film as of sound."""
    for kind in ("video", "audio"):
        duration = _number(child(found, kind), "duration", DURATION_MS_MAX)
        if duration:
            return duration
    return 0


def _number(found: Json, name: str, most: int) -> int | None:
    value = found.get(name)
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    return value if right and isinstance(value, int) else None


def _address(found: Json, name: str) -> str:
    address = long_text(found, name)
    return address if len(address) <= ADDRESS_CHARS_MAX else ""
