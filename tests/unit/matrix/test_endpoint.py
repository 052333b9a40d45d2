"""What a matrix event means to the relay, and what an event of the relay looks like in Matrix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from bridge.domain.content import from_text, plain_text
from bridge.domain.events import Ignored, Invited, MessageSent, Person
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TenantId,
    UserId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.errors import Unconvertible
from bridge.matrix.endpoint import MARKER, content_of, reading_of
from bridge.ports import Delivery
from tests.unit.matrix.books import NOW
from tests.unit.matrix.test_appservice import event

BOT = UserId("@teamsbot:example.org")


def read(**fields: object) -> object:
    return reading_of(event(**fields), bot=BOT, received_at=NOW)


def test_a_message_is_seen_as_its_sender_said_it() -> None:
    sent_at = NOW - timedelta(seconds=3)
    reading = reading_of(
        event(origin_server_ts=int(sent_at.timestamp() * 1000)), bot=BOT, received_at=NOW
    )

    [sighting] = reading.sightings
    assert (sighting.origin, sighting.ref, sighting.version) == ("!room", "$one", "")
    assert (sighting.author, sighting.sent_at) == (Person(id="@anna:example.org"), sent_at)
    assert plain_text(sighting.body) == "hi"


def test_an_emote_names_who_does_it() -> None:
    reading = reading_of(
        event(content={"msgtype": "m.emote", "body": "waves"}), bot=BOT, received_at=NOW
    )

    assert plain_text(reading.sightings[0].body) == "* anna waves"


def test_an_invitation_of_the_bot_is_a_request() -> None:
    reading = reading_of(
        event(type="m.room.member", state_key=BOT, content={"membership": "invite"}),
        bot=BOT,
        received_at=NOW,
    )

    assert reading.requests == (Invited(room=RoomId("!room"), sender=UserId("@anna:example.org")),)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "m.room.encrypted"}, "encrypted"),
        ({"type": "m.reaction"}, "not_relayed"),
        ({"content": {}}, "redacted"),
        ({"content": {"msgtype": "m.text", "body": " \n"}}, "empty"),
        (
            {"content": {"body": "* x", "m.relates_to": {"rel_type": "m.replace"}}},
            "edit",
        ),
    ],
)
def test_what_does_not_cross_says_why(fields: dict[str, object], reason: str) -> None:
    reading = reading_of(event(**fields), bot=BOT, received_at=NOW)

    assert reading.ignored == (Ignored(reason=reason),)
    assert reading.sightings == ()


@given(
    value=st.none()
    | st.text()
    | st.floats()
    | st.integers()
    | st.sampled_from([0, -1, 2**63, int(NOW.timestamp() * 1000) + 10**9])
)
def test_a_time_that_cannot_be_is_replaced_by_that_of_its_arrival(value: object) -> None:
    [sighting] = reading_of(event(origin_server_ts=value), bot=BOT, received_at=NOW).sightings

    assert datetime(2014, 1, 1, tzinfo=UTC) <= sighting.sent_at <= NOW + timedelta(minutes=5)


def test_an_event_without_content_makes_no_sense() -> None:
    with pytest.raises(Unconvertible):
        read(content=None)


def delivery(text: str, *, part: int = 0, source: str = "1") -> Delivery:
    sent = MessageSent(
        author=Person(id="p"), version=Version("2"), sent_at=NOW, body=from_text(text), part=part
    )
    place = Place(tenant=TenantId("t"), conversation=ConversationId("c"))
    return Delivery(
        id=DeliveryId(1),
        portal=Portal(id=PortalId(1), place=place, room=None),
        target=Side.MATRIX,
        source=MessageRef(source),
        speaker="p",
        event=sent,
        attempts=1,
        resumed=False,
        created_at=NOW,
    )


def content(text: str, *, part: int = 0, source: str = "1") -> dict[str, object]:
    sent = delivery(text, part=part, source=source)
    return content_of(sent, sent.event)


def test_every_message_mentions_nobody_by_accident_and_carries_its_marker() -> None:
    assert content("hello @room") == {
        "msgtype": "m.text",
        "body": "hello @room",
        "m.mentions": {},
        MARKER: {"tenant": "t", "conversation": "c", "message": "1", "version": "2", "part": 0},
    }


def test_equal_texts_are_unequal_contents() -> None:
    contents = [content("ok"), content("ok", part=1), content("ok", source="2")]

    assert len({repr(one) for one in contents}) == 3
