"""Which bytes go into a message to Teams, which through a drive, and what is shown of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bridge.convert.losses import FILE_UNREADABLE
from bridge.convert.teams import render_teams
from bridge.domain.content import Attachment, Body, Image, Paragraph, Text
from bridge.errors import NotCopied, Rejected
from bridge.ports import Delivery, Fetched
from bridge.teams.drives import Drives
from bridge.teams.enclosing import HOSTED_BYTES_MAX, Enclosed, Encloser, kept, wanted_of
from bridge.teams.items import Stored
from tests.kit.fake_media import FakeRoomMedia, Losses, RoomFile

GUID = "11111111-2222-3333-4444-555555555555"
ONE, TWO, FILE = "mxc://h/1", "mxc://h/2", "mxc://h/f"


@dataclass
class Shelf:
    """A drive that takes everything."""

    put_there: list[str] = field(default_factory=list)
    withdrawn: list[Stored] = field(default_factory=list)

    async def put(self, delivery: Delivery, file: Fetched, mark: str) -> tuple[Stored, bool]:
        del delivery
        self.put_there.append(mark)
        return Stored(drive="d", id="i", guid=GUID, address="https://x/f", name=file.name), True

    async def withdraw(self, delivery: Delivery, stored: Stored) -> None:
        del delivery
        self.withdrawn.append(stored)


@dataclass
class Identified:
    id: int = 1


@dataclass
class Origin:
    """As much of a delivery as is looked at."""

    id: int = 1
    source: str = "$event"
    attempts: int = 1
    portal: Any = field(default_factory=Identified)


@dataclass
class Bench:
    media: FakeRoomMedia = field(default_factory=FakeRoomMedia)
    shelf: Shelf = field(default_factory=Shelf)
    losses: Losses = field(default_factory=Losses)

    def encloser(self) -> Encloser:
        drives = cast(Drives, self.shelf)
        return Encloser(media=self.media, drives=drives, journal=self.losses.as_journal())

    async def enclosed(self, *blocks: Paragraph | Attachment) -> Enclosed:
        delivery = cast(Delivery, Origin())
        async with self.encloser().enclosed(delivery, Body(blocks=blocks)) as found:
            return found


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.media.files = {
        ONE: RoomFile(data=b"1", kind="image/png"),
        TWO: RoomFile(data=b"22", kind="image/svg+xml"),
        FILE: RoomFile(data=b"f"),
    }
    return made


def line(*content: Text | Image) -> Paragraph:
    return Paragraph(content=content)


def image(url: str, alt: str = "a") -> Image:
    return Image(alt=alt, url=url)


async def test_pictures_go_in_their_place_each_once(bench: Bench) -> None:
    found = await bench.enclosed(line(image(ONE), Text(text=" and "), image(ONE)))

    assert [one["contentType"] for one in found.hosted] == ["image/png"]
    assert render_teams(found.body).count('src="../hostedContents/1/$value"') == 2
    assert bench.media.opened == [ONE]


async def test_what_is_no_picture_by_its_bytes_is_a_file_below_the_words(bench: Bench) -> None:
    found = await bench.enclosed(line(Text(text="look "), image(TWO, "x.svg")))

    html = render_teams(found.body)
    assert html == f'look [image: x.svg]<attachment id="{GUID}"></attachment>'
    assert [one["name"] for one in found.attachments] == ["x.svg"]
    assert found.hosted == ()


async def test_a_picture_alone_that_is_none_is_a_file_in_its_place(bench: Bench) -> None:
    found = await bench.enclosed(line(image(TWO, "x.svg")), line(Text(text="its caption")))

    html = render_teams(found.body)
    assert html == f'<attachment id="{GUID}"></attachment>its caption'


async def test_pictures_beyond_the_size_of_a_request_are_files(bench: Bench) -> None:
    half = HOSTED_BYTES_MAX // 2 + 1
    bench.media.files |= {
        url: RoomFile(data=bytes(half), kind="image/png") for url in (ONE, TWO)
    }  # fmt: skip

    found = await bench.enclosed(line(image(ONE)), line(image(TWO)))

    assert (len(found.hosted), len(found.attachments)) == (1, 1)


async def test_a_file_that_the_message_is_must_be_had(bench: Bench) -> None:
    for block in (Attachment(name="f", url="mxc://h/gone"), line(image("mxc://h/gone"))):
        with pytest.raises(NotCopied):
            await bench.enclosed(block, line(Text(text="its caption")))
    assert bench.losses.names == []


async def test_among_words_a_picture_that_is_not_to_be_had_is_named(bench: Bench) -> None:
    emoticon = Image(alt=":x:", url="mxc://h/gone", is_emoticon=True)

    found = await bench.enclosed(line(Text(text="tea "), emoticon))

    assert render_teams(found.body) == "tea :x:"
    assert bench.losses.names == [FILE_UNREADABLE]


async def test_an_emoticon_is_as_high_as_a_line(bench: Bench) -> None:
    found = await bench.enclosed(line(Image(alt=":x:", url=ONE, is_emoticon=True)))

    assert 'alt=":x:" width="32" height="32"' in render_teams(found.body)


async def test_what_is_rejected_takes_its_files_along_and_nothing_else_does(bench: Bench) -> None:
    body = Body(blocks=(Attachment(name="f", url=FILE),))
    delivery = cast(Delivery, Origin())

    with pytest.raises(OSError, match="away"):
        async with bench.encloser().enclosed(delivery, body):
            raise OSError("away")
    assert bench.shelf.withdrawn == []
    with pytest.raises(Rejected):
        async with bench.encloser().enclosed(delivery, body):
            raise Rejected("no")

    assert len(bench.shelf.withdrawn) == 1
    assert bench.shelf.put_there[0] == bench.shelf.put_there[1]


async def test_words_ask_for_nothing(bench: Bench) -> None:
    body = Body(blocks=(line(Text(text="words"), Image(alt="named")),))

    async with bench.encloser().enclosed(cast(Delivery, Origin()), body) as found:
        assert found == Enclosed(body=body)
    assert wanted_of(body) == ()


def test_an_edit_keeps_the_pictures_that_are_there_and_names_the_others() -> None:
    body = Body(blocks=(line(image(ONE, "a"), Text(text=" new "), image(TWO, "b")),))
    there = "https://graph.microsoft.com/v1.0/chats/x/messages/1/hostedContents/abc=/$value"

    found, lacking = kept(body, [there], files=0)

    assert render_teams(found) == f'<img src="{there}" alt="a"> new [image: b]'
    assert lacking == 1


def test_an_edit_leaves_files_to_the_message() -> None:
    file = Attachment(name="f", url=FILE)

    found, lacking = kept(Body(blocks=(file, file, line(Text(text="new")))), [], files=1)

    assert render_teams(found) == "<p>[attachment: f]</p>new"
    assert lacking == 1


def test_an_edit_leaves_a_picture_that_became_a_file_to_the_message() -> None:
    found, lacking = kept(Body(blocks=(line(image(ONE)), line(Text(text="new")))), [], files=1)

    assert render_teams(found) == "new"
    assert lacking == 0
