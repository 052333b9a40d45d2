"""A script: control requests by the tenant's clock.

    steps, each so many seconds after the start ─> the one that is due ─> the control interface

Whatever a test could ask of the control interface, a script can ask at its time: weather, faults,
storms, lost subscriptions, withdrawn consent, traffic. Time is the tenant's, so that a test which
moves the clock sees at once what would have happened. What a step is late by chance (`jitter`) and
the weather itself are drawn from the script's seed.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

import orjson
from typing_extensions import override

from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.rounds import Rounds
from bridge.sandbox.tenant.tenant import Tenant

STEPS_MAX = 10_000
PLAYED_KEPT = 1000
"""Steps that a test can look back on."""

Answer = Callable[[str, str, dict[str, str], bytes], Awaitable[Reply]]
"""The control interface: method, path, query, body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One control request below the tenant.

    at: Seconds after the start.
    jitter: Seconds that it may come later, by chance.
    every, times: Again after so many seconds, so often altogether.
    """

    at: float
    method: str
    path: str
    body: Json = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    jitter: float = 0.0
    every: float = 0.0
    times: int = 1


class Script(Rounds):
    """The script of one tenant, if it has one; one task plays it."""

    def __init__(self, tenant: Tenant, answer: Answer) -> None:
        super().__init__(tenant)
        self._answer = answer
        self._due: list[tuple[datetime, int, Step]] = []
        self._played: deque[Json] = deque(maxlen=PLAYED_KEPT)

    def start(self, steps: list[Step], seed: int | None) -> None:
        """Play these steps from now on, instead of what was played before."""
        chance = random.Random(seed)  # noqa: S311 - a run must be replayable, not secret
        if seed is not None:
            self._tenant.weather.seed(seed)
        started = self._tenant.clock.now()
        times = [
            (started + timedelta(seconds=step.at + turn * step.every + late), step)
            for step in steps
            for turn in range(step.times)
            for late in [chance.uniform(0, step.jitter)]
        ]
        self._due = [(at, number, step) for number, (at, step) in enumerate(times)]
        heapq.heapify(self._due)
        self._played.clear()
        self._wake.set()

    def stop(self) -> None:
        self._due.clear()

    def report(self) -> Json:
        """How many steps are left, and what came of the others."""
        following = stamp(self._due[0][0]) if self._due else None
        return {"left": len(self._due), "next": following, "played": list(self._played)}

    @override
    async def _round(self) -> datetime | None:
        now = self._tenant.clock.now()
        while self._due and self._due[0][0] <= now and not self._closed:
            at, _, step = heapq.heappop(self._due)
            await self._play(at, step)
        return self._due[0][0] if self._due else None

    async def _play(self, at: datetime, step: Step) -> None:
        path = f"/tenants/{quote(self._tenant.id, safe='')}{step.path}"
        status, error = 0, None
        try:
            reply = await self._answer(step.method, path, step.query, orjson.dumps(step.body))
            status = reply.status
        except GraphError as refused:
            status, error = refused.status, refused.message
        self._played.append(
            {
                "at": stamp(at),
                "method": step.method,
                "path": step.path,
                "status": status,
                "error": error,
            }
        )
