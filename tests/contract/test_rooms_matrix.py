"""The rooms of portals on a real Synapse: what they show of their conversation."""

from __future__ import annotations

from bridge.domain.ids import Channel, ChannelId, PortalId, TeamId, TeamsUserId, channel_place
from bridge.domain.portal import Conversation, ConversationKind, Member, Portal, Team
from tests.contract import test_endpoint_matrix as on_synapse
from tests.contract.test_endpoint_matrix import ANNA, TENANT, World

world = on_synapse.world


async def test_the_room_of_a_channel_says_which_channel_of_which_team_it_is(
    world: World,
) -> None:
    channel = Channel(team=TeamId("a-team"), channel=ChannelId("19:a@thread.tacv2"))
    place = channel_place(TENANT, channel)
    world.tenant.conversations[place] = Conversation(
        place=place,
        kind=ConversationKind.CHANNEL,
        topic="Cups",
        members=(Member(id=TeamsUserId(ANNA.id), name=ANNA.name),),
        description="What we drink from",
        page="https://teams.test/l/channel",
        team=Team(id=channel.team, name="Tea"),
    )
    room = await world.rooms.ensure(Portal(id=PortalId(7), place=place, room=None))
    assert await world.client.state(room, "m.room.name", "") == {"name": "Cups (Tea)"}
    topic = await world.client.state(room, "m.room.topic", "")
    assert topic is not None
    assert topic["topic"] == "What we drink from"
    key = "msteams://tenant/a-team%2F19%3Aa%40thread.tacv2"
    info = await world.client.state(room, "m.bridge", key)
    assert info is not None
    assert info["network"] == {"id": "a-team", "displayname": "Tea"}
    assert info["channel"]["external_url"] == "https://teams.test/l/channel"
