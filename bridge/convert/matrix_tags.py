"""What Matrix' tags mean: pills, emoticons, colours, and what Teams has nothing for.

Matrix spec v1.19, client-server § m.room.message msgtypes, § user and room mentions; MSC2545 for
`<img data-mx-emoticon>`; `<font>` is of older clients.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from urllib.parse import unquote

from bridge.convert import losses
from bridge.convert.colours import ink_and_paper
from bridge.convert.markup import COMMON_TAGS, Sanitizer, attribute
from bridge.convert.reading import Closer, Opener, Reader
from bridge.convert.styles import pixels
from bridge.convert.tags import COMMON_OPENERS, both, coloured, line, link
from bridge.domain.content import (
    Code,
    Colour,
    Image,
    Inline,
    Link,
    Mention,
    Paragraph,
    Styled,
    Target,
    TargetKind,
    Text,
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
VEIL = "#808080"
"""What hides words is letters of the colour of their ground: one that no theme takes for its own."""

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
        if not image.url:
            reader.lose(losses.EMOTICON)
        image = Image(alt=image.alt, url=image.url, is_emoticon=True)
    if reader.verbatim:
        reader.say(label(image))
    else:
        reader.put(image)
    return None


def _span(reader: Reader, attributes: str) -> Closer | None:
    if not attributes:
        return None
    if " data-mx-spoiler" in attributes:
        return _spoiler(reader, attribute(attributes, "data-mx-spoiler"))
    if " data-mx-maths" in attributes:
        return both(_formula(reader, attributes), _coloured(reader, attributes))
    return _coloured(reader, attributes)


def _spoiler(reader: Reader, reason: str) -> Closer | None:
    """Teams has no spoilers: the reader is warned, and selects the words to see them."""
    reader.lose(losses.SPOILER)
    reader.say(f"[spoiler: {reason}] " if reason else "[spoiler] ")
    return None if reader.verbatim else reader.open_span(_veil)


def _veil(content: tuple[Inline, ...]) -> Inline:
    return Colour(content=tuple(map(_veiled, content)), ink=VEIL, paper=VEIL)


def _veiled(node: Inline) -> Inline:
    """Without what shows in a colour of its own: code, pictures, links outside the veil.

    A mention stays, since it calls somebody. What is veiled already is not looked into again.
    """
    match node:
        case Colour(ink=ink, paper=paper):
            return node if ink == paper == VEIL else _veil(node.content)
        case Link():
            return Link(href=node.href, content=(_veil(node.content),))
        case Styled():
            return replace(node, content=tuple(map(_veiled, node.content)))
        case Code():
            return Text(text=node.text)
        case Image():
            return Text(text=label(node))
        case _:
            return node


def _formula(reader: Reader, attributes: str) -> Closer | None:
    """A formula is what its writer's client shows where there are none, or its LaTeX."""
    reader.lose(losses.FORMULA)
    if reader.verbatim:
        return None
    latex = attribute(attributes, "data-mx-maths")
    reader.open_span(lambda content: Colour(content=content))
    return lambda reader: _close_formula(reader, latex)


def _close_formula(reader: Reader, latex: str) -> None:
    if reader.silent:
        reader.say(latex)
    reader.close_span()


def _coloured(reader: Reader, attributes: str) -> Closer | None:
    ink = attribute(attributes, "data-mx-color") or attribute(attributes, "color")
    ink, paper = ink_and_paper(ink, attribute(attributes, "data-mx-bg-color"))
    return coloured(ink, paper)(reader, attributes)


def _division(reader: Reader, attributes: str) -> Closer:
    around = line(reader, attributes)
    if " data-mx-maths" not in attributes:
        return around
    return both(_formula(reader, attributes), around) or around


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
