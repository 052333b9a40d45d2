"""Microsoft's own Python SDK understands teams, channels and presence of the tenant."""

from __future__ import annotations

import contextlib
from typing import Any

from msgraph.generated.communications.get_presences_by_user_id.get_presences_by_user_id_post_request_body import (
    GetPresencesByUserIdPostRequestBody,
)
from msgraph.generated.models.aad_user_conversation_member import AadUserConversationMember
from msgraph.generated.models.channel import Channel
from msgraph.generated.models.channel_membership_type import ChannelMembershipType
from msgraph.generated.models.team_visibility_type import TeamVisibilityType
from msgraph.generated.teams.item.channels.item.messages.item.set_reaction.set_reaction_post_request_body import (
    SetReactionPostRequestBody,
)
from msgraph.generated.teams.item.channels.item.messages.messages_request_builder import (
    MessagesRequestBuilder,
)
from msgraph.generated.users.item.presence.set_presence.set_presence_post_request_body import (
    SetPresencePostRequestBody,
)

from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import ControlError
from tests.unit.sandbox.tenant.place import Place
from tests.unit.sandbox.tenant.sdk import Office, Offices, html, offices, query
from tests.unit.sandbox.tenant.team_place import Campus, campus

__all__ = ["campus", "offices"]
TEXTS = {"raw": {"text": "<p>as it is</p>"}}
"""What a kind of message must be given."""


async def test_reads_teams_and_their_members(campus: Campus, offices: Offices) -> None:
    office = await offices.of(campus.alice)
    joined = office.read(await office.graph.me.joined_teams.get())
    assert [team.id for team in joined.value] == [campus.team.id]
    team = office.graph.teams.by_team_id(campus.team.id)
    seen = office.read(await team.get())
    assert (seen.display_name, seen.visibility) == ("Tea party", TeamVisibilityType.Public)

    members = office.read(await team.members.get()).value
    assert all(isinstance(member, AadUserConversationMember) for member in members)
    assert {m.user_id: m.roles for m in members} == {
        campus.alice.id: ["owner"],
        campus.bob.id: [],
    }
    office = await offices.of(None)
    everyone = office.read(await office.graph.teams.get())
    assert [found.id for found in everyone.value] == [campus.team.id]


async def test_reads_makes_and_renames_channels(campus: Campus, offices: Offices) -> None:
    office = await offices.of(campus.alice)
    team = office.graph.teams.by_team_id(campus.team.id)
    made = office.read(
        await team.channels.post(
            Channel(display_name="Biscuits", membership_type=ChannelMembershipType.Standard)
        )
    )
    one = team.channels.by_channel_id(made.id)
    await one.patch(Channel(description="of all kinds"))
    assert office.read(await one.get()).description == "of all kinds"
    listed = office.read(await team.channels.get())
    assert {c.display_name for c in listed.value} == {"General", "Cakes", "Biscuits"}
    assert office.read(await team.primary_channel.get()).display_name == "General"
    assert len(office.read(await team.all_channels.get()).value) == 3
    assert len(office.read(await one.members.get()).value) == 2
    assert len(office.read(await one.all_members.get()).value) == 2


async def test_posts_answers_edits_and_reacts_in_a_channel(
    campus: Campus, offices: Offices
) -> None:
    office = await offices.of(campus.alice)
    channel = office.graph.teams.by_team_id(campus.team.id).channels.by_channel_id(
        campus.team.general.channel
    )
    root = office.read(await channel.messages.post(html("who has cake?", subject="Cake")))
    message = channel.messages.by_chat_message_id(root.id)
    reply = office.read(await message.replies.post(html("I have")))
    assert reply.reply_to_id == root.id
    assert reply.channel_identity.channel_id == campus.team.general.channel

    await message.patch(
        html("who has tea?", subject="Cake", attachments=[], mentions=[], reactions=[])
    )
    await message.set_reaction.post(SetReactionPostRequestBody(reaction_type="🍰"))
    seen = office.read(await message.get())
    assert (seen.body.content, seen.subject) == ("who has tea?", "Cake")
    assert [r.reaction_type for r in seen.reactions] == ["🍰"]
    one = message.replies.by_chat_message_id1(reply.id)
    await one.soft_delete.post()
    assert office.read(await one.get()).deleted_date_time is not None

    wanted = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(expand=["replies"])
    listed = office.read(await channel.messages.get(query(wanted)))
    assert [m.id for m in listed.value[0].replies] == [reply.id]
    assert len(office.read(await message.replies.get()).value) == 1


