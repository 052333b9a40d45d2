"""A chatMessage's attachments -> blocks of its body. Every kind, known or not, becomes at least a notice.

    reference, image/…          a file, which the media part may copy
    messageReference            what it answers; the first of them makes the answer
    forwardedMessageReference   a quotation, with the attachments that stand in it
    …card.codesnippet           its text lies in Graph: `Snippet`, to be fetched by `snippets`
    any other card, meeting, tab, unknown   `convert.cards`

What cannot be said without looking something up is told in `snippets` and `unnamed`; the blocks are
what is said without. Kinds: learn.microsoft.com graph/teams-messaging-overview, graph/api
resources/chatmessageattachment. Hostile content never raises: what cannot be read is a notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import partial
from urllib.parse import quote as encoded

import orjson

from bridge.convert import files, losses
from bridge.convert.cards import Given, Sheet, read_card, short
from bridge.domain.content import Attachment, Block, Card, Paragraph, Quote, Text
from bridge.domain.values import dataclass
from bridge.teams import quoting
from bridge.teams.fields import ID_CHARS_MAX, Json, child, text

ATTACHMENTS_MAX = 50
"""Of one message; of those beyond only their number is told (Teams itself allows 10 files)."""
CONTENT_CHARS_MAX = 256 * 1024
"""Of the JSON of one attachment, and of all together."""
TEXT_CHARS_MAX = 4096
"""Of a name or an address; the converter cuts names shorter."""

_REFERENCE = "reference"
_SNIPPET = "codesnippet"
_MEETING = "meetingreference"
_PLACEHOLDER = "fluid_placeholder_card"
"""The app of the attachment that comes with every Loop component and shows nothing."""
_BYTES = ("image/", "video/", "audio/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A piece of code whose text lies at an address of Graph."""

    url: str
    name: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unnamed:
    """Somebody whose name is not said in a block, which is to be said anew with `naming` it."""

    person: str
    naming: Callable[[str], Block]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """The attachments of a message by the ids that its HTML uses; None stands for nothing.

    `answered` is the message that the first quotation shows, `quote` the id of that attachment.
    """

    blocks: Mapping[str, Block | None] = field(default_factory=dict)
    snippets: Mapping[str, Snippet] = field(default_factory=dict)
    unnamed: Mapping[str, Unnamed] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    answered: str = ""
    quote: str = ""


_NONE = Attached()


def read(message: Json) -> Attached:
    """Say what stands for the attachments of a message."""
    return _Reader(message).read() if message.get("attachments") else _NONE


def quoted_message(item: Json) -> str | None:
    """Return the id of the message that an attachment quotes; None where it quotes none."""
    if _kind(item) != quoting.QUOTE:
        return None
    return _quoted_id(item, _object(_parsed(item))) or None


