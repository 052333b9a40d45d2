"""The settle window: only bursts pay for order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from bridge.domain.window import due_at

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(milliseconds=250)


def test_a_letter_into_a_quiet_conversation_goes_at_once() -> None:
    assert due_at(NOON, None, window=WINDOW) == NOON
    assert due_at(NOON, NOON - WINDOW, window=WINDOW) == NOON


def test_a_letter_in_a_burst_waits_out_the_window() -> None:
    assert due_at(NOON, NOON - timedelta(milliseconds=1), window=WINDOW) == NOON + WINDOW


@given(gap=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=1)))
def test_no_letter_waits_longer_than_the_window(gap: timedelta) -> None:
    assert timedelta(0) <= due_at(NOON, NOON - gap, window=WINDOW) - NOON <= WINDOW
