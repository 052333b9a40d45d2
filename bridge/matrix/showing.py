"""What a part of a message looks like as the content of an m.room.message. Pure.

    a text                     m.text, its emoticons as pictures of the homeserver
    a picture, film, sound     m.image, m.video, m.audio, with what follows as its caption (MSC2530)
    any other file             m.file
    what was not copied        m.text: its name, its size, and where a person finds it

`Media` says what became of the bytes that a part refers to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bridge.convert.matrix import render_matrix
from bridge.domain.content import (
    Attachment,
    Body,
    Image,
    Inline,
    Link,
    MediaKind,
    Paragraph,
    Text,
    label,
    normalise,
    safe_href,
    with_media,
)
from bridge.domain.values import dataclass
from bridge.matrix.naming import file_name
from bridge.matrix.parts import emoticons_of, media_of
from bridge.matrix.sniffing import PICTURES
from bridge.ports import Copy

HTML = "org.matrix.custom.html"
VOICE = "org.matrix.msc3245.voice"
SOUND = "org.matrix.msc1767.audio"
ANIMATED = ("is_animated", "org.matrix.msc4230.is_animated")
"""MSC4230, in Matrix spec v1.18; and as it was called before."""

Content = dict[str, object]

_FILMS = frozenset({"video/mp4", "video/webm", "video/quicktime"})
_SOUNDS = frozenset(
    {"audio/mp4", "audio/ogg", "audio/mpeg", "audio/wav", "audio/flac", "audio/aac"}
)
"""What clients play; anything else is a file to be saved."""
_STAND_IN = f"mxc://{'h' * 64}/{'i' * 64}"
"""As long an address of media as there is: Synapse's ids have 24 characters, and names of servers
are seldom longer than 64."""
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Bytes that stayed where they are; `size` if it is known."""

    size: int | None = None


Media = Mapping[str, Copy | Left]
"""What became of bytes, by where their own side keeps them."""
NOTHING: Media = {}


def wanted_of(body: Body) -> tuple[Attachment | Image, ...]:
    """Return what a part needs the bytes of, each once."""
    media = media_of(body)
    if media is not None:
        return (media,)
    return tuple({image.url: image for image in emoticons_of(body)}.values())


def shown(body: Body, media: Media, *, said: str = "m.text") -> Content:
    """Return the content of a part, without relations; `said` is the msgtype of a text."""
    file = media_of(body)
    if file is None:
        return text(_with_emoticons(body, lambda url: _uri(media, url)), said)
    caption = Body(blocks=body.blocks[1:])
    copy = media.get(file.url)
    if not isinstance(copy, Copy):
        size = copy.size if copy is not None and copy.size is not None else file.size
        return text(_linked(replace(file, size=size), caption), said)
    return _file(file, copy, caption)


def _uri(media: Media, url: str) -> str:
    copy = media.get(url)
    return copy.uri if isinstance(copy, Copy) else ""


def text(body: Body, said: str) -> Content:
    """Return the content of a text."""
    # Mentions are empty, not absent: else clients look for names in the text (Matrix spec v1.7).
    return {"msgtype": said, **_words(body), "m.mentions": {}}


def _words(body: Body) -> Content:
    plain, formatted = render_matrix(body)
    more = {} if formatted is None else {"format": HTML, "formatted_body": formatted}
    return {"body": plain, **more}


def _file(file: Attachment, copy: Copy, caption: Body) -> Content:
    name = file_name(file.name or copy.name, copy.mimetype)
    kind = _kind(copy.mimetype)
    words = _words(caption) if caption.blocks else {"body": name}
    content: Content = {
        "msgtype": kind,
        **words,
        "filename": name,
        "url": copy.uri,
        "info": _info(file, copy, kind),
        "m.mentions": {},
    }
    if kind == "m.audio" and file.kind is MediaKind.VOICE:
        duration = copy.duration_ms or file.duration_ms
        content |= {VOICE: {}, SOUND: {"duration": duration} if duration else {}}
    return content


def _kind(mimetype: str) -> str:
    if mimetype in PICTURES:
        return "m.image"
    if mimetype in _FILMS:
        return "m.video"
    return "m.audio" if mimetype in _SOUNDS else "m.file"


def _info(file: Attachment, copy: Copy, kind: str) -> Content:
    info: Content = {"mimetype": copy.mimetype, "size": copy.size}
    width, height = copy.width or file.width, copy.height or file.height
    if width and height and kind in {"m.image", "m.video"}:
        info |= {"w": width, "h": height}
    duration = copy.duration_ms or file.duration_ms
    if duration and kind in {"m.audio", "m.video"}:
        info["duration"] = duration
    if copy.animated is not None and kind == "m.image":
        info |= dict.fromkeys(ANIMATED, copy.animated)
    return info | _thumbnail(copy)


def _thumbnail(copy: Copy) -> Content:
    small = copy.thumbnail
    if small is None:
        return {}
    return {
        "thumbnail_url": small.uri,
        "thumbnail_info": {
            "mimetype": small.mimetype,
            "size": small.size,
            "w": small.width,
            "h": small.height,
        },
    }


def _linked(file: Attachment, caption: Body) -> Body:
    """Say what is not here, and where it is."""
    said = label(file)
    if file.size is not None:
        said = f"{said[:-1]}, {size_text(file.size)}]"
    href = safe_href(file.page)
    words: Inline = Text(text=said)
    line = Paragraph(content=(Link(href=href, content=(words,)) if href else words,))
    return normalise(Body(blocks=(line, *caption.blocks)))


def as_if_copied(body: Body) -> Body:
    """Return a text as long as it will be once its emoticons are on the homeserver."""
    return _with_emoticons(body, lambda _: _STAND_IN)


def _with_emoticons(body: Body, uri_of: Callable[[str], str]) -> Body:
    """Let emoticons show the homeserver's pictures; those without one show their name."""
    if not emoticons_of(body):
        return body

    def image(node: Image) -> Image:
        return replace(node, url=uri_of(node.url)) if node.is_emoticon and node.url else node

    return with_media(body, image=image, attachment=lambda node: node)


def size_text(size: int) -> str:
    """Say a number of bytes as people do: 999 B, 1.2 kB, 34 MB."""
    number, unit = float(max(size, 0)), 0
    while round(number) >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    digits = 1 if unit and number < 10 else 0  # noqa: PLR2004 -- one digit before the point
    return f"{number:.{digits}f} {_UNITS[unit]}"
