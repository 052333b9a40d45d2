"""What Teams says of whether somebody is there, in whatever words."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.domain.presence import Availability, Presence
from bridge.teams.fields import Json
from bridge.teams.presences import presence_of, read

ONLINE, IDLE, OFFLINE = Availability.ONLINE, Availability.UNAVAILABLE, Availability.OFFLINE
ANNA = "8ea0e38b-efb3-4757-924a-5f94061cf8c2"


@pytest.mark.parametrize(
    ("availability", "activity", "shown", "message"),
    [
        ("Available", "Available", ONLINE, None),
        ("available", "available", ONLINE, None),
        ("AvailableIdle", "Inactive", IDLE, None),
        ("Away", "Away", IDLE, None),
        ("BeRightBack", "BeRightBack", IDLE, "Be right back"),
        ("Busy", "InACall", ONLINE, "In a call"),
        ("Busy", "InAMeeting", ONLINE, "In a meeting"),
        ("BusyIdle", "InAMeeting", IDLE, "In a meeting"),
        ("DoNotDisturb", "Presenting", ONLINE, "Presenting"),
        ("doNotDisturb", "focusing", ONLINE, "Focusing"),
        ("focusing", "focusing", ONLINE, "Focusing"),
        ("Offline", "OffWork", OFFLINE, None),
        ("Offline", "OutOfOffice", OFFLINE, "Out of office"),
        ("PresenceUnknown", "PresenceUnknown", OFFLINE, None),
        ("OnTheMoon", "Dancing", OFFLINE, None),
        (None, 7, OFFLINE, None),
    ],
)
def test_every_word_of_microsofts_is_one_of_three(
    availability: object, activity: object, shown: Availability, message: str | None
) -> None:
    item = {"availability": availability, "activity": activity, "sequenceNumber": "A07"}

    assert presence_of(item) == Presence(availability=shown, message=message, number="A07")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("At the <b>dentist</b>", "Busy · At the dentist"),
        ("<p>At the dentist&nbsp;<pinnednote></pinnednote></p>", "Busy · At the dentist"),
        ("", "Busy"),
        (None, "Busy"),
    ],
)
def test_what_somebody_says_about_it_stands_behind(content: object, shown: str) -> None:
    item = {
        "availability": "Busy",
        "activity": "Busy",
        "statusMessage": {"message": {"content": content, "contentType": "text"}},
    }

    assert presence_of(item).message == shown


def test_who_is_out_of_office_is_so_whatever_their_client_says() -> None:
    item = {
        "availability": "Available",
        "activity": "Available",
        "outOfOfficeSettings": {"isOutOfOffice": True, "message": "Back in May"},
    }

    assert presence_of(item) == Presence(availability=ONLINE, message="Out of office")


NAMES = st.sampled_from(
    ["id", "availability", "activity", "statusMessage", "message", "content", "value",
     "outOfOfficeSettings", "isOutOfOffice", "sequenceNumber"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(ANNA),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_whatever_comes_is_presences_or_none(answer: Json) -> None:
    for person, presence in read(answer):
        assert person
        assert presence.message is None or presence.message.strip()
