"""What Matrix' tags mean: pills, emoticons, colours, and what Teams has nothing for.

Matrix spec v1.19, client-server § m.room.message msgtypes, § user and room mentions; MSC2545 for
`<img data-mx-emoticon>`; `<font>` is of older clients.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote

from bridge.convert import losses
from bridge.convert.colours import ink_and_paper
from bridge.convert.markup import COMMON_TAGS, Sanitizer, attribute
from bridge.convert.reading import Closer, Opener, Reader
from bridge.convert.styles import pixels
from bridge.convert.tags import COMMON_OPENERS, coloured, line, link
from bridge.domain.content import (
    Image,
    Inline,
    Mention,
    Paragraph,
    Target,
    TargetKind,
    bare_text,
    label,
)

USER_ID_BYTES_MAX = 255
"""Matrix spec v1.19, appendices § user identifiers."""

_USER_ID = re.compile(r"@[^\s:]+:[^\s/?#]+")
_USER_LINK = re.compile(
    r"(?:https?://matrix\.to/#/(?:@|%40)|matrix:u/)([^?#]+)(?:[?].*)?", re.IGNORECASE
)
_MXC = "mxc://"

SANITIZER = Sanitizer(
    COMMON_TAGS,
    {
        "a": {"href"},
        "code": {"class"},
        "div": {"data-mx-maths"},
        "font": {"color", "data-mx-bg-color", "data-mx-color"},
        "img": {"alt", "title", "src", "data-mx-emoticon", "height", "width"},
        "ol": {"start"},
        "pre": {"class"},
        "span": {"data-mx-bg-color", "data-mx-color", "data-mx-maths", "data-mx-spoiler"},
    },
)


def reader(called: Collection[str] | None) -> Reader:
    """A reader for one formatted body; of the users that it links, `called` are meant, None: all."""
    if called is None:
        return Reader(_OPENERS)
    return Reader({**_OPENERS, "a": lambda reader, attributes: _link(reader, attributes, called)})


def user_of(href: str) -> str | None:
    """The Matrix user an address stands for (Matrix spec v1.19, appendices § URIs), or None."""
    found = _USER_LINK.fullmatch(href.strip())
    if found is None:
        return None
    user = "@" + unquote(found[1], errors="replace")
    fits = _USER_ID.fullmatch(user) and len(user.encode(errors="replace")) <= USER_ID_BYTES_MAX
    return user if fits else None


def _link(reader: Reader, attributes: str, called: Collection[str] | None = None) -> Closer | None:
    """A link to a user calls them, unless the message says that it calls others only."""
    user = None if reader.verbatim else user_of(attribute(attributes, "href"))
    if user is None:
        return link(reader, attributes)
    if called is not None and user not in called:
        return None
    target = Target(kind=TargetKind.MATRIX_USER, id=user)
    return reader.open_span(lambda content: _mentioned(target, content))


def _mentioned(target: Target, content: tuple[Inline, ...]) -> Inline:
    return Mention(target=target, text=bare_text(Paragraph(content=content)))


def _image(reader: Reader, attributes: str) -> Closer | None:
    """Bytes of the homeserver's media only: any other source could count who reads it."""
    src = attribute(attributes, "src")
    image = Image(
        alt=attribute(attributes, "alt") or attribute(attributes, "title"),
        url=src if src.startswith(_MXC) else "",
        width=pixels(attribute(attributes, "width")),
        height=pixels(attribute(attributes, "height")),
    )
    if " data-mx-emoticon" in attributes and image.alt:
        reader.lose(losses.EMOTICON)
        image = Image(alt=image.alt, url=image.url, is_emoticon=True)
    if reader.verbatim:
        reader.say(label(image))
    else:
        reader.put(image)
    return None


def _span(reader: Reader, attributes: str) -> Closer | None:
    """Teams cannot hide a text; the reader is warned."""
    if not attributes:
        return None
    if " data-mx-spoiler" in attributes:
        reader.lose(losses.SPOILER)
        reason = attribute(attributes, "data-mx-spoiler")
        reader.say(f"[spoiler: {reason}] " if reason else "[spoiler] ")
    if " data-mx-maths" in attributes:
        reader.lose(losses.FORMULA)
    return _coloured(reader, attributes)


def _coloured(reader: Reader, attributes: str) -> Closer | None:
    ink = attribute(attributes, "data-mx-color") or attribute(attributes, "color")
    ink, paper = ink_and_paper(ink, attribute(attributes, "data-mx-bg-color"))
    return coloured(ink, paper)(reader, attributes)


def _division(reader: Reader, attributes: str) -> Closer:
    if " data-mx-maths" in attributes:
        reader.lose(losses.FORMULA)
    return line(reader, attributes)


def _details(reader: Reader, attributes: str) -> Closer:
    reader.lose(losses.FOLDING)
    return line(reader, attributes)


_OPENERS: Mapping[str, Opener] = {
    **COMMON_OPENERS,
    "a": _link,
    "details": _details,
    "div": _division,
    "font": _coloured,
    "img": _image,
    "span": _span,
}
