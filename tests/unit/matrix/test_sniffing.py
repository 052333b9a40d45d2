"""What bytes are, whatever is claimed of them."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from bridge.matrix.sniffing import UNKNOWN, bare_type, kind_of


def saved(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (4, 4)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
    ],
)
def test_a_picture_is_known_by_its_bytes(kind: str, found: str) -> None:
    assert kind_of(saved(kind), "text/html") == found
    assert kind_of(saved(kind), "") == found


@pytest.mark.parametrize(
    ("head", "claim", "found"),
    [
        (b"\0\0\0\x18ftypmp42", "video/mp4", "video/mp4"),
        (b"\0\0\0\x18ftypisom", "audio/x-m4a", "audio/mp4"),
        (b"\0\0\0\x18ftypM4A ", "", "audio/mp4"),
        (b"\0\0\0\x18ftypqt  ", "", "video/quicktime"),
        (b"\0\0\0\x18ftypavif", "image/avif", "image/avif"),
        (b"\x1a\x45\xdf\xa3\x01webm", "", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x01other", "", "video/x-matroska"),
        (b"OggS\0\0", "", "audio/ogg"),
        (b"ID3\x03\0", "", "audio/mpeg"),
        (b"\xff\xfb\x90\0", "", "audio/mpeg"),
        (b"RIFF\0\0\0\0WAVE", "", "audio/wav"),
        (b"%PDF-1.7", "application/x-anything", "application/pdf"),
    ],
)
def test_film_sound_and_documents_are_known(head: bytes, claim: str, found: str) -> None:
    assert kind_of(head, claim) == found


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\xef\xbb\xbf  <html>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<svg onload=alert(1)>",
        b"words\n<SCRIPT>",
        b"\xff\xfe<\0h\0t\0m\0l\0>\0",
    ],
)
@pytest.mark.parametrize(
    "claim", ["image/svg+xml", "text/html", "image/png", "text/plain", "", "application/pdf"]
)
def test_what_a_browser_might_run_is_for_downloading_only(head: bytes, claim: str) -> None:
    assert kind_of(head, claim) == UNKNOWN


@pytest.mark.parametrize("claim", ["image/png", "video/mp4", "audio/ogg", "text/html"])
def test_a_claim_that_the_bytes_do_not_bear_out_counts_for_nothing(claim: str) -> None:
    assert kind_of(b"\x00\x01\x02\x03", claim) == UNKNOWN
    assert kind_of(b"just words", claim) == "text/plain"


def test_a_claim_that_bytes_cannot_tell_is_believed_if_it_is_harmless() -> None:
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

    assert kind_of(b"PK\x03\x04\x14", f"{word}; charset=x") == word
    assert kind_of(b"PK\x03\x04\x14", "image/png") == "application/zip"
    assert (
        kind_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword") == "application/msword"
    )
    assert kind_of(b"a,b\n1,2\n", "text/csv") == "text/csv"
    assert kind_of(b'{"a": 1}', "application/json") == "application/json"
    assert kind_of(b"\x00\x01", "application/x-sqlite3") == "application/x-sqlite3"
    assert kind_of(b"\x00\x01", "application/xhtml+xml") == UNKNOWN
    assert kind_of(b"", "") == "text/plain"


@given(st.binary(max_size=64), st.text(max_size=30))
def test_whatever_the_bytes_and_the_claim_it_is_a_type_that_nothing_runs(
    head: bytes, claim: str
) -> None:
    found = kind_of(head, claim)

    assert bare_type(found) == found
    assert not any(word in found for word in ("html", "svg", "script"))
    if found.startswith(("image/", "video/", "audio/")):
        assert kind_of(head, "application/octet-stream").split("/")[0] in {
            "image",
            "video",
            "audio",
        }
