"""The HTTP client that msal is given: msal's thread asks, the event loop does it with aiohttp.

    msal, in its thread ── get/post ──▶ the loop: session ──▶ Entra
                        ◀─ MsalAnswer, or an OSError ─┘

msal's own client is requests: a third HTTP client in one process, which reads the system's
certificates once more, and had to be imported before anything was listened to, as its session was
made there. This one trusts what Graph's session trusts, and shares it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import aiohttp

from bridge.bodies import read_body
from bridge.config import Teams
from bridge.domain.values import dataclass
from bridge.teams.transport import OK, TOO_MANY_REQUESTS, open_sign_in_session, ssl_context

NETWORK_ERRORS: Final = (OSError,)
"""What msal is to take for an error of the network, in place of what requests raises."""
ANSWER_BYTES_MAX = 1024 * 1024
"""Of an answer; what is longer is cut, and so no JSON. Tokens and documents take a few kB."""
_SERVER_ERROR = 500
_Pairs: TypeAlias = Mapping[str, str | None] | None
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class MsalAnswer:
    """As much of an answer as msal looks at."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Raise nothing: what msal would raise for was raised before."""


class Later(OSError):
    """Entra was there, and was not able or asked for patience."""

    def __init__(self, answer: MsalAnswer) -> None:
        super().__init__(f"HTTP {answer.status_code}")
        self.answer = answer


class MsalTransport:
    """msal's `HttpClient` (get, post), for threads other than that of the loop it was opened in.

    The discovery document of our one tenant is fetched once: its endpoints do not change.
    """

    def __init__(self, teams: Teams, trust: ssl.SSLContext | None = None) -> None:
        self._teams = teams
        self._trust = trust
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._documents: dict[str, MsalAnswer] = {}
        self._lock = Lock()

    def open(self) -> None:
        """Be ready for calls; from inside the loop that will carry them out."""
        if self._session is None:
            self._loop = asyncio.get_running_loop()
            trust = self._trust or ssl_context(self._teams)
            self._session = open_sign_in_session(self._teams, trust)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def get(
        self,
        url: str,
        params: _Pairs = None,
        headers: _Pairs = None,
    ) -> MsalAnswer:
        """Fetch, or return what was fetched of the same address before.

        Raises:
            OSError: No answer, or "later".
        """
        with self._lock:
            known = None if params else self._documents.get(url)
        if known is not None:
            return known
        answer = self._ask("GET", url, params=_given(params), headers=_given(headers))
        if answer.status_code == OK and not params:
            with self._lock:
                self._documents[url] = answer
        return answer

    def post(
        self,
        url: str,
        params: _Pairs = None,
        data: _Pairs | str = None,
        headers: _Pairs = None,
    ) -> MsalAnswer:
        """Send a form; what is in it is sent to nobody else, wherever the answer may point.

        Raises:
            OSError: No answer, or "later".
        """
        return self._ask(
            "POST",
            url,
            params=_given(params),
            data=data if isinstance(data, str) else urlencode(_given(data)),
            headers={"Content-Type": _FORM, **_given(headers)},
            allow_redirects=False,
        )

    def _ask(self, method: str, url: str, **options: Any) -> MsalAnswer:  # noqa: ANN401 - aiohttp's
        if self._loop is None or self._session is None:
            raise ConnectionError("the way to Microsoft's sign-in is not open")
        call = _read(self._session, method, url, options)
        answer = asyncio.run_coroutine_threadsafe(call, self._loop).result()
        _raise_if_later(answer)
        return answer


async def _read(
    session: aiohttp.ClientSession, method: str, url: str, options: Mapping[str, Any]
) -> MsalAnswer:
    try:
        async with session.request(method, url, **options) as answer:
            text = (await read_body(answer, ANSWER_BYTES_MAX)).decode(errors="replace")
            return MsalAnswer(status_code=answer.status, text=text, headers=answer.headers)
    except aiohttp.ClientError as error:
        raise ConnectionError(type(error).__name__) from error


def _given(pairs: _Pairs) -> dict[str, str]:
    """Leave out what msal leaves empty, as requests would."""
    return {name: value for name, value in (pairs or {}).items() if value is not None}


def _raise_if_later(answer: MsalAnswer) -> None:
    """Raise on 429 and 5xx, which msal would take for a wrong tenant or hide in a RuntimeError."""
    if answer.status_code == TOO_MANY_REQUESTS or answer.status_code >= _SERVER_ERROR:
        raise Later(answer)
