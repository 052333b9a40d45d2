"""Events in the journal: the same comes back, also what a newer version wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.domain.content import from_text
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import Version
from bridge.errors import Unconvertible
from bridge.store.events import decode, encode

AT = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def event(**facts: object) -> MessageSent:
    values: dict[str, object] = {
        "author": Person(id="anna", name="Anna"),
        "version": Version("7"),
        "sent_at": AT,
        "body": from_text("hello\nworld"),
    }
    return MessageSent(**(values | facts))  # type: ignore[arg-type]


@given(TEXT, st.none() | TEXT, TEXT, st.integers(0, 99))
def test_an_event_comes_back_as_it_was(author: str, name: str | None, text: str, part: int) -> None:
    original = event(
        author=Person(id=author, name=name), body=from_text(text), part=part, parts=part + 1
    )

    assert decode(encode(original)) == original


def test_an_instant_of_another_zone_stays_the_same_instant() -> None:
    decoded = decode(encode(event(sent_at=AT + timedelta(microseconds=1))))

    assert decoded.sent_at - AT == timedelta(microseconds=1)


def test_fields_of_a_newer_version_are_stepped_over() -> None:
    fields = orjson.loads(encode(event()))
    fields["mood"] = "good"
    fields["author"]["picture"] = "mxc://matrix.test/1"

    assert decode(orjson.dumps(fields)) == event()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b'{"kind": "something_new"}',
        b'{"kind": "message_sent"}',
        encode(event()).replace(b'"Anna"', b"7"),
        encode(event()).replace(b'"anna"', b"null"),
        encode(event()).replace(b"2026-", b"0000-"),
        encode(event()).replace(b'"part":0', b'"part":"0"'),
        encode(event()).replace(b'"part":0', b'"part":true'),
        encode(event()).replace(b'"author":{', b'"author":7,"_":{'),
        encode(event()).replace(b'"body":[1', b'"body":[99'),
    ],
)
def test_what_cannot_be_read_is_said_so(raw: bytes) -> None:
    with pytest.raises(Unconvertible):
        decode(raw)
