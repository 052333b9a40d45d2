"""Logging, its redaction, the metric objects, and the watch on what is away.

    log.info("delivered", portal=7)  ->  allow-list of field names  ->  JSON or console, stderr

Message text, names and tokens never reach a log: a field whose name is not on the allow-list is
replaced by its type. Metrics are module-level objects of prometheus-client; /metrics shows them.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import MutableMapping
from typing import Literal

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram
from typing_extensions import override

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LogFormat = Literal["auto", "json", "console"]

LIBRARY_CHARS_MAX = 1_000
ALLOWED_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "exception", "exc_info",  # structlog's own
        "account", "address", "attempts", "at", "batch", "bytes", "certificate", "conversation",
        "count", "cursor", "database", "delivery", "duration_ms", "entry", "entries", "error",
        "expires_at", "file", "hint", "kind", "late", "lease", "limit", "method", "name_of_setting",
        "part", "path", "portal", "problem", "reason", "ref", "request", "request_id", "resource",
        "room", "schema", "seconds", "side", "signal", "source", "state", "status", "stream",
        "streams", "subscription", "tenant", "url", "user", "version",
    }
)  # fmt: skip

IGNORED = Counter(
    "teams_bridge_ignored_total",
    "Entries that carry nothing for the other side",
    ["side", "reason"],
)
LOSSES = Counter(
    "teams_bridge_losses_total", "What of messages could not be carried over", ["side", "what"]
)
PEOPLE = Counter(
    "teams_bridge_people_total", "What was brought up to date of people's ghosts", ["what"]
)
PAIRINGS = Counter(
    "teams_bridge_pairings_total",
    "Times that it was decided by which Matrix user a person of Teams is heard",
    ["what"],
)
PRESENCES = Counter(
    "teams_bridge_presences_total", "Presences that were set on the homeserver", ["presence"]
)
REFUSED = Counter("teams_bridge_refused_total", "Items that a hook turned away", ["hook", "reason"])
STORED = Counter(
    "teams_bridge_entries_total", "Entries stored, by the side they came from", ["side"]
)
DELIVERED = Counter("teams_bridge_delivered_total", "Deliveries carried out, by target", ["side"])
RETRIED = Counter(
    "teams_bridge_retried_total", "Attempts that will be repeated, by target", ["side"]
)
PARKED = Counter("teams_bridge_parked_total", "Set aside for a person", ["side", "what"])
DROPPED = Counter(
    "teams_bridge_dropped_total", "Taken out of the queues by a person", ["side", "what", "reason"]
)
OPEN = Gauge("teams_bridge_open", "What lies in the queues", ["side", "what", "state"])
OLDEST_SECONDS = Gauge(
    "teams_bridge_oldest_seconds", "Age of the oldest that is on its way to a side", ["side"]
)
CAUGHT_UP = Counter("teams_bridge_caught_up_total", "Entries found by looking", ["side"])
CATCH_UP_LEFT = Gauge(
    "teams_bridge_catch_up_conversations_left",
    "Conversations of Teams that are still to be read since the bridge was not listening",
    ["kind"],
)
LATE = Counter(
    "teams_bridge_late_total",
    "Messages of Teams that were notified after younger ones had gone, delivered all the same",
)
DELIVERY_SECONDS = Histogram(
    "teams_bridge_delivery_seconds",
    "From the entry's decision to the far side's answer",
    ["side"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
HOOK_SECONDS = Histogram(
    "teams_bridge_hook_seconds",
    "From a hook's request to its answer",
    ["hook"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10),
)
GRAPH_THROTTLED = Counter(
    "teams_bridge_graph_throttled_total", "Times that Graph said 429, by kind of call", ["kind"]
)
GRAPH_WAITS_SECONDS = Histogram(
    "teams_bridge_graph_waits_seconds",
    "What a call waited before it was sent, so that Graph need not refuse it",
    ["priority"],
    buckets=(0.005, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5),
)
LOOKS = Counter(
    "teams_bridge_looks_total", "Looks at rooms and spaces, by how they ended", ["what", "result"]
)
LOOKS_DUE = Gauge(
    "teams_bridge_looks_due", "Rooms, spaces and people that are to be looked at", ["what"]
)
ROOM_REFUSALS = Counter(
    "teams_bridge_room_refusals_total",
    "Changes of rooms and spaces that the homeserver refused, counted at each look",
)
STRANGERS = Counter(
    "teams_bridge_strangers_total",
    "People in rooms who are not members of the conversation, counted at each look",
)
WISHES = Counter(
    "teams_bridge_wishes_total",
    "What people wanted to be changed of conversations, by what became of it",
    ["what", "result"],
)
STARTS = Counter(
    "teams_bridge_starts_total",
    "Chats that people wanted from Matrix, by what became of them",
    ["kind", "result"],
)
READ_MARKS = Counter(
    "teams_bridge_read_marks_total", "Receipts of people who are signed in, by result", ["result"]
)
WATCHES = Counter(
    "teams_bridge_watches_total",
    "Looks after the subscriptions that tell what single people have read, by result",
    ["result"],
)
VIEWS = Counter(
    "teams_bridge_views_total",
    "What people have read or hidden in Teams, by what became of it in Matrix",
    ["result"],
)
MEDIA = Counter(
    "teams_bridge_media_total",
    "Files and pictures of Teams: copied, known already, or left where they are",
    ["outcome"],
)
MEDIA_BYTES = Counter("teams_bridge_media_bytes_total", "Bytes copied into the homeserver's media")
UPLOADS = Counter(
    "teams_bridge_uploads_total",
    "Files and pictures of Matrix: in the message itself (inline), put into a drive (uploaded), there"
    " already (known), taken out again as their message was refused (withdrawn), or left there"
    " although it was (orphaned)",
    ["outcome"],
)
UPLOAD_BYTES = Counter("teams_bridge_upload_bytes_total", "Bytes put into drives of Microsoft 365")
AWAY = Gauge("teams_bridge_away", "1 while a part of the world does not answer", ["part"])


def redact(
    _logger: object, _method: str, fields: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Replace the value of every field that is not on the allow-list by its type."""
    for name in fields.keys() - ALLOWED_FIELDS:
        fields[name] = f"<{type(fields[name]).__name__}>"
    return fields