async def test_reads_tags(campus: Campus, offices: Offices) -> None:
    office = await offices.of(campus.alice)
    tag = await campus.teams.create_tag(campus.team.id, "Bakers", [campus.bob.id])
    tags = office.graph.teams.by_team_id(campus.team.id).tags
    assert [t.display_name for t in office.read(await tags.get()).value] == ["Bakers"]
    members = office.read(await tags.by_teamwork_tag_id(tag).members.get())
    assert [member.user_id for member in members.value] == [campus.bob.id]


async def test_reads_messages_and_events_of_every_kind(campus: Campus, offices: Offices) -> None:
    await campus.place.tenant.change_settings(system_messages=True)
    office = await offices.of(campus.alice)
    chat, general = campus.place.group, (campus.team.id, campus.team.general.channel)
    team = office.graph.teams.by_team_id(general[0])
    messages_of: dict[kinds.Where, Any] = {
        chat: office.graph.chats.by_chat_id(chat).messages,
        general: team.channels.by_channel_id(general[1]).messages,
    }
    played, seen = set(), []
    for where, messages in messages_of.items():
        played |= await play(campus, where)
        seen += await read_all(office, messages)

    every = {*await kinds.all_kinds(campus.place.tenant)}
    assert played == every | {*await kinds.all_events(campus.place.tenant)}
    events = {type(m.event_detail) for m in seen if m.event_detail is not None}
    assert len(events) == 30


async def play(campus: Campus, where: kinds.Where) -> set[str]:
    """Everything that can be said or happen there; returns what it was."""
    tenant, bob, played = campus.place.tenant, campus.bob.id, set()
    for kind in await kinds.all_kinds(tenant):
        with contextlib.suppress(ControlError):
            await kinds.say(tenant, where, kind, user=bob, **TEXTS.get(kind, {}))
            played.add(kind)
    for event in await kinds.all_events(tenant):
        with contextlib.suppress(ControlError):
            await kinds.play_event(tenant, where, event, by=bob)
            played.add(event)
    return played


async def read_all(office: Office, messages: Any) -> list[Any]:
    """Every page of it, each compared with its JSON."""
    fifty = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(top=50)
    asked = query(fifty, Prefer="include-unknown-enum-members")
    page = office.read(await messages.get(asked))
    found = list(page.value)
    while page.odata_next_link is not None:
        page = office.read(await messages.with_url(page.odata_next_link).get(asked))
        found += page.value
    return found


async def test_sets_and_reads_presence(place: Place, offices: Offices) -> None:
    await place.tenant.change_app(
        place.app,
        application_permissions=["Presence.ReadWrite.All"],
        delegated_scopes=["Chat.ReadWrite", "Presence.Read.All", "Presence.ReadWrite"],
    )
    # No `expiration_duration`: the SDK writes one hour as `1:00:00`, which is not ISO 8601.
    app = await offices.of(None)
    await app.graph.users.by_user_id(place.alice.id).presence.set_presence.post(
        SetPresencePostRequestBody(
            session_id=place.app,
            availability="Busy",
            activity="InACall",
        )
    )
    office = await offices.of(place.alice)
    mine = office.read(await office.graph.me.presence.get())
    assert (mine.availability, mine.activity) == ("Busy", "InACall")
    one = office.read(await office.graph.users.by_user_id(place.bob.id).presence.get())
    assert one.id == place.bob.id
    asked = GetPresencesByUserIdPostRequestBody(ids=[place.alice.id, place.bob.id])
    found = office.read(await office.graph.communications.get_presences_by_user_id.post(asked))
    assert [presence.id for presence in found.value] == [place.alice.id, place.bob.id]
