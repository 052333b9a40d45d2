"""What an answer of the homeserver says about the world."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from hypothesis import given, strategies as st

from bridge.errors import (
    Refused,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from bridge.matrix.answers import (
    ERROR_CHARS_MAX,
    RETRY_AFTER_DEFAULT,
    RETRY_AFTER_MAX,
    BridgeNotReached,
    RejectedByHomeserver,
    error_of,
)


def said(status: int, errcode: str | None = None, **more: object) -> RemoteError:
    body = (
        b"<html>a proxy</html>" if errcode is None else orjson.dumps({"errcode": errcode, **more})
    )
    return error_of(status, {}, body, what="send")


@pytest.mark.parametrize(
    ("status", "errcode", "kind"),
    [
        (429, "M_LIMIT_EXCEEDED", Throttled),
        (502, None, Unavailable),
        (503, None, Unavailable),
        (504, "M_UNKNOWN", Unavailable),
        (502, "M_CONNECTION_FAILED", BridgeNotReached),
        (403, "M_RESOURCE_LIMIT_EXCEEDED", Unavailable),
        (401, "M_UNKNOWN_TOKEN", Unauthorized),
        (403, "M_FORBIDDEN", RejectedByHomeserver),
        (413, "M_TOO_LARGE", RejectedByHomeserver),
        (413, None, Rejected),
        (400, None, Rejected),
        (404, None, Unavailable),
        (403, None, Unavailable),
        (500, "M_UNKNOWN", Uncertain),
        (302, None, Unavailable),
    ],
)
def test_an_answer_says_whether_it_was_done(
    status: int, errcode: str | None, kind: type[RemoteError]
) -> None:
    assert type(said(status, errcode)) is kind


def test_a_refusal_keeps_its_errcode() -> None:
    error = said(403, "M_FORBIDDEN", error="User not in room")

    assert isinstance(error, RejectedByHomeserver)
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")
    assert str(error) == "send: 403 M_FORBIDDEN User not in room"


def test_an_unknown_token_is_said_in_a_sentence() -> None:
    assert "has not loaded our registration file" in str(said(401, "M_UNKNOWN_TOKEN"))


@pytest.mark.parametrize(
    ("headers", "field", "wait"),
    [
        ({}, {"retry_after_ms": 1500}, timedelta(seconds=1.5)),
        ({"Retry-After": "7"}, {}, timedelta(seconds=7)),
        ({"Retry-After": "7"}, {"retry_after_ms": "x"}, timedelta(seconds=7)),
        ({}, {}, RETRY_AFTER_DEFAULT),
        ({"Retry-After": "tomorrow"}, {"retry_after_ms": -1}, RETRY_AFTER_DEFAULT),
        ({"Retry-After": "9" * 400}, {}, RETRY_AFTER_MAX),
        ({}, {"retry_after_ms": 2**62}, RETRY_AFTER_MAX),
    ],
)
def test_a_throttled_call_waits_as_long_as_it_is_told_within_reason(
    headers: dict[str, str], field: dict[str, object], wait: timedelta
) -> None:
    error = error_of(429, headers, orjson.dumps(field), what="send")

    assert isinstance(error, Throttled)
    assert error.retry_after == wait


@given(
    status=st.integers(300, 599),
    body=st.binary()
    | st.dictionaries(st.text(), st.integers() | st.text()).map(
        lambda said: repr(said).encode("utf-8", "replace")
    ),
    headers=st.dictionaries(st.just("Retry-After"), st.text()),
)
def test_any_answer_is_an_error_of_ours(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = error_of(status, headers, body, what="send")

    assert isinstance(error, Refused | Uncertain)
    assert len(str(error)) <= ERROR_CHARS_MAX
