"""One call to Graph on its way: by the lean client where it is small, by aiohttp where it is not.

    Graph ─▶ Wire.call ─┬─ asks for something, says much, or a proxy is in between ─▶ aiohttp
                        └─ everything else, above all messages ─────────────────────▶ http1.Pool

Both ask the guard with a connection in hand, right before anything is written, and both end in the
same three ways: an answer, `NotConnected`, `Broken`. What asks for something stays with aiohttp, for
a listing is worth being compressed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from bridge.bodies import read_body
from bridge.config import Teams
from bridge.http1 import Answer, Broken, NotConnected, Pool, TooLarge, check
from bridge.teams.transport import (
    CALL_TIMEOUT,
    CONNECT_TIMEOUT,
    CONNECTIONS_MAX,
    USER_AGENT,
    proxy_for,
)

VERSION = "/v1.0"
RESPONSE_BYTES_MAX = 8 * 1024 * 1024
WHOLE_BYTES_MAX = 64 * 1024
"""Of a body that are written at once."""

Guard = Callable[[], Awaitable[None]]
"""Raises `Refused` if the call must no longer be made; called when nothing is left but to write it."""


class Wire:
    """Graph at one address; session and pool belong to the caller. The session learns to ask guards.

    Without a pool everything goes by the session.
    """

    def __init__(self, base: str, session: aiohttp.ClientSession, pool: Pool | None) -> None:
        self._base = base
        self._session = session
        self._pool = pool
        session.trace_configs.append(guarding())

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        guard: Guard | None,
    ) -> Answer:
        """Make one call; `path` is encoded already and may hold a query.

        Of an answer of more than RESPONSE_BYTES_MAX the body is the beginning.

        Raises:
            NotConnected: Nothing was sent.
            Unsendable: Nothing was sent, and never will be.
            Broken: It was sent, at least in part, and no answer came in time.
            Refused: As `guard`.
        """
        small = body is None or len(body) <= WHOLE_BYTES_MAX
        if self._pool is None or not small or method == "GET":
            return await self._by_session(method, path, body, headers, guard)
        try:
            # IIS wants to be told that there is no body.
            return await self._pool.request(method, path, body or b"", headers=headers, ready=guard)
        except TooLarge as error:
            return error.answer

    async def _by_session(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        guard: Guard | None,
    ) -> Answer:
        check(path, headers.values())
        try:
            async with self._session.request(
                method,
                URL(self._base + path, encoded=True),
                data=_payload(body),
                headers={"User-Agent": USER_AGENT, **headers},
                allow_redirects=False,
                trace_request_ctx=guard,
            ) as response:
                found = await read_body(response, RESPONSE_BYTES_MAX)
                return Answer(status=response.status, headers=response.headers, body=found)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Broken(type(error).__name__) from error


@asynccontextmanager
async def open_pool(teams: Teams, trust: ssl.SSLContext) -> AsyncIterator[Pool | None]:
    """Open the lean client for Graph, and close it in the end; None where a proxy stands before it."""
    if proxy_for(teams.graph_url):
        yield None
        return
    pool = Pool(
        graph_base(teams.graph_url),
        connections_max=CONNECTIONS_MAX,
        answer_limit=CALL_TIMEOUT,
        # To whom one says nothing about it, may compress.
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        trust=trust,
        bytes_max=RESPONSE_BYTES_MAX,
        turn_limit=CONNECT_TIMEOUT,
    )
    try:
        yield pool
    finally:
        pool.close()


def graph_base(graph_url: str) -> str:
    """Return the address that paths are appended to, whether or not the setting has the version."""
    url = graph_url.rstrip("/")
    return url if urlsplit(url).path else url + VERSION


def guarding() -> aiohttp.TraceConfig:
    """Ask a call's guard where aiohttp is about to write the head.

    Before that it may wait for seconds: for one of its connections to be free, or to be made. What
    the guard raises, the call raises; the connection is closed with nothing written.
    """

    async def ask(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        _params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        if context.trace_request_ctx is not None:
            await context.trace_request_ctx()

    tracing = aiohttp.TraceConfig()
    tracing.on_request_headers_sent.append(ask)
    tracing.freeze()
    return tracing


def _payload(body: bytes | None) -> bytes | BytesIO | None:
    """Return a body as aiohttp is to have it: a large one is written piece by piece."""
    return body if body is None or len(body) <= WHOLE_BYTES_MAX else BytesIO(body)
