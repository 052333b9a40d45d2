"""A subscription as the tenant keeps it, and what became of its notifications."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bridge.sandbox.tenant.seal import Seal
from bridge.sandbox.tenant.targets import Target
from bridge.sandbox.tenant.world import App


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What became of a subscription's notifications, counted one by one."""

    queued: int = 0
    acked: int = 0
    retried: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    posts: int = 0
    delayed: int = 0
    """Held back for ten minutes because the address is slow."""
    dropped: int = 0
    """Thrown away because the address is much too slow."""


@dataclass(slots=True, kw_only=True)
class Subscription:
    """Someone's wish to be told; `creator` is a user's id, or the app's own object id."""

    id: str
    app: App
    creator: str
    delegated: bool
    resource: str
    target: Target
    change_types: frozenset[str]
    change_type_text: str
    notification_url: str
    lifecycle_url: str | None
    expires: datetime
    authorized_until: datetime
    client_state: str | None
    with_content: bool
    seal: Seal | None
    certificate_id: str | None
    certificate_text: str | None
    tls_version: str | None = None
    unknown_enum_members: bool = False
    challenged: datetime | None = None
    renewed: datetime | None = None
    reauthorized: datetime | None = None
    double_renewals: int = 0
    """How often the documented mistake was made: both within ten minutes."""
    ended: bool = False
    groups: tuple[tuple[str, ...], ...] = ()
    """What it counts towards, for the register alone."""
    last_due: datetime | None = None
    """When the last notification that keeps its place in the order is due."""
    counts: Delivered = field(default_factory=Delivered)
    lifecycle_counts: Delivered = field(default_factory=Delivered)
