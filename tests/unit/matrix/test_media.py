"""Copying what messages refer to, to a homeserver that answers as a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from PIL import Image as Picture

from bridge.config import Config
from bridge.domain.content import Attachment, Body, Image, MediaKind, Paragraph
from bridge.domain.events import MessageSent, Person
from bridge.domain.ids import (
    ConversationId,
    DeliveryId,
    MediaUri,
    MessageRef,
    Place,
    PortalId,
    Side,
    TenantId,
    Version,
)
from bridge.domain.portal import Portal
from bridge.errors import Refused, Throttled, Unauthorized, Unavailable, Uncertain
from bridge.matrix import transfers
from bridge.matrix.connection import open_connections
from bridge.matrix.media import Copier
from bridge.matrix.showing import Left
from bridge.matrix.transfers import LARGE_BYTES, Places
from bridge.matrix.uploading import SIZE_MAX_AGE, Uploader
from bridge.ports import Copy, Delivery, Found
from bridge.telemetry import Watch
from tests.kit.fake_media import FakeGate, FakeMediaBook, FakeSource, File, Losses
from tests.unit.matrix.books import CONFIG, NOW, StillClock

ANNA = Person(id="a1b2c3d4-0000-4000-8000-000000000001", name="Anna Zhou")
PLACE = Place(tenant=TenantId("tenant"), conversation=ConversationId("19:abc@thread.v2"))
MB = 1024 * 1024
URL = "https://x.sharepoint.test/tea.pdf"
UPLOAD = "/_matrix/media/v3/upload"
MEDIA_CONFIG = "/_matrix/client/v1/media/config"
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Upload:
    name: str
    mimetype: str
    size: int
    body: bytes


@dataclass
class Homeserver:
    """Takes uploads; `instead` answers in its place, once each."""

    size_max: int | None = 50 * MB
    uploads: list[Upload] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    instead: list[Reply] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == UPLOAD:
            return await self._take(request)
        if request.path != MEDIA_CONFIG or self.size_max is None:
            return refused(404, "M_UNRECOGNIZED")
        return web.json_response({"m.upload.size": self.size_max})

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if self.instead:
            return await self.instead.pop(0)(request)
        body = await request.read()
        self.uploads.append(
            Upload(
                request.query["filename"],
                request.headers["Content-Type"],
                int(request.headers["Content-Length"]),
                body,
            )
        )
        uri = f"mxc://example.org/{len(self.uploads)}"
        return web.json_response({"content_uri": uri})


def refused(status: int, errcode: str, **more: object) -> web.Response:
    return web.json_response({"errcode": errcode, "error": "no", **more}, status=status)


def saying(status: int, errcode: str, **more: object) -> Reply:
    async def reply(request: web.Request) -> web.Response:
        await request.read()
        return refused(status, errcode, **more)

    return reply


@dataclass
class World:
    homeserver: Homeserver
    uploader: Uploader
    source: FakeSource
    book: FakeMediaBook
    losses: Losses
    clock: StillClock
    places: Places
    copier: Copier

    async def became(
        self, *, url: str = URL, name: str = "tea.pdf", source: str = "1", **more: Any
    ) -> Copy | Left:
        file = Attachment(name=name, url=url, **more)
        return (await self.gathered(Body(blocks=(file,)), source))[url]

    async def gathered(self, body: Body, source: str = "1") -> dict[str, Copy | Left]:
        return dict(await self.copier.gathered(delivery(body, source), body))


def delivery(body: Body, source: str = "1") -> Delivery:
    return Delivery(
        id=DeliveryId(1),
        portal=Portal(id=PortalId(1), place=PLACE, room=None),
        target=Side.MATRIX,
        source=MessageRef(source),
        speaker=ANNA.id,
        event=MessageSent(author=ANNA, version=Version("1"), sent_at=NOW, body=body),
        attempts=1,
        resumed=False,
        created_at=NOW,
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    homeserver = Homeserver()
    app = web.Application(client_max_size=200 * MB)
    app.router.add_route("*", "/{tail:.*}", homeserver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    homeserver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = at(homeserver.url)
    async with open_connections(config, Watch()) as connections:
        clock = StillClock()
        uploader = Uploader(connections, address=homeserver.url, clock=clock, watch=Watch())
        source, book, losses, places = FakeSource(), FakeMediaBook(), Losses(), Places()
        copier = Copier(
            source,
            uploader,
            book,
            size_max=100 * MB,
            journal=losses.as_journal(),
            places=places,
        )
        yield World(homeserver, uploader, source, book, losses, clock, places, copier)
    await runner.cleanup()


def at(address: str) -> Config:
    return replace(CONFIG, homeserver=replace(CONFIG.homeserver, address=address))


def picture(width: int = 1_600, height: int = 1_200, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Picture.effect_noise((width, height), 40).save(out, kind)
    return out.getvalue()


async def test_a_file_goes_straight_through(world: World) -> None:
    data = b"%PDF-1.7" + bytes(3 * MB)
    world.source.files[URL] = File(data=data, found=Found(handle="", name="tea.pdf"))

    became = await world.became()

    assert became == Copy(
        uri=MediaUri("mxc://example.org/1"),
        mimetype="application/pdf",
        size=len(data),
        name="tea.pdf",
    )
    assert world.homeserver.uploads == [Upload("tea.pdf", "application/pdf", len(data), data)]


async def test_a_file_of_unknown_size_is_counted_on_disk_first(world: World) -> None:
    data = b"\x00" * (2 * MB)
    world.source.files[URL] = File(data=data, tells_size=False)

    became = await world.became()

    assert isinstance(became, Copy)
    assert became.size == len(data)
    assert world.homeserver.uploads[0].size == len(data)


async def test_an_empty_file_is_copied_too(world: World) -> None:
    world.source.files[URL] = File()

    became = await world.became()

    assert isinstance(became, Copy)
    assert became.size == 0


async def test_a_picture_is_looked_at_and_has_a_thumbnail(world: World) -> None:
    world.source.files[URL] = File(data=picture(), mimetype="text/html")

    became = await world.became(name="image", kind=MediaKind.IMAGE)

    assert isinstance(became, Copy)
    assert (became.mimetype, became.width, became.height) == ("image/png", 1_600, 1_200)
    assert became.animated is False
    assert became.thumbnail is not None
    assert (became.thumbnail.width, became.thumbnail.height) == (800, 600)
    assert became.thumbnail.uri == "mxc://example.org/2"
    assert [up.name for up in world.homeserver.uploads] == ["image.png", "thumbnail.jpg"]


async def test_a_thumbnail_that_is_no_smaller_than_its_picture_is_not_sent(world: World) -> None:
    out = BytesIO()
    Picture.new("1", (1_600, 1_200)).save(out, "PNG")
    world.source.files[URL] = File(data=out.getvalue())

    became = await world.became()

    assert isinstance(became, Copy)
    assert (became.width, became.thumbnail) == (1_600, None)


async def test_what_a_browser_might_run_is_stored_as_bytes(world: World) -> None:
    data = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    world.source.files[URL] = File(data=data, mimetype="image/svg+xml")

    became = await world.became(name="logo.svg")

    assert isinstance(became, Copy)
    assert became.mimetype == "application/octet-stream"
    assert became.thumbnail is None
    assert [up.mimetype for up in world.homeserver.uploads] == ["application/octet-stream"]


async def test_the_same_message_copies_nothing_twice(world: World) -> None:
    world.source.files[URL] = File(data=b"tea")
    first = await world.became()
    del world.source.files[URL]

    assert await world.became() == first
    assert len(world.homeserver.uploads) == 1
    assert len(world.source.opened) == 1


async def test_a_file_that_another_message_showed_is_not_read_again(world: World) -> None:
    world.source.files[URL] = File(data=b"tea", found=Found(handle="", version="drive/item/1"))

    first, second = await world.became(source="1"), await world.became(source="2")

    assert first == second
    assert len(world.source.opened) == 1


async def test_a_file_that_was_changed_since_is_read_again(world: World) -> None:
    world.source.files[URL] = File(data=b"tea", found=Found(handle="", version="drive/item/1"))
    await world.became(source="1")
    world.source.files[URL] = File(data=b"milk", found=Found(handle="", version="drive/item/2"))

    await world.became(source="2")

    assert [up.body for up in world.homeserver.uploads] == [b"tea", b"milk"]


async def test_a_picture_that_is_known_by_its_bytes_is_not_sent_again(world: World) -> None:
    world.source.files["https://x/1"] = world.source.files["https://x/2"] = File(data=picture(9, 9))

    first = await world.became(url="https://x/1", source="1")
    second = await world.became(url="https://x/2", source="2")

    assert first == second
    assert len(world.homeserver.uploads) == 1


async def test_a_file_above_the_limit_is_left_and_not_read(world: World) -> None:
    world.source.files[URL] = File(data=b"x", found=Found(handle="", size=100 * MB))

    assert await world.became() == Left(size=100 * MB)
    assert world.source.opened == []
    assert world.losses.names == ["file_too_large"]


async def test_the_homeserver_s_limit_counts_and_is_asked_for_once(world: World) -> None:
    world.homeserver.size_max = 10
    world.source.files[URL] = File(data=bytes(11))

    assert await world.became() == Left(size=11)
    assert await world.became(source="2") == Left(size=11)
    assert world.homeserver.asked == [MEDIA_CONFIG]


async def test_a_limit_that_was_raised_is_seen_after_an_hour(world: World) -> None:
    world.homeserver.size_max = 10
    world.source.files[URL] = File(data=bytes(11))
    await world.became()
    world.homeserver.size_max = 11
    world.clock.instant += SIZE_MAX_AGE

    assert isinstance(await world.became(source="2"), Copy)


async def test_a_homeserver_that_names_no_limit_has_none(world: World) -> None:
    world.homeserver.size_max = None
    world.source.files[URL] = File(data=b"tea")

    assert isinstance(await world.became(), Copy)
    assert len(world.homeserver.asked) == 3


async def test_a_file_that_lied_about_its_size_is_left_at_the_limit(world: World) -> None:
    world.homeserver.size_max = MB
    world.source.files[URL] = File(
        data=bytes(3 * MB), found=Found(handle="", size=9), tells_size=False
    )

    assert isinstance(await world.became(), Left)
    assert world.losses.names == ["file_too_large"]
    assert world.homeserver.uploads == []


async def test_a_file_that_may_not_be_read_is_left(world: World) -> None:
    assert await world.became() == Left()
    assert world.losses.names == ["file_unreadable"]
    assert world.losses.noted[0].ref == "1"


async def test_with_no_size_permitted_nothing_is_looked_for(world: World) -> None:
    world.homeserver.size_max = 0

    assert await world.became() == Left()
    assert world.source.looked_up == []


@pytest.mark.parametrize("known_size", [True, False])
async def test_a_file_that_breaks_off_is_tried_again_later(world: World, known_size: bool) -> None:
    data = bytes(2 * MB)
    world.source.files[URL] = File(
        data=data, fails=Refused("broken off"), break_at=MB, tells_size=known_size
    )

    with pytest.raises(Refused, match="broken off"):
        await world.became()

    assert world.homeserver.uploads == []
    assert world.book.copies == {}


async def test_what_is_uncertain_is_certainly_not_said(world: World) -> None:
    world.source.files[URL] = File(data=b"x", fails=Uncertain("half a word"))

    with pytest.raises(Refused) as caught:
        await world.became()

    assert not isinstance(caught.value, Throttled | Unavailable)


@pytest.mark.parametrize(
    ("reply", "loss"),
    [
        (saying(413, "M_TOO_LARGE"), "file_too_large"),
        (saying(403, "M_FORBIDDEN"), "file_refused"),
        (saying(400, "M_BAD_JSON"), "file_refused"),
    ],
)
async def test_what_the_homeserver_does_not_take_is_left(
    world: World, reply: Reply, loss: str
) -> None:
    world.source.files[URL] = File(data=b"tea")
    world.homeserver.instead = [reply]

    assert await world.became() == Left(size=3)
    assert world.losses.names == [loss]


async def test_a_proxy_that_takes_less_than_the_homeserver_is_heeded(world: World) -> None:
    async def nginx(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=413, text="<html>Request Entity Too Large</html>")

    world.source.files[URL] = File(data=b"tea")
    world.homeserver.instead = [nginx]

    assert await world.became() == Left(size=3)
    assert world.losses.names == ["file_too_large"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (saying(429, "M_LIMIT_EXCEEDED", retry_after_ms=4_000), Throttled),
        (saying(503, "M_UNKNOWN"), Unavailable),
        (saying(500, "M_UNKNOWN"), Refused),
        (saying(401, "M_UNKNOWN_TOKEN"), Unauthorized),
    ],
)
async def test_a_homeserver_that_cannot_now_is_asked_again(
    world: World, reply: Reply, error: type[Exception]
) -> None:
    world.source.files[URL] = File(data=b"tea")
    world.homeserver.instead = [reply]

    with pytest.raises(error):
        await world.became()
    assert isinstance(await world.became(), Copy)


async def test_a_homeserver_that_hangs_up_is_asked_again(world: World) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    world.source.files[URL] = File(data=bytes(4 * MB))
    world.homeserver.instead = [hang_up]

    with pytest.raises(Refused):
        await world.became()
    assert isinstance(await world.became(), Copy)


async def test_an_answer_that_names_no_media_is_no_upload(world: World) -> None:
    async def nonsense(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"content_uri": "https://evil.test/"})

    world.source.files[URL] = File(data=b"tea")
    world.homeserver.instead = [nonsense]

    with pytest.raises(Refused):
        await world.became()


async def test_a_picture_whose_thumbnail_is_not_taken_is_shown_without(world: World) -> None:
    world.source.files[URL] = File(data=picture())

    async def first(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"content_uri": "mxc://example.org/whole"})

    world.homeserver.instead = [first, saying(413, "M_TOO_LARGE")]

    became = await world.became()

    assert isinstance(became, Copy)
    assert became.thumbnail is None
    assert became.width == 1_600


async def test_emoticons_are_copied_too(world: World) -> None:
    world.source.files[URL] = File(data=picture(20, 20, "GIF"))
    smile = Image(alt="parrot", url=URL, is_emoticon=True)
    body = Body(blocks=(Paragraph(content=(smile, smile)),))

    became = await world.gathered(body)

    assert isinstance(became[URL], Copy)
    assert world.homeserver.uploads[0].name == "parrot.gif"


async def test_a_text_asks_nobody(world: World) -> None:
    assert await world.gathered(Body()) == {}
    assert world.homeserver.asked == []


async def test_only_so_many_are_copied_at_once_and_the_others_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PATIENCE", transfers.PATIENCE / 50)
    world.source.gate = gate = FakeGate()
    for number in range(20):
        world.source.files[f"https://x/{number}"] = File(data=b"tea")

    async def one(number: int) -> str:
        try:
            await world.became(url=f"https://x/{number}", source=str(number))
        except Throttled as error:
            return f"come back in {error.retry_after.total_seconds():.0f} s"
        return "copied"

    waiting = asyncio.gather(*(one(number) for number in range(20)))
    while gate.inside < transfers.TRANSFERS_MAX:
        await asyncio.wait([waiting], timeout=0.01)
    await asyncio.wait([waiting], timeout=0.1)
    gate.open()

    ends = await waiting
    assert gate.most == transfers.TRANSFERS_MAX
    assert ends.count("copied") == transfers.TRANSFERS_MAX
    assert set(ends) == {"copied", "come back in 2 s"}


async def test_large_files_leave_places_for_small_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PATIENCE", transfers.PATIENCE / 50)
    async with AsyncExitStack() as stack:
        for size in (None, LARGE_BYTES, None, LARGE_BYTES):
            await stack.enter_async_context(world.places.of_size(size))
        with pytest.raises(Throttled):
            await stack.enter_async_context(world.places.of_size(LARGE_BYTES))
        await stack.enter_async_context(world.places.of_size(LARGE_BYTES - 1))
