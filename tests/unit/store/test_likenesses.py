"""Likenesses in the database: the same comes back, and what cannot be read is nothing known."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.domain.events import PersonKind
from bridge.domain.likeness import Facet, Likeness, Picture, Standing
from bridge.store.likenesses import decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(
    st.builds(
        Likeness,
        name=st.none() | TEXT,
        kind=st.sampled_from(PersonKind),
        organisation=st.none() | TEXT,
        home=st.none() | TEXT,
        standing=st.none() | st.sampled_from(Standing),
        picture=st.none() | st.builds(Picture, tag=TEXT, digest=TEXT, uri=TEXT),
        facets=st.dictionaries(st.sampled_from(Facet), TEXT),
    )
)
def test_a_likeness_comes_back_as_it_was(likeness: Likeness) -> None:
    assert decode(encode(likeness)) == likeness


@pytest.mark.parametrize(
    "raw",
    [None, b"", b"{", b"[]", b'{"kind":"alien"}', b'{"standing":7}', b'{"facets":{"shoe":"1"}}'],
)
def test_what_cannot_be_read_is_nothing_known(raw: bytes | None) -> None:
    assert decode(raw) == Likeness()
