"""Reading back channels that Graph did not notify us of, on the simulated tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bridge.domain.content import plain_text
from bridge.domain.events import Sighting
from bridge.domain.ids import MessageRef, Place, Side, TenantId, own_id
from bridge.errors import Unauthorized
from bridge.ports import Unread
from bridge.sandbox.tenant.client import Person as User
from bridge.sandbox.tenant.client_teams import Place as TenantChannel, TeamHandle, TeamsClient
from bridge.sandbox.tls import Certificates
from bridge.teams import chains
from bridge.teams.addresses import channel
from bridge.teams.catchup import BELLS_REPEATED_FOR, GAP, LISTENING, CatchUp
from bridge.teams.gaps import STALE_AFTER
from bridge.teams.grounds import ChannelGround, ChatGround, Ground
from tests.contract.test_catchup_teams import read_all
from tests.contract.test_endpoint_teams import ROLES, World, make_world, step
from tests.unit.teams.books import Cursors, Readings

MINUTE = timedelta(minutes=1)
AWAY = STALE_AFTER + 10 * MINUTE


@dataclass
class Scene:
    """A tenant with a team, whose notifications nobody hears, and what reads back."""

    world: World
    teams: TeamsClient
    team: TeamHandle
    bob: User
    cursors: Cursors = field(default_factory=Cursors)
    readings: Readings = field(default_factory=Readings)
    bells_missed: int = 0

    @property
    def tenant(self) -> TenantId:
        return TenantId(self.world.teams.tenant_id)

    def place(self, at: TenantChannel) -> Place:
        return channel(self.tenant, at.team, at.channel)

    def portal(self, at: TenantChannel) -> Unread:
        return self.readings.add(self.place(at), self.world.clock.now())

    def catch_up(self, ground: Ground | None = None) -> CatchUp:
        side = self.world.side
        channels = ChannelGround(
            tenant=self.tenant, graph=side.graph, credential=side.auth.for_app()
        )
        return CatchUp(
            tenant=self.tenant,
            historian=side.endpoint.historian,
            ground=ground or channels,
            reading=self.readings,
            cursors=self.cursors,
            clock=self.world.clock,
            watch=self.world.watch,
            is_listening=lambda: True,
            missed_bells=self.miss,
        )

    async def miss(self) -> None:
        self.bells_missed += 1

    async def listened(self) -> None:
        """Mark that we listen, with nothing to read back."""
        found = self.catch_up()
        await found.mark()
        assert not await found.step()

    async def was_away(self, by: timedelta = AWAY) -> CatchUp:
        """Return the next process's, which knows that it was away."""
        await step(self.world, by)
        found = self.catch_up()
        await found.mark()
        return found

    async def types(self, at: TenantChannel, words: str, *, below: str | None = None) -> str:
        more = {} if below is None else {"reply_to": below}
        return await self.teams.type(at, self.bob.id, f"<p>{words}</p>", **more)

    async def seen(self) -> list[Sighting]:
        """Take in everything that was stored, in the order in which it was."""
        queue = self.world.links.entries
        found: list[Sighting] = []
        for new in [queue.get_nowait() for _ in range(queue.qsize())]:
            entry = replace(self.world.links.claimed(new), found=new.found)
            reading = await self.world.side.endpoint.take_in(entry)
            found += [
                one for one in reading.sightings if isinstance(one, Sighting) and not one.is_notice
            ]
        return found

    async def asked(self) -> list[str]:
        return [str(one["path"]) for one in await self.world.tenant.requests()]


@pytest.fixture
async def scene(certificates: Certificates) -> AsyncIterator[Scene]:
    async with make_scene(certificates) as made:
        yield made


@asynccontextmanager
async def make_scene(certificates: Certificates) -> AsyncIterator[Scene]:
    async with make_world(certificates) as world:
        alice, bob = await world.tenant.add_users("Alice", "Bob")
        teams = TeamsClient(world.tenant)
        team = await teams.create_team(
            "Tea party", owners=[alice.id], members=[bob.id], channels=["Milk"]
        )
        yield Scene(world, teams, team, bob)


def words(seen: list[Sighting]) -> list[str]:
    return [plain_text(one.body) for one in seen]


async def test_what_was_said_in_a_channel_meanwhile_is_read_back(scene: Scene) -> None:
    at = scene.team.general
    scene.portal(at)
    old = await scene.types(at, "before")
    await step(scene.world, timedelta(hours=1))
    await scene.listened()
    await scene.types(at, "a reply meanwhile", below=old)
    await scene.types(at, "a post meanwhile")
    await read_all(await scene.was_away())
    seen = await scene.seen()
    assert words(seen) == ["a reply meanwhile", "a post meanwhile"]
    assert seen[0].thread == old
    assert scene.cursors.kept[Side.TEAMS, f"{GAP} channels"] == ""
    assert (Side.TEAMS, GAP) not in scene.cursors.kept


