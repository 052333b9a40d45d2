"""What a file is, as far as its name and its claimed type tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.domain.content import MediaKind

_TYPES: Mapping[str, str] = {
    "avif": "image/avif", "bmp": "image/bmp", "gif": "image/gif", "heic": "image/heic",
    "jfif": "image/jpeg", "jpeg": "image/jpeg", "jpg": "image/jpeg", "png": "image/png",
    "svg": "image/svg+xml", "tif": "image/tiff", "tiff": "image/tiff", "webp": "image/webp",
    "avi": "video/x-msvideo", "m4v": "video/mp4", "mkv": "video/x-matroska",
    "mov": "video/quicktime", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg",
    "webm": "video/webm", "wmv": "video/x-ms-wmv",
    "aac": "audio/aac", "amr": "audio/amr", "flac": "audio/flac", "m4a": "audio/mp4",
    "mp3": "audio/mpeg", "oga": "audio/ogg", "ogg": "audio/ogg", "opus": "audio/ogg",
    "wav": "audio/wav", "wma": "audio/x-ms-wma",
    "csv": "text/csv", "htm": "text/html", "html": "text/html", "ics": "text/calendar",
    "json": "application/json", "md": "text/markdown", "pdf": "application/pdf",
    "rtf": "application/rtf", "txt": "text/plain", "xml": "application/xml",
    "zip": "application/zip",
    "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint", "one": "application/onenote",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
}  # fmt: skip
"""Types of the files that people send each other, by the ending of the name."""
_KINDS: Mapping[str, MediaKind] = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
}
_VOICE = re.compile(r"voice[ _-]?(?:message|memo|note)", re.IGNORECASE)
"""What Teams calls a voice message in English; in other languages it is a recording."""
# A browser runs what is in them, and a homeserver shows them as no picture.
_DRAWINGS = frozenset({"image/svg+xml"})


def type_of(name: str) -> str:
    """The type that a file's name claims, empty where it claims none."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def kind_of(name: str, mimetype: str) -> MediaKind:
    """What a file is to people."""
    if mimetype in _DRAWINGS:
        return MediaKind.FILE
    kind = _KINDS.get(mimetype.partition("/")[0], MediaKind.FILE)
    is_voice = kind is MediaKind.AUDIO and _VOICE.match(name) is not None
    return MediaKind.VOICE if is_voice else kind
