"""The connections to the homeserver, and what a broken one tells us.

    sender (hot) ──▶ sending ─┐
                              ├─▶ Connection.exchange ─▶ http1.Pool ─▶ homeserver
    client ────────▶ asking ──┘          └─ not connected: Unavailable · sent, no answer: Uncertain
    uploading ─────▶ uploads, an aiohttp session: bytes that are never whole in memory

Two pools, so that no message waits for a connection behind rooms that are made, people that are
brought in or a look at what was missed; nor these behind a flood of messages. Nothing is repeated here: repeating is the relay's business.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from bridge.config import Config
from bridge.errors import ConfigError, Unavailable, Uncertain
from bridge.http1 import CONNECT_LIMIT, Answer, Broken, NotConnected, Pool, Ready
from bridge.matrix.answers import BridgeNotReached, error_of
from bridge.telemetry import Watch

PART = "homeserver"
SENDING_MAX = 40
"""Events that are sent at a time, as many as a worker has streams: more only adds latency, for one
Synapse process persists 60 to 120 events a second (measured on Synapse 1.163.2)."""
ASKING_MAX = 16
"""Everything else that is asked at a time."""
ANSWER_LIMIT = timedelta(seconds=60)
"""From the sending to the last byte of the answer."""


class Connection:
    """Speaks as the application service; every answer other than 2xx is an error of our tree."""

    def __init__(self, pool: Pool, *, address: str, watch: Watch) -> None:
        self._address = address
        self._pool = pool
        self._watch = watch

    async def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        *,
        what: str,
        ready: Ready | None = None,
    ) -> bytes:
        """Make one request and return the body of its answer.

        `target` is path and query, percent-encoded; `what` is the call's name for people; `ready`
        is awaited right before it goes out.

        Raises:
            Refused: It was certainly not carried out.
            Uncertain: It was sent, and no answer came that says what became of it.
        """
        answer = await self._roundtrip(method, target, body, what, ready)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._watch.back(PART)
            return answer.body
        error = error_of(answer.status, answer.headers, answer.body, what=what)
        if isinstance(error, Unavailable) and not isinstance(error, BridgeNotReached):
            self._watch.away(PART, str(error))
        else:
            self._watch.back(PART)
        raise error

    async def _roundtrip(
        self, method: str, target: str, body: bytes | None, what: str, ready: Ready | None
    ) -> Answer:
        try:
            return await self._pool.request(method, target, body, ready=ready)
        except NotConnected as error:
            problem = f"{what}: {error}"
            self._watch.away(PART, str(error), hint=f"is it running at {self._address}?")
            raise Unavailable(problem) from error
        except Broken as error:
            problem = f"{what}: sent, but no answer: {error}"
            raise Uncertain(problem) from error


class Connections(NamedTuple):
    """One for events that are sent, one for media, one for everything else.

    The last two are for the same as people of the homeserver, with the second registration.
    """

    sending: Connection
    asking: Connection
    uploads: aiohttp.ClientSession
    sending_as_people: Connection | None = None
    asking_as_people: Connection | None = None


@asynccontextmanager
async def open_connections(config: Config, watch: Watch) -> AsyncIterator[Connections]:
    """Open the pools, and close them at the end.

    Raises:
        ConfigError: `homeserver.ca_file` cannot be used.
    """
    address, trust = config.homeserver.address, _trust(config)
    tokens = [config.appservice.as_token, config.double_puppets.as_token]
    pools = [
        _pool(config, token, most, trust)
        for token in tokens
        if token is not None
        for most in (SENDING_MAX, ASKING_MAX)
    ]
    sending, asking, *as_people = (Connection(pool, address=address, watch=watch) for pool in pools)
    try:
        async with _uploads(config, trust) as uploads:
            yield Connections(sending, asking, uploads, *as_people)
    finally:
        for pool in pools:
            pool.close()


def _pool(config: Config, token: str, connections_max: int, trust: ssl.SSLContext | None) -> Pool:
    return Pool(
        config.homeserver.address,
        connections_max=connections_max,
        answer_limit=ANSWER_LIMIT,
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        },
        trust=trust,
    )


def _uploads(config: Config, trust: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust or True),
        headers={"Authorization": f"Bearer {config.appservice.as_token}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT.total_seconds()),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _trust(config: Config) -> ssl.SSLContext | None:
    """Return what all pools trust together, None where none is asked by TLS.

    To read the system's certificates takes 17 ms each time.
    """
    ca_file = config.homeserver.ca_file
    if ca_file is None and urlsplit(config.homeserver.address).scheme != "https":
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        problem = f"homeserver.ca_file: {ca_file}: {error.strerror or error}"
        raise ConfigError((problem,)) from error
