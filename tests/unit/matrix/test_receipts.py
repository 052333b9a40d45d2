"""How far people have read, as a homeserver tells it; whatever else it tells."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.receipts import Receipt
from bridge.matrix.names import Names
from bridge.matrix.receipts import RECEIPTS_MAX, receipts_in
from tests.unit.matrix.books import CONFIG

NAMES = Names.of(CONFIG)
ANNA, GHOST = "@anna:example.org", NAMES.ghost("a1b2c3d4-0000-4000-8000-000000000001")


def told(content: dict[str, Any], room: str = "!a:example.org") -> dict[str, Any]:
    return {"type": "m.receipt", "room_id": room, "content": content}


def test_people_of_our_homeserver_have_read() -> None:
    read = {"m.read": {ANNA: {"ts": 1}, GHOST: {}, NAMES.bot: {}, "@eve:elsewhere.org": {}}}
    found = receipts_in(
        [
            told({"$1": read, "$2": {"m.read.private": {ANNA: {}}}, "3": read}),
            told({"$1": read}, "a room"),
            {"type": "m.typing", "room_id": "!a:example.org", "content": {"user_ids": [ANNA]}},
            {"type": "m.presence", "sender": ANNA, "content": {"presence": "online"}},
        ],
        NAMES,
    )
    assert list(found) == [
        Receipt(room=RoomId("!a:example.org"), user=UserId(ANNA), ref=MessageRef("$1"))
    ]


def test_no_more_are_read_than_anybody_sends() -> None:
    many: dict[str, Any] = {
        f"${number}": {"m.read": {ANNA: {}}} for number in range(RECEIPTS_MAX + 5)
    }
    assert len(list(receipts_in([told(many)], NAMES))) == RECEIPTS_MAX


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("m.receipt"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "room_id", "content", "m.read", "$1", "!a:b", ANNA]), inner
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_is_read_as_far_as_it_makes_sense(ephemeral: Any) -> None:
    for receipt in receipts_in(ephemeral, NAMES):
        assert receipt.user == ANNA
