"""What the demo's page offers to say and do in Teams, and how the tenant is furnished for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import pytest

from bridge.sandbox.furnishing import Rooms, furnish, talk
from bridge.sandbox.showcase import PAGE, TYPES, policy
from bridge.sandbox.showcase_kinds import KINDS, Kind, offered
from bridge.sandbox.showcase_stage import Stage, spaced
from bridge.sandbox.showcase_teams import control_path, key_of, where_of
from bridge.sandbox.tenant.client import ControlError, ControlledTenant, Person, TenantControl
from bridge.sandbox.tenant.event_details import KINDS as EVENTS
from bridge.sandbox.tenant.kinds import MAKERS
from bridge.sandbox.tenant.server import TenantServer
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Chat

LINES_MAX = 400


@dataclass(frozen=True, kw_only=True)
class Office:
    """The demo's tenant: its people, one chat, the team."""

    control: ControlledTenant
    tenant: Tenant
    people: list[Person]
    rooms: Rooms
    chat: Chat

    def stage(self, place: Chat | Channel) -> Stage:
        return Stage(
            tenant=self.control,
            place=place,
            where=where_of(place),
            path=control_path(place),
            user=self.people[0].id,
            people=tuple(self.tenant.users),
            brought={},
        )

    def channel(self) -> Channel:
        general = self.rooms.general
        return self.tenant.channel(general.team, general.channel)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with TenantServer() as server, TenantControl(await server.start()) as client:
        control = await client.create_tenant()
        people = await control.add_users("Maria", "Jonas", "Aïcha", "Tom")
        rooms = await furnish(control, people)
        chat = await control.create_chat("group", [p.id for p in people], topic="Budget")
        tenant = cast("Tenant", server.realm.find(control.id))
        yield Office(
            control=control,
            tenant=tenant,
            people=people,
            rooms=rooms,
            chat=tenant.chats[chat],
        )


def test_every_kind_of_message_and_every_event_of_the_tenant_is_offered_somewhere() -> None:
    assert set(MAKERS) <= set(KINDS)
    assert {f"event {name}" for name in EVENTS} <= set(KINDS)
    everywhere = {*offered(is_channel=True), *offered(is_channel=False)}
    assert everywhere == set(KINDS.values())


@pytest.mark.parametrize("is_channel", [True, False])
async def test_everything_that_is_offered_can_be_played(office: Office, is_channel: bool) -> None:
    place = office.channel() if is_channel else office.chat
    stage = office.stage(place)
    played: list[Kind] = []
    for kind in offered(is_channel=is_channel):
        if kind.key == "unfurl":
            await stage.say("link")
        before = place.messages.kept()[-1:]
        await kind.play(stage)
        played.append(kind)
        assert place.messages.kept()[-1:] != before or kind.group == "Changes", kind.key

    assert len(played) > 60


async def test_what_needs_a_message_says_so_where_there_is_none(office: Office) -> None:
    with pytest.raises(ControlError, match="there is no message of yours here yet"):
        await KINDS["edit"].play(office.stage(office.chat))
    with pytest.raises(ControlError, match="everyone is here already"):
        await KINDS["add_member"].play(office.stage(office.chat))


async def test_files_are_put_where_the_others_can_read_them(office: Office) -> None:
    for place in (office.chat, office.channel()):
        await KINDS["file"].play(office.stage(place))
        attachment = place.messages.kept()[-1].content.attachments[0]
        assert attachment["name"] == "Programme 2027.pdf"
        assert attachment["contentType"] == "reference"


async def test_the_team_has_a_private_channel_faces_and_files(office: Office) -> None:
    await talk(office.control, office.rooms, office.people)

    personnel = office.tenant.channel(office.rooms.team.id, office.rooms.personnel.channel)
    assert set(personnel.people) == {office.people[0].id, office.people[1].id}
    photos = office.tenant.directory.photos
    assert [person.id in photos for person in office.people] == [True, True, True, False]
    assert office.rooms.team.id in photos
    programme = office.tenant.channel(office.rooms.team.id, office.rooms.programme.channel)
    posts = [m for m in programme.messages.kept() if m.event_detail is None]
    assert [post.reply_to for post in posts] == [None, posts[0].id, posts[0].id]
    assert [one["name"] for one in posts[0].content.attachments] == [
        "Programme 2027.md",
        "Budget.png",
    ]
    assert key_of(programme) == f"{office.rooms.team.id}/{programme.id}"


def test_the_policy_names_the_page_and_the_homeserver_and_nobody_else() -> None:
    rules = policy("http://127.0.0.1:8008").split("; ")

    sources = {word for rule in rules for word in rule.split(" ")[1:]}
    assert sources == {"'none'", "'self'", "blob:", "http://127.0.0.1:8008"}


def test_names_of_events_are_read_as_words() -> None:
    assert spaced("teamsAppInstalled") == "Teams app installed"


def test_no_module_of_the_page_outgrows_the_page_and_each_says_what_it_is() -> None:
    folders = [PAGE, *(found for found in PAGE.iterdir() if found.is_dir())]
    modules = [file for folder in folders for file in folder.iterdir() if file.is_file()]

    assert {module.name.rpartition(".")[2] for module in modules} == set(TYPES)
    for module in modules:
        lines = module.read_text().splitlines()
        assert len(lines) <= LINES_MAX, module.name
        if module.name.endswith((".js", ".css")):
            assert lines[0].startswith(("// ", "/* ")), module.name
