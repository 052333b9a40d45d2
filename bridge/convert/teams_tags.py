"""What Teams' tags mean: its own, and what its clients make of HTML's.

Read beyond plain HTML (learn.microsoft.com graph resources/chatmessage, chatmessage-get examples 2 to
6, chatmessage-post for `<codeblock>`, and for its older form microsoftgraph/msgraph-sdk-javascript
#1995): `<at id>`, `<attachment id>`, `<emoji alt>`, `<customemoji alt source>`, `<systemEventMessage/>`,
`<codeblock class>`, `<p itemtype="http://schema.skype.com/CodeBlockEditor">`,
`<img itemtype="…/Emoji">`, `<img itemtype="…/AMSVideo">`, `<audio>`, `<video>`; colours in `style`.
`<readonly>` and `<systemEventMessage>` are as if they were not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.convert import losses
from bridge.convert.colours import ink_and_paper
from bridge.convert.markup import COMMON_TAGS, Sanitizer, attribute
from bridge.convert.reading import Closer, Opener, Reader
from bridge.convert.styles import pixels
from bridge.convert.tags import COMMON_OPENERS, coloured, dressed, line, plain, worn
from bridge.domain.content import (
    Attachment,
    Block,
    Image,
    Inline,
    MediaKind,
    Mention,
    Paragraph,
    Target,
    TargetKind,
    Text,
    bare_text,
    label,
)

_DRESSED = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "strike",
    "sup",
    "sub",
    "p",
    "div",
    "li",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "span",
    "font",
]
"""Elements whose `style` is heeded; that of a link is how the writer's client shows all links."""
_STYLED = {"style"}

SANITIZER = Sanitizer(
    COMMON_TAGS | {"at", "attachment", "audio", "codeblock", "customemoji", "emoji", "video"},
    {
        **dict.fromkeys(_DRESSED, _STYLED),
        "a": {"href"},
        "at": {"id"},
        "attachment": {"id"},
        "audio": {"src", "alt", "title"},
        "code": {"class"},
        "codeblock": {"class"},
        "customemoji": {"alt", "source"},
        "emoji": {"alt", "title"},
        "font": {"color", "size", "style"},
        "img": {"alt", "height", "itemtype", "src", "style", "width"},
        "ol": {"reversed", "start", "type"},
        "p": {"itemtype", "style"},
        "pre": {"class"},
        "td": {"colspan", "rowspan", "style"},
        "th": {"colspan", "rowspan", "style"},
        "video": {"src", "alt", "height", "style", "title", "width"},
    },
)

EMBEDDED = re.compile(
    r"<(?:iframe|object|embed|svg|math|canvas|form|input|select|button)\b", re.IGNORECASE
)
"""What is alive, or drawn: the sanitizer leaves nothing of it, or its words alone."""

_NUMBER = re.compile(r"[0-9]{1,9}")
_LOST_CALLS = {TargetKind.TEAMS_TAG: losses.TAG_MENTION, TargetKind.TEAMS_APP: losses.APP_MENTION}
_ORDINARY_SIZE = "3"
"""Of `<font size>`, which goes from 1 to 7."""


class Document:
    """One chatMessage: its reader, and what its own markers stand for."""

    def __init__(
        self, targets: Mapping[int, Target], attachments: Mapping[str, Block | None]
    ) -> None:
        self._targets = targets
        self._attachments = attachments
        self._placed: set[str] = set()
        self.reader = Reader({**_OPENERS, "at": self._at, "attachment": self._attachment})

    def unplaced(self) -> list[Block]:
        """The attachments that the content has no place for."""
        left = (block for id_, block in self._attachments.items() if id_ not in self._placed)
        return [block for block in left if block is not None]

    def _at(self, reader: Reader, attributes: str) -> Closer | None:
        number = attribute(attributes, "id")
        target = self._targets.get(int(number)) if _NUMBER.fullmatch(number) else None
        if target is None or reader.verbatim:
            reader.lose(losses.UNKNOWN_MENTION)
            return None
        if target.kind in _LOST_CALLS:
            reader.lose(_LOST_CALLS[target.kind])
        reader.open_span(lambda content: _mentioned(target, content))
        return _close_mention

    def _attachment(self, reader: Reader, attributes: str) -> None:
        id_ = attribute(attributes, "id")
        if reader.verbatim or id_ in self._placed:
            return
        if id_ not in self._attachments:
            reader.lose(losses.MISSING_ATTACHMENT)
        block = self._attachments.get(id_, Attachment(name=""))
        if block is not None:
            reader.put_block(block)
        self._placed.add(id_)