class _Reader:
    """Reads the attachments of one message."""

    def __init__(self, message: Json) -> None:
        found = message.get("attachments")
        self._items = found if isinstance(found, list) else []
        self._sheet = Sheet()
        self._chars_left = CONTENT_CHARS_MAX
        self._blocks: dict[str, Block | None] = {}
        self._snippets: dict[str, Snippet] = {}
        self._unnamed: dict[str, Unnamed] = {}
        self._answered = self._quote = ""

    def read(self) -> Attached:
        forwards: list[tuple[str, Json]] = []
        for key, item in self._keyed():
            if _kind(item) == quoting.FORWARD:
                self._blocks[key] = None  # Keeps its place among those that no markup places.
                forwards.append((key, _object(self._content(item))))
            else:
                self._blocks[key] = self._block(key, item)
        for key, content in forwards:
            self._forward(key, content)
        return Attached(
            blocks=self._blocks,
            snippets=self._snippets,
            unnamed=self._unnamed,
            losses=tuple(sorted(self._sheet.losses)),
            answered=self._answered,
            quote=self._quote,
        )

    def _keyed(self) -> Iterator[tuple[str, Json]]:
        """Every attachment under a name of its own, also one without an id."""
        for number, item in enumerate(self._items[:ATTACHMENTS_MAX]):
            if isinstance(item, dict):
                key = text(item, "id")
                yield (f"#{number}" if key is None or key in self._blocks else key), item
        surplus = len(self._items) - ATTACHMENTS_MAX
        if surplus > 0:
            self._sheet.lose(losses.MORE_ATTACHMENTS)
            self._blocks["#more"] = _notice(f"[{surplus} more attachments]")

    def _block(self, key: str, item: Json) -> Block | None:
        kind = _kind(item)
        if kind == _REFERENCE or kind.startswith(_BYTES):
            return _file(item, "" if kind == _REFERENCE else kind)
        content = self._content(item)
        if kind == quoting.QUOTE:
            return self._quoted(key, item, _object(content))
        if short(kind) == _SNIPPET:
            return self._snippet(key, item, _object(content))
        return self._card(key, item, content)

    def _content(self, item: Json) -> object:
        """What the attachment's own JSON says; of a message that has too much of it, only the first."""
        raw = item.get("content")
        if isinstance(raw, str):
            self._chars_left -= len(raw)
            if self._chars_left < 0:
                return None
        return _parsed(item)

    # --- messages ---

    def _quoted(self, key: str, item: Json, content: Json) -> Quote:
        answered = _quoted_id(item, content)
        if answered and len(answered) <= ID_CHARS_MAX and not self._answered:
            self._answered, self._quote = answered, key
        quote = quoting.quoted(content, self._sheet.html)
        self._ask(key, child(content, "messageSender"), lambda name: quoting.named(quote, name))
        return quote

    def _forward(self, key: str, content: Json) -> None:
        markup = quoting.placed_in(content)
        inner = {k: b for k, b in self._blocks.items() if b is not None and f'"{k}"' in markup}
        quote = quoting.forwarded(content, self._sheet.html, inner)
        self._blocks |= dict.fromkeys(inner)  # They are shown already.
        self._blocks[key] = quote
        who = child(content, "originalMessageSender")
        self._ask(key, who, lambda name: quoting.named(quote, name, is_forward=True))

    def _ask(self, key: str, who: Json, naming: Callable[[str], Block]) -> None:
        """Note whose name a block lacks."""
        person = quoting.speaker_id(who)
        if person and not quoting.speaker(who):
            self._unnamed[key] = Unnamed(person=person, naming=naming)

    # --- cards ---

    def _snippet(self, key: str, item: Json, content: Json) -> Block | None:
        if (text(item, "teamsAppId") or "").lower() == _PLACEHOLDER:
            return None
        name = text(content, "name") or _text(item, "name")
        url = _text(content, "codeSnippetUrl")
        if url:
            language = text(content, "language") or ""
            self._snippets[key] = Snippet(url=url, name=name, language=language)
        else:
            self._sheet.lose(losses.CODE_SNIPPET_TEXT)
        return _notice(f"[code snippet: {name}]" if name else "[code snippet]")

    def _card(self, key: str, item: Json, content: object) -> Card:
        raw = item.get("content")
        given = Given(
            kind=_text(item, "contentType"),
            raw=raw if isinstance(raw, str) else "",
            content=content,
            name=_text(item, "name"),
            page=_text(item, "contentUrl"),
            picture=_text(item, "thumbnailUrl"),
        )
        card = read_card(self._sheet, given)
        organizer = text(_object(content), "organizerId")
        if organizer and _kind(item) == _MEETING:
            self._unnamed[key] = Unnamed(person=organizer, naming=partial(_organized, card))
        return card


def _organized(card: Card, name: str) -> Card:
    line = Paragraph(content=(Text(text=f"organized by {name}"),))
    return Card(blocks=(*card.blocks, line), kind=card.kind, raw=card.raw)


def _file(item: Json, mimetype: str) -> Attachment:
    name, url = _text(item, "name"), _address(item, "contentUrl")
    mimetype = mimetype or files.type_of(name)
    kind = files.kind_of(name, mimetype)
    return Attachment(name=name or kind.value, url=url, page=url, kind=kind, mimetype=mimetype)


def _notice(words: str) -> Paragraph:
    return Paragraph(content=(Text(text=words),))


def _kind(item: Json) -> str:
    return _text(item, "contentType").lower()


def _quoted_id(item: Json, content: Json) -> str:
    return _text(content, "messageId") or _text(item, "id")


def _parsed(item: Json) -> object:
    """The attachment's own JSON, which comes as text; that text itself where it is none."""
    raw = item.get("content")
    if not isinstance(raw, str) or len(raw) > CONTENT_CHARS_MAX:
        return None
    try:
        return orjson.loads(raw)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return raw


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _address(item: Json, name: str) -> str:
    """SharePoint's addresses are as people type them, with # and spaces; here they are encoded."""
    return encoded(_text(item, name), safe=_OF_ADDRESSES, errors="replace")


_OF_ADDRESSES = "%:/?[]@!$&'()*+,;=-._~"


def _text(item: Json, name: str) -> str:
    found = item.get(name)
    return found[:TEXT_CHARS_MAX] if isinstance(found, str) else ""
