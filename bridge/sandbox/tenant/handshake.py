"""Asking a subscriber's endpoint whether it wants our notifications.

`POST {url}?validationToken=…`; the endpoint must answer within 10 s with 200, text/plain and the
decoded token, letter by letter (learn.microsoft.com graph/change-notifications-delivery-webhooks).
"""

from __future__ import annotations

from uuid import uuid4

import aiohttp
from yarl import URL

from bridge.bodies import read_body
from bridge.sandbox.tenant.errors import GraphError, bad_request

ANSWER_BYTES_MAX = 4096

_FAILED = "Subscription validation request failed."
_WANTED = "Notification endpoint must respond with 200 OK to validation request."


class Handshake:
    """Shakes hands through one HTTP session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def shake(self, url: str, patience: float) -> None:
        """Make sure that the endpoint agrees within `patience` seconds.

        Raises:
            GraphError: 400 ValidationError, it does not.
        """
        # Characters that must survive URL coding and must not be escaped as HTML.
        token = f"Validation: Testing client application reachability for <Request-Id: {uuid4()}>&+"
        timeout = aiohttp.ClientTimeout(total=patience)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        try:
            address = URL(url).update_query(validationToken=token)
            async with self._session.post(
                address, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                body = await read_body(answer, ANSWER_BYTES_MAX)
                _check(answer, body, token)
        except TimeoutError:
            raise _refused("Subscription validation request timed out.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            msg = f"{_FAILED} {_WANTED}"
            raise _refused(msg) from None


def _check(answer: aiohttp.ClientResponse, body: bytes, token: str) -> None:
    if answer.status != 200:  # noqa: PLR2004 - OK and nothing else
        reason = (answer.reason or str(answer.status)).replace(" ", "")
        msg = f"{_FAILED} HTTP status code is '{reason}'. {_WANTED}"
        raise _refused(msg)
    if answer.content_type != "text/plain" or body != token.encode():
        msg = f"{_FAILED} Response must exactly match validationToken query parameter."
        raise _refused(msg)


def _refused(message: str) -> GraphError:
    return bad_request(message, "ValidationError")
