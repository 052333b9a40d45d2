"""What Graph's answer means: status, headers and body -> an error of our tree, or None.

Pure. Only Graph's `code` is stable, its message is for people (learn.microsoft.com graph/errors,
graph/throttling).
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import timedelta

import orjson

from bridge.errors import Rejected, RemoteError, Throttled, Unauthorized, Unavailable, Uncertain
from bridge.http1 import Answer

THROTTLED_WAIT = timedelta(seconds=10)
"""Where Graph throttles without a Retry-After."""
UNAVAILABLE_WAIT_MIN = timedelta(seconds=3)
MESSAGE_CHARS_MAX = 300
CHALLENGE_CHARS_MAX = 16 * 1024

_THROTTLING = frozenset({429, 509})
_AWAY = frozenset({502, 503, 504})
_CERTAINLY_NOT = frozenset({408, 503})
"""The server gave up before it had the request, or did not take it on."""
_LACKING = re.compile(r"missing (role|scope) permissions|insufficient privileges", re.IGNORECASE)
"""How Graph says that nobody has consented to a permission (microsoftgraph/microsoft-graph-docs
#13117); an unknown wording is an ordinary 403, which sets one thing aside instead of waiting."""
_CLAIMS = re.compile(r'claims="([^"]+)"')


class GraphRejected(Rejected):
    """Graph refuses for good; `status` and `code` are Graph's, and so is what it `said`, to people."""

    def __init__(self, message: str, *, status: int, code: str, said: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.said = said


class PermissionMissing(Unauthorized):
    """Nobody has consented to a permission that the call takes."""


def is_absent(answer: Answer) -> bool:
    """Tell whether this is rather Graph's gateway than Graph."""
    return answer.status in _AWAY


def lacks_permission(answer: Answer) -> bool:
    """Tell whether Graph misses a permission in the token."""
    return answer.status == 403 and bool(_LACKING.search(code_and_message(answer.body)[1]))  # noqa: PLR2004


def failure(
    name: str,
    answer: Answer,
    *,
    repeatable: bool,
    everyone: bool,
    sign_in: int | None = None,
) -> RemoteError | None:
    """Say what an answer to the call `name` means; None where it is the result.

    `repeatable`: making the call twice does no harm. `everyone`: it was made as the app itself;
    otherwise with a token of the sign-in of this number.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the class of good answers
        return None
    code, message = code_and_message(answer.body)
    text = f"{name}: Graph answers {status} {code}".rstrip()
    if status in _THROTTLING:
        return Throttled(text, retry_after=retry_after(answer) or THROTTLED_WAIT)
    if status == 401:  # noqa: PLR2004
        text = f"{text}: no token is accepted"
        return Unauthorized(text, everyone=everyone, sign_in=sign_in)
    if status == 403 and _LACKING.search(message):  # noqa: PLR2004
        return PermissionMissing(f"{text}: {message}", everyone=everyone, sign_in=sign_in)
    if status >= 500 or status in _CERTAINLY_NOT or status < 400:  # noqa: PLR2004
        return _server_failure(text, answer, repeatable=repeatable)
    whole = f"{text}: {message}".rstrip(": ")
    return GraphRejected(whole, status=status, code=code, said=message)


def _server_failure(text: str, answer: Answer, *, repeatable: bool) -> RemoteError:
    """5xx: the gateway's are passing; a plain 500 may be for ever, so it costs an attempt."""
    wait = retry_after(answer)
    if answer.status in _CERTAINLY_NOT:
        return Throttled(text, retry_after=wait) if wait else Unavailable(text)
    if repeatable and (answer.status in _AWAY or answer.status < 400):  # noqa: PLR2004
        return Unavailable(text)
    return Uncertain(text)


def code_and_message(body: bytes) -> tuple[str, str]:
    """Return Graph's error code and a bounded message; empty where there are none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return "", ""
    code, message = error.get("code"), error.get("message")
    return (
        code[:MESSAGE_CHARS_MAX] if isinstance(code, str) else "",
        " ".join(message.split())[:MESSAGE_CHARS_MAX] if isinstance(message, str) else "",
    )


def retry_after(answer: Answer) -> timedelta | None:
    """Return the wait that the answer asks for, in whole seconds; None where it asks for none."""
    told = answer.headers.get("Retry-After", "").strip()
    if not re.fullmatch(r"[0-9]{1,6}", told):
        return None
    return max(timedelta(seconds=int(told)), UNAVAILABLE_WAIT_MIN / 3)


def claims_of(answer: Answer) -> str | None:
    """Return the claims that a new token must satisfy, as JSON text for msal.

    Source: learn.microsoft.com entra/identity-platform/claims-challenge; Graph sends the challenge
    with 401, older policies with 403 (learn.microsoft.com graph/errors).
    """
    if answer.status not in {401, 403}:
        return None
    challenge = answer.headers.get("WWW-Authenticate", "")[:CHALLENGE_CHARS_MAX]
    found = _CLAIMS.search(challenge)
    if found is None:
        return None
    try:
        raw = found.group(1)
        text = base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_").decode()
        orjson.loads(text)
    except (binascii.Error, UnicodeDecodeError, orjson.JSONDecodeError):
        return None
    return text
