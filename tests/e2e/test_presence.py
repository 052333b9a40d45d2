"""Who is there in Teams is shown in Matrix, where both sides take part in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bridge.sandbox.installation import APPLICATION_PERMISSIONS
from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from tests.kit.e2e_world import Ground, World, eventually, open_world
from tests.kit.world import Slot, Slots

PERMISSION = "Presence.Read.All"
LEFT_ALONE = "presence away, will try again"


@pytest.fixture(scope="module")
def attending_slots(scratch: Path) -> Iterator[Slots]:
    """Application services on a homeserver that keeps presence."""
    folder = scratch / "attending"
    folder.mkdir()
    made = Slots(folder, settings={"presence": {"enabled": True}})
    yield made
    made.close()


@pytest.fixture
def attending_slot(attending_slots: Slots) -> Iterator[Slot]:
    with attending_slots.take() as taken:
        yield taken


@pytest.fixture
async def attended(
    tmp_path: Path, ground: Ground, attending_slot: Slot, database: str
) -> AsyncIterator[World]:
    """A world with presence on both sides, whose bridge is not started."""
    folder = tmp_path / "bridge"
    async with open_world(folder, ground, attending_slot, database, presence=True) as world:
        yield world


async def grant(world: World) -> None:
    permissions = [*APPLICATION_PERMISSIONS, PERMISSION]
    client = world.bridge.wiring.client_id
    await world.tenant.change_app(client, application_permissions=permissions)


async def talking(
    world: World, availability: str | None = None
) -> tuple[MatrixPerson, Person, Person]:
    """Maria reads in Matrix what Jonas says in Teams, who is there or not before he speaks."""
    maria, jonas = await world.tenant.add_users("Maria Rossi", "Jonas Berg")
    if availability is not None:
        await PeopleClient(world.tenant).set_presence(jonas.id, availability)
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("oneOnOne", [maria.id, jonas.id])
    await world.opened(chat, jonas, reader)
    return reader, maria, jonas


async def presence(reader: MatrixPerson, world: World, person: Person) -> dict[str, Any]:
    user = quote(world.slot.ghost(person.id), safe="")
    try:
        return await reader.call("GET", f"presence/{user}/status")
    except PersonError:
        return {}


async def sees(
    reader: MatrixPerson, world: World, person: Person, shown: str, message: str | None = None
) -> None:
    async def is_shown() -> bool:
        found = await presence(reader, world, person)
        return (found.get("presence"), found.get("status_msg")) == (shown, message)

    await eventually(is_shown, f"somebody who is {shown} ({message})")


async def test_who_is_there_in_teams_is_shown_to_be(attended: World) -> None:
    directory = PeopleClient(attended.tenant)
    await grant(attended)
    await attended.start()
    people = await attended.tenant.add_users("Maria Rossi", "Jonas Berg")
    maria, jonas = people
    await directory.set_presence(jonas.id, "Busy", "InACall")
    await directory.set_status(jonas.id, "Back at three")
    reader = await attended.signed_in("maria", maria)
    chat = await attended.tenant.create_chat("oneOnOne", [maria.id, jonas.id])
    await attended.opened(chat, jonas, reader)

    await sees(reader, attended, jonas, "online", "In a call \N{MIDDLE DOT} Back at three")

    def is_counted() -> bool:
        return attended.bridge.metric("teams_bridge_presences_total", presence="online") == 1

    await eventually(is_counted, "the metric")
    await attended.stop()
    attended.check_log()


async def test_without_the_permission_it_is_said_once_and_nothing_else_suffers(
    attended: World,
) -> None:
    await attended.start()
    await talking(attended)

    await eventually(lambda: bool(attended.said(LEFT_ALONE)), "the log to say so")

    (said,) = attended.said(LEFT_ALONE)
    assert PERMISSION in said["hint"]
    await attended.stop()


async def test_a_homeserver_without_presence_is_noticed(
    tmp_path: Path, ground: Ground, slot: Slot, database: str
) -> None:
    async with open_world(tmp_path / "bridge", ground, slot, database, presence=True) as world:
        await grant(world)
        await world.start()
        await talking(world, "Available")

        await eventually(lambda: bool(world.said(LEFT_ALONE)), "the log to say so")

        (said,) = world.said(LEFT_ALONE)
        assert "presence.enabled" in said["error"]
        await world.stop()


async def test_nobody_is_asked_for_their_presence_unless_that_is_wanted(world: World) -> None:
    directory = PeopleClient(world.tenant)
    await grant(world)
    _, _, jonas = await talking(world)
    await directory.set_presence(jonas.id, "Available")
    await world.at_rest()

    paths = [str(asked["path"]) for asked in await world.tenant.requests()]
    assert [path for path in paths if "presence" in path.lower()] == []
