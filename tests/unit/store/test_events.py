"""Events in the journal: the same comes back, also what a newer version wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    PersonKind,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, Version
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


PEOPLE = st.builds(
    Person,
    id=TEXT,
    name=st.none() | TEXT,
    kind=st.sampled_from(PersonKind),
    organisation=st.none() | TEXT,
    home=st.none() | TEXT,
)
INSTANTS = st.datetimes(timezones=st.just(UTC))
REFS = TEXT.map(MessageRef)
VERSIONS = st.integers(0, 10**14).map(lambda number: Version(str(number))) | st.just(Version(""))
FACTS = {"author": PEOPLE, "version": VERSIONS, "sent_at": INSTANTS}
ABOUT = FACTS | {"target": REFS}
WORDS = {
    "body": TEXT.map(from_text),
    "part": st.integers(0, 99),
    "parts": st.integers(1, 99),
    "is_notice": st.booleans(),
}
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(MessageSent, **FACTS, **WORDS, reply_to=st.none() | REFS, again=st.booleans()),
    st.builds(MessageEdited, **ABOUT, **WORDS),
    st.builds(MessageDeleted, **ABOUT),
    st.builds(ReactionAdded, **ABOUT, key=TEXT),
    st.builds(ReactionRemoved, **ABOUT, key=TEXT),
)


@given(EVENTS)
def test_every_kind_of_event_comes_back_as_it_was(original: Event) -> None:
    assert decode(encode(original)) == original


def test_what_an_older_version_wrote_is_a_message_that_answers_nothing() -> None:
    old = (
        b'{"kind":"message_sent","author":{"id":"anna","name":"Anna"},"version":"7",'
        b'"sent_at":"2026-03-02T08:00:00.123456+00:00","part":0,"parts":1,"body":'
        + orjson.dumps(orjson.loads(encode(event()))["body"])
        + b"}"
    )

    assert decode(old) == event()
    assert not event().again
    assert event().reply_to is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("target", None), ("target", 7), ("key", None), ("key", ["x"]), ("author", "anna")],
)
def test_a_reaction_that_lacks_something_cannot_be_read(field: str, value: object) -> None:
    added = ReactionAdded(
        target=MessageRef("1"),
        author=Person(id="anna"),
        key="\N{THUMBS UP SIGN}",
        version=Version("7"),
        sent_at=AT,
    )
    fields = orjson.loads(encode(added))
    assert decode(orjson.dumps(fields)) == added
    for broken in (fields | {field: value}, {k: v for k, v in fields.items() if k != field}):
        with pytest.raises(Unconvertible):
            decode(orjson.dumps(broken))


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
