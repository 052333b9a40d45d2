"""Drives and files as Graph tells of them, and as it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.ports import Found
from bridge.teams import items

FILE = {
    "id": "01ABC",
    "name": "clip.mp4",
    "size": 1_234,
    "cTag": '"c:{1},2"',
    "eTag": '"{1},3"',
    "parentReference": {"driveId": "b!d"},
    "file": {"mimeType": "video/mp4"},
    "video": {"width": 640, "height": 360, "duration": 1_500},
    "@microsoft.graph.downloadUrl": "https://x.sharepoint.test/download.aspx?tempauth=1",
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*FILE, "driveId", "width", "height", "duration", "group", "x"]), inner
        )
    ),
    max_leaves=12,
)


def test_a_file_is_known_before_it_is_read() -> None:
    assert items.item(FILE) == Found(
        handle="https://x.sharepoint.test/download.aspx?tempauth=1",
        version='b!d/01ABC/"c:{1},2"',
        name="clip.mp4",
        size=1_234,
        mimetype="video/mp4",
        width=640,
        height=360,
        duration_ms=1_500,
    )


def test_without_an_address_a_file_is_read_through_graph() -> None:
    """As in SharePoint/sp-dev-docs#5715."""
    found = items.item({**FILE, "@microsoft.graph.downloadUrl": None})

    assert found is not None
    assert found.handle == "/drives/b%21d/items/01ABC/content"


@pytest.mark.parametrize(
    "changes",
    [{"file": None}, {"file": None, "folder": {}}, {"id": None}, {"parentReference": {}}],
)
def test_what_has_no_bytes_is_no_file(changes: dict[str, Any]) -> None:
    assert items.item({**FILE, **changes}) is None


@pytest.mark.parametrize("size", [-1, 1 << 60, "9", 1.5, True, None, [], {}])
def test_a_size_that_is_none_is_not_known(size: object) -> None:
    found = items.item({**FILE, "size": size})

    assert found is not None
    assert found.size is None


@given(st.dictionaries(st.sampled_from(list(FILE)), JSON))
def test_whatever_graph_says_nothing_is_raised(changes: dict[str, Any]) -> None:
    for value in (changes, {**FILE, **changes}):
        found = items.item(value)
        assert found is None or found.handle
        items.drive(value)
        items.folder_drive(value)
        items.site_id(value)
