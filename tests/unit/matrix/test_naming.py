"""File names that strangers give, as people see them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from bridge.matrix.naming import NAME_BYTES_MAX, file_name


@pytest.mark.parametrize(
    ("name", "mimetype", "shown"),
    [
        ("report.docx", "application/octet-stream", "report.docx"),
        ("../../etc/passwd", "text/plain", "passwd"),
        ("C:\\Users\\me\\photo.png", "image/png", "photo.png"),
        ("gnp.\u202ecod.exe", "application/octet-stream", "gnp.cod.exe"),
        ("a\u2066b\u200b.pdf", "application/pdf", "ab.pdf"),
        ("two\nlines\x00.txt", "text/plain", "two lines.txt"),
        (".htaccess", "text/plain", "htaccess"),
        ("...", "image/png", "image.png"),
        ("", "video/mp4", "video.mp4"),
        ("", "application/octet-stream", "file"),
        ("image", "image/png", "image.png"),
        ("photo.jpg", "image/jpeg", "photo.jpg"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("photo.png", "image/webp", "photo.png"),
        ("virus.exe", "image/png", "virus.exe.png"),
        ("Voice message.m4a", "audio/mp4", "Voice message.m4a"),
        ("notes", "text/plain", "notes"),
        ("Screenshot 3.5", "image/png", "Screenshot 3.5.png"),
    ],
)
def test_a_name_leads_nowhere_and_fits_what_it_names(name: str, mimetype: str, shown: str) -> None:
    assert file_name(name, mimetype) == shown


def test_a_name_that_is_too_long_keeps_its_end() -> None:
    shown = file_name("ä" * 300 + ".pdf", "application/pdf")

    assert shown.endswith("ä.pdf")
    assert NAME_BYTES_MAX - 2 <= len(shown.encode()) <= NAME_BYTES_MAX


@given(
    st.text(),
    st.one_of(st.sampled_from(["image/png", "video/mp4", "text/plain", ""]), st.text(max_size=20)),
)
def test_whatever_a_name_is_it_can_be_shown(name: str, mimetype: str) -> None:
    shown = file_name(name, mimetype)

    assert shown
    assert len(shown.encode()) <= NAME_BYTES_MAX
    assert not {"/", "\\"} & set(shown)
    assert not shown.startswith(".")
    assert all(unicodedata.category(c)[0] != "C" for c in shown)
    assert file_name(shown, mimetype) == shown
