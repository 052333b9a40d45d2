"""Pictures and files of Matrix in Teams: said by who sent them, and to be opened by who may."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import quote

import aiohttp

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_files import CHAT_FILES, FilesClient, Kept
from bridge.sandbox.tenant.client_signin import revoke_consent
from tests.e2e.test_pictures_and_files import M4A, MB, MP4, PDF, picture
from tests.e2e.test_sender_knows import Writer, writer as writer
from tests.kit.e2e_channels import scene_of
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]
OGG = b"OggS" + bytes(2_000)
GIF = picture(40, 30, "GIF")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def put(person: MatrixPerson, data: bytes, mimetype: str) -> str:
    """Upload as a client does; return the mxc: address."""
    url = f"{person.homeserver}/_matrix/media/v3/upload"
    headers = {"Authorization": f"Bearer {person.access_token}", "Content-Type": mimetype}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, data=BytesIO(data)) as answer,
    ):
        return str((await answer.json())["content_uri"])


@dataclass(kw_only=True)
class Room:
    """Maria in Matrix, Tom in Teams, Eve elsewhere in the organisation, in a chat of three with Anna."""

    world: World
    chat: str
    maria: Person
    tom: Person
    anna: Person
    eve: Person
    person: MatrixPerson
    room: str

    @classmethod
    async def open(cls, world: World) -> Room:
        people = await world.tenant.add_users("Maria Rossi", "Tom Novák", "Anna Berg", "Eve Out")
        maria, tom, anna, eve = people
        person = await world.signed_in("maria", maria)
        members = [maria.id, tom.id, anna.id]
        chat = await world.tenant.create_chat("group", members, topic="Files")
        room = await world.opened(chat, tom, person)
        return cls(
            world=world, chat=chat, maria=maria, tom=tom, anna=anna, eve=eve, person=person, room=room
        )  # fmt: skip

    async def show(
        self, msgtype: str, data: bytes, mimetype: str, body: str, **more: object
    ) -> str:
        uri = await put(self.person, data, mimetype)
        # What is said of it is wrong: nobody may believe it.
        info = {"size": 7, "mimetype": "text/plain", "w": 1, "h": 1}
        return await self.person.say(self.room, body, msgtype=msgtype, url=uri, info=info, **more)

    async def said(self, count: int = 1) -> list[Json]:
        """Return what Maria has said in Teams, once it is so many messages."""
        found: list[Json] = []

        async def is_there() -> bool:
            every = await self.world.messages(self.chat)
            found[:] = [m for m in every if m["from"]["user"]["id"] == self.maria.id]
            return len(found) >= count

        await eventually(is_there, f"{count} messages of Maria")
        assert len(found) == count, [text_of(m) for m in found]
        return found

    async def kept(self) -> list[Kept]:
        return await FilesClient(self.world.tenant).kept()

    async def comes_back_as_echo(self) -> None:
        """Nothing of what Maria has sent is in the room twice."""
        before = [said.sender for said in await self.person.history(self.room)]
        await self.world.at_rest()
        after = [said.sender for said in await self.person.history(self.room)]
        assert after == before


def sources(message: Json) -> list[str]:
    found = re.findall(r'<img [^>]*src="([^"]+)"', message["body"]["content"])
    return [unescape(one) for one in found]


async def pictures(room: Room, message: Json) -> list[str]:
    """Return the digests of the pictures that a message shows in its text."""
    got: list[str] = []
    for address in sources(message):
        path = address.split("/v1.0", 1)[1]
        got.append(sha256(await graph_bytes(room.world, path)))
    return got


async def graph_bytes(world: World, path: str) -> bytes:
    """Read as an app of the tenant may."""
    wired = world.bridge.wiring
    trust = world.certificates.client_context()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        form = {
            "grant_type": "client_credentials",
            "client_id": wired.client_id,
            "client_secret": wired.client_secret,
            "scope": "https://graph.microsoft.com/.default",
        }
        login = f"{wired.login_url}/{wired.tenant_id}/oauth2/v2.0/token"
        async with session.post(login, data=form) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(f"{wired.graph_url}/v1.0{path}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()


def files_of(message: Json) -> list[tuple[str, str]]:
    return [(one["contentType"], one["name"]) for one in message["attachments"]]


async def test_a_picture_with_a_caption_stands_in_its_message(world: World) -> None:
    room = await Room.open(world)
    large = picture(800, 600)

    await room.show("m.image", large, "image/png", "our <tea>", filename="tea.png")

    (message,) = await room.said()
    assert text_of(message) == "our <tea>"
    assert await pictures(room, message) == [sha256(large)]
    assert 'alt="tea.png"' in message["body"]["content"]
    assert message["attachments"] == []
    await room.comes_back_as_echo()


async def test_pictures_and_emoticons_stand_in_the_text(world: World) -> None:
    room = await Room.open(world)
    one, two = picture(60, 40), picture(50, 50, "JPEG")
    first, second = (
        await put(room.person, one, "image/png"),
        await put(room.person, two, "image/jpeg"),
    )
    html = (
        f'<p>before <img src="{first}" alt="one"> between</p><p><img src="{second}" alt="two"></p>'
        f'<p>after <img data-mx-emoticon src="{first}" alt=":tea:" height="32"></p>'
    )

    await room.person.say(
        room.room, "pictures", format="org.matrix.custom.html", formatted_body=html
    )  # fmt: skip

    (message,) = await room.said()
    assert await pictures(room, message) == [sha256(one), sha256(two), sha256(one)]
    content = re.sub(r"<img [^>]*>", "▣", message["body"]["content"])
    words = re.sub(r"<[^>]*>|&nbsp;|\s", "", content)
    assert words == "before▣between▣after▣"
    await room.comes_back_as_echo()


async def test_a_sticker_and_a_gif_are_pictures(world: World) -> None:
    room = await Room.open(world)
    sticker = picture(128, 128)
    uri = await put(room.person, sticker, "image/png")
    path = f"rooms/{quote(room.room)}/send/m.sticker/{secrets.token_hex(8)}"
    await room.person.call("PUT", path, {"body": "a cat", "url": uri, "info": {}})
    await room.show("m.image", GIF, "image/gif", "cat.gif")

    first, second = await room.said(2)
    assert await pictures(room, first) == [sha256(sticker)]
    assert 'alt="a cat"' in first["body"]["content"]
    assert await pictures(room, second) == [sha256(GIF)]


async def test_a_file_of_five_megabytes_is_for_the_members_of_the_chat(world: World) -> None:
    room = await Room.open(world)
    data = secrets.token_bytes(5 * MB + 12_345)

    await room.show("m.file", data, "application/x-thing", "plan: a/b?.bin")

    (message,) = await room.said()
    (attachment,) = message["attachments"]
    (kept,) = await room.kept()
    assert files_of(message) == [("reference", "b?.bin")]
    assert f'<attachment id="{attachment["id"]}"></attachment>' in message["body"]["content"]
    assert attachment["id"].lower() == kept.guid.lower()
    assert attachment["contentUrl"] == kept.dav_url
    assert (kept.size, kept.sha256) == (len(data), sha256(data))
    assert kept.path == f"{CHAT_FILES}/{kept.name}"
    assert re.fullmatch(r"b_ \([a-z2-7]{8}\)\.bin", kept.name)
    assert kept.readers == {room.maria.id, room.tom.id, room.anna.id}
    assert kept.writers == {room.maria.id}
    await room.comes_back_as_echo()


async def test_voice_film_sound_and_empty_files_are_files(world: World) -> None:
    room = await Room.open(world)
    voice: Json = {"org.matrix.msc3245.voice": {}}

    await room.show("m.audio", OGG, "audio/ogg", "Voice message", **voice)
    await room.show("m.video", MP4, "video/mp4", "the garden", filename="garden.mp4")
    await room.show("m.audio", M4A, "audio/mp4", "song.m4a")
    await room.show("m.file", b"", "text/plain", "empty.txt")

    messages = await room.said(4)
    assert [files_of(message) for message in messages] == [
        [("reference", "Voice message.ogg")],
        [("reference", "garden.mp4")],
        [("reference", "song.m4a")],
        [("reference", "empty.txt")],
    ]
    assert text_of(messages[1]) == "the garden"
    assert sorted(one.size for one in await room.kept()) == sorted(
        [len(OGG), len(MP4), len(M4A), 0]
    )


async def test_a_file_to_a_channel_lies_in_its_folder(world: World) -> None:
    scene = await scene_of(world)
    uri = await put(scene.person, PDF, "application/pdf")

    await scene.person.say(
        scene.room, "the roses", msgtype="m.file", url=uri, filename="roses.pdf"
    )  # fmt: skip

    post = await scene.find_in_teams("the roses")
    assert files_of(post) == [("reference", "roses.pdf")]
    (kept,) = await FilesClient(world.tenant).kept()
    assert kept.path.split("/")[0] == "General"
    assert kept.readers == {scene.maria.id, scene.tom.id}
    assert kept.sha256 == sha256(PDF)


async def test_a_picture_that_is_too_large_for_the_text_is_a_file(world: World) -> None:
    room = await Room.open(world)
    large = picture(20, 20) + secrets.token_bytes(3 * MB)

    await room.show("m.image", large, "image/png", "wall.png")

    (message,) = await room.said()
    assert files_of(message) == [("reference", "wall.png")]
    assert sources(message) == []


async def test_the_caption_is_edited_and_the_picture_stays_and_both_are_taken_back(
    world: World,
) -> None:
    room = await Room.open(world)
    shown = picture(80, 60)
    uri = await put(room.person, shown, "image/png")
    content = {"msgtype": "m.image", "url": uri, "filename": "tea.png"}
    event = await room.person.say(room.room, "two cups", **content)
    (message,) = await room.said()
    relation = {"rel_type": "m.replace", "event_id": event}
    new = {**content, "body": "three cups"}

    await room.person.say(
        room.room, "* three cups", **{"m.new_content": new, "m.relates_to": relation}
    )

    await world.read_in_teams(room.chat, "three cups")
    (edited,) = await room.said()
    assert edited["id"] == message["id"]
    assert await pictures(room, edited) == [sha256(shown)]

    file = await room.show("m.file", PDF, "application/pdf", "old words", filename="tea.pdf")
    await world.read_in_teams(room.chat, "old words")
    relation = {"rel_type": "m.replace", "event_id": file}
    new = {"msgtype": "m.file", "url": uri, "filename": "tea.pdf", "body": "new words"}
    await room.person.say(
        room.room, "* new words", **{"m.new_content": new, "m.relates_to": relation}
    )
    (with_file,) = await world.read_in_teams(room.chat, "new words")
    assert files_of(with_file) == [("reference", "tea.pdf")]

    for one in (event, file):
        path = f"rooms/{quote(room.room)}/redact/{quote(one)}/{secrets.token_hex(4)}"
        await room.person.call("PUT", path, {})

    async def both_are_gone() -> bool:
        return all(m["deletedDateTime"] for m in await room.said(2))

    await eventually(both_are_gone, "both to be taken back")
    assert len(await room.kept()) == 1  # As in Teams: the file stays its owner's.


async def test_a_bridge_that_dies_between_file_and_message_puts_it_there_once(world: World) -> None:
    room = await Room.open(world)
    await world.tenant.add_fault("/messages$", method="POST", status=503, times=2)
    await room.show("m.file", PDF, "application/pdf", "once.pdf")

    async def is_put() -> bool:
        return len(await room.kept()) == 1

    await eventually(is_put, "the file")
    await world.kill()
    await world.let_leases_run_out()
    await world.start()

    (message,) = await room.said()
    (kept,) = await room.kept()
    assert files_of(message) == [("reference", "once.pdf")]
    assert message["attachments"][0]["id"].lower() == kept.guid.lower()
    await room.comes_back_as_echo()


async def test_pieces_that_are_lost_are_sent_again(world: World) -> None:
    room = await Room.open(world)
    data = secrets.token_bytes(12 * MB)
    await FilesClient(world.tenant).cut("upload", after_bytes=2 * MB, times=2)

    await room.show("m.file", data, "application/zip", "data.bin")

    await room.said()
    (kept,) = await room.kept()
    assert kept.sha256 == sha256(data)


async def refusals(writer: Writer, *events: str) -> list[str]:
    """Return what the bot says, once it has said of all events that they will not arrive."""

    async def are_told() -> bool:
        told = [await writer.is_told(event, "FAIL_PERMANENT") for event in events]
        return all(told) and len(await writer.notices()) >= len(events)

    await eventually(are_told, "the refusal")
    return [notice["body"] for notice in await writer.notices()]


async def test_who_sends_what_cannot_be_had_is_told_so(writer: Writer) -> None:
    world = writer.world
    missing = f"mxc://{world.slot.homeserver.server_name}/{'x' * 24}"
    gone = await writer.maria.say(writer.room, "gone.png", msgtype="m.image", url=missing)
    key = {"url": missing, "key": {}, "iv": "", "hashes": {}, "v": "v2"}
    hidden = await writer.maria.say(writer.room, "secret.pdf", msgtype="m.file", file=key)
    text = await writer.maria.say(
        writer.room,
        "words",
        format="org.matrix.custom.html",
        formatted_body=f'words go on <img src="{missing}" alt="a picture">',
    )

    told = await refusals(writer, gone, hidden)
    await world.read_in_teams(writer.chat, "words go on [image: a picture]")
    assert await writer.statuses(text) == []
    assert [one.partition(". ")[0] for one in told] == [
        "Your message did not reach Teams: the file cannot be had from the homeserver",
        "Your message did not reach Teams: the file cannot be had from the homeserver",
    ]
    lost = world.bridge.metric("teams_bridge_losses_total", side="matrix", what="file_unreadable")
    assert lost == 1


async def test_a_file_above_the_limit_is_refused(quiet_world: World) -> None:
    quiet_world.reconfigure(media_size_max_mb=1)
    await quiet_world.start()
    writer = Writer(quiet_world)
    await writer.begin()
    uri = await put(writer.maria, bytes(2 * MB), "application/zip")
    info = {"size": 10}

    event = await writer.maria.say(writer.room, "a.bin", msgtype="m.file", url=uri, info=info)

    (notice,) = await refusals(writer, event)
    assert "too large" in notice
    assert await FilesClient(quiet_world.tenant).kept() == []


async def test_without_consent_to_files_the_sender_is_told_and_pictures_go_on(
    quiet_world: World,
) -> None:
    world = quiet_world
    scopes = ["Files.ReadWrite", "Files.ReadWrite.All"]
    await revoke_consent(world.tenant, world.bridge.wiring.client_id, scopes=scopes)
    await world.start()
    writer = Writer(world)
    await writer.begin()
    file = await put(writer.maria, PDF, "application/pdf")
    shown = await put(writer.maria, picture(30, 30), "image/png")

    refused = await writer.maria.say(writer.room, "a.pdf", msgtype="m.file", url=file)
    (notice,) = await refusals(writer, refused)
    await writer.maria.say(
        writer.room, "it goes on", msgtype="m.image", url=shown, filename="p.png"
    )

    await world.read_in_teams(writer.chat, "it goes on")
    assert "the bridge may not put files into Teams for you" in notice


async def test_who_has_no_onedrive_is_told_so(writer: Writer) -> None:
    maria = (await writer.world.tenant.users())[0]
    await FilesClient(writer.world.tenant).license(maria.id, licensed=False)
    uri = await put(writer.maria, PDF, "application/pdf")

    event = await writer.maria.say(writer.room, "a.pdf", msgtype="m.file", url=uri)

    (notice,) = await refusals(writer, event)
    assert "you have no OneDrive" in notice


async def test_a_message_that_is_refused_leaves_no_file_behind(writer: Writer) -> None:
    world = writer.world
    await world.tenant.add_fault("/messages$", method="POST", status=403, times=1)
    uri = await put(writer.maria, PDF, "application/pdf")

    event = await writer.maria.say(writer.room, "a.pdf", msgtype="m.file", url=uri)

    await refusals(writer, event)
    assert await FilesClient(world.tenant).kept() == []
    assert world.bridge.metric("teams_bridge_uploads_total", outcome="withdrawn") == 1


async def test_a_slow_upload_holds_up_nobody_else(world: World) -> None:
    room = await Room.open(world)
    other = await world.tenant.create_chat("group", [room.maria.id, room.tom.id], topic="Other")
    elsewhere = await world.opened(other, room.tom, room.person)
    await world.tenant.add_fault("uploadSession", method="PUT", status=503, times=3)
    await room.show("m.file", secrets.token_bytes(9 * MB), "application/zip", "slow.bin")

    await room.person.say(elsewhere, "not held up")

    await world.read_in_teams(other, "not held up")
    assert text_of((await room.said())[0]) == ""
