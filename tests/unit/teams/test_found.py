"""What we read ourselves is trusted; what a hook has stored never passes for it."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import ConversationId, Place, TenantId
from bridge.errors import Unconvertible
from bridge.ports import Entry
from bridge.teams.found import entry_of_read, read_message
from bridge.teams.notifications import entry_of, read_entry
from bridge.teams.payloads import Json
from tests.unit.teams.memory import NOW, TENANT, Links
from tests.unit.teams.test_payloads import HOSTILE, MESSAGE

CHAT = "19:c@thread.v2"
PLACE = Place(tenant=TenantId(TENANT), conversation=ConversationId(CHAT))
ITEM: Json = {
    "changeType": "created",
    "tenantId": TENANT,
    "resource": f"chats('{CHAT}')/messages('1616990032035')",
}


def found(message: Json) -> Entry:
    return replace(Links().claimed(entry_of_read(PLACE, message, now=NOW)), found=True)


def test_what_was_read_is_read_again() -> None:
    place, message = read_message(found(MESSAGE)) or (None, None)
    assert place == PLACE
    assert message is not None
    assert message.ref == MESSAGE["id"]


def test_it_stands_in_line_with_what_was_notified() -> None:
    ours = entry_of_read(PLACE, MESSAGE, now=NOW)
    theirs = entry_of(ITEM, (), received_at=NOW, due=lambda _: NOW)
    assert ours.conversation == theirs.conversation
    assert ours.position == theirs.position
    assert ours.found
    assert not theirs.found


def test_each_version_of_a_message_is_an_entry_of_its_own() -> None:
    one, same = (entry_of_read(PLACE, MESSAGE, now=NOW) for _ in range(2))
    other = entry_of_read(PLACE, {**MESSAGE, "etag": "7"}, now=NOW)
    assert one.key == same.key != other.key
    assert one.key != entry_of(ITEM, (), received_at=NOW, due=lambda _: NOW).key


@given(
    st.dictionaries(st.sampled_from(["read", "tenant", "conversation", "item"]), HOSTILE),
    st.lists(st.text(max_size=5), max_size=2),
)
def test_a_hook_stores_nothing_that_passes_for_our_own_reading(
    more: Json, tokens: list[str]
) -> None:
    item = {"read": MESSAGE, **more, **ITEM}
    try:
        new = entry_of(item, tuple(tokens), received_at=NOW, due=lambda _: NOW)
    except (Unconvertible, TypeError):
        return
    assert not new.found
    for flag in (False, True):
        assert read_message(replace(Links().claimed(new), found=flag)) is None


def test_nobody_can_claim_to_have_found_something() -> None:
    entry = replace(found(MESSAGE), found=False)
    assert read_message(entry) is None
    with pytest.raises(Unconvertible):
        read_entry(entry.raw)


@pytest.mark.parametrize("message", [{}, {"id": 7}])
def test_what_is_no_message_is_refused(message: Json) -> None:
    with pytest.raises(Unconvertible):
        entry_of_read(PLACE, message, now=NOW)


def test_a_message_without_end_is_refused() -> None:
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(Unconvertible):
        entry_of_read(PLACE, {**MESSAGE, "attachments": deep}, now=NOW)


@pytest.mark.parametrize("raw", [b'{"read":', b'{"read":{}}', b'{"read":null}'])
def test_what_is_damaged_is_refused(raw: bytes) -> None:
    with pytest.raises(Unconvertible):
        read_message(replace(found(MESSAGE), raw=raw))


def test_an_odd_message_is_ordered_by_when_it_was_found() -> None:
    entry = entry_of_read(PLACE, {**MESSAGE, "id": "x"}, now=NOW)
    assert entry.position == int(NOW.timestamp() * 1000)
    assert orjson.loads(entry.raw)["read"]["id"] == "x"
