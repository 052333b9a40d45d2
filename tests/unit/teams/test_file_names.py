"""What files are called in SharePoint: always legal, told apart, of the same kind as before."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.sandbox.tenant.files import names
from bridge.teams.file_names import NAME_CHARS_MAX, legal, marked

MARK = "0123abcd"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tea.pdf", "tea (0123abcd).pdf"),
        ('a"b*c:d<e>f?g/h\\i|j.txt', "a_b_c_d_e_f_g_h_i_j (0123abcd).txt"),
        ("no end", "no end (0123abcd)"),
        ("  spaces .txt ", "spaces (0123abcd).txt"),
        ("CON", "_CON (0123abcd)"),
        ("lpt1.txt", "_lpt1 (0123abcd).txt"),
        ("~$draft.docx", "_draft (0123abcd).docx"),
        ("a_vti_b.html", "a_vti-b (0123abcd).html"),
        (".lock", "_ (0123abcd).lock"),
        ("...", "file (0123abcd)"),
        ("", "file (0123abcd)"),
        ("archive.tar.gz", "archive.tar (0123abcd).gz"),
        ("v1.this is no end of a name", "v1.this is no end of a name (0123abcd)"),
    ],
)
def test_a_name_becomes_legal_and_has_a_mark(name: str, expected: str) -> None:
    assert marked(name, MARK) == expected


@given(st.text(max_size=600))
def test_any_name_is_one_that_sharepoint_takes(name: str) -> None:
    found = marked(name, MARK)

    assert names.check(found) == found
    assert names.check(legal(name)[:255].strip() or "x")
    assert len(found) <= NAME_CHARS_MAX
    assert MARK in found
