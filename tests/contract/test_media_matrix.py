"""Files and pictures on a real Synapse: taken as streams, and really to be had from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Picture

from bridge.domain.content import Attachment, Body, Image, MediaKind, Paragraph, Text, from_text
from bridge.domain.events import MessageEdited, MessageSent
from bridge.domain.ids import MessageRef, Side
from bridge.errors import NotCopied, Refused
from bridge.matrix.connection import open_connections
from bridge.matrix.downloading import Downloader
from bridge.matrix.saying import MARKER
from bridge.ports import Delivery, Far, FarPart, Found
from bridge.telemetry import Watch
from tests.contract.test_endpoint_matrix import (
    ANNA,
    PORTAL,
    Human,
    World,
    alice as alice,
    config_of,
    delivery,
    world_of,
)
from tests.kit.fake_media import File
from tests.kit.world import Slot
from tests.unit.matrix.books import NOW

URL = "https://x.sharepoint.test/tea"
MB = 1024 * 1024


@pytest.fixture
async def world(slot: Slot) -> AsyncIterator[World]:
    async with world_of(config_of(slot)) as made:
        await made.bot.prepare()
        yield made


def saying(*blocks: Any, source: str = "1700000000001", part: int = 0, parts: int = 1) -> Delivery:
    base = delivery("", source=source)
    assert isinstance(base.event, MessageSent)
    event = replace(base.event, body=Body(blocks=blocks), part=part, parts=parts)
    return replace(base, event=event)


def picture(kind: str = "PNG") -> bytes:
    out = BytesIO()
    Picture.effect_noise((1_600, 1_200), 40).save(out, kind)
    return out.getvalue()


async def seen(world: World, ref: MessageRef) -> dict[str, Any]:
    event = await world.client.event(world.books.rooms[PORTAL.id], ref)
    assert event is not None
    return dict(event["content"])


async def download(human: Human, uri: str) -> tuple[str, bytes]:
    base = human.base.removesuffix("/_matrix/client/v3")
    url = f"{base}/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}"
    async with human.session.get(url, headers=human.headers) as response:
        assert response.status == 200, await response.text()
        return response.headers["Content-Type"], await response.read()


async def test_a_picture_can_be_had_from_synapse_with_its_thumbnail(
    world: World, alice: Human
) -> None:
    data = picture()
    world.source.files[URL] = File(data=data)

    ref = await world.say(saying(Attachment(name="image", url=URL, kind=MediaKind.IMAGE)))

    content = await seen(world, ref)
    assert content["msgtype"] == "m.image"
    assert (content["info"]["w"], content["info"]["h"]) == (1_600, 1_200)
    assert content[MARKER]["message"] == "1700000000001"
    assert await download(alice, content["url"]) == ("image/png", data)
    kind, small = await download(alice, content["info"]["thumbnail_url"])
    assert kind == content["info"]["thumbnail_info"]["mimetype"] == "image/jpeg"
    assert len(small) == content["info"]["thumbnail_info"]["size"]
    assert Picture.open(BytesIO(small)).size == (800, 600)


async def test_a_file_of_many_megabytes_passes(world: World, alice: Human) -> None:
    data = b"%PDF-1.7" + bytes(20 * MB)
    world.source.files[URL] = File(data=data, found=Found(handle="", name="Tea & milk.pdf"))

    ref = await world.say(saying(Attachment(name="", url=URL), *from_text("the list").blocks))

    content = await seen(world, ref)
    assert content["msgtype"] == "m.file"
    assert (content["filename"], content["body"]) == ("Tea & milk.pdf", "the list")
    assert content["info"] == {"mimetype": "application/pdf", "size": len(data)}
    assert (await download(alice, content["url"]))[1] == data


async def test_an_empty_file_passes(world: World, alice: Human) -> None:
    world.source.files[URL] = File(data=b"")

    ref = await world.say(saying(Attachment(name="empty.txt", url=URL)))

    content = await seen(world, ref)
    assert content["msgtype"] == "m.file"
    assert (await download(alice, content["url"]))[1] == b""


async def test_more_than_synapse_takes_is_a_link(world: World) -> None:
    world.source.files[URL] = File(data=b"x", found=Found(handle="", size=60 * MB))
    file = Attachment(name="film.mp4", url=URL, page="https://x.sharepoint.test/page")

    content = await seen(world, await world.say(saying(file)))

    assert content["msgtype"] == "m.text"
    assert content["body"] == "[attachment: film.mp4, 63 MB] (https://x.sharepoint.test/page)"
    assert world.losses.names == ["file_too_large"]


async def test_a_message_said_twice_has_one_event_and_one_upload(world: World) -> None:
    world.source.files[URL] = File(data=b"tea")
    said = saying(Attachment(name="tea.txt", url=URL))

    first = await world.say(said)
    del world.source.files[URL]

    assert await world.say(replace(said, attempts=2)) == first


async def test_a_file_that_is_known_to_be_gone_holds_nothing_up(world: World) -> None:
    ref = await world.say(saying(Attachment(name="gone.txt", url=URL)))

    assert (await seen(world, ref))["body"] == "[attachment: gone.txt]"
    assert world.losses.names == ["file_unreadable"]


async def test_an_edit_may_make_a_picture_of_a_text_and_take_the_rest_away(world: World) -> None:
    world.source.files[URL] = File(data=picture())
    first = await world.say(saying(*from_text("one").blocks, parts=2))
    second = await world.say(
        saying(Attachment(name="p", url=URL, kind=MediaKind.IMAGE), part=1, parts=2)
    )
    edited = MessageEdited(
        target=MessageRef("1700000000001"),
        author=ANNA,
        version=saying().event.version,
        sent_at=NOW,
        body=Body(blocks=(Attachment(name="p", url=URL, kind=MediaKind.IMAGE),)),
    )
    far = Far(
        parts=tuple(
            FarPart(part=n, ref=ref, origin=Side.TEAMS, author=ANNA.id)
            for n, ref in enumerate((first, second))
        )
    )

    ref = await world.say(replace(saying(), event=edited, far=far))

    content = await seen(world, ref)
    assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": first}
    assert content["m.new_content"]["msgtype"] == "m.image"
    assert await seen(world, second) == {}
    assert len(world.source.opened) == 1


async def test_an_emoticon_is_uploaded_beside_its_text(world: World, alice: Human) -> None:
    out = BytesIO()
    Picture.new("RGB", (20, 20)).save(out, "GIF")
    world.source.files[URL] = File(data=out.getvalue())
    smile = Image(alt="parrot", url=URL, is_emoticon=True)

    ref = await world.say(saying(Paragraph(content=(Text(text="hi "), smile))))

    content = await seen(world, ref)
    assert content["msgtype"] == "m.text"
    (copy,) = {c.uri: c for c in world.copies.copies.values()}.values()
    assert (await download(alice, copy.uri))[0] == "image/gif"
    assert URL not in str(content)


async def put(human: Human, data: bytes, mimetype: str) -> str:
    base = human.base.removesuffix("/_matrix/client/v3")
    headers = {**human.headers, "Content-Type": mimetype}
    url = f"{base}/_matrix/media/v3/upload"
    async with human.session.post(url, headers=headers, data=BytesIO(data)) as response:
        return str((await response.json())["content_uri"])


async def test_what_people_upload_can_be_had_by_the_bridge(slot: Slot, alice: Human) -> None:
    data = picture()
    uri = await put(alice, data, "text/plain")
    config = config_of(slot)
    async with open_connections(config, Watch()) as connections:
        downloader = Downloader.of(config, connections, Watch())

        async with downloader.open(uri, "tea") as file:
            assert (file.size, file.mimetype, file.name) == (len(data), "image/png", "tea.png")
            assert await file.read(0, len(data)) == data
        for missing in ("x" * 24, "never-uploaded"):
            address = f"mxc://{config.homeserver.domain}/{missing}"
            with pytest.raises(NotCopied):
                async with downloader.open(address, ""):
                    pass
        # Nobody answers there: not now, and perhaps never.
        with pytest.raises(Refused):
            async with downloader.open("mxc://127.0.0.1:9/abc", ""):
                pass
