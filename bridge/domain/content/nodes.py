"""The nodes of a message body: a small closed tree that both networks' dialects fit into.

    Body ── blocks: Paragraph Heading Quote CodeBlock List Table Rule Attachment Card
                       └── content: Text Bold Italic Underline Strike Superscript Subscript Colour
                                    Code Link Mention Image LineBreak

A `Paragraph` is set apart from its neighbours by an empty line, a `LineBreak` begins a new line
within it. Nodes are values: they compare by content and never change. What a *normal* tree
looks like is said in `normal`; everything the converters return is normal.
"""

from __future__ import annotations

from enum import StrEnum

from bridge.domain.values import dataclass

DEPTH_MAX = 100
"""Nested HTML elements of a body. Matrix spec v1.19, client-server § m.room.message msgtypes:
"clients should limit the nesting to a maximum of 100"; deeper nodes become text."""

URL_CHARS_MAX = 4_096
"""Characters of an address; a longer one is no link (a part of a message must hold it whole)."""

NAME_CHARS_MAX = 512
"""Characters of a mention's, an image's or an attachment's name; the rest is cut with an ellipsis."""


class TargetKind(StrEnum):
    """Whose name space the id of a mention's target belongs to."""

    TEAMS_USER = "teams-user"
    TEAMS_APP = "teams-app"
    TEAMS_TAG = "teams-tag"
    CHANNEL = "channel"
    TEAM = "team"
    EVERYONE = "everyone"
    MATRIX_USER = "matrix-user"


class MediaKind(StrEnum):
    """What the bytes of an attachment are, as far as people are concerned."""

    FILE = "file"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    STICKER = "sticker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is mentioned: a Teams user id (a GUID), a full Matrix user id, or the id of something else.

    Graph has ids for apps, tags, channels and teams; of `EVERYONE` it is the conversation's, or none.
    """

    kind: TargetKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words on one line; every space in it counts, a line feed is a `LineBreak` instead."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Styled:
    """Base of what merely looks different from its surroundings."""

    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bold(Styled):
    """Bold, strong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Italic(Styled):
    """Italic, emphasised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Underline(Styled):
    """Underlined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike(Styled):
    """Struck out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Superscript(Styled):
    """Raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscript(Styled):
    """Lowered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour(Styled):
    """Coloured: `ink` is the colour of the letters, `paper` that behind them; `#rrggbb`, or none."""

    ink: str = ""
    paper: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A piece of code within a line; may itself hold line feeds."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Words that lead somewhere; `href` is absolute and of a scheme both networks accept."""

    href: str
    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A person called by name; `text` is the name as it was written."""

    target: Target
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image within the text: what it shows, and where its own side keeps the bytes.

    `width` and `height` are in pixels, 0 where they are not known. `is_emoticon`: it stands for a
    character.
    """

    alt: str
    url: str = ""
    width: int = 0
    height: int = 0
    is_emoticon: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBreak:
    """A new line within the same paragraph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Lines of text."""

    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A title of level 1 (largest) to 6."""

    level: int
    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Someone else's words."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """Lines of code, kept to the character; `language` is lower case, or empty if not known."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """Items, numbered from `start` when ordered."""

    items: tuple[tuple[Block, ...], ...]
    ordered: bool = False
    start: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One field of a table."""

    blocks: tuple[Block, ...]
    header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells; rows need not be of one length."""

    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A horizontal line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Something that came with the message: a file, a picture, a recording.

    `url` is where its own side keeps the bytes (Matrix: `mxc:`), `page` where a person finds it
    without us. `size` is in bytes, None where it is not known; `mimetype` is what its side claims;
    `width` and `height` are in pixels, `duration_ms` in milliseconds, 0 where they are not known.
    """

    name: str
    url: str = ""
    kind: MediaKind = MediaKind.FILE
    page: str = ""
    mimetype: str = ""
    size: int | None = None
    width: int = 0
    height: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a program or an extension of Teams shows: `blocks` is what can be read of it.

    `raw` is the card's own JSON, `kind` its content type.
    """

    blocks: tuple[Block, ...]
    kind: str = ""
    raw: str = ""


Inline = (
    Text
    | Bold
    | Italic
    | Underline
    | Strike
    | Superscript
    | Subscript
    | Colour
    | Code
    | Link
    | Mention
    | Image
    | LineBreak
)
Block = Paragraph | Heading | Quote | CodeBlock | List | Table | Rule | Attachment | Card
Node = Inline | Block | Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a message says; no blocks means that it says nothing."""

    blocks: tuple[Block, ...] = ()
