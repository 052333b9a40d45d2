"""What the directory says of channels and teams, asked of a simulated tenant over HTTPS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from bridge.domain.ids import (
    Channel,
    ChannelId,
    Place,
    TeamId,
    TeamsUserId,
    TenantId,
    channel_place,
)
from bridge.domain.portal import Conversation, ConversationKind, Membership, Role
from bridge.errors import Gone
from bridge.ports import Picture
from bridge.sandbox.tenant.client_teams import Place as Seat, TeamsClient
from bridge.sandbox.tls import Certificates
from tests.contract.test_endpoint_teams import World, kept, make_world


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    async with make_world(certificates) as made, kept(made):
        yield made


def place_of(world: World, seat: Seat) -> Place:
    channel = Channel(team=TeamId(seat.team), channel=ChannelId(seat.channel))
    return channel_place(TenantId(world.teams.tenant_id), channel)


async def described(world: World, seat: Seat) -> Conversation:
    return await world.side.directory.describe(place_of(world, seat))


async def test_channels_are_described_with_whoever_is_in_them(world: World) -> None:
    teams = TeamsClient(world.tenant)
    alice, bob, carol = await world.tenant.add_users("Alice", "Bob", "Carol")
    team = await teams.create_team("Tea", owners=[alice.id], members=[bob.id], channels=["Cups"])
    other = await teams.create_team("Coffee", owners=[carol.id])
    private = await teams.create_channel(
        team.id, "Secret", membership="private", owners=[alice.id], description="Hush"
    )
    shared = await teams.create_channel(
        team.id, "Open", membership="shared", owners=[alice.id], share_with=[other.id]
    )

    cups = await described(world, team.channels["Cups"])
    assert (cups.kind, cups.topic) == (ConversationKind.CHANNEL, "Cups")
    assert cups.membership is Membership.STANDARD
    roles = {(member.id, member.role) for member in cups.members}
    assert roles == {(alice.id, Role.OWNER), (bob.id, Role.MEMBER)}
    assert cups.team is not None
    assert (cups.team.name, cups.team.general) == ("Tea", team.general.channel)
    secret = await described(world, private)
    assert (secret.membership, secret.description) == (Membership.PRIVATE, "Hush")
    assert {member.id for member in secret.members} == {alice.id}
    open_ = await described(world, shared)
    assert open_.membership is Membership.SHARED
    assert {member.id for member in open_.members} == {alice.id, carol.id}


async def test_a_team_of_more_people_than_a_page_holds_is_read_to_its_end(world: World) -> None:
    teams = TeamsClient(world.tenant)
    people = await world.tenant.add_users(*(f"Person {number}" for number in range(1_100)))
    first, *others = (person.id for person in people)
    team = await teams.create_team("Crowd", owners=[first], members=others)
    channel = await described(world, team.general)
    assert {member.id for member in channel.members} == {first, *others}


async def test_a_team_is_asked_for_anew_when_it_may_have_changed(world: World) -> None:
    teams = TeamsClient(world.tenant)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    team = await teams.create_team("Tea", owners=[alice.id])
    before = await described(world, team.general)
    await teams.change_team(team.id, add=[bob.id], archived=True)
    after = await world.side.directory.describe(
        place_of(world, team.general), as_of=world.clock.now()
    )
    assert {member.id for member in before.members} == {alice.id}
    assert {member.id for member in after.members} == {alice.id, bob.id}
    assert after.is_archived


async def test_a_team_is_asked_for_once_for_all_channels_that_are_looked_at_together(
    world: World,
) -> None:
    teams = TeamsClient(world.tenant)
    (alice,) = await world.tenant.add_users("Alice")
    # One beside the general channel: Graph answers four questions a second about a team.
    team = await teams.create_team("Tea", owners=[alice.id], channels=["Green"])
    assert len(team.channels) == 2
    news_at = world.clock.now()
    await asyncio.gather(
        *(
            world.side.directory.describe(place_of(world, seat), as_of=news_at)
            for seat in team.channels.values()
        )
    )
    asked = [str(one["path"]) for one in await world.tenant.requests()]
    assert sum(path.endswith(f"/teams/{team.id}/members") for path in asked) == 1


async def test_a_channel_that_graph_does_not_know_is_gone(world: World) -> None:
    teams = TeamsClient(world.tenant)
    (alice,) = await world.tenant.add_users("Alice")
    team = await teams.create_team("Tea", owners=[alice.id])
    with pytest.raises(Gone):
        await described(world, Seat(team=team.id, channel="19:nowhere@thread.tacv2"))


async def test_what_is_pinned_in_a_chat_is_known_and_of_a_channel_nobody_says(
    world: World,
) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
    first, second = [
        await world.tenant.type(chat, alice.id, f"<p>{text}</p>") for text in ("one", "two")
    ]
    assert await world.side.directory.pins_of(world.place(chat)) == ()
    await world.tenant.call("PATCH", f"/chats/{quote(chat)}/pins", {"pin": [second, first]})
    assert await world.side.directory.pins_of(world.place(chat)) == (second, first)
    await world.tenant.call("PATCH", f"/chats/{quote(chat)}/pins", {"unpin": [second]})
    assert await world.side.directory.pins_of(world.place(chat)) == (first,)
    team = await TeamsClient(world.tenant).create_team("Tea", owners=[alice.id])
    assert await world.side.directory.pins_of(place_of(world, team.general)) is None
    assert await world.side.directory.pins_of(world.place("19:nowhere@thread.v2")) is None


async def test_a_team_has_a_picture_that_is_fetched_only_when_it_is_another(
    world: World,
) -> None:
    (alice,) = await world.tenant.add_users("Alice")
    team = await TeamsClient(world.tenant).create_team("Tea", owners=[alice.id])
    directory, key = world.side.directory, TeamId(team.id)
    assert await directory.picture_of(key, known=None) is None

    async def show(seed: int) -> None:
        await world.tenant.call("PUT", f"/photos/{team.id}", {"seed": seed})

    await show(1)
    first = await directory.picture_of(key, known=None)
    assert isinstance(first, Picture)
    assert first.content.startswith(b"\x89PNG")
    assert await directory.picture_of(key, known=first.tag) == first.tag
    await show(2)
    second = await directory.picture_of(key, known=first.tag)
    assert isinstance(second, Picture)
    assert second.tag != first.tag


async def test_the_teams_of_a_person_are_theirs_and_those_that_share_a_channel(
    world: World,
) -> None:
    teams = TeamsClient(world.tenant)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    tea = await teams.create_team("Tea", owners=[alice.id])
    coffee = await teams.create_team("Coffee", owners=[bob.id])
    await teams.create_channel(
        coffee.id, "Open", membership="shared", owners=[bob.id], members=[alice.id]
    )
    found = await world.side.directory.teams_of(TeamsUserId(alice.id))
    assert set(found) == {tea.id, coffee.id}
    await teams.delete_team(tea.id)
    with pytest.raises(Gone):
        await world.side.directory.team(TeamId(tea.id))
