"""A part of the world goes away and comes back: two lines in the log, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.postgres import THROWAWAY, EmbeddedPostgres
from tests.kit.e2e_world import Ground, World, eventually, open_world
from tests.kit.world import SERVER_NAME, Slot, registration_of


class Talk:
    """Somebody on each side of one chat."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def begin(self) -> None:
        world = self.world
        maria, self.tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
        self.maria: MatrixPerson = await world.signed_in("maria", maria)
        self.chat = await world.tenant.create_chat("group", [maria.id, self.tom.id], topic="Talk")
        self.room = await world.opened(self.chat, self.tom, self.maria)

    async def goes_both_ways(self, *texts: str) -> None:
        """Make sure that both sides hold exactly what was said, in order."""
        await self.world.read(self.maria, texts[0])
        await self.world.read_in_teams(self.chat, *texts)
        await self.world.at_rest()
        assert sorted((await self.world.texts_in_teams(self.chat))[1:]) == sorted(texts)
        assert sorted((await self.world.texts_in_matrix(self.maria, self.room))[1:]) == sorted(
            texts
        )


def told(world: World, part: str) -> tuple[int, int]:
    """How often the log says that a part is away, and that it is back."""
    return len(world.said(f"{part} away, will try again")), len(world.said(f"{part} back"))


def is_away(world: World, part: str) -> bool:
    return world.bridge.metric("teams_bridge_away", part=part) == 1


async def test_postgres_may_be_away_at_the_start_and_later(
    tmp_path: Path, scratch: Path, ground: Ground, slot: Slot
) -> None:
    folder = scratch / f"postgres-{slot.id}"
    with EmbeddedPostgres() as postgres:
        await asyncio.to_thread(postgres.start, folder, tuning=THROWAWAY)
        dsn = await asyncio.to_thread(postgres.create_database, "bridge")
        await asyncio.to_thread(postgres.stop)
        async with open_world(tmp_path / "bridge", ground, slot, dsn) as world:
            await world.start(wait=False)
            await eventually(lambda: told(world, "postgres") == (1, 0), "Postgres to be missed")
            await asyncio.to_thread(postgres.start, folder, tuning=THROWAWAY)
            await world.wait_until_ready()
            assert told(world, "postgres") == (1, 1)

            talk = Talk(world)
            await talk.begin()
            await asyncio.to_thread(postgres.kill)
            await world.say(talk.chat, talk.tom, "said in Teams meanwhile")
            await talk.maria.say(talk.room, "said in Matrix meanwhile")
            await eventually(lambda: is_away(world, "postgres"), "Postgres to be missed again")
            status, _ = await asyncio.to_thread(world.bridge.get, "/ready")
            assert status == 503
            await asyncio.to_thread(postgres.start, folder, tuning=THROWAWAY)

            await talk.goes_both_ways("said in Teams meanwhile", "said in Matrix meanwhile")
            assert told(world, "postgres") == (2, 2)
            await world.stop()
            world.check_log()


@pytest.fixture
async def own_homeserver(scratch: Path, slot: Slot) -> AsyncIterator[Slot]:
    """A slot on a homeserver that the test may stop."""
    folder = scratch / f"homeserver-of-{slot.id}"
    folder.mkdir()
    registration = folder / "registration.yaml"
    registration.write_text(json.dumps(registration_of(slot)))
    with Homeserver() as homeserver:
        await asyncio.to_thread(
            homeserver.start,
            folder / "synapse",
            server_name=SERVER_NAME,
            registrations=[registration],
        )
        yield replace(slot, homeserver=homeserver)


async def test_the_homeserver_may_be_away_at_the_start_and_later(
    tmp_path: Path, ground: Ground, own_homeserver: Slot, database: str
) -> None:
    slot = own_homeserver
    async with open_world(tmp_path / "bridge", ground, slot, database) as world:
        await asyncio.to_thread(slot.homeserver.kill)
        await world.start(wait=False)
        await eventually(lambda: told(world, "homeserver") == (1, 0), "the homeserver to be missed")
        await asyncio.to_thread(slot.homeserver.restart)
        await world.wait_until_ready()
        assert told(world, "homeserver") == (1, 1)

        talk = Talk(world)
        await talk.begin()
        await asyncio.to_thread(slot.homeserver.kill)
        await world.say(talk.chat, talk.tom, "said in Teams meanwhile")
        await eventually(lambda: is_away(world, "homeserver"), "the homeserver to be missed again")
        await asyncio.to_thread(slot.homeserver.restart)
        await talk.maria.say(talk.room, "said in Matrix afterwards")

        await talk.goes_both_ways("said in Teams meanwhile", "said in Matrix afterwards")
        assert told(world, "homeserver") == (2, 2)
        await world.stop()
        world.check_log()


@pytest.mark.parametrize("how", ["drop", "unavailable"])
async def test_graph_may_be_away_at_the_start_and_later(quiet_world: World, how: str) -> None:
    world = quiet_world
    await world.tenant.set_weather(away=how)
    await world.start(wait=False)
    await eventually(lambda: told(world, "sign-in") == (1, 0), "Entra to be missed")
    # By others first, perhaps: before anything is subscribed to, a key is made for it.
    await eventually(lambda: told(world, "subscription") == (1, 0), "the subscription to be missed")
    await world.tenant.clear_weather()
    await world.wait_until_ready()
    assert told(world, "sign-in") == (1, 1)
    assert told(world, "subscription") == (1, 1)

    talk = Talk(world)
    await talk.begin()
    await talk.maria.say(talk.room, "said in Matrix before")
    await world.read_in_teams(talk.chat, "said in Matrix before")
    await world.tenant.set_weather(away=how)
    await talk.maria.say(talk.room, "said in Matrix meanwhile")
    await world.say(talk.chat, talk.tom, "said in Teams meanwhile")
    await eventually(lambda: is_away(world, "graph"), "Graph to be missed")
    await world.tenant.clear_weather()

    await talk.goes_both_ways(
        "said in Teams meanwhile", "said in Matrix before", "said in Matrix meanwhile"
    )
    away, back = told(world, "graph")
    assert away == back
    assert told(world, "subscription") == (1, 1)
    await world.stop()
    world.check_log()


async def test_a_subscription_that_microsoft_ends_is_made_anew(world: World) -> None:
    talk = Talk(world)
    await talk.begin()
    (before,) = await world.subscriptions()

    await world.tenant.kill_subscription(str(before["id"]))

    await eventually(lambda: len(world.said_of_chats("subscribed")) == 2, "a new subscription")
    await world.say(talk.chat, talk.tom, "heard again")
    await world.read(talk.maria, "heard again")
    (after,) = await world.subscriptions()
    assert after["id"] != before["id"]


async def test_a_wish_to_reauthorise_is_fulfilled(world: World) -> None:
    (subscription,) = await world.subscriptions()

    await world.tenant.challenge(str(subscription["id"]))

    await eventually(lambda: bool(world.said_of_chats("subscription renewed")), "a renewal")
