"""What is around both sides: time, and what is away."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.app.clock import SystemClock
from bridge.telemetry import Watch


@dataclass(frozen=True, slots=True)
class Around:
    """Time, and what is away."""

    clock: SystemClock
    watch: Watch
