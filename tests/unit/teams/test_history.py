"""Reading back one conversation, against a scripted Graph that lists as Graph does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import unquote

import pytest
from hypothesis import given, settings, strategies as st

from bridge.domain.ids import ConversationId, Place, TenantId
from bridge.errors import Throttled, Unavailable
from bridge.ports import NewEntry
from bridge.teams import history, payloads
from bridge.teams.chains import SLACK
from bridge.teams.graph import Graph, Json
from bridge.teams.history import PAGE_SIZE, WAITS_MAX, Historian
from tests.unit.teams.memory import NOW, TENANT, Bearer, HastyClock, Links

PLACE = Place(tenant=TenantId(TENANT), conversation=ConversationId("19:c@thread.v2"))
LATER = Throttled("later", retry_after=timedelta(seconds=1))
_BOUND = re.compile(r"lastModifiedDateTime (gt|lt) (\S+)")


@dataclass
class Chat:
    """Messages as (creation, last change) in ms after NOW; `faults` by the number of the page."""

    messages: list[tuple[int, int]]
    faults: dict[int, Exception] = field(default_factory=dict)
    pages_given: int = 0
    asked: list[str] = field(default_factory=list)
    page_size: int = PAGE_SIZE

    async def pages(self, path: str, **_: object) -> AsyncIterator[Json]:
        self.asked.append(unquote(path))
        bounds = {name: payloads.instant(text) for name, text in _BOUND.findall(unquote(path))}
        shown = [_message(one) for one in sorted(self.messages, key=lambda m: (-m[1], -m[0]))]
        found = [one for one in shown if _is_within(one, bounds)]
        for at in range(0, max(len(found), 1), self.page_size):
            self.pages_given += 1
            if error := self.faults.pop(self.pages_given, None):
                raise error
            more = at + self.page_size < len(found)
            page: Json = {"value": found[at : at + self.page_size]}
            yield page | ({"@odata.nextLink": "more"} if more else {})


def _message(one: tuple[int, int]) -> Json:
    created, changed = (NOW + timedelta(milliseconds=number) for number in one)
    return {
        "id": str(int(created.timestamp() * 1000)),
        "etag": str(int(changed.timestamp() * 1000)),
        "createdDateTime": payloads.stamp(created),
        "lastModifiedDateTime": payloads.stamp(changed),
    }


def _is_within(message: Json, bounds: dict[str, datetime | None]) -> bool:
    changed = payloads.changed_at(message)
    assert changed is not None
    after, before = bounds.get("gt"), bounds.get("lt")
    return (after is None or changed > after) and (before is None or changed < before)


def historian(chat: Chat, links: Links) -> Historian:
    return Historian(
        graph=cast(Graph, chat),
        credential=Bearer(),
        clock=HastyClock(),
        journal=links.as_journal(),
    )


async def read(chat: Chat) -> list[NewEntry]:
    links = Links()
    count = await historian(chat, links).read(PLACE, NOW)
    entries = [links.entries.get_nowait() for _ in range(links.entries.qsize())]
    assert count == len(entries)
    return entries


async def test_it_asks_for_a_range_and_for_some_more_than_that() -> None:
    chat = Chat([])
    assert await read(chat) == []
    (path,) = chat.asked
    assert f"lastModifiedDateTime gt {payloads.stamp(NOW - SLACK)}" in path
    assert "$orderby=lastModifiedDateTime desc" in path
    assert " lt " not in path


async def test_a_list_that_is_broken_off_goes_on_where_it_was() -> None:
    messages = [(n, n) for n in range(4 * PAGE_SIZE)]
    chat = Chat(messages, faults={3: LATER, 5: LATER})
    entries = await read(chat)
    assert [entry.position for entry in entries] == [
        int(NOW.timestamp() * 1000) + n for n in range(4 * PAGE_SIZE)
    ]
    assert len(chat.asked) == 3
    assert chat.pages_given <= 4 + 2 + 2, "no page is read again but for what shares its end"


async def test_patience_has_an_end() -> None:
    chat = Chat([(0, 0)], faults=dict.fromkeys(range(1, WAITS_MAX + 2), LATER))
    with pytest.raises(Throttled):
        await read(chat)


async def test_any_other_trouble_is_the_callers() -> None:
    with pytest.raises(Unavailable):
        await read(Chat([(0, 0)], faults={1: Unavailable("away")}))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=80, unique_by=lambda m: m[0]
    ),
    st.integers(1, 12),
    st.integers(1, 4),
    st.sets(st.integers(1, 30), max_size=6),
)
async def test_everything_is_stored_once_and_what_was_not_changed_in_order(
    messages: list[tuple[int, int]], most: int, page_size: int, throttled: set[int]
) -> None:
    changed = [(created, created + later) for created, later in messages]
    chat = Chat(changed, faults=dict.fromkeys(throttled, LATER), page_size=page_size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "MESSAGES_MAX", most)
        entries = await read(chat)
    begin = int(NOW.timestamp() * 1000)
    assert sorted(entry.position - begin for entry in entries) == sorted(m[0] for m in messages)
    plain = {created + begin for created, later in messages if not later}
    order = [entry.position for entry in entries if entry.position in plain]
    assert order == sorted(order)
