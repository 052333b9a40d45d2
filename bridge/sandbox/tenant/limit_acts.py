"""What a test may do to the limits: control requests."""

from __future__ import annotations

from bridge.sandbox.tenant.ask import Act, Ask, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import bad_request
from bridge.sandbox.tenant.wire import optional_flag

SCALE_MIN = 1e-3


async def change_limits(ask: Ask) -> Reply:
    """Set `on`, `scale`, `burst_seconds`, `debt_seconds`, `retry_after`, `per_line`.

    Whatever was counted in this tenant so far is forgotten.
    """
    settings, body = ask.tenant.settings, ask.body
    flags = {
        "on": "throttling",
        "retry_after": "throttle_retry_after",
        "per_line": "throttle_per_line",
    }
    for name, setting in flags.items():
        if name in body:
            setattr(settings, setting, optional_flag(body, name))
    for name, least in (("scale", SCALE_MIN), ("burst_seconds", 0.0), ("debt_seconds", 0.0)):
        if name in body:
            value = number(body[name])
            if value < least:
                msg = f"{name} is at least {least}."
                raise bad_request(msg)
            setattr(settings, f"throttle_{name}", value)
    ask.tenant.buckets.clear()
    return Reply(status=204)


async def show_limits(ask: Ask) -> Reply:
    """What was refused so far, by the bucket that was empty first."""
    settings = ask.tenant.settings
    return Reply(
        body={
            "on": settings.throttling,
            "scale": settings.throttle_scale,
            "burst_seconds": settings.throttle_burst_seconds,
            "debt_seconds": settings.throttle_debt_seconds,
            "refused": dict(ask.tenant.throttled),
            "buckets": len(ask.tenant.buckets),
        }
    )


ACTS: list[tuple[str, Act]] = [
    ("PATCH /limits", change_limits),
    ("GET /limits", show_limits),
]
