"""What Graph says of teams and channels, whatever it says."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import Channel, ChannelId, TeamId, TenantId, channel_place
from bridge.domain.portal import Layout, Membership, Team
from bridge.errors import Unconvertible
from bridge.teams import team_payloads
from bridge.teams.team_payloads import Listed

TEAM = Team(id=TeamId("a-team"), name="Tea party")
PLACE = channel_place(
    TenantId("tenant"), Channel(team=TEAM.id, channel=ChannelId("19:a@thread.tacv2"))
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "displayName",
        "description",
        "webUrl",
        "isArchived",
        "internalId",
        "membershipType",
        "layoutType",
    ]
)


def test_a_channel_says_what_it_is() -> None:
    shown = {
        "displayName": "Campaigns",
        "description": "What we plan",
        "membershipType": "Private",
        "layoutType": "chat",
        "isArchived": False,
        "webUrl": "https://teams.microsoft.com/l/channel/x",
    }
    channel = team_payloads.channel(shown, PLACE, of=TEAM, listed=Listed())
    assert (channel.topic, channel.description) == ("Campaigns", "What we plan")
    assert (channel.membership, channel.layout) == (Membership.PRIVATE, Layout.CHAT)
    assert channel.page == "https://teams.microsoft.com/l/channel/x"
    assert not channel.is_archived


def test_a_channel_of_an_archived_team_is_archived() -> None:
    archived = Team(id=TEAM.id, name=None, is_archived=True)
    channel = team_payloads.channel(
        {"membershipType": "standard"}, PLACE, of=archived, listed=Listed()
    )
    assert channel.is_archived


def test_who_may_see_a_channel_is_not_guessed() -> None:
    with pytest.raises(Unconvertible):
        team_payloads.channel(
            {"membershipType": "unknownFutureValue"}, PLACE, of=TEAM, listed=Listed()
        )


@given(st.dictionaries(NAMES, ANYTHING))
def test_whatever_graph_says_is_a_team_and_a_channel_or_none(shown: dict[str, object]) -> None:
    team = team_payloads.team(shown, TEAM.id, listed=Listed())
    assert team.id == TEAM.id
    try:
        channel = team_payloads.channel(shown, PLACE, of=team, listed=Listed())
    except Unconvertible:
        return
    assert channel.team is team
