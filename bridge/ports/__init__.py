"""What the relay needs from the world: two endpoints, a journal, a desk, a clock.

`bridge.teams` and `bridge.matrix` each bring an `Endpoint`, `bridge.store` brings the `Journal`
and the books, `bridge.matrix` the `Desk`, `bridge.app` the `Clock`. The books are the memory that
the two sides keep; they know nothing of each other and meet here. The fakes in `tests/kit`
implement the same protocols and must pass the same suites in `tests/contract`.
"""

from __future__ import annotations

from bridge.ports.books import (
    AccountBook,
    Certificate,
    Ghost,
    GhostBook,
    PortalBook,
    RoomBook,
    SignInBook,
    Subscription,
    SubscriptionBook,
)
from bridge.ports.clock import (
    Clock,
)
from bridge.ports.journal import (
    Bell,
    Delivery,
    Entry,
    Journal,
    NewDelivery,
    NewEntry,
    NotNew,
    Run,
    Unit,
)
from bridge.ports.networks import (
    Desk,
    Directory,
    Endpoint,
    Reading,
)

__all__ = [
    "AccountBook",
    "Bell",
    "Certificate",
    "Clock",
    "Delivery",
    "Desk",
    "Directory",
    "Endpoint",
    "Entry",
    "Ghost",
    "GhostBook",
    "Journal",
    "NewDelivery",
    "NewEntry",
    "NotNew",
    "PortalBook",
    "Reading",
    "RoomBook",
    "Run",
    "SignInBook",
    "Subscription",
    "SubscriptionBook",
    "Unit",
]
