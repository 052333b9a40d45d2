"""Known state and the version seen: what crosses, and what is ignored under which name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.domain.changes import ALREADY_KNOWN, CHANGED_SINCE, ECHO, Known, changes
from bridge.domain.content import from_text
from bridge.domain.events import Ignored, MessageSent, Person, Sighting
from bridge.domain.ids import ConversationId, MessageRef, Place, Side, TenantId, Version

SEEN = Sighting(
    origin=Place(tenant=TenantId("t"), conversation=ConversationId("c")),
    ref=MessageRef("1"),
    version=Version("2"),
    author=Person(id="ada"),
    sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    body=from_text("hello"),
)


def test_a_message_that_nobody_knows_is_sent_as_it_was_seen() -> None:
    event = changes(None, SEEN, side=Side.TEAMS)

    assert event == MessageSent(
        author=SEEN.author, version=SEEN.version, sent_at=SEEN.sent_at, body=SEEN.body
    )


@pytest.mark.parametrize(
    ("origin", "version", "reason"),
    [
        (Side.MATRIX, "2", ECHO),
        (Side.TEAMS, "2", ALREADY_KNOWN),
        (Side.TEAMS, "1", CHANGED_SINCE),
    ],
)
def test_what_is_known_is_ignored_under_a_name(origin: Side, version: str, reason: str) -> None:
    known = Known(origin=origin, version=Version(version))

    assert changes(known, SEEN, side=Side.TEAMS) == Ignored(reason=reason)