def _mentioned(target: Target, content: tuple[Inline, ...]) -> Inline:
    return Mention(target=target, text=bare_text(Paragraph(content=content)))


def _close_mention(reader: Reader) -> None:
    """Teams may mention one person word by word: "Ada", a space, "Lovelace" are one name."""
    reader.close_span()
    spoken = reader.spoken()
    match spoken[-3:]:
        case [Mention() as first, Text() as gap, Mention() as second] if (
            gap.text.isspace() and first.target == second.target and first.text != second.text
        ):
            whole = Mention(target=first.target, text=f"{first.text} {second.text}")
            spoken[-3:] = [whole]


def _paragraph(reader: Reader, attributes: str) -> Closer | None:
    if attribute(attributes, "itemtype").endswith("/CodeBlockEditor"):
        return reader.open_verbatim()
    return line(reader, attributes)


def _code_block(reader: Reader, attributes: str) -> Closer | None:
    return reader.open_verbatim(attribute(attributes, "class"))


def _emoji(reader: Reader, attributes: str) -> Closer | None:
    reader.say(attribute(attributes, "alt") or attribute(attributes, "title"))
    return None


def _custom_emoji(reader: Reader, attributes: str) -> Closer | None:
    """An organisation's own: in Matrix an image the size of a letter."""
    name, url = attribute(attributes, "alt").strip(":") or "emoji", attribute(attributes, "source")
    if url and not reader.verbatim:
        reader.put(Image(alt=f":{name}:", url=url, is_emoticon=True))
    else:
        reader.say(f":{name}:")
    return None


def _image(reader: Reader, attributes: str) -> Closer | None:
    alt, kind = attribute(attributes, "alt"), attribute(attributes, "itemtype")
    if kind.endswith("/Emoji"):
        reader.say(alt)
    elif kind.endswith("/AMSVideo"):
        _media(reader, attributes, MediaKind.VIDEO)
    else:
        width, height = _size(attributes)
        url = attribute(attributes, "src")
        _show(reader, Image(alt=alt, url=url, width=width, height=height))
    return None


def _show(reader: Reader, image: Image) -> None:
    if reader.verbatim:
        reader.say(label(image))
    else:
        reader.put(image)


def _size(attributes: str) -> tuple[int, int]:
    """Width and height in pixels: as attributes, else as the style says."""
    look = worn(attributes)
    width, height = (pixels(attribute(attributes, name)) for name in ("width", "height"))
    return width or (look.width if look else 0), height or (look.height if look else 0)


def _clip(kind: MediaKind) -> Opener:
    def opened(reader: Reader, attributes: str) -> Closer | None:
        _media(reader, attributes, kind)
        return None

    return opened


def _media(reader: Reader, attributes: str, kind: MediaKind) -> None:
    name = attribute(attributes, "title") or attribute(attributes, "alt")
    width, height = _size(attributes)
    url = attribute(attributes, "src")
    file = Attachment(name=name, url=url, kind=kind, width=width, height=height)
    if reader.verbatim:
        reader.say(label(file))
    else:
        reader.put_block(file)


def _font(reader: Reader, attributes: str) -> Closer | None:
    if attribute(attributes, "size") not in {"", _ORDINARY_SIZE}:
        reader.lose(losses.FONT_SIZE)
    ink, paper = ink_and_paper(attribute(attributes, "color"), "")
    return coloured(ink, paper)(reader, attributes)


_PLAIN_OPENERS: Mapping[str, Opener] = {
    **COMMON_OPENERS,
    "p": _paragraph,
    "span": plain,
    "font": _font,
}
_OPENERS: Mapping[str, Opener] = {
    **_PLAIN_OPENERS,
    **{tag: dressed(_PLAIN_OPENERS[tag]) for tag in _DRESSED},
    "codeblock": _code_block,
    "emoji": _emoji,
    "customemoji": _custom_emoji,
    "img": _image,
    "audio": _clip(MediaKind.AUDIO),
    "video": _clip(MediaKind.VIDEO),
}
