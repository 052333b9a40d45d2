"""Parts of messages as contents of m.room.message."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from bridge.convert.matrix import measure_matrix
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Image,
    MediaKind,
    Paragraph,
    Text,
    from_text,
)
from bridge.domain.ids import MediaUri
from bridge.matrix.showing import Left, Media, as_if_copied, shown, size_text, wanted_of
from bridge.ports import Copy, Thumbnail

URL = "https://x.sharepoint.test/tea"
URI = MediaUri("mxc://example.org/tea")


def file(name: str = "tea.pdf", **more: Any) -> Attachment:
    return Attachment(name=name, url=URL, page="https://x.sharepoint.test/page", **more)


def copy(mimetype: str, **more: Any) -> Copy:
    return Copy(uri=URI, mimetype=mimetype, size=1_234, **more)


def content(block: Block, became: Copy | Left, *caption: Block) -> dict[str, Any]:
    found = shown(Body(blocks=(block, *caption)), {URL: became})
    return cast("dict[str, Any]", found)


def test_a_picture_has_its_size_and_its_thumbnail() -> None:
    small = Thumbnail(
        uri=MediaUri("mxc://example.org/small"), mimetype="image/jpeg", size=99, width=8, height=6
    )
    picture = copy("image/png", width=80, height=60, animated=False, thumbnail=small)

    assert content(file("menu", kind=MediaKind.IMAGE, width=40, height=30), picture) == {
        "msgtype": "m.image",
        "body": "menu.png",
        "filename": "menu.png",
        "url": URI,
        "info": {
            "mimetype": "image/png",
            "size": 1_234,
            "w": 80,
            "h": 60,
            "is_animated": False,
            "org.matrix.msc4230.is_animated": False,
            "thumbnail_url": "mxc://example.org/small",
            "thumbnail_info": {"mimetype": "image/jpeg", "size": 99, "w": 8, "h": 6},
        },
        "m.mentions": {},
    }


def test_a_caption_is_the_body_beside_the_name() -> None:
    found = content(file("a.png"), copy("image/png"), *from_text("look **here**").blocks)

    assert (found["filename"], found["body"]) == ("a.png", "look **here**")
    assert "formatted_body" not in found


def test_dimensions_that_nobody_saw_are_those_that_teams_told() -> None:
    found = content(file("a.webp", width=40, height=30), copy("image/webp"))

    assert found["info"] == {"mimetype": "image/webp", "size": 1_234, "w": 40, "h": 30}


@pytest.mark.parametrize(
    ("mimetype", "kind"),
    [
        ("image/gif", "m.image"),
        ("image/svg+xml", "m.file"),
        ("image/heic", "m.file"),
        ("video/mp4", "m.video"),
        ("video/x-msvideo", "m.file"),
        ("audio/ogg", "m.audio"),
        ("application/pdf", "m.file"),
        ("application/octet-stream", "m.file"),
    ],
)
def test_what_clients_show_in_place_is_what_the_bytes_are(mimetype: str, kind: str) -> None:
    assert content(file(kind=MediaKind.IMAGE), copy(mimetype))["msgtype"] == kind


def test_film_and_sound_say_how_long_they_are() -> None:
    film = content(file("a.mp4", width=9, height=5), copy("video/mp4", duration_ms=1_500))
    sound = content(file("a.m4a", duration_ms=700), copy("audio/mp4"))

    assert film["info"] == {
        "mimetype": "video/mp4",
        "size": 1_234,
        "w": 9,
        "h": 5,
        "duration": 1500,
    }
    assert sound["info"]["duration"] == 700


def test_a_voice_message_is_one_in_matrix() -> None:
    voice = content(file("Voice message", kind=MediaKind.VOICE, duration_ms=900), copy("audio/mp4"))

    assert voice["msgtype"] == "m.audio"
    assert voice["org.matrix.msc3245.voice"] == {}
    assert voice["org.matrix.msc1767.audio"] == {"duration": 900}
    assert "org.matrix.msc3245.voice" not in content(file("song.m4a"), copy("audio/mp4"))


def test_a_file_that_was_not_copied_is_a_link_with_its_name_and_size() -> None:
    found = content(file("film.mp4"), Left(size=1_234_567_890), *from_text("see").blocks)

    assert found["msgtype"] == "m.text"
    assert found["body"] == (
        "[attachment: film.mp4, 1.2 GB] (https://x.sharepoint.test/page)\n\nsee"
    )
    assert '<a href="https://x.sharepoint.test/page">' in found["formatted_body"]


def test_a_picture_that_was_not_copied_is_its_name() -> None:
    lost = Attachment(name="menu", url=URL, kind=MediaKind.IMAGE)

    assert content(lost, Left())["body"] == "[image: menu]"
    assert shown(Body(blocks=(lost,)), {}) == content(lost, Left())


def test_emoticons_are_looked_for_once_and_shown_by_name_without_bytes() -> None:
    smile = Image(alt="parrot", url=URL, is_emoticon=True)
    body = Body(blocks=(Paragraph(content=(Text(text="a "), smile, smile)),))

    assert wanted_of(body) == (smile,)
    assert "parrot" in str(shown(body, {URL: Left()})["body"])
    assert URL not in str(shown(body, {URL: Left()}))


def test_emoticons_are_shown_in_the_homeserver_s_own_way() -> None:
    smile = Image(alt=":parrot:", url=URL, is_emoticon=True)
    body = Body(blocks=(Paragraph(content=(Text(text="a "), smile)),))

    found = shown(body, {URL: copy("image/gif")})

    assert found["body"] == "a :parrot:"
    html = str(found["formatted_body"])
    assert f'data-mx-emoticon="" src="{URI}"' in html
    assert measure_matrix(as_if_copied(body)) > len(html) + len("a :parrot:")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_499, "1.5 kB"), (99_999, "100 kB"),
        (999_999, "1.0 MB"), (34_000_000, "34 MB"), (10**15, "1000 TB"), (-1, "0 B"),
    ],
)  # fmt: skip
def test_sizes_are_said_as_people_do(size: int, text: str) -> None:
    assert size_text(size) == text


@given(st.text(), st.text(max_size=40), st.integers(0, 2**60), st.booleans())
def test_whatever_a_file_is_called_its_content_can_be_sent(
    name: str, mimetype: str, size: int, left: bool
) -> None:
    became: Media = {URL: Left(size=size) if left else Copy(uri=URI, mimetype=mimetype, size=size)}

    found = shown(Body(blocks=(Attachment(name=name, url=URL),)), became)

    assert found["msgtype"] in {"m.text", "m.file", "m.image", "m.video", "m.audio"}
    assert found["body"]
