"""Pictures and files of Teams, at home in Matrix: really to be had from the homeserver."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import aiohttp
from PIL import Image as Picture

from bridge.sandbox.people import MatrixPerson, Said
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_files import CHAT_FILES, File, FilesClient, OneDrive
from bridge.sandbox.tenant.client_teams import TeamsClient
from tests.kit.e2e_channels import scene_of
from tests.kit.e2e_world import ARRIVAL, World, eventually

MB = 1024 * 1024
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(2_000)
M4A = b"\x00\x00\x00\x18ftypM4A " + bytes(2_000)
PDF = b"%PDF-1.7 two cups of tea, please"


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Picture.radial_gradient("L").resize((width, height)).save(out, kind)
    return out.getvalue()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Gallery:
    """A chat with somebody who looks at it in Matrix."""

    def __init__(self, world: World, reader: MatrixPerson, chat: str, room: str) -> None:
        self.world = world
        self.reader = reader
        self.chat = chat
        self.room = room
        self.files = FilesClient(world.tenant)

    @classmethod
    async def open(cls, world: World, maria: Person, *others: Person) -> Gallery:
        reader = await world.signed_in("maria", maria)
        people = [maria.id, *(other.id for other in others)]
        chat = await world.tenant.create_chat("group", people, topic="Gallery")
        return cls(world, reader, chat, await world.opened(chat, others[0], reader))

    async def show(self, who: Person, *files: File, before: str = "", after: str = "") -> str:
        """Send files as the Teams client does: marks in the text, and attachments."""
        content = before + "".join(file.mark for file in files) + after
        attachments = [file.attachment for file in files]
        return await self.world.tenant.type(
            self.chat, who.id, content or "<p></p>", attachments=attachments
        )

    async def seen(self, count: int) -> list[Said]:
        """Return what has arrived after the first message, once it is so many events."""

        def arrived() -> list[Said]:
            return self.reader.rooms[self.room][1:]

        await self.until(lambda: len(arrived()) >= count, f"{count} events")
        assert len(arrived()) == count
        return arrived()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        await self.reader.wait_for(condition, ARRIVAL, what)

    async def download(self, uri: str) -> tuple[str, bytes]:
        media = uri.removeprefix("mxc://")
        url = f"{self.reader.homeserver}/_matrix/client/v1/media/download/{media}"
        headers = {"Authorization": f"Bearer {self.reader.access_token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            assert answer.status == 200, await answer.text()
            return answer.headers["Content-Type"], await answer.read()

    async def bytes_of(self, said: Said) -> bytes:
        return (await self.download(said.content["url"]))[1]


def shape(said: Said) -> tuple[str, str]:
    return said.content["msgtype"], said.body


def losses(world: World) -> dict[str, float]:
    found = {}
    for name in ("file_too_large", "file_unreadable", "external_image"):
        found[name] = world.bridge.metric("teams_bridge_losses_total", side="teams", what=name)
    return {name: count for name, count in found.items() if count}


async def test_pictures_and_text_arrive_in_their_order(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    large = picture(1_600, 1_200)

    await kinds.say(
        world.tenant, gallery.chat, "inline_image", user=tom.id, count=2, data=in_base64(large),
        text="<p>Look at <b>these</b>:</p>", below="<p>Which one?</p>",
    )  # fmt: skip

    shown = await gallery.seen(4)
    assert [shape(said) for said in shown] == [
        ("m.text", "Look at these:"),
        ("m.image", "image.png"),
        ("m.image", "image.png"),
        ("m.text", "Which one?"),
    ]
    assert shown[0].html == "Look at <strong>these</strong>:"
    info = shown[1].content["info"]
    assert (info["w"], info["h"], info["size"]) == (1_600, 1_200, len(large))
    assert info["is_animated"] is False
    assert await gallery.download(shown[1].content["url"]) == ("image/png", large)
    kind, small = await gallery.download(info["thumbnail_url"])
    assert (kind, Picture.open(BytesIO(small)).size) == ("image/jpeg", (800, 600))
    assert shown[1].content["url"] == shown[2].content["url"]  # The same bytes, sent once.
    assert losses(world) == {}


async def test_a_picture_with_words_below_it_has_a_caption(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    frames = [Picture.new("RGB", (40, 30), (shade, 0, 0)) for shade in (0, 99, 200)]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])

    await kinds.say(
        world.tenant, gallery.chat, "inline_image", user=tom.id, data=in_base64(out.getvalue()),
        content_type="image/gif", below="<p>it <i>moves</i></p>",
    )  # fmt: skip

    (said,) = await gallery.seen(1)
    assert said.content["msgtype"] == "m.image"
    assert (said.content["filename"], said.body) == ("image.gif", "it moves")
    assert said.html == "it <em>moves</em>"
    assert said.content["info"]["is_animated"] is True
    assert "thumbnail_url" not in said.content["info"]


async def test_an_emoji_of_the_organisation_is_in_its_line(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)

    await kinds.say(world.tenant, gallery.chat, "custom_emoji", user=tom.id, name="parrot")

    (said,) = await gallery.seen(1)
    assert shape(said) == ("m.text", ":parrot:")
    uri = str(said.html).partition('src="')[2].partition('"')[0]
    assert (await gallery.download(uri))[0] == "image/png"


async def test_files_of_onedrive_and_sharepoint_are_copied(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    team = await TeamsClient(world.tenant).create_team("Tea", owners=[maria.id], members=[tom.id])
    own = await gallery.files.put(OneDrive(tom.id), f"{CHAT_FILES}/tea & milk #1.pdf", PDF)
    of_team = await gallery.files.put(team.general, "list.txt", b"milk, sugar")

    await gallery.show(tom, own, of_team, before="<p>Both lists:</p>")

    text, first, second = await gallery.seen(3)
    assert shape(text) == ("m.text", "Both lists:")
    assert shape(first) == ("m.file", "tea & milk #1.pdf")
    assert first.content["info"] == {"mimetype": "application/pdf", "size": len(PDF)}
    assert await gallery.bytes_of(first) == PDF
    assert shape(second) == ("m.file", "list.txt")
    assert await gallery.bytes_of(second) == b"milk, sugar"
    assert losses(world) == {}


async def test_film_sound_and_voice_messages_are_what_they_are(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    drive = OneDrive(tom.id)
    film = await gallery.files.put(
        drive, "clip.mp4", MP4, facets={"video": {"width": 640, "height": 360, "duration": 1_500}}
    )
    voice = await gallery.files.put(
        drive, "Voice message.m4a", M4A, facets={"audio": {"duration": 700}}
    )

    await gallery.show(tom, film, after="<p>watch this</p>")
    await gallery.show(tom, voice)
    await kinds.say(world.tenant, gallery.chat, "hosted_video", user=tom.id, data=in_base64(MP4))

    first, second, third = await gallery.seen(3)
    assert shape(first) == ("m.video", "watch this")
    assert first.content["filename"] == "clip.mp4"
    assert first.content["info"] == {
        "mimetype": "video/mp4", "size": len(MP4), "w": 640, "h": 360, "duration": 1_500,
    }  # fmt: skip
    assert shape(second) == ("m.audio", "Voice message.m4a")
    assert second.content["org.matrix.msc3245.voice"] == {}
    assert second.content["org.matrix.msc1767.audio"] == {"duration": 700}
    assert third.content["msgtype"] == "m.video"
    assert await gallery.bytes_of(third) == MP4


async def test_what_is_not_copied_is_a_link_and_holds_nothing_up(quiet_world: World) -> None:
    world = quiet_world
    world.reconfigure(media_size_max_mb=1)
    await world.start()
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    large = await gallery.files.make(OneDrive(tom.id), "film.mp4", 3 * MB)
    of_maria = await gallery.files.put(OneDrive(maria.id), "diary.txt", b"dear diary")

    await gallery.show(tom, large)
    await gallery.show(tom, of_maria)
    await kinds.say(world.tenant, gallery.chat, "gif", user=tom.id)
    await world.say(gallery.chat, tom, "and a word")

    first, second, third, fourth = await gallery.seen(4)
    assert shape(first) == ("m.text", f"[video: film.mp4, 3.1 MB] ({large.dav_url})")
    assert f'href="{large.dav_url}"' in str(first.html)
    assert shape(second) == ("m.text", f"[attachment: diary.txt] ({of_maria.dav_url})")
    assert "giphy" in third.body
    assert shape(fourth) == ("m.text", "and a word")
    assert losses(world) == {"file_too_large": 1, "file_unreadable": 1, "external_image": 1}
    assert world.bridge.metric("teams_bridge_parked_total", side="matrix", what="delivery") == 0
    await world.stop()
    world.check_log()


async def test_a_picture_that_was_deleted_before_it_was_read_is_its_name(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    await world.tenant.add_fault("/hostedContents/", status=404, times=1)

    await kinds.say(world.tenant, gallery.chat, "inline_image", user=tom.id)
    await world.say(gallery.chat, tom, "gone?")

    assert [shape(said) for said in await gallery.seen(2)] == [
        ("m.text", "[image: image]"),
        ("m.text", "gone?"),
    ]


async def test_a_file_that_cannot_be_had_now_is_waited_for_in_its_place(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    file = await gallery.files.put(OneDrive(tom.id), "tea.pdf", PDF)
    await world.tenant.add_fault("/_files/", status=503, times=2, retry_after_seconds=1)

    await gallery.show(tom, file)
    await world.say(gallery.chat, tom, "after it")

    assert [shape(said) for said in await gallery.seen(2)] == [
        ("m.file", "tea.pdf"),
        ("m.text", "after it"),
    ]


async def test_an_edit_takes_a_picture_away_and_copies_nothing_again(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    message = await kinds.say(
        world.tenant, gallery.chat, "inline_image", user=tom.id, count=2,
        text="<p>two:</p>", below="<p>fine</p>",
    )  # fmt: skip
    before = await gallery.seen(4)
    html = await html_of(world, gallery.chat, message)
    copied = world.bridge.metric("teams_bridge_media_total", outcome="copied")

    kept, _, rest = html.partition("<p><img")
    first_picture = rest.partition("</p>")[2]
    await world.tenant.edit(gallery.chat, message, kept.replace("two", "one") + first_picture)

    def edited() -> list[dict[str, Any]]:
        said = gallery.reader.rooms[gallery.room]
        return [s.content["m.new_content"] for s in said if "m.new_content" in s.content]

    await gallery.until(lambda: len(edited()) >= 3, "the edit")
    await world.at_rest()
    assert [content["msgtype"] for content in edited()] == ["m.text", "m.image", "m.text"]
    assert [content["body"] for content in edited()] == ["one:", "image.png", "fine"]
    assert edited()[1]["url"] == before[2].content["url"]
    left = [said.id for said in await gallery.reader.history(gallery.room)]
    assert before[3].id not in left
    assert {before[0].id, before[1].id, before[2].id} <= set(left)
    assert world.bridge.metric("teams_bridge_media_total", outcome="copied") == copied


async def test_a_bridge_that_dies_while_it_copies_shows_the_file_once(quiet_world: World) -> None:
    world = quiet_world
    await world.start()
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    gallery = await Gallery.open(world, maria, tom)
    file = await gallery.files.make(OneDrive(tom.id), "film.bin", 5 * MB)
    await world.tenant.add_fault("/_files/", kind="hang", hold_seconds=60, times=1)
    await gallery.show(tom, file)
    await world.say(gallery.chat, tom, "after it")
    await eventually(lambda: was_asked_for(world, "/root:/"), "the file to be looked up")

    await world.kill()
    await world.let_leases_run_out()
    await world.start()

    shown = await gallery.seen(2)
    await world.at_rest()
    assert [shape(said) for said in shown] == [("m.file", "film.bin"), ("m.text", "after it")]
    assert len(await gallery.bytes_of(shown[0])) == 5 * MB
    assert len(await gallery.reader.history(gallery.room)) == 3
    await world.stop()


async def was_asked_for(world: World, path: str) -> bool:
    return any(path in str(request["path"]) for request in await world.tenant.requests())


async def test_pictures_and_files_of_a_channel_stand_in_its_threads(world: World) -> None:
    scene = await scene_of(world)
    files = FilesClient(world.tenant)
    post = await scene.type("the post")
    root = await scene.find("the post")
    file = await files.put(scene.at, "tea.pdf", PDF)
    at = (scene.at.team, scene.at.channel)

    await kinds.say(
        world.tenant, at, "inline_image", user=scene.tom.id, reply_to=post,
        data=in_base64(picture(900, 900)), text="<p>a picture</p>",
    )  # fmt: skip
    await scene.teams.type(
        scene.at, scene.tom.id, file.mark, reply_to=post, attachments=[file.attachment]
    )

    events = [await scene.find(body) for body in ("a picture", "image.png", "tea.pdf")]
    assert [said.content["msgtype"] for said in events] == ["m.text", "m.image", "m.file"]
    for said in events:
        assert said.content["m.relates_to"]["rel_type"] == "m.thread"
        assert said.content["m.relates_to"]["event_id"] == root.id
    assert losses(world) == {}


async def html_of(world: World, chat: str, message: str) -> str:
    found = next(m for m in await world.messages(chat) if m["id"] == message)
    return str(found["body"]["content"])
