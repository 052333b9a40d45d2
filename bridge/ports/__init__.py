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
    CursorBook,
    Ghost,
    GhostBook,
    PortalBook,
    ReadingBook,
    RoomBook,
    SignInBook,
    Subscription,
    SubscriptionBook,
    Unread,
)
from bridge.ports.clock import (
    Clock,
)
from bridge.ports.journal import (
    ENTRIES_OF_ONE_MAX,
    Bell,
    Delivery,
    Entry,
    Far,
    FarPart,
    FarThread,
    Heard,
    Journal,
    NewDelivery,
    NewEntry,
    NotNew,
    Remembered,
    Room,
    Run,
    Unit,
)
from bridge.ports.networks import (
    Confirm,
    Desk,
    Directory,
    Endpoint,
    Reading,
)
from bridge.ports.news import ConversationNews, Loss, News, PersonNews, TeamNews
from bridge.ports.tidings import (
    Announcer,
    Deed,
    Fate,
    Reason,
    Subject,
    Tidings,
    TidingsBook,
    Told,
    Undelivered,
)

__all__ = [
    "ENTRIES_OF_ONE_MAX",
    "AccountBook",
    "Announcer",
    "Bell",
    "Certificate",
    "Clock",
    "Confirm",
    "ConversationNews",
    "CursorBook",
    "Deed",
    "Delivery",
    "Desk",
    "Directory",
    "Endpoint",
    "Entry",
    "Far",
    "FarPart",
    "FarThread",
    "Fate",
    "Ghost",
    "GhostBook",
    "Heard",
    "Journal",
    "Loss",
    "NewDelivery",
    "NewEntry",
    "News",
    "NotNew",
    "PersonNews",
    "PortalBook",
    "Reading",
    "ReadingBook",
    "Reason",
    "Remembered",
    "Room",
    "RoomBook",
    "Run",
    "SignInBook",
    "Subject",
    "Subscription",
    "SubscriptionBook",
    "TeamNews",
    "Tidings",
    "TidingsBook",
    "Told",
    "Undelivered",
    "Unit",
    "Unread",
]
