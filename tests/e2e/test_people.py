"""People of Teams in Matrix: who they are, what they look like, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bridge.matrix.names import PERSON_SLOT, ghost_localpart
from bridge.matrix.portraits import NAMESPACE
from bridge.matrix.profiles import PROFILE
from bridge.sandbox.installation import APPLICATION_PERMISSIONS
from bridge.sandbox.people import MatrixPerson, PersonError
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_people import PeopleClient
from bridge.sandbox.tenant.people.photos import draw
from tests.kit.e2e_world import World, eventually

SIZE = 240


def ghost_of(world: World, person: str) -> str:
    return world.slot.ghost(ghost_localpart(PERSON_SLOT, person))


@dataclass
class Onlooker:
    """Somebody in Matrix who looks at the people of a room."""

    world: World
    reader: MatrixPerson
    chat: str
    maria: Person

    @classmethod
    async def of(cls, world: World) -> Onlooker:
        (maria,) = await world.tenant.add_users("Maria Rossi")
        reader = await world.signed_in("maria", maria)
        chat = await world.tenant.create_chat("group", [maria.id], topic="Tea")
        return cls(world, reader, chat, maria)

    async def joined_by(self, *people: str) -> None:
        await self.world.tenant.change_chat(self.chat, add=list(people))

    async def profile(self, person: str) -> dict[str, Any]:
        user = quote(ghost_of(self.world, person), safe="")
        try:
            return await self.reader.call("GET", f"profile/{user}")
        except PersonError:
            return {}

    async def sees(self, person: str, **shown: object) -> None:
        """Wait until a ghost shows all of this; None: does not show it."""

        async def is_shown() -> bool:
            profile = await self.profile(person)
            return bool(profile) and all(profile.get(key) == value for key, value in shown.items())

        await eventually(is_shown, f"a ghost that shows {shown}")

    async def sees_named(self, person: str, name: str) -> None:
        await self.sees(person, displayname=name)

    async def picture_of(self, person: str) -> bytes:
        """Wait for a picture and download it as any client would."""

        async def has_one() -> bool:
            return "avatar_url" in await self.profile(person)

        await eventually(has_one, "a picture")
        place = str((await self.profile(person))["avatar_url"]).removeprefix("mxc://")
        url = f"{self.reader.homeserver}/_matrix/client/v1/media/download/{place}"
        headers = {"Authorization": f"Bearer {self.reader.access_token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            assert answer.headers["Content-Type"] == "image/png"
            return await answer.read()


@pytest.fixture
def directory(world: World) -> PeopleClient:
    return PeopleClient(world.tenant)


async def test_everybody_is_called_with_who_they_are(world: World, directory: PeopleClient) -> None:
    onlooker, tenant = await Onlooker.of(world), world.tenant
    guest = await directory.invite("Gus Guest", "gus@home.example")
    strangers = {
        await kinds.bring_stranger(tenant, kind, name): shown
        for kind, name, shown in (
            ("federatedUser", "Fred", "Fred (Teams, fabrikam.example)"),
            ("anonymousGuest", "Ann (Guest)", "Ann (Teams, anonymous)"),
            ("personalMicrosoftAccountUser", "Perry", "Perry (Teams, personal)"),
            ("phoneUser", "+49 30 12345", "+49 30 12345 (Teams, phone)"),
            ("emailUser", "mia@mail.example", "mia@mail.example (Teams, e-mail)"),
        )
    }
    robots = {
        "app:" + await kinds.bring_robot(tenant, kind, name): shown
        for kind, name, shown in (
            ("bot", "Helper", "Helper (Teams, bot)"),
            ("outgoingWebhook", "Deploy", "Deploy (Teams, webhook)"),
        )
    }
    people = {onlooker.maria.id: "Maria Rossi (Teams)", guest.id: "Gus Guest (Teams, guest)"}
    # Who writes by e-mail takes part in no chat.
    await onlooker.joined_by(guest.id, *[person for person in strangers if "@" not in person])

    for person in (*people, *strangers, *robots):
        who = person.removeprefix("app:")
        await kinds.say(tenant, onlooker.chat, "text", user=who, text=f"hello from {who}")

    for person, shown in (people | strangers | robots).items():
        await onlooker.sees_named(person, shown)
        _, said = await world.read(onlooker.reader, f"hello from {person.removeprefix('app:')}")
        assert said.sender == ghost_of(world, person)


async def test_a_message_of_nobody_is_not_lost(world: World) -> None:
    onlooker = await Onlooker.of(world)
    await kinds.say(world.tenant, onlooker.chat, "text", user=None, text="who said that?")

    _, said = await world.read(onlooker.reader, "who said that?")

    assert said.sender == ghost_of(world, "nameless:")


async def test_a_face_arrives_changes_and_goes(world: World, directory: PeopleClient) -> None:
    onlooker = await Onlooker.of(world)
    await directory.set_photo(onlooker.maria.id, seed=1)
    room = await world.opened(onlooker.chat, onlooker.maria, onlooker.reader)
    assert await onlooker.picture_of(onlooker.maria.id) == draw(1, SIZE)

    # Who shares a room with her sees it there, too.
    async def member() -> dict[str, Any]:
        ghost = quote(ghost_of(world, onlooker.maria.id), safe="")
        return await onlooker.reader.call("GET", f"rooms/{quote(room)}/state/m.room.member/{ghost}")

    async def has_a_face() -> bool:
        return "avatar_url" in await member()

    await eventually(has_a_face, "a face in the room")

    await directory.set_photo(onlooker.maria.id, seed=2)
    await told(directory, onlooker.maria)

    async def is_another() -> bool:
        return await onlooker.picture_of(onlooker.maria.id) == draw(2, SIZE)

    await eventually(is_another, "another picture")
    await directory.set_photo(onlooker.maria.id)
    await told(directory, onlooker.maria)
    await onlooker.sees(onlooker.maria.id, avatar_url=None)


async def told(directory: PeopleClient, person: Person) -> None:
    """Have Graph tell of a person: it does so for properties, not for photos."""
    await directory.set_profile(person.id, city="Rome")


async def test_whoever_is_renamed_disabled_and_deleted_is_followed(
    world: World, directory: PeopleClient
) -> None:
    onlooker, maria = await Onlooker.of(world), (await world.tenant.users())[0]
    await world.listens_to_everything()
    await directory.set_photo(maria.id, seed=1)
    await world.opened(onlooker.chat, maria, onlooker.reader)
    await onlooker.picture_of(maria.id)

    await directory.rename(maria.id, "Maria Bianchi")
    await onlooker.sees_named(maria.id, "Maria Bianchi (Teams)")

    await directory.enable(maria.id, enabled=False)
    await onlooker.sees_named(maria.id, "Maria Bianchi (Teams, disabled)")

    await directory.enable(maria.id)
    await onlooker.sees_named(maria.id, "Maria Bianchi (Teams)")

    await directory.delete(maria.id)
    await onlooker.sees(maria.id, displayname="Maria Bianchi (Teams, deleted)", avatar_url=None)

    await directory.restore(maria.id)
    await onlooker.sees_named(maria.id, "Maria Bianchi (Teams)")
    assert await onlooker.picture_of(maria.id) == draw(1, SIZE)


async def test_several_webhooks_of_one_connector_speak_each_under_its_own_name(
    world: World,
) -> None:
    onlooker = await Onlooker.of(world)
    connector = await kinds.bring_robot(world.tenant, "office365Connector", "Alerts")
    for number, name in enumerate(("Alerts", "Builds", "Alerts")):
        await kinds.rename_robot(world.tenant, connector, name)
        await kinds.say(world.tenant, onlooker.chat, "text", user=connector, text=f"done {number}")

    room, own = await world.read(onlooker.reader, "done 0")
    _, other = await world.read(onlooker.reader, "Builds (Teams, webhook): done 1")
    _, again = await world.read(onlooker.reader, "done 2")
    assert {own.sender, other.sender, again.sender} == {ghost_of(world, f"app:{connector}")}
    await onlooker.sees_named(f"app:{connector}", "Alerts (Teams, webhook)")
    assert PROFILE not in own.content
    assert PROFILE not in again.content
    assert other.content[PROFILE]["displayname"] == "Builds (Teams, webhook)"
    assert other.content[PROFILE]["has_fallback"] is True
    assert other.html == (
        "<strong data-mx-profile-fallback>Builds (Teams, webhook): </strong>done 1"
    )
    assert room in onlooker.reader.rooms


async def test_profiles_are_shown_where_the_operator_wants_it(quiet_world: World) -> None:
    quiet_world.reconfigure(ghost_profiles=True)
    await quiet_world.tenant.change_app(
        quiet_world.bridge.wiring.client_id,
        application_permissions=[*APPLICATION_PERMISSIONS, "MailboxSettings.Read"],
    )
    await quiet_world.start()
    directory = PeopleClient(quiet_world.tenant)
    onlooker = await Onlooker.of(quiet_world)
    await directory.set_profile(onlooker.maria.id, jobTitle="Hatter", department="Tea")
    await directory.set_time_zone(onlooker.maria.id, "W. Europe Standard Time")
    await quiet_world.opened(onlooker.chat, onlooker.maria, onlooker.reader)

    wanted = {
        f"{NAMESPACE}.job_title": "Hatter",
        f"{NAMESPACE}.department": "Tea",
        "m.tz": "Europe/Berlin",
    }
    await onlooker.sees(onlooker.maria.id, **wanted)
    await quiet_world.stop()
    quiet_world.check_log()


async def test_no_more_than_name_and_picture_is_shown_otherwise(
    world: World, directory: PeopleClient
) -> None:
    onlooker = await Onlooker.of(world)
    await directory.set_profile(onlooker.maria.id, jobTitle="Hatter", department="Tea")
    await directory.set_photo(onlooker.maria.id, seed=1)
    await world.opened(onlooker.chat, onlooker.maria, onlooker.reader)

    await onlooker.picture_of(onlooker.maria.id)

    assert (await onlooker.profile(onlooker.maria.id)).keys() == {"displayname", "avatar_url"}
