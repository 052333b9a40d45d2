"""Composite ids: made in one place, and never two things of one name."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bridge.domain.ids import (
    TRANSACTION_ID_CHARS,
    ConversationId,
    MessageRef,
    Place,
    Side,
    TenantId,
    Version,
    digest,
    trace_of,
    transaction_id,
)

PLACE = Place(tenant=TenantId("t"), conversation=ConversationId("19:c@thread.v2"))
REF = MessageRef("1700000000000")


def txn(*, kind: str = "message", version: str = "1", part: int = 0) -> str:
    return transaction_id(PLACE, REF, kind=kind, version=Version(version), part=part)


def test_the_same_send_has_the_same_transaction_id() -> None:
    assert txn() == txn()
    assert len(txn()) == TRANSACTION_ID_CHARS


def test_another_kind_version_or_part_is_another_transaction() -> None:
    assert len({txn(), txn(kind="reaction"), txn(version="2"), txn(part=1)}) == 4


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_a_digest_tells_facts_apart_however_they_are_cut(one: list[str], two: list[str]) -> None:
    assert (digest(*one) == digest(*two)) == (one == two)


def test_a_trace_names_the_event_and_the_part() -> None:
    assert trace_of(MessageRef("$e"), 2) == "$e/2"


def test_the_far_side_of_the_far_side_is_this_side() -> None:
    assert Side.TEAMS.other is Side.MATRIX
    assert Side.MATRIX.other.other is Side.MATRIX