def set_up_logging(*, level: str, style: LogFormat) -> None:
    """Send events to stderr: JSON in containers, coloured lines on a terminal."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        # Plain: rich tracebacks print local variables, and with them what people write.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    if not console:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr)
        if console
        else structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[_Libraries()], force=True)


class _Libraries(logging.Handler):
    """Libraries (aiohttp, asyncpg, msal) speak through logging; their warnings become events."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()[:LIBRARY_CHARS_MAX]
        log.warning("said by a library", source=record.name, error=said, exc_info=record.exc_info)


def _json(fields: object, **_options: object) -> bytes:
    return orjson.dumps(fields, default=str)


class Watch:
    """Says once when a part of the world goes away, and once when it is back."""

    def __init__(self) -> None:
        self._away: set[str] = set()
        self._returns: dict[str, asyncio.Event] = {}

    def away(self, part: str, why: str, *, hint: str | None = None) -> None:
        """Note that `part` ("postgres", "homeserver", "graph") does not answer."""
        if part in self._away:
            return
        self._away.add(part)
        AWAY.labels(part).set(1)
        extra = {"hint": hint} if hint else {}
        log.warning(f"{part} away, will try again", error=why, **extra)  # noqa: G004  the part is one of a few

    def back(self, part: str) -> None:
        """Note that `part` answers."""
        if part not in self._away:
            return
        self._away.discard(part)
        AWAY.labels(part).set(0)
        log.info(f"{part} back")  # noqa: G004  the part is one of a few
        self.returned(part).set()

    def returned(self, part: str) -> asyncio.Event:
        """Return the event that is set whenever `part` is back; whoever waits for it clears it."""
        return self._returns.setdefault(part, asyncio.Event())

    @property
    def parts_away(self) -> tuple[str, ...]:
        """What was last seen away."""
        return tuple(sorted(self._away))

    def is_away(self, part: str) -> bool:
        """Tell whether `part` was last seen away."""
        return part in self._away
