"""Messages of every kind and system messages in the channels of a team."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.client_teams import TeamHandle, TeamsClient
from bridge.sandbox.tenant.event_details import KINDS, Where
from bridge.sandbox.tenant.kinds import MAKERS
from tests.unit.sandbox.tenant.place import APPLICATION, Place

IN_CHANNELS = sorted(n for n, kind in KINDS.items() if kind.where & ~Where.CHAT)
CHATS_ONLY = sorted(KINDS.keys() - set(IN_CHANNELS))
ALL = {"Prefer": "include-unknown-enum-members"}


async def found_team(place: Place) -> TeamHandle:
    roles = [*APPLICATION, "ChannelMessage.Read.All"]
    await place.tenant.change_app(place.app, application_permissions=roles)
    people = {"owners": [place.alice.id], "members": [place.bob.id]}
    return await TeamsClient(place.tenant).create_team("Tea party", channels=["Cakes"], **people)


async def seen(place: Place, team: TeamHandle, channel: str, message: str) -> Any:
    path = f"{team.channels[channel].path}/messages/{message}"
    answer = await place.graph(None, "GET", path, headers=ALL)
    assert answer.status == 200, answer.body
    return answer.body


async def test_every_kind_can_be_said_in_a_channel(place: Place) -> None:
    team = await found_team(place)
    where = (team.id, team.channels["Cakes"].channel)
    first = await kinds.say(place.tenant, where, "rich")
    for kind in sorted(MAKERS.keys() - {"raw", "mention_everyone"}):
        number = await kinds.say(place.tenant, where, kind, user=place.alice.id)
        message = await seen(place, team, "Cakes", number)

        assert message["channelIdentity"] == {"teamId": team.id, "channelId": where[1]}, kind
        assert message["chatId"] is None
    below = await kinds.say(place.tenant, where, "inline_image", reply_to=first)
    reply = await seen(place, team, "Cakes", f"{first}/replies/{below}")
    source = reply["body"]["content"].partition('src="')[2].partition('"')[0]
    data = await place.graph(None, "GET", source.removeprefix(f"{place.server.base}/v1.0"))

    assert reply["replyToId"] == first
    assert data.raw.startswith(b"\x89PNG")
    with pytest.raises(ControlError, match="400"):
        await kinds.say(place.tenant, where, "mention_everyone")


async def test_a_channel_and_a_team_are_mentioned_by_their_ids(place: Place) -> None:
    team = await found_team(place)
    where = (team.id, team.channels["Cakes"].channel)
    for kind, key, name in (("channel", where[1], "Cakes"), ("team", team.id, "Tea party")):
        number = await kinds.say(place.tenant, where, f"mention_{kind}")
        message = await seen(place, team, "Cakes", number)
        mentioned = message["mentions"][0]["mentioned"]["conversation"]

        assert (mentioned["id"], mentioned["displayName"]) == (key, name)
        assert mentioned["conversationIdentityType"] == kind


@pytest.mark.parametrize("kind", IN_CHANNELS)
async def test_every_event_of_a_channel_has_all_its_fields(place: Place, kind: str) -> None:
    team = await found_team(place)
    where = (team.id, team.general.channel)
    number = await kinds.play_event(
        place.tenant, where, kind, by=place.alice.id, people=[place.bob.id]
    )
    message = await seen(place, team, "General", str(number))
    detail = message["eventDetail"]

    assert message["messageType"] == "systemEventMessage"
    assert detail["@odata.type"] == f"#microsoft.graph.{kind}EventMessageDetail"
    assert detail.keys() - {"@odata.type"} == set(KINDS[kind].fields)
    assert detail.get("teamId", team.id) == team.id
    assert detail.get("channelId", where[1]) == where[1]


@pytest.mark.parametrize("kind", CHATS_ONLY)
async def test_what_belongs_to_a_chat_is_not_said_in_a_channel(place: Place, kind: str) -> None:
    team = await found_team(place)
    with pytest.raises(ControlError, match="400"):
        await kinds.play_event(place.tenant, (team.id, team.general.channel), kind)


async def test_later_changes_reach_a_channel_too(place: Place) -> None:
    team = await found_team(place)
    where = (team.id, team.channels["Cakes"].channel)
    number = await kinds.say(place.tenant, where, "link")
    await kinds.unfurl(place.tenant, where, number, card=True)
    await kinds.violate(place.tenant, where, number, dlpAction="notifySender")
    message = await seen(place, team, "Cakes", number)

    assert len(message["attachments"]) == 1
    assert message["policyViolation"]["dlpAction"] == "notifySender"
    assert message["lastEditedDateTime"] is None
    with pytest.raises(ControlError, match="404"):
        await kinds.say(place.tenant, (team.id, "19:none@thread.tacv2"), "rich")
