"""The one pool of connections to the homeserver, and what a broken one tells us.

    sender (hot) ─┐
                  ├─▶ Connection.exchange ─▶ http.Pool ─▶ homeserver
    client ───────┘          └─ not connected: Unavailable · sent, no answer: Uncertain

Nothing is repeated here: repeating is the relay's business.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

from bridge.config import Config
from bridge.errors import ConfigError, Unavailable, Uncertain
from bridge.matrix.answers import BridgeNotReached, error_of
from bridge.matrix.http import Answer, Broken, NotConnected, Pool
from bridge.telemetry import Watch

PART = "homeserver"
IN_FLIGHT_MAX = 32
"""More only adds latency: one Synapse process persists 60 to 120 events a second (measured on
Synapse 1.163.2)."""
ANSWER_LIMIT = timedelta(seconds=60)
"""From the sending to the last byte of the answer."""


class Connection:
    """Speaks as the application service; every answer other than 2xx is an error of our tree."""

    def __init__(self, pool: Pool, *, address: str, watch: Watch) -> None:
        self._address = address
        self._pool = pool
        self._watch = watch

    async def exchange(self, method: str, target: str, body: bytes | None, *, what: str) -> bytes:
        """Make one request and return the body of its answer.

        `target` is path and query, percent-encoded; `what` is the call's name for people.

        Raises:
            Refused: It was certainly not carried out.
            Uncertain: It was sent, and no answer came that says what became of it.
        """
        answer = await self._roundtrip(method, target, body, what)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._watch.back(PART)
            return answer.body
        error = error_of(answer.status, answer.headers, answer.body, what=what)
        if isinstance(error, Unavailable) and not isinstance(error, BridgeNotReached):
            self._watch.away(PART, str(error))
        else:
            self._watch.back(PART)
        raise error

    async def _roundtrip(self, method: str, target: str, body: bytes | None, what: str) -> Answer:
        try:
            return await self._pool.request(method, target, body)
        except NotConnected as error:
            problem = f"{what}: {error}"
            self._watch.away(PART, str(error), hint=f"is it running at {self._address}?")
            raise Unavailable(problem) from error
        except Broken as error:
            problem = f"{what}: sent, but no answer: {error}"
            raise Uncertain(problem) from error


@asynccontextmanager
async def open_connection(config: Config, watch: Watch) -> AsyncIterator[Connection]:
    """Open the pool, and close it at the end.

    Raises:
        ConfigError: `homeserver.ca_file` cannot be used.
    """
    pool = Pool(
        config.homeserver.address,
        connections_max=IN_FLIGHT_MAX,
        answer_limit=ANSWER_LIMIT,
        headers={
            "Authorization": f"Bearer {config.appservice.as_token}",
            "Content-Type": "application/json",
        },
        trust=_trust(config.homeserver.ca_file),
    )
    try:
        yield Connection(pool, address=config.homeserver.address, watch=watch)
    finally:
        pool.close()


def _trust(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        problem = f"homeserver.ca_file: {ca_file}: {error.strerror or error}"
        raise ConfigError((problem,)) from error
