"""Letting a request to Graph in, or refusing it with 429.

    request ─ limit_demands.py ─> demands ─ limit_buckets.py ─> all full enough? in : 429

A refused request counts like any other (learn.microsoft.com graph/throttling: Graph "continues to
log resource usage while a client is being throttled"), in every bucket that it takes from. The
answer's body is the one printed on that page; messages were refused without `Retry-After` at
times (microsoftgraph/microsoft-graph-docs issues 6482, 8776, 13054).
"""

from __future__ import annotations

import math

from bridge.sandbox.tenant.clock import TenantClock
from bridge.sandbox.tenant.errors import GraphError, unwell
from bridge.sandbox.tenant.limit_buckets import Buckets, Demand, Play
from bridge.sandbox.tenant.limit_demands import Asked, demands
from bridge.sandbox.tenant.limit_lines import Service, line_of
from bridge.sandbox.tenant.settings import Settings
from bridge.sandbox.tenant.tenant import Tenant

_INNER = {"code": "429", "message": "Please retry after", "status": "429"}


class Limits:
    """The limits of all tenants of a server; what one tenant counts hangs on the tenant."""

    def __init__(self) -> None:
        self._everywhere = Buckets()
        # Tenants' clocks run apart; what is counted over all of them needs one of its own.
        self._clock = TenantClock()

    def admit(self, tenant: Tenant, asked: Asked) -> None:
        """Count the request.

        Raises:
            GraphError: 429, it is one too many.
        """
        settings = tenant.settings
        if not settings.throttling:
            return
        play = play_of(settings)
        found = [
            (demand, *self._place(tenant, demand))
            for demand in demands(asked, per_line=settings.throttle_per_line)
        ]
        short = [d for d, buckets, now in found if buckets.wait(d, now, play) > 0]
        for demand, buckets, now in found:
            buckets.charge(demand, now, play)
        if short:
            reason = short[0].key[0]
            tenant.throttled[reason] = tenant.throttled.get(reason, 0) + 1
            wait = max(buckets.wait(demand, now, play) for demand, buckets, now in found)
            raise _refusal(asked, wait, told=settings.throttle_retry_after)

    def _place(self, tenant: Tenant, demand: Demand) -> tuple[Buckets, float]:
        """Where the demand is counted, and the time there in seconds."""
        if demand.everywhere:
            return self._everywhere, self._clock.now().timestamp()
        return tenant.buckets, tenant.clock.now().timestamp()


def play_of(settings: Settings) -> Play:
    return Play(
        scale=settings.throttle_scale,
        burst_seconds=settings.throttle_burst_seconds,
        debt_seconds=settings.throttle_debt_seconds,
    )


def _refusal(asked: Asked, wait: float, *, told: bool) -> GraphError:
    error = unwell(429)
    error.inner.update(_INNER)
    if told:
        # A hair is forgiven: the clock's fractions would make 2 out of 1.0000001.
        error.headers["Retry-After"] = str(max(1, math.ceil(wait - 1e-6)))
    line = line_of(asked.method, asked.path)
    if line is not None and line.service is Service.DIRECTORY:
        error.headers["x-ms-throttle-scope"] = (
            f"Tenant_Application/ReadWrite/{asked.app}/{asked.tenant}"
        )
        error.headers["x-ms-throttle-information"] = "ResourceUnitLimitExceeded"
    return error
