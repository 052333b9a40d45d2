"""Looking at subscribers' addresses through the control interface.

states = await endpoints(tenant)
assert [state.state for state in states] == ["slow"]
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.tenant.client import ControlledTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One host; the numbers count since it was first used.

    Attributes:
        state: normal, slow or drop.
        answers: POSTs that ended, whatever the answer.
        slow: Those that took longer than a first delivery may.
        much_too_slow: Repeated ones that took longer than a repeated delivery may.
        delayed: Notifications that were held back for ten minutes.
        dropped: Notifications that were thrown away.
    """

    host: str
    state: str
    answers: int
    slow: int
    much_too_slow: int
    delayed: int
    dropped: int


async def endpoints(tenant: ControlledTenant) -> list[Endpoint]:
    """Every host that this tenant has sent something to."""
    found = (await tenant.call("GET", "/endpoints"))["endpoints"]
    return [_endpoint(item) for item in found] if isinstance(found, list) else []


def _endpoint(item: dict[str, object]) -> Endpoint:
    def count(name: str) -> int:
        return int(str(item[name]))

    return Endpoint(
        host=str(item["host"]),
        state=str(item["state"]),
        answers=count("answers"),
        slow=count("slow"),
        much_too_slow=count("much_too_slow"),
        delayed=count("delayed"),
        dropped=count("dropped"),
    )
