"""What is no message: told by Graph, stored by the hook, read as news of the thing that changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.ports import ConversationNews, News, PersonNews, TeamNews
from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.sandbox.tenant.client_teams import Place as TenantChannel, TeamHandle, TeamsClient
from bridge.teams.addresses import channel, team_id
from bridge.teams.notifications import Lifecycle, LifecycleEvent
from bridge.teams.resources import Covers
from tests.contract.test_endpoint_teams import PATIENCE_S, ROLES, World, kept, until, world

__all__ = ["world"]

EVERYTHING = tuple(Covers)


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[None]:
    """Have everything subscribed to, and forget what was told until then."""
    async with kept(world):
        await until(world, lambda: all(map(world.side.keepers.listens_to, EVERYTHING)))
        yield


async def news(world: World, wanted: News) -> None:
    """Wait until this is read; anything else may come before it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            reading = await world.side.endpoint.take_in(await world.links.next_entry())
            if wanted in reading.news:
                return


def of_channel(world: World, place: TenantChannel) -> News:
    return ConversationNews(place=channel(tenant(world), place.team, place.channel))


def of_team(world: World, team: TeamHandle) -> News:
    return TeamNews(tenant=tenant(world), team=team_id(team.id))


def tenant(world: World) -> TenantId:
    return TenantId(world.teams.tenant_id)


async def test_a_chat_that_is_renamed_and_its_members_are_news_of_the_chat(world: World) -> None:
    alice, bob, carol = await world.tenant.add_users("Alice", "Bob", "Carol")
    chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
    of_chat = ConversationNews(place=world.place(chat))
    async with listening(world):
        await world.tenant.change_chat(chat, topic="Coffee")
        await news(world, of_chat)
        await world.tenant.change_chat(chat, add=[carol.id])
        await news(world, of_chat)
        await world.tenant.change_chat(chat, remove=[carol.id])
        await news(world, of_chat)


async def test_teams_channels_and_their_members_are_news(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    teams = TeamsClient(world.tenant)
    async with listening(world):
        team = await teams.create_team("Tea party", owners=[alice.id])
        await news(world, of_team(world, team))
        await teams.change_team(team.id, name="Coffee party")
        await news(world, of_team(world, team))
        await teams.change_team(team.id, add=[bob.id])
        await news(world, of_team(world, team))
        private = await teams.create_channel(
            team.id, "Secrets", membership="private", owners=[alice.id]
        )
        await news(world, of_channel(world, private))
        await teams.change_channel(private, name="More secrets")
        await news(world, of_channel(world, private))
        await teams.change_channel(private, add=[bob.id])
        await news(world, of_channel(world, private))
        await teams.delete_channel(private)
        await news(world, of_channel(world, private))


async def test_somebody_who_is_renamed_or_deleted_is_news(world: World) -> None:
    alice = await world.tenant.add_user("Alice")
    people = PeopleClient(world.tenant)
    of_alice = PersonNews(tenant=tenant(world), person=TeamsUserId(alice.id))
    async with listening(world):
        await people.rename(alice.id, "Alice Liddell")
        await news(world, of_alice)
        await people.delete(alice.id)
        await news(world, of_alice)


async def test_whose_bells_were_missed_all_of_its_kind_is_looked_at(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = world.place(await world.tenant.create_chat("oneOnOne", [alice.id, bob.id]))
    readings = world.side.unnoticed.reading
    readings.add(chat, world.clock.now())  # type: ignore[attr-defined]
    async with listening(world):
        for resource in ("/chats", "/users"):
            (known,) = await world.subscriptions(resource)
            await world.tenant.kill_subscription(str(known["id"]), lifecycle=False)
            gone = Lifecycle(
                subscription=str(known["id"]), event=LifecycleEvent.SUBSCRIPTION_REMOVED
            )
            await world.side.keepers.note(gone)
            await until(world, lambda: world.books.known[resource].id not in {None, known["id"]})  # noqa: B023
    await world.side.unnoticed.step()
    assert ConversationNews(place=chat) in world.links.noted
    people = {one.person for one in world.links.noted if isinstance(one, PersonNews)}
    assert people >= {alice.id, bob.id}


@pytest.mark.parametrize("resource", ["/teams", "/teams/getAllMessages"])
async def test_without_one_permission_the_rest_is_told_all_the_same(
    world: World, resource: str
) -> None:
    missing = {"/teams": "Team.ReadBasic.All", "/teams/getAllMessages": "ChannelMessage.Read.All"}
    granted = [role for role in ROLES if role != missing[resource]]
    await world.tenant.change_app(world.teams.client_id, application_permissions=granted)
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
    async with kept(world):
        await until(world, lambda: world.watch.is_away(f"subscription {resource}"))
        await until(world, lambda: world.side.keepers.listens_to(Covers.CHATS))
        await world.tenant.change_chat(chat, topic="Coffee")
        await news(world, ConversationNews(place=world.place(chat)))


async def test_news_of_another_tenant_are_refused(world: World) -> None:
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
    async with listening(world):
        await world.tenant.change_chat(chat, topic="Coffee")
        entry = await world.links.next_entry()
    other = entry.raw.replace(
        world.teams.tenant_id.encode(), b"0" * 8 + b"-0000-4000-8000-" + b"0" * 12
    )
    reading = await world.side.endpoint.take_in(replace(entry, raw=other))
    assert reading.news == ()
    assert [one.reason for one in reading.ignored] == ["wrong_tenant"]
