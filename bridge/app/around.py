"""What is around both sides: time, and what is away."""

from __future__ import annotations

from bridge.app.clock import SystemClock
from bridge.domain.values import dataclass
from bridge.telemetry import Watch


@dataclass(frozen=True, slots=True)
class Around:
    """Time, and what is away."""

    clock: SystemClock
    watch: Watch
