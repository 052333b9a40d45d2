"""Recognising what an earlier attempt left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from bridge.convert.teams import find_trace, render_teams
from bridge.domain.content import Quote, from_text, plain_text
from bridge.domain.events import Person
from bridge.domain.ids import MessageRef, Version
from bridge.errors import Undecidable
from bridge.teams.payloads import ChatMessage
from bridge.teams.trace import (
    NAMED_MAX,
    TRACE_CHARS,
    Found,
    Wanted,
    body_of,
    recognise,
    says,
    trace_for,
)
from tests.unit.teams.memory import NOW

WORDS = "one <two> & three"
SOURCE = MessageRef("$event:example.org")
WANTED = Wanted(trace=trace_for(SOURCE, 0), speaker="alice", body=from_text(WORDS))


def message(number: int, content: str, author: str = "alice") -> ChatMessage:
    return ChatMessage(
        ref=MessageRef(str(number)),
        version=Version(""),
        kind="message",
        created_at=NOW + timedelta(seconds=number),
        deleted=False,
        author=Person(id=author),
        content=content,
        content_type="html",
        mentions={},
        attachments={},
    )


def rendered(words: str = WORDS, trace: str | None = None) -> str:
    return render_teams(from_text(words), trace=trace)


def test_our_trace_is_certain() -> None:
    ours = message(2, rendered(trace=WANTED.trace))
    assert recognise(WANTED, [message(3, rendered()), ours, message(1, rendered())]) == Found(
        certain=ours.ref
    )


def test_our_trace_in_someone_elses_message_was_copied() -> None:
    copied = message(2, rendered(trace=WANTED.trace), author="bob")
    assert recognise(WANTED, [copied]) == Found()


def test_where_traces_are_kept_the_same_words_prove_nothing() -> None:
    other = message(1, rendered("other", trace=trace_for(SOURCE, 1)))
    assert recognise(WANTED, [other, message(2, rendered())]) == Found()


def test_where_they_are_not_the_same_words_are_candidates_oldest_first() -> None:
    messages = [message(number, rendered()) for number in (5, 3, 4)]
    assert recognise(WANTED, messages) == Found(
        candidates=(MessageRef("3"), MessageRef("4"), MessageRef("5"))
    )


QUOTE = '<p></p>\n<attachment id="7"></attachment>\n'


def answer(number: int, content: str) -> ChatMessage:
    shown = Quote(blocks=from_text("what somebody said").blocks)
    return replace(
        message(number, f"{QUOTE}{content}\n<p></p>"),
        attachments={"7": shown},
        reply_to=MessageRef("7"),
        quote="7",
    )


def test_what_it_answers_stands_in_nobodys_way() -> None:
    traced = answer(1, rendered(trace=WANTED.trace))
    assert recognise(WANTED, [traced]) == Found(certain=traced.ref)
    assert recognise(WANTED, [answer(2, rendered())]) == Found(candidates=(MessageRef("2"),))


def test_a_message_says_what_it_says_without_what_it_answers() -> None:
    assert says(answer(1, rendered()), from_text(WORDS))
    assert not says(answer(1, rendered()), from_text(f"what somebody said {WORDS}"))
    assert not says(replace(answer(1, rendered()), deleted=True), from_text(WORDS))


def test_a_message_that_says_nothing_of_its_own_says_what_it_quotes() -> None:
    assert "what somebody said" in plain_text(body_of(answer(1, "")))


def test_a_second_quotation_stays() -> None:
    both = replace(
        answer(1, f'<attachment id="8"></attachment>{rendered()}'),
        attachments={
            "7": Quote(blocks=from_text("one").blocks),
            "8": Quote(blocks=from_text("two").blocks),
        },
    )
    assert plain_text(body_of(both)).split()[:2] == [">", "two"]


def test_a_trace_within_a_quotation_is_not_ours() -> None:
    quoted = f"{QUOTE}<blockquote>{rendered(trace=WANTED.trace)}</blockquote>"
    assert find_trace(quoted) is None
    assert find_trace(f"x{rendered(trace=WANTED.trace)}") is None


def test_what_an_edit_adds_has_a_trace_of_its_own() -> None:
    assert trace_for(SOURCE, 1, "edit 1") != trace_for(SOURCE, 1)
    assert trace_for(SOURCE, 1, "edit 1") != trace_for(SOURCE, 1, "edit 2")


def test_teams_may_rewrite_white_space_and_markup() -> None:
    rewritten = message(1, "<div><p>one&nbsp;&lt;two&gt;\n  &amp; <span>three</span></p></div>")
    assert recognise(WANTED, [rewritten]).candidates == (rewritten.ref,)


def test_other_words_and_other_people_are_none() -> None:
    same = message(1, rendered())
    others = [
        message(1, rendered("one")),
        message(2, rendered(), author="bob"),
        replace(same, author=None),
    ]
    assert recognise(WANTED, others) == Found()
    assert recognise(replace(WANTED, speaker="ALICE"), [same]).candidates == (same.ref,)


EDITED, DELETED = MessageRef("4"), MessageRef("3")


def changed() -> list[ChatMessage]:
    """What the same person has changed since, and others did."""
    return [
        replace(message(4, rendered("other words")), edited="2026-11-20T10:00:00Z"),
        replace(message(3, ""), deleted=True),
        replace(message(5, "", author="bob"), deleted=True),
        replace(message(6, rendered(trace=trace_for(SOURCE, 7))), edited="2026-11-20T10:00:00Z"),
    ]


def test_what_its_speaker_has_changed_since_may_have_been_it_unless_it_has_anothers_trace() -> None:
    assert recognise(WANTED, changed()) == Found(veiled=(DELETED, EDITED))
    assert recognise(WANTED, changed()[:3]) == Found(veiled=(DELETED, EDITED))
    ours = message(7, rendered(trace=WANTED.trace))
    assert recognise(WANTED, [*changed(), ours]) == Found(certain=ours.ref)


def test_what_looks_the_same_goes_before_what_was_changed() -> None:
    found = recognise(WANTED, [*changed()[:3], message(8, rendered())])
    assert found.unlinked({DELETED}) == "8"
    with pytest.raises(
        Undecidable, match=r"^messages 3, 4 were edited or deleted in Teams: it may"
    ):
        found.unlinked({MessageRef("8")})
    with pytest.raises(Undecidable, match="message 4 was"):
        found.unlinked({MessageRef("8"), DELETED})
    assert found.unlinked({MessageRef("8"), DELETED, EDITED}) is None


def test_of_much_that_was_changed_the_latest_is_named() -> None:
    veiled = tuple(MessageRef(str(number)) for number in range(100, 100 + NAMED_MAX + 2))
    with pytest.raises(Undecidable) as raised:
        Found(veiled=veiled).unlinked(())
    assert str(raised.value).startswith("messages 102, 103, ")
    assert " 111 and 2 before them were edited" in str(raised.value)


@given(st.text(max_size=300), st.integers(min_value=0, max_value=99))
def test_any_source_has_a_trace_that_is_found_again(source: str, part: int) -> None:
    ref = MessageRef(source.encode(errors="replace").decode())
    trace = trace_for(ref, part)
    assert len(trace) == TRACE_CHARS
    assert find_trace(rendered(trace=trace)) == trace
    assert trace != trace_for(ref, part + 1)


@given(st.text(max_size=60))
def test_what_was_said_is_recognised_by_its_words(words: str) -> None:
    wanted = replace(WANTED, body=from_text(words))
    said = message(1, render_teams(wanted.body))
    assert recognise(wanted, [said]).candidates == (said.ref,)
