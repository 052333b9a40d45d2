"""Known state and the version seen: what crosses, what is ignored under which name, what is awaited."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from bridge.domain.changes import (
    ALREADY_KNOWN,
    DELETED,
    ECHO,
    ECHO_WITHIN,
    STALE,
    Known,
    Outcome,
    Own,
    OwnChange,
    changes,
    words_of,
)
from bridge.domain.content import from_text
from bridge.domain.events import (
    Event,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    Reaction,
    ReactionAdded,
    ReactionRemoved,
    Sighting,
)
from bridge.domain.ids import ConversationId, MessageRef, Place, Side, TenantId, Version

ADA, BEN = Person(id="ada"), Person(id="ben")
START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + ECHO_WITHIN * 2


def version_at(moment: datetime) -> Version:
    return Version(str(int(moment.timestamp() * 1000)))


SEEN = Sighting(
    origin=Place(tenant=TenantId("t"), conversation=ConversationId("c")),
    ref=MessageRef("1"),
    version=version_at(START),
    author=ADA,
    sent_at=START,
    body=from_text("hello"),
)
KNOWN = Known(origin=Side.TEAMS, version=SEEN.version, author="ada")


def seen(moment: datetime = START + timedelta(seconds=1), **facts: object) -> Sighting:
    return replace(SEEN, version=version_at(moment), **facts)  # type: ignore[arg-type]


def own(kind: Own, *, number: int = 1, **facts: str) -> OwnChange:
    return OwnChange(id=number, kind=kind, at=START, **facts)


def kinds(outcome: Outcome) -> list[type[Event]]:
    return [type(event) for event in outcome.events]


# --- what is new ---


def test_a_message_that_nobody_knows_is_sent_as_it_was_seen() -> None:
    sent = MessageSent(author=ADA, version=SEEN.version, sent_at=START, body=SEEN.body)

    assert changes(None, SEEN, side=Side.TEAMS) == Outcome(events=(sent,))


def test_a_message_that_was_deleted_before_it_was_seen_is_ignored() -> None:
    outcome = changes(None, seen(deleted=True), side=Side.TEAMS)

    assert outcome == Outcome(ignored=Ignored(reason=DELETED))


def test_what_happened_to_a_message_before_it_was_seen_is_remembered() -> None:
    first = seen(edited="e1", reactions=(Reaction(person=BEN, key="👍"),))

    outcome = changes(None, first, side=Side.TEAMS)

    assert kinds(outcome) == [MessageSent, ReactionAdded]
    assert outcome.known is not None
    assert changes(outcome.known, first, side=Side.TEAMS).events == ()


# --- what is known ---


@pytest.mark.parametrize(("origin", "reason"), [(Side.MATRIX, ECHO), (Side.TEAMS, ALREADY_KNOWN)])
def test_what_is_known_is_ignored_under_a_name(origin: Side, reason: str) -> None:
    outcome = changes(replace(KNOWN, origin=origin), SEEN, side=Side.TEAMS)

    assert outcome == Outcome(ignored=Ignored(reason=reason))


def test_an_older_version_changes_nothing() -> None:
    known = replace(KNOWN, version=version_at(LATER), edited="e1")

    assert changes(known, SEEN, side=Side.TEAMS) == Outcome(ignored=Ignored(reason=STALE))


def test_a_newer_version_that_shows_the_same_says_nothing() -> None:
    outcome = changes(KNOWN, seen(), side=Side.TEAMS)

    assert outcome == Outcome(ignored=Ignored(reason=ALREADY_KNOWN))


# --- what has changed ---


def test_other_words_are_an_edit() -> None:
    newer = seen(edited="e1", body=from_text("hello you"))

    outcome = changes(KNOWN, newer, side=Side.TEAMS)

    [edit] = outcome.events
    assert isinstance(edit, MessageEdited)
    assert (edit.target, edit.body) == ("1", newer.body)
    assert outcome.known == replace(KNOWN, version=newer.version, edited="e1")


def test_a_reaction_alone_is_no_edit() -> None:
    outcome = changes(KNOWN, seen(reactions=(Reaction(person=BEN, key="👍"),)), side=Side.TEAMS)

    [added] = outcome.events
    assert isinstance(added, ReactionAdded)
    assert (added.author.id, added.key) == ("ben", "👍")


def test_a_reaction_that_is_gone_was_taken_back() -> None:
    known = replace(KNOWN, reactions=frozenset({("ben", "👍"), ("ada", "🎉")}))

    outcome = changes(known, seen(reactions=(Reaction(person=ADA, key="🎉"),)), side=Side.TEAMS)

    [removed] = outcome.events
    assert isinstance(removed, ReactionRemoved)
    assert (removed.author.id, removed.key) == ("ben", "👍")


def test_a_message_taken_back_and_back_again_is_sent_again() -> None:
    gone = changes(KNOWN, seen(deleted=True, author=Person(id="")), side=Side.TEAMS)
    [deleted] = gone.events
    assert isinstance(deleted, MessageDeleted)
    assert deleted.author == ADA
    assert gone.known is not None

    back = changes(gone.known, seen(LATER), side=Side.TEAMS)

    [sent] = back.events
    assert isinstance(sent, MessageSent)
    assert sent.again
    assert back.known is not None
    assert not back.known.deleted


def test_an_edit_in_matrix_does_not_bring_back_what_was_taken_back() -> None:
    edit = seen(edited="2", body=from_text("other words"), reactions=None)

    outcome = changes(replace(KNOWN, origin=Side.MATRIX, deleted=True), edit, side=Side.MATRIX)

    assert outcome == Outcome(ignored=Ignored(reason=DELETED))


def test_a_message_that_is_there_again_has_its_reactions_again_also_our_own() -> None:
    gone = replace(KNOWN, deleted=True, own=(own(Own.REACT, person="ben", key="👍"),))
    both = (Reaction(person=BEN, key="👍"), Reaction(person=ADA, key="🎉"))

    back = changes(gone, seen(reactions=both), side=Side.TEAMS)

    assert kinds(back) == [MessageSent, ReactionAdded, ReactionAdded]
    assert back.consumed == (1,)


def test_a_side_that_shows_reactions_apart_says_nothing_of_them() -> None:
    known = replace(KNOWN, origin=Side.MATRIX, reactions=frozenset({("ben", "👍")}))

    assert changes(known, seen(reactions=None), side=Side.MATRIX).events == ()


# --- our own doing ---

OWN_SEEN = [
    (own(Own.EDIT, words=words_of(from_text("new words"))), {"edited": "e1", "body": from_text("new words")}),
    (own(Own.DELETE), {"deleted": True}),
    (own(Own.REACT, person="ben", key="👍"), {"reactions": (Reaction(person=BEN, key="👍"),)}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "shown"), OWN_SEEN)
def test_our_own_change_comes_back_as_an_echo_once(
    change: OwnChange, shown: dict[str, object]
) -> None:
    known = replace(KNOWN, own=(change,))

    newer = replace(seen(), **shown)  # type: ignore[arg-type]
    outcome = changes(known, newer, side=Side.TEAMS)

    assert outcome.events == ()
    assert outcome.consumed == (1,)
    assert outcome.known is not None
    again = changes(outcome.known, seen(LATER), side=Side.TEAMS)
    if change.kind is not Own.EDIT:  # Somebody has undone it in Teams since.
        assert again.events


@pytest.mark.parametrize(("change", "shown"), OWN_SEEN)
def test_a_version_from_before_our_own_change_does_not_undo_it(
    change: OwnChange, shown: dict[str, object]
) -> None:
    del shown
    outcome = changes(replace(KNOWN, own=(change,)), seen(), side=Side.TEAMS)

    assert outcome.events == ()
    assert outcome.consumed == ()


def test_what_was_undone_before_it_was_seen_is_undone_here_when_it_is_certain() -> None:
    known = replace(KNOWN, own=(own(Own.REACT, person="ben", key="👍"),))

    outcome = changes(known, seen(LATER), side=Side.TEAMS)

    assert kinds(outcome) == [ReactionRemoved]
    assert outcome.consumed == (1,)


def test_of_two_edits_of_ours_the_last_one_seen_settles_both() -> None:
    edits = tuple(own(Own.EDIT, number=n, words=words_of(from_text(f"words {n}"))) for n in (1, 2))

    outcome = changes(
        replace(KNOWN, own=edits), seen(edited="e2", body=from_text("words 2")), side=Side.TEAMS
    )

    assert (outcome.events, outcome.consumed) == ((), (1, 2))


def test_our_edit_made_a_second_time_by_a_process_that_was_frozen_is_no_news() -> None:
    ours = from_text("ours")
    known = replace(KNOWN, own=(own(Own.EDIT, words=words_of(ours)),))
    once = changes(known, seen(edited="e1", body=ours), side=Side.TEAMS).known
    assert once is not None

    again = seen(START + timedelta(seconds=5), edited="e2", body=ours)
    assert changes(once, again, side=Side.TEAMS).events == ()
    theirs = seen(START + timedelta(seconds=5), edited="e2", body=from_text("theirs"))
    assert kinds(changes(once, theirs, side=Side.TEAMS)) == [MessageEdited]
    much_later = seen(LATER, edited="e2", body=ours)
    assert kinds(changes(once, much_later, side=Side.TEAMS)) == [MessageEdited]


def test_after_somebody_elses_edit_our_words_are_an_edit_again() -> None:
    ours, theirs = from_text("ours"), from_text("theirs")
    known: Known | None = replace(KNOWN, words=words_of(ours))
    events = []
    for number, body in enumerate((theirs, ours), 1):
        outcome = changes(known, seen(edited=f"e{number}", body=body), side=Side.TEAMS)
        events += kinds(outcome)
        known = outcome.known

    assert events == [MessageEdited, MessageEdited]


def test_what_somebody_else_wrote_meanwhile_is_no_echo() -> None:
    known = replace(KNOWN, own=(own(Own.EDIT, words=words_of(from_text("ours"))),))

    outcome = changes(known, seen(edited="e1", body=from_text("theirs")), side=Side.TEAMS)

    assert kinds(outcome) == [MessageEdited]


# --- laws ---

shapes = st.lists(
    st.builds(
        lambda second, edit, deleted, pairs: seen(
            START + timedelta(seconds=second),
            edited=f"e{edit}" if edit else "",
            body=from_text(f"words {edit}"),
            deleted=deleted,
            reactions=tuple(Reaction(person=Person(id=p), key=k) for p, k in sorted(pairs)),
        ),
        st.integers(1, 500),
        st.integers(0, 3),
        st.booleans(),
        st.frozensets(st.tuples(st.sampled_from(["ada", "ben"]), st.sampled_from(["👍", "🎉"]))),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.version,
)


def play(order: list[Sighting]) -> tuple[Known | None, list[Event]]:
    known: Known | None = None
    events: list[Event] = []
    for one in order:
        outcome = changes(known, one, side=Side.TEAMS)
        events += outcome.events
        if outcome.known is not None:
            known = outcome.known
        elif known is None and outcome.events:
            known = replace(KNOWN, version=one.version)
    return known, events


@given(shapes)
def test_seen_twice_is_seen_once(order: list[Sighting]) -> None:
    assert play([one for one in order for _ in range(2)])[1] == play(order)[1]


@given(shapes, st.randoms(use_true_random=False))
def test_whatever_the_order_the_newest_version_is_what_remains(
    order: list[Sighting], random: object
) -> None:
    shuffled = list(order)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    newest = max(order, key=lambda one: one.version)
    known, _ = play([*shuffled, newest])

    if known is not None:
        assert changes(known, newest, side=Side.TEAMS).events == ()
        assert known.deleted == newest.deleted
