"""Watches the simulated tenant while a test runs, and fails the test for what does not fit Graph.

    TenantServer ── every exchange ──> Witness ── problems ──> the end of the test

Where there is no copy of Graph's description, nothing is watched but crashes.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from typing_extensions import override

from bridge.sandbox.tenant.exchange import Exchange
from tests.kit.odata import Json
from tests.kit.openapi import Description, description

SHOWN = 10
"""Problems that a failure lists."""
NOTIFICATION = "microsoft.graph.changeNotification"
_SERVER_LOG = "aiohttp.server"


class Witness:
    """Remembers what was wrong with what it saw, each kind of problem once."""

    def __init__(self, known: Description | None, *, judge_requests: bool) -> None:
        self._known = known
        self._judge_requests = judge_requests
        self._problems: dict[str, None] = {}
        self.seen = 0
        """Exchanges so far."""

    def __call__(self, exchange: Exchange) -> None:
        self.seen += 1
        if self._known is None:
            return
        self._note(self._known.problems(exchange))
        if self._judge_requests:
            self._note(self._known.request_problems(exchange))

    def read_notifications(self, posts: Iterable[Json]) -> None:
        """Look at what subscribers were told."""
        if self._known is None:
            return
        for item in (item for post in posts for item in post["value"]):
            found = self._known.schemas.problems(NOTIFICATION, _plain(item))
            self._note(f"notification of {item.get('resource')}: {problem}" for problem in found)

    def note_crash(self, words: str) -> None:
        self._note([words])

    def problems(self) -> list[str]:
        return list(self._problems)

    def _note(self, found: Iterable[str]) -> None:
        self._problems |= dict.fromkeys(found)


@contextmanager
def watched(*, judge_requests: bool = False) -> Iterator[Witness]:
    """A witness whose problems fail the test when it is over."""
    witness = Witness(description(), judge_requests=judge_requests)
    handler = _Crashes(witness)
    log = logging.getLogger(_SERVER_LOG)
    log.addHandler(handler)
    try:
        yield witness
    finally:
        log.removeHandler(handler)
    fail_for(witness.problems())


def fail_for(problems: list[str]) -> None:
    """Fail the test with these, if there are any."""
    if problems:
        more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        listed = "\n  ".join(problems[:SHOWN])
        pytest.fail(f"this does not fit Microsoft Graph:\n  {listed}{more}", pytrace=False)


class Recorded:
    """Reads the file into which a tenant of another process writes its exchanges."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def news(self) -> Iterator[Exchange]:
        """What came since the last time; a line that is not finished yet comes next time."""
        with self._path.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield _exchange(orjson.loads(line))


@contextmanager
def watched_file(recorded: Recorded) -> Iterator[None]:
    """Judge every request and every answer that is recorded meanwhile, by the end of the test."""
    list(recorded.news())
    yield
    witness = Witness(description(), judge_requests=True)
    for exchange in recorded.news():
        witness(exchange)
    fail_for(witness.problems())


def _plain(item: Json) -> Json:
    """The notification without what Microsoft writes in two ways (webhooks of graph/api)."""
    data = {k: v for k, v in (item.get("resourceData") or {}).items() if k != "@odata.type"}
    plain = item | {"resourceData": data or None}
    return plain | ({"changeType": item["changeType"].lower()} if "changeType" in item else {})


def _exchange(line: Json) -> Exchange:
    bodies = {name: base64.b64decode(line[name]) for name in ("request", "response")}
    return Exchange(**(line | bodies))


class _Crashes(logging.Handler):
    """What aiohttp logs when an operation of the tenant raises."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(logging.ERROR)
        self._witness = witness

    @override
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._witness.note_crash(f"a traceback in the tenant: {error!r}")
