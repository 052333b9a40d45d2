"""Who is who on the homeserver."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TenantId,
    UserId,
    channel_place,
)
from bridge.errors import Rejected
from bridge.matrix.names import Names, clean, ghost_localpart, localpart_of, person_of
from bridge.matrix.registration import registration
from tests.unit.matrix.books import CONFIG

NAMES = Names.of(CONFIG)
GUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
ALPHABET = re.compile(r"[a-z0-9._=/+-]+")
TEMPLATES = ("teams_{user}", "{user}", "teams_{user}_ghost", "{user}.teams")


def test_a_guid_stays_readable() -> None:
    assert NAMES.ghost(GUID) == f"@teams_{GUID}:example.org"


@given(person=st.text(min_size=1), template=st.sampled_from(TEMPLATES))
def test_any_person_comes_back_from_their_localpart(person: str, template: str) -> None:
    localpart = ghost_localpart(template, person)

    assert ALPHABET.fullmatch(localpart)
    assert person_of(template, localpart) == person


@given(one=st.text(), other=st.text())
def test_two_people_are_never_one_ghost(one: str, other: str) -> None:
    same = ghost_localpart("t_{user}", one) == ghost_localpart("t_{user}", other)

    assert same == (one == other)


@given(localpart=st.text())
def test_a_localpart_that_we_did_not_make_is_nobody(localpart: str) -> None:
    person = person_of("teams_{user}", localpart)

    assert person is None or ghost_localpart("teams_{user}", person) == localpart


@pytest.mark.parametrize(
    "localpart", ["teams_", "teams_A", "teams_=61", "teams_=ff", "teams_=6", "x"]
)
def test_only_the_one_spelling_of_a_ghost_is_a_ghost(localpart: str) -> None:
    assert not NAMES.is_ghost(f"@{localpart}:example.org")


@pytest.mark.parametrize(
    ("user", "ours", "local"),
    [
        (f"@teams_{GUID}:example.org", True, False),
        ("@teamsbot:example.org", True, False),
        (f"@teams_{GUID}:elsewhere.org", False, False),
        ("@anna:example.org", False, True),
        ("@anna:evil.org:example.org.evil.org", False, False),
        ("@teams_:example.org", False, True),
        ("anna:example.org", False, False),
    ],
)
def test_ours_is_what_we_speak_as_and_local_who_lives_here(
    user: str, ours: bool, local: bool
) -> None:
    assert (NAMES.is_ours(user), NAMES.is_local(user)) == (ours, local)


@pytest.mark.parametrize("person", ["", "x" * 300])
def test_a_person_that_fits_no_matrix_user_is_rejected(person: str) -> None:
    with pytest.raises(Rejected):
        NAMES.ghost(person)


def test_the_sender_is_neither_the_bot_nor_a_ghost() -> None:
    sender = f"@{NAMES.sender_localpart}:example.org"

    assert sender != NAMES.bot
    assert not NAMES.is_ghost(sender)


def test_each_conversation_and_each_user_has_an_address_of_its_own() -> None:
    places = [
        Place(tenant=TenantId(tenant), conversation=ConversationId(conversation))
        for tenant, conversation in (("a", "bc"), ("ab", "c"), ("a", "b"))
    ]
    aliases = {NAMES.portal_alias(place) for place in places} | {NAMES.desk_alias(UserId("@a:b"))}

    assert len(aliases) == 4
    assert all(re.fullmatch(r"teams_[a-z2-7]{24}", alias) for alias in aliases)
    assert NAMES.alias("teams_x") == "#teams_x:example.org"


@given(text=st.text(), chars_max=st.integers(1, 50))
def test_a_clean_name_is_one_line_of_what_can_be_seen(text: str, chars_max: int) -> None:
    name = clean(text, chars_max=chars_max)

    assert len(name) <= chars_max
    assert name == name.strip()
    assert all(
        c in "\u200c\u200d" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"} for c in name
    )


def test_a_family_emoji_keeps_together() -> None:
    assert clean("👩\u200d👧 Anna", chars_max=20) == "👩\u200d👧 Anna"


def test_a_localpart_stands_before_the_first_colon() -> None:
    assert localpart_of("@anna:example.org:8448") == "anna"


TEAM = TeamId("9f3c5f2e-0000-4000-8000-00000000abcd")


@pytest.mark.parametrize(
    "channel",
    [
        "19:0123456789abcdef0123456789abcdef@thread.tacv2",
        "19:Ab-_cDEF0123456789abcdefghijklmnopqrstuvwxyz1@thread.tacv2",
        "19:0123456789abcdef0123456789abcdef@thread.skype",
    ],
)
def test_the_alias_of_a_channel_leads_back_to_it(channel: str) -> None:
    named = Channel(team=TEAM, channel=ChannelId(channel))
    localpart = NAMES.channel_alias(named)
    assert localpart is not None
    alias = NAMES.alias(localpart)

    assert NAMES.channel_of_alias(alias) == named
    assert re.fullmatch(registration(CONFIG)["namespaces"]["aliases"][0]["regex"], alias)
    place = channel_place(TenantId("tenant"), named)
    assert NAMES.channel_of_alias(NAMES.alias(NAMES.portal_alias(place))) is None


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567=-: \u00fc", max_size=200))
def test_any_other_alias_leads_to_no_channel(middle: str) -> None:
    found = NAMES.channel_of_alias(NAMES.alias(NAMES.alias_template.replace("{chat}", middle)))
    made = None if found is None else NAMES.channel_alias(found)
    assert made == (None if found is None else NAMES.alias_template.replace("{chat}", middle))


@pytest.mark.parametrize("team", ["", "a team", "9f3c"])
def test_a_channel_of_an_odd_team_has_no_alias(team: str) -> None:
    channel = Channel(team=TeamId(team), channel=ChannelId("19:abc@thread.tacv2"))
    assert NAMES.channel_alias(channel) is None
