"""How this side reaches Microsoft: aiohttp and a lean client for Graph, a requests session for msal.

All trust the same certificates (`ca_file`, else those of the system) and use the same proxy (the
usual environment variables). None reads `.netrc`: a bearer token must not meet a password.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override

from bridge.config import Teams
from bridge.errors import ConfigError

CONNECT_TIMEOUT = timedelta(seconds=5)
CALL_TIMEOUT = timedelta(seconds=30)
"""One call with its answer; Graph's own gateway gives up earlier."""
BYTES_TIMEOUT = aiohttp.ClientTimeout(
    total=None,
    connect=CONNECT_TIMEOUT.total_seconds(),
    sock_connect=CONNECT_TIMEOUT.total_seconds(),
    sock_read=CALL_TIMEOUT.total_seconds(),
)
"""Of a file: so long until the next of its bytes; how long all of them take, its reader watches."""
BYTES_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}
CONNECTIONS_MAX = 32
USER_AGENT = "matrix-teams-bridge"
TOO_MANY_REQUESTS = 429
OK = 200


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for `url`, if any."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def ssl_context(teams: Teams) -> ssl.SSLContext:
    """Return what we trust.

    Raises:
        ConfigError: `teams.ca_file` cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=teams.ca_file)
    except (OSError, ssl.SSLError) as error:
        problem = f"teams.ca_file: {teams.ca_file} holds no readable CA certificate ({error})"
        raise ConfigError((problem,)) from error


def open_session(teams: Teams, trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """Open the session that all calls to Graph share; the caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=trust),
        timeout=aiohttp.ClientTimeout(
            total=CALL_TIMEOUT.total_seconds(),
            connect=CONNECT_TIMEOUT.total_seconds(),
            sock_connect=CONNECT_TIMEOUT.total_seconds(),
        ),
        proxy=proxy_for(teams.graph_url),
        cookie_jar=aiohttp.DummyCookieJar(),
        raise_for_status=False,
    )


def open_downloads(trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """Open the session that files are read with from where Graph says they are; it has no token.

    The caller closes it, and names the proxy of each host.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=trust),
        timeout=BYTES_TIMEOUT,
        headers=BYTES_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MsalAnswer:
    """As much of an answer as msal looks at; the library's own would keep its connection open."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Raise nothing: what msal would raise for was raised before."""


class _Adapter(HTTPAdapter):
    """Closes its connections when it is closed; urllib3 leaves that to the garbage collector."""

    @override
    def close(self) -> None:
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - a copy; iterating is refused
                manager.pools[key].close()
        super().close()


class Later(requests.RequestException):
    """Entra was there, and was not able or asked for patience."""

    def __init__(self, answer: MsalAnswer) -> None:
        super().__init__(f"HTTP {answer.status_code}")
        self.answer = answer


class MsalTransport:
    """The HTTP client that msal is given (its `HttpClient`: get, post, close); safe in threads.

    The discovery document of our one tenant is fetched once: its endpoints do not change.
    """

    def __init__(self, teams: Teams) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("https://", _Adapter())
        self._session.verify = str(teams.ca_file) if teams.ca_file else _system_store()
        proxy = proxy_for(teams.login_url)
        if proxy:
            self._session.proxies = {urlsplit(teams.login_url).scheme: proxy}
        self._documents: dict[str, MsalAnswer] = {}
        self._lock = Lock()

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> MsalAnswer:
        """Fetch, or return what was fetched of the same address before.

        Raises:
            requests.RequestException: No answer, or "later".
        """
        with self._lock:
            known = None if params else self._documents.get(url)
        if known is not None:
            return known
        answer = _read(self._session.get(url, params=params, headers=headers, timeout=_TIMEOUTS))
        _raise_if_later(answer)
        if answer.status_code == OK and not params:
            with self._lock:
                self._documents[url] = answer
        return answer

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> MsalAnswer:
        """Send a form.

        Raises:
            requests.RequestException: No answer, or "later".
        """
        answer = _read(
            self._session.post(url, params=params, data=data, headers=headers, timeout=_TIMEOUTS)
        )
        # Cookies of one person's sign-in have no business in the next one's.
        self._session.cookies.clear()
        _raise_if_later(answer)
        return answer

    def close(self) -> None:
        self._session.close()


_TIMEOUTS = (CONNECT_TIMEOUT.total_seconds(), CALL_TIMEOUT.total_seconds())
_SERVER_ERROR = 500


def _raise_if_later(answer: MsalAnswer) -> None:
    """Raise on 429 and 5xx, which msal would take for a wrong tenant or hide in a RuntimeError."""
    if answer.status_code == TOO_MANY_REQUESTS or answer.status_code >= _SERVER_ERROR:
        raise Later(answer)


def _read(answer: requests.Response) -> MsalAnswer:
    return MsalAnswer(status_code=answer.status_code, text=answer.text, headers=answer.headers)


def _system_store() -> str | bool:
    """Where OpenSSL, and so aiohttp, finds the system's certificates."""
    return ssl.get_default_verify_paths().cafile or True
