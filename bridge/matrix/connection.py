"""The one pool of connections to the homeserver, and what a broken one tells us.

    sender (hot) ─┐
                  ├─▶ Connection.exchange ─▶ aiohttp ─▶ homeserver
    client ───────┘          └─ not connected: Unavailable · sent, no answer: Uncertain

Nothing is repeated here: repeating is the relay's business.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp
from yarl import URL

from bridge.config import Config
from bridge.errors import ConfigError, Unavailable, Uncertain
from bridge.matrix.answers import BridgeNotReached, error_of
from bridge.telemetry import Watch

PART = "homeserver"
IN_FLIGHT_MAX = 32
"""More only adds latency: one Synapse process persists 60 to 120 events a second (measured on
Synapse 1.163.2)."""
CONNECT_LIMIT = timedelta(seconds=5)
ANSWER_LIMIT = timedelta(seconds=60)
"""Waiting for a free connection counts too; one clock for all costs a timer less per message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Speaks as the application service; every answer other than 2xx is an error of our tree."""

    def __init__(self, session: aiohttp.ClientSession, *, address: str, watch: Watch) -> None:
        self.address = address.rstrip("/")
        self._session = session
        self._watch = watch

    async def exchange(self, method: str, url: URL, body: bytes | None, *, what: str) -> bytes:
        """Make one request and return the body of its answer; `what` is its name for people.

        Raises:
            Refused: It was certainly not carried out.
            Uncertain: It was sent, and no answer came that says what became of it.
        """
        answer = await self._roundtrip(method, url, body, what)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._watch.back(PART)
            return answer.body
        error = error_of(answer.status, answer.headers, answer.body, what=what)
        if isinstance(error, Unavailable) and not isinstance(error, BridgeNotReached):
            self._watch.away(PART, str(error))
        else:
            self._watch.back(PART)
        raise error

    async def _roundtrip(self, method: str, url: URL, body: bytes | None, what: str) -> Answer:
        try:
            async with self._session.request(
                method, url, data=body, allow_redirects=False
            ) as response:
                return Answer(
                    status=response.status, headers=response.headers, body=await response.read()
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            problem = f"{what}: {error}"
            self._watch.away(PART, str(error), hint=f"is it running at {self.address}?")
            raise Unavailable(problem) from error
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            problem = f"{what}: sent, but no answer: {str(error) or type(error).__name__}"
            raise Uncertain(problem) from error


@asynccontextmanager
async def open_connection(config: Config, watch: Watch) -> AsyncIterator[Connection]:
    """Open the pool, and close it at the end.

    Raises:
        ConfigError: `homeserver.ca_file` cannot be used.
    """
    timeout = aiohttp.ClientTimeout(
        total=ANSWER_LIMIT.total_seconds(), sock_connect=CONNECT_LIMIT.total_seconds()
    )
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=IN_FLIGHT_MAX, ssl=_trust(config.homeserver.ca_file) or True
        ),
        headers={
            "Authorization": f"Bearer {config.appservice.as_token}",
            "Content-Type": "application/json",
        },
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Connection(session, address=config.homeserver.address, watch=watch)


def _trust(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        problem = f"homeserver.ca_file: {ca_file}: {error.strerror or error}"
        raise ConfigError((problem,)) from error
