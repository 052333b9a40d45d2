"""The addresses of subscribers as the tenant sees them: the control requests about them."""

from __future__ import annotations

from dataclasses import asdict

from bridge.sandbox.tenant.ask import Act, Ask
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.clock import stamp


async def list_endpoints(ask: Ask) -> Reply:
    """Every host that was ever sent something, its state and its counters."""
    hosts = [
        {
            "host": host,
            "state": health.state.value,
            "until": None if health.until is None else stamp(health.until),
            **asdict(health.tally),
        }
        for host, health in ask.notifier.health.items()
    ]
    return Reply(body={"endpoints": hosts, "pending": ask.notifier.pending()})


ACTS: list[tuple[str, Act]] = [("GET /endpoints", list_endpoints)]
