"""Looking at pictures: how large, animated or not, and a small one to show first.

    bytes ─▶ Pillow reads the head ─ too many pixels? say so, and go no further
                     └─ dimensions, animated ─ large? ─▶ decoded, turned upright, made small

Only the four formats that clients show are tried, so that none of Pillow's other decoders meets
what strangers send. Whatever is wrong with a picture, it is sent as it is, without a thumbnail.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import IO, Final

from PIL import Image, ImageOps

from bridge.domain.values import dataclass

THUMBNAIL_SIZE: Final = (800, 600)
"""Pixels; the largest size that Synapse makes by default, and clients ask for."""
PIXELS_MAX = 50_000_000
"""Of a picture whose dimensions are believed, and which is decoded if it is a JPEG: that is read at
an eighth of its size (libjpeg scales while decoding)."""
DECODED_PIXELS_MAX = 12_000_000
"""Of any other picture that is decoded: some 50 MB for a moment, twice that for WebP, one picture at
a time (measured with Pillow 13.0)."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
_ORIENTATION: Final = 0x0112
"""The tag of EXIF 2.3 that says how the camera was held."""
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
_SCALED: Final = frozenset({"RGB", "RGBA", "L"})
"""Modes that can be made small as they are; any other is converted first."""
_OPAQUE: Final = (255, 255)
_QUALITY = 82


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """A thumbnail."""

    data: bytes
    mimetype: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen: pixels as they are shown, and a small picture if this is a large one."""

    width: int
    height: int
    animated: bool
    small: Small | None = None


# Pillow's own limit warns at one size and refuses at another; ours are below both.
Image.MAX_IMAGE_PIXELS = None


def look_at(file: IO[bytes]) -> Look | None:
    """Look at a picture; None where it cannot be read, or has too many pixels. Takes its time.

    Pillow raises whatever its decoders run into: `OSError`, `SyntaxError`, `ValueError` and others.
    """
    try:
        with Image.open(file, formats=FORMATS) as picture:
            return _seen(picture)
    except _BROKEN:
        return None


_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError),
    *(AttributeError, MemoryError, NotImplementedError, RuntimeError, struct.error, zlib.error),
)


def _seen(picture: Image.Image) -> Look | None:
    width, height = picture.size
    pixels = width * height
    if not 0 < pixels <= PIXELS_MAX:
        return None
    animated = bool(getattr(picture, "is_animated", False))
    # A PNG is decoded to the end to find out how the camera was held.
    if picture.format != "JPEG" and pixels > DECODED_PIXELS_MAX:
        return Look(width=width, height=height, animated=animated)
    if picture.getexif().get(_ORIENTATION) in _SIDEWAYS:
        width, height = height, width
    large = width > THUMBNAIL_SIZE[0] or height > THUMBNAIL_SIZE[1]
    small = _small(picture) if large else None
    return Look(width=width, height=height, animated=animated, small=small)


def _small(picture: Image.Image) -> Small | None:
    """Decode and scale down; a picture that breaks off in the middle has no thumbnail."""
    try:
        picture.seek(0)
        picture.draft("RGB", THUMBNAIL_SIZE)
        if picture.width * picture.height > DECODED_PIXELS_MAX:
            return None
        clear = picture.has_transparency_data
        shown = picture if picture.mode in _SCALED else picture.convert("RGBA" if clear else "RGB")
        # Turned after it was made small: a large one would be copied.
        sideways = picture.getexif().get(_ORIENTATION) in _SIDEWAYS
        shown.thumbnail(THUMBNAIL_SIZE[::-1] if sideways else THUMBNAIL_SIZE)
        ImageOps.exif_transpose(shown, in_place=True)
        return _saved(shown)
    except _BROKEN:
        return None


def _saved(picture: Image.Image) -> Small:
    """Save as a JPEG, or as a PNG where something shines through."""
    out = BytesIO()
    picture.info.clear()  # What a camera has written about place and time stays with the original.
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() != _OPAQUE:
        kind = "image/png"
        picture.save(out, "PNG")
    else:
        kind = "image/jpeg"
        picture.convert("RGB").save(out, "JPEG", quality=_QUALITY)
    return Small(data=out.getvalue(), mimetype=kind, width=picture.width, height=picture.height)
