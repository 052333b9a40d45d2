"""Files and pictures of the simulated tenant, and who may have them read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bridge.domain.content import Attachment, Image, walk
from bridge.domain.events import Person, Sighting
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TenantId,
    channel_place,
)
from bridge.errors import NotCopied, Refused, Throttled, Unavailable
from bridge.ports import Found, Wanted
from bridge.sandbox.installation import APPLICATION_PERMISSIONS
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person as User
from bridge.sandbox.tenant.client_files import CHAT_FILES, File, FilesClient, OneDrive
from bridge.sandbox.tenant.client_signin import revoke_consent
from bridge.sandbox.tenant.client_teams import Place as ChannelHandle, TeamHandle, TeamsClient
from bridge.sandbox.tls import Certificates
from bridge.teams.attachments import read
from tests.contract.test_endpoint_teams import World, kept, make_world

TEA = b"two cups of tea, please"
GB = 1024**3


@dataclass
class Library:
    """A tenant with people, a team and a chat, and files to show."""

    world: World
    files: FilesClient
    teams: TeamsClient
    alice: User
    bob: User
    carol: User
    chat: str
    team: TeamHandle

    @property
    def place(self) -> Place:
        return self.world.place(self.chat)

    def channel(self, handle: ChannelHandle) -> Place:
        channel = Channel(team=TeamId(handle.team), channel=ChannelId(handle.channel))
        return channel_place(TenantId(self.world.teams.tenant_id), channel)

    async def look_up(self, url: str, who: User, place: Place | None = None) -> Found:
        wanted = Wanted(url=url, place=place or self.place, author=Person(id=who.id))
        return await self.world.side.media.look_up(wanted)

    async def read(self, url: str, who: User, place: Place | None = None) -> bytes:
        found = await self.look_up(url, who, place)
        async with self.world.side.media.open(found) as stream:
            data = b"".join([piece async for piece in stream.pieces])
        assert stream.size == len(data)
        return data

    async def is_left(self, url: str, who: User, place: Place | None = None) -> str:
        with pytest.raises(NotCopied) as caught:
            await self.read(url, who, place)
        assert caught.value.loss == "file_unreadable"
        return str(caught.value)

    async def put(self, name: str = "tea list.txt", who: User | None = None) -> File:
        owner = OneDrive((who or self.alice).id)
        return await self.files.put(owner, f"{CHAT_FILES}/{name}", TEA)


@pytest.fixture
async def library(certificates: Certificates) -> AsyncIterator[Library]:
    async with make_world(certificates) as world:
        alice, bob, carol = await world.tenant.add_users("Alice", "Bob", "Carol")
        teams = TeamsClient(world.tenant)
        team = await teams.create_team("Tea party", owners=[alice.id], members=[bob.id])
        chat = await world.tenant.create_chat("group", [alice.id, bob.id, carol.id], topic="Tea")
        files = FilesClient(world.tenant)
        yield Library(world, files, teams, alice, bob, carol, chat, team)


def url_of(file: File) -> str:
    """The address of a file as the bridge has it from a message."""
    (block,) = read({"attachments": [file.attachment]}).blocks.values()
    assert isinstance(block, Attachment)
    return block.url


# --- pictures in the message itself ---


async def test_the_picture_of_a_message_is_read(library: Library) -> None:
    world = library.world
    async with kept(world):
        await kinds.say(world.tenant, library.chat, "inline_image", user=library.bob.id)
        entry = await world.links.next_entry()
        (sighting,) = (await world.side.endpoint.take_in(entry)).sightings
    assert isinstance(sighting, Sighting)
    (image,) = [n for n in walk(sighting.body) if isinstance(n, Image)]

    data = await library.read(image.url, library.bob)

    assert data.startswith(b"\x89PNG")
    other = await world.tenant.create_chat("group", [library.bob.id, library.carol.id], topic="x")
    assert "no picture of this conversation" in await library.is_left(
        image.url, library.bob, world.place(other)
    )


async def test_the_picture_of_a_post_and_of_a_reply_is_read(library: Library) -> None:
    world, general = library.world, library.team.general
    at, place = (general.team, general.channel), library.channel(general)
    post = await kinds.say(world.tenant, at, "inline_image", user=library.bob.id)
    await kinds.say(world.tenant, at, "inline_image", user=library.alice.id, reply_to=post)

    for message in await library.teams.messages(general):
        if message["messageType"] == "message":
            body = message["body"]
            assert isinstance(body, dict)
            url = str(body["content"]).partition('src="')[2].partition('"')[0]
            assert (await library.read(url, library.bob, place)).startswith(b"\x89PNG")
            await library.is_left(url, library.bob)


async def test_another_path_of_graph_is_not_read_for_a_message(library: Library) -> None:
    base = library.world.teams.graph_url

    for path in (f"/v1.0/users/{library.bob.id}/photo/$value", "/_control/tenants", "/v1.0/users"):
        await library.is_left(f"{base}{path}", library.alice)


# --- files ---


async def test_a_file_of_one_s_own_onedrive_is_read(library: Library) -> None:
    file = await library.put("tea & milk #1 ü.txt")

    found = await library.look_up(url_of(file), library.alice)

    assert (found.name, found.size) == ("tea & milk #1 ü.txt", len(TEA))
    assert found.mimetype == "text/plain"
    assert await library.read(url_of(file), library.alice) == TEA


async def test_a_file_that_was_changed_is_another_version(library: Library) -> None:
    first = await library.look_up(url_of(await library.put()), library.alice)
    again = await library.look_up(url_of(await library.put()), library.alice)
    owner = OneDrive(library.alice.id)
    file = await library.files.put(owner, f"{CHAT_FILES}/tea list.txt", b"milk", conflict="replace")
    changed = await library.look_up(url_of(file), library.alice)

    assert first.version
    assert len({first.version, again.version, changed.version}) == 3


async def test_a_file_of_somebody_else_is_left_to_its_address(library: Library) -> None:
    """Whoever writes a message through Graph can name any address in it."""
    file = await library.put(who=library.carol)

    await library.is_left(url_of(file), library.alice)
    await library.is_left(url_of(file), library.bob)
    assert await library.read(url_of(file), library.carol) == TEA


async def test_a_link_to_one_s_own_file_is_read(library: Library) -> None:
    await library.put()
    link = await library.files.link(OneDrive(library.alice.id), f"{CHAT_FILES}/tea list.txt")

    assert await library.read(link, library.alice) == TEA
    await library.is_left(link, library.bob)


async def test_a_file_of_the_channel_is_read_whoever_shows_it(library: Library) -> None:
    general = library.team.general
    file = await library.files.put(general, "list.txt", TEA)

    assert await library.read(url_of(file), library.carol, library.channel(general)) == TEA


async def test_a_file_of_a_team_is_read_for_its_members_in_a_chat(library: Library) -> None:
    file = await library.files.put(library.team.general, "list.txt", TEA)

    assert await library.read(url_of(file), library.bob) == TEA
    await library.is_left(url_of(file), library.carol)


async def test_a_file_of_a_private_channel_is_read_in_that_channel_alone(library: Library) -> None:
    private = await library.teams.create_channel(
        library.team.id, "Secret", membership="private", owners=[library.alice.id]
    )
    file = await library.files.put(private, "plan.txt", TEA)

    assert await library.read(url_of(file), library.alice, library.channel(private)) == TEA
    general = library.channel(library.team.general)
    await library.is_left(url_of(file), library.bob)
    await library.is_left(url_of(file), library.bob, general)


async def test_a_file_that_is_gone_is_left(library: Library) -> None:
    file = await library.put()
    await library.files.delete(OneDrive(library.alice.id), f"{CHAT_FILES}/tea list.txt")

    await library.is_left(url_of(file), library.alice)


async def test_a_folder_is_no_file(library: Library) -> None:
    url = url_of(await library.put()).rpartition("/")[0]

    await library.is_left(url, library.alice)


async def test_somebody_without_onedrive_shows_no_file(library: Library) -> None:
    url = url_of(await library.put())
    await library.files.license(library.alice.id, licensed=False)

    await library.is_left(url, library.alice)


async def test_without_the_permission_files_are_left_and_the_operator_is_told(
    library: Library,
) -> None:
    world = library.world
    await revoke_consent(
        world.tenant, world.teams.client_id, roles=["Files.Read.All", "Sites.Read.All"]
    )
    url = url_of(await library.put())

    await library.is_left(url, library.alice)

    assert world.watch.is_away("files")
    before = len(await world.tenant.requests())
    await library.is_left(url, library.alice)
    assert len(await world.tenant.requests()) == before


async def test_without_the_permission_for_sites_only_those_of_other_teams_are_left(
    library: Library,
) -> None:
    world = library.world
    await revoke_consent(world.tenant, world.teams.client_id, roles=["Sites.Read.All"])
    own = url_of(await library.put())
    of_team = url_of(await library.files.put(library.team.general, "list.txt", TEA))

    assert await library.read(own, library.alice) == TEA
    general = library.channel(library.team.general)
    assert await library.read(of_team, library.bob, general) == TEA
    await library.is_left(of_team, library.bob)
    assert world.watch.is_away("files of other teams")
    assert not world.watch.is_away("files")


async def test_files_need_no_permission_to_write(library: Library) -> None:
    assert not [name for name in APPLICATION_PERMISSIONS if "Write" in name]
    assert await library.read(url_of(await library.put()), library.alice) == TEA


async def test_a_download_is_asked_for_without_a_token(library: Library) -> None:
    await library.world.tenant.change_settings(download_url_refuses_bearer=True)

    assert await library.read(url_of(await library.put()), library.alice) == TEA


async def test_a_transfer_that_is_cut_is_tried_again(library: Library) -> None:
    file = await library.files.make(OneDrive(library.alice.id), "film.mp4", 5_000_000)
    await library.files.cut("download", after_bytes=1_000_000)

    with pytest.raises(Refused) as caught:
        await library.read(url_of(file), library.alice)

    assert not isinstance(caught.value, Throttled | Unavailable)
    assert len(await library.read(url_of(file), library.alice)) == 5_000_000


async def test_a_gigabyte_is_told_before_it_is_read(library: Library) -> None:
    file = await library.files.make(OneDrive(library.alice.id), "film.mp4", GB)

    found = await library.look_up(url_of(file), library.alice)
    async with library.world.side.media.open(found) as stream:
        first = await anext(stream.pieces)

    assert found.size == stream.size == GB
    assert first


async def test_throttling_is_obeyed(library: Library) -> None:
    url = url_of(await library.put())
    await library.world.tenant.add_fault("/_files", status=429, retry_after_seconds=17)

    with pytest.raises(Throttled) as caught:
        await library.read(url, library.alice)

    assert caught.value.retry_after.total_seconds() == 17


async def test_a_file_of_another_place_is_never_asked_for(library: Library) -> None:
    place = Place(tenant=TenantId(library.world.teams.tenant_id), conversation=ConversationId("x"))

    for url in (
        "https://evil.test/a",
        "https://contoso.sharepoint.com@evil.test/",
        "mxc://a/b",
        "",
    ):
        await library.is_left(url, library.alice, place)