@pytest.mark.parametrize("kind", ["standard", "private", "shared"])
async def test_a_channel_without_a_portal_is_found_if_somebody_spoke_there(
    scene: Scene, kind: str
) -> None:
    more = {} if kind == "standard" else {"owners": [scene.bob.id]}
    at = await scene.teams.create_channel(scene.team.id, "New", membership=kind, **more)
    await scene.listened()
    await scene.types(at, "is anybody here?")
    await read_all(await scene.was_away())
    assert [(one.origin, plain_text(one.body)) for one in await scene.seen()] == [
        (scene.place(at), "is anybody here?")
    ]


async def test_a_team_that_came_meanwhile_is_found_and_one_that_went_stops_nothing(
    scene: Scene,
) -> None:
    at = scene.team.general
    scene.portal(at)
    await scene.listened()
    other = await scene.teams.create_team("Coffee", owners=[scene.bob.id])
    await scene.types(other.general, "coffee!")
    gone = await scene.teams.create_team("Water", owners=[scene.bob.id])
    await scene.types(gone.general, "nobody hears this")
    scene.portal(gone.general)
    await scene.teams.delete_team(gone.id)
    await scene.types(at, "tea!")
    await read_all(await scene.was_away())
    assert words(await scene.seen()) == ["tea!", "coffee!"]


async def test_chats_and_channels_are_read_apart(scene: Scene) -> None:
    at = scene.team.general
    scene.portal(at)
    chat = await scene.world.tenant.create_chat("group", [scene.bob.id], topic="Tea")
    scene.readings.add(scene.world.place(chat), scene.world.clock.now())
    await scene.listened()
    await scene.types(at, "in the channel")
    await scene.world.tenant.type(chat, scene.bob.id, "<p>in the chat</p>")
    chats = scene.catch_up(ChatGround(directory=scene.world.side.directory))
    await chats.mark()
    await step(scene.world, AWAY)
    await read_all(await scene.was_away())
    assert words(await scene.seen()) == ["in the channel"]
    await chats.mark()
    await read_all(chats)
    assert words(await scene.seen()) == ["in the chat"]


async def test_channels_are_read_once_a_day_without_a_reason(scene: Scene) -> None:
    at = scene.team.general
    scene.portal(at)
    post = await scene.types(at, "post")
    reply = await scene.types(at, "reply", below=post)
    catch_up = scene.catch_up()
    await catch_up.mark()
    old = scene.world.clock.now() - timedelta(hours=25)
    scene.readings.portals[0] = replace(scene.readings.portals[0], read_until=old)
    assert not await catch_up.step()
    assert [own_id(one.ref) for one in await scene.seen()] == [post, reply]
    assert scene.readings.until(scene.place(at)) > old


async def test_without_the_permission_it_waits_and_chats_do_not(scene: Scene) -> None:
    at = scene.team.general
    scene.portal(at)
    await scene.listened()
    await scene.types(at, "hello")
    client = scene.world.teams.client_id
    granted = [role for role in ROLES if role != "ChannelMessage.Read.All"]
    await scene.world.tenant.change_app(client, application_permissions=granted)
    catch_up = await scene.was_away()
    with pytest.raises(Unauthorized):
        await read_all(catch_up)
    chats = scene.catch_up(ChatGround(directory=scene.world.side.directory))
    await chats.mark()
    assert not await chats.step()
    await scene.world.tenant.change_app(client, application_permissions=ROLES)
    await read_all(catch_up)
    assert words(await scene.seen()) == ["hello"]


async def test_after_hours_of_silence_bells_are_missed_as_well(scene: Scene) -> None:
    await scene.listened()
    await scene.was_away()
    assert scene.bells_missed == 0
    await scene.was_away(BELLS_REPEATED_FOR + MINUTE)
    assert scene.bells_missed == 1
    assert f"{LISTENING} channels" in {scope for scope, _ in scene.cursors.moves}


async def test_what_moves_to_the_front_while_a_long_channel_is_listed_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain at the end of the list gets a reply, and so is at its beginning before it is read."""
    monkeypatch.setattr(chains, "POSTS_PER_PAGE", (2,))
    at = scene.team.general
    posts = [await scene.types(at, f"post {number}") for number in range(6)]
    reader = scene.world.side.endpoint.historian.chains
    since = scene.world.clock.now() - timedelta(hours=1)
    ask = reader.graph.request
    pages = 0

    async def moving(method: str, path: str, **more: object) -> dict[str, object]:
        nonlocal pages
        pages += 1
        if pages == 2:
            await scene.types(at, "late", below=posts[0])
        return await ask(method, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reader.graph, "request", moving)
    found = [ref async for batch in reader.changed_after(scene.place(at), since) for ref in batch]
    names = [str(one["id"]) for one in found]
    assert set(posts) <= set(names)
    assert len(names) == len(set(names)) == 7
    assert names == sorted(names, key=lambda name: int(MessageRef(name)))
