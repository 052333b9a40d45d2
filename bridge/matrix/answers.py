"""What an answer of the homeserver says about the world: status and body -> the tree of errors.

    2xx                        it was done
    429                        Throttled, with the wait it asks for
    502 503 504                Unavailable: the homeserver is away, or a proxy says so;
                               BridgeNotReached if it is we who are away, seen from there
    401 of the as_token        Unauthorized, with what the operator must do
    4xx with an errcode        RejectedByHomeserver
    4xx without an errcode     not the homeserver's words but a proxy's: Unavailable
    3xx                        Unavailable, as long as homeserver.address is not set right
    anything else              Uncertain

502 and 504 of a proxy do not prove that nothing was done. They are called Unavailable because an
outage behind a proxy must cost no attempts, and because every call of ours may be repeated: a send
by its transaction id, a room by its alias, a state event by its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import orjson

from bridge.errors import (
    Refused,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)

RETRY_AFTER_DEFAULT = timedelta(seconds=5)
RETRY_AFTER_MAX = timedelta(hours=1)
RETRY_AFTER_MS_BELIEVED_MAX = 10**9
ERROR_CHARS_MAX = 200

DUPLICATE_ANNOTATION = "M_DUPLICATE_ANNOTATION"
FORBIDDEN = "M_FORBIDDEN"
NOT_FOUND = "M_NOT_FOUND"
ROOM_IN_USE = "M_ROOM_IN_USE"
USER_IN_USE = "M_USER_IN_USE"
UNKNOWN_DEVICE = "M_UNKNOWN_DEVICE"

_AWAY = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
_FOR_GOOD = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    }
)
"""A proxy that says one of these will say it again."""
_TOKEN = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"})
_NOT_REACHED = frozenset({"M_CONNECTION_FAILED", "M_CONNECTION_TIMEOUT", "M_BAD_STATUS"})
"""What a ping says; Matrix spec v1.7, Application Service API, "Pinging"."""
_BLOCKED = frozenset({"M_RESOURCE_LIMIT_EXCEEDED"})
"""The whole homeserver is shut by its operator: not this call's fault."""

HOMESERVER_KNOWS_US_NOT = (
    "the homeserver does not know our as_token: it has not loaded our registration file,"
    " or holds an older one"
)


class BridgeNotReached(Unavailable):
    """The homeserver is there, but could not call us when we asked it to."""


class RejectedByHomeserver(Rejected):
    """The homeserver refused, with an errcode of the Matrix spec."""

    def __init__(self, message: str, *, status: int, errcode: str) -> None:
        super().__init__(message)
        self.status = status
        self.errcode = errcode


def error_of(status: int, headers: Mapping[str, str], body: bytes, *, what: str) -> RemoteError:
    """Name the error that an answer other than 2xx is; `what` is the call, for the operator."""
    said = _object(body)
    errcode = said.get("errcode")
    text = f"{what}: {status} {errcode or ''} {said.get('error') or ''}"[:ERROR_CHARS_MAX].strip()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(text, retry_after=_retry_after(said, headers))
    if errcode in _NOT_REACHED:
        return BridgeNotReached(text)
    if status in _AWAY or errcode in _BLOCKED:
        return Unavailable(text)
    if status < HTTPStatus.BAD_REQUEST:
        return Unavailable(f"{text}: redirected; homeserver.address must be its own address")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _refusal(status, errcode, text)
    return Uncertain(text)


def _refusal(status: int, errcode: object, text: str) -> Refused:
    if status == HTTPStatus.UNAUTHORIZED and errcode in _TOKEN:
        return Unauthorized(HOMESERVER_KNOWS_US_NOT, everyone=True)
    if isinstance(errcode, str):
        return RejectedByHomeserver(text, status=status, errcode=errcode)
    return Rejected(text) if status in _FOR_GOOD else Unavailable(text)


def _object(body: bytes) -> dict[str, object]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _retry_after(said: Mapping[str, object], headers: Mapping[str, str]) -> timedelta:
    """The header is newer (Matrix spec v1.10), the field older; Synapse gives both."""
    milliseconds = said.get("retry_after_ms")
    seconds = headers.get("Retry-After", "")
    if isinstance(milliseconds, int) and milliseconds >= 0:
        wait = min(
            timedelta(milliseconds=min(milliseconds, RETRY_AFTER_MS_BELIEVED_MAX)), RETRY_AFTER_MAX
        )
    elif seconds.isascii() and seconds.isdigit():
        wait = min(timedelta(seconds=int(seconds[:9])), RETRY_AFTER_MAX)
    else:
        wait = RETRY_AFTER_DEFAULT
    return wait
