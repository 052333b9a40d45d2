"""Looking at pictures that strangers send."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from bridge.matrix.thumbnails import DECODED_PIXELS_MAX, PIXELS_MAX, THUMBNAIL_SIZE, Look, look_at


def picture(
    width: int, height: int, kind: str = "PNG", mode: str = "RGB", **options: object
) -> bytes:
    out = BytesIO()
    Image.new(mode, (width, height)).save(out, kind, **options)
    return out.getvalue()


def seen(data: bytes) -> Look:
    look = look_at(BytesIO(data))
    assert look is not None
    return look


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_small_picture_has_no_thumbnail(kind: str) -> None:
    assert seen(picture(*THUMBNAIL_SIZE, kind)) == Look(width=800, height=600, animated=False)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_large_picture_has_one_that_fits(kind: str) -> None:
    look = seen(picture(2_000, 1_000, kind))

    assert (look.width, look.height) == (2_000, 1_000)
    assert look.small is not None
    assert (look.small.width, look.small.height) == (800, 400)
    assert Image.open(BytesIO(look.small.data)).size == (800, 400)
    assert look.small.mimetype == "image/jpeg"


def test_what_shines_through_shines_through_in_the_thumbnail() -> None:
    look = seen(picture(900, 900, "PNG", "RGBA"))

    assert look.small is not None
    assert look.small.mimetype == "image/png"
    assert Image.open(BytesIO(look.small.data)).mode == "RGBA"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_colours_can_be_made_small(mode: str) -> None:
    assert seen(picture(1_000, 1_000, "PNG", mode)).small is not None


def test_four_colours_of_print_can_be_made_small() -> None:
    assert seen(picture(1_000, 1_000, "JPEG", "CMYK")).small is not None


@pytest.mark.parametrize(("orientation", "upright"), [(1, False), (3, False), (6, True), (8, True)])
def test_a_picture_is_as_the_camera_was_held(orientation: int, upright: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    look = seen(picture(1_600, 800, "JPEG", exif=exif))

    size = (800, 1_600) if upright else (1_600, 800)
    assert (look.width, look.height) == size
    assert look.small is not None
    assert (look.small.width, look.small.height) == ((300, 600) if upright else (800, 400))


def test_what_a_camera_wrote_is_not_in_the_thumbnail() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera of somebody"

    look = seen(picture(1_600, 800, "JPEG", exif=exif))

    assert look.small is not None
    assert b"somebody" not in look.small.data


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_what_moves_is_told_from_what_does_not(kind: str) -> None:
    frames = [Image.new("RGB", (900, 900), (n * 40, 0, 0)) for n in range(3)]
    out = BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])

    look = seen(out.getvalue())

    assert look.animated
    assert look.small is not None
    assert not seen(picture(9, 9, kind)).animated


def png_of(width: int, height: int) -> bytes:
    """A PNG of some bytes that says to be of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_bomb_is_not_opened() -> None:
    assert look_at(BytesIO(png_of(60_000, 60_000))) is None
    assert PIXELS_MAX < 60_000 * 60_000


def test_a_picture_too_large_to_be_decoded_is_measured_only() -> None:
    look = seen(png_of(6_000, 4_000))

    assert DECODED_PIXELS_MAX < 6_000 * 4_000
    assert look == Look(width=6_000, height=4_000, animated=False)


def test_a_picture_that_breaks_off_is_measured_only() -> None:
    whole = picture(1_000, 1_000, "JPEG")

    look = seen(whole[: len(whole) // 2])

    assert (look.width, look.height, look.small) == (1_000, 1_000, None)


def test_what_is_none_of_the_four_is_not_tried() -> None:
    assert look_at(BytesIO(picture(9, 9, "BMP"))) is None
    assert look_at(BytesIO(picture(9, 9, "TIFF"))) is None
    assert look_at(BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0")) is None


@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(0, 400),
)
def test_whatever_the_bytes_nothing_is_raised(
    kind: str, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(picture(900, 40, kind))
    for place, value in changes:
        data[place % len(data)] = value

    for broken in (bytes(data), bytes(data[:cut])):
        look = look_at(BytesIO(broken))
        assert look is None or 0 < look.width * look.height <= PIXELS_MAX
