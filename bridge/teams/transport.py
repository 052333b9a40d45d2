"""How this side reaches Microsoft: aiohttp for Graph, files and msal, and a lean client for Graph.

All trust the same certificates (`ca_file`, else those of the system) and use the same proxy (the
usual environment variables). None reads `.netrc`: a bearer token must not meet a password.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

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
    return _session(trust, proxy=proxy_for(teams.graph_url))


def open_sign_in_session(teams: Teams, trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """Open the session that msal shares; the caller closes it. No sign-in's cookies meet the next."""
    return _session(trust, proxy=proxy_for(teams.login_url))


def _session(trust: ssl.SSLContext, *, proxy: str | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=trust),
        timeout=aiohttp.ClientTimeout(
            total=CALL_TIMEOUT.total_seconds(),
            connect=CONNECT_TIMEOUT.total_seconds(),
            sock_connect=CONNECT_TIMEOUT.total_seconds(),
        ),
        proxy=proxy,
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
