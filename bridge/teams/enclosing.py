"""What goes along with a message to Teams: pictures in their place in the text, files through a drive.

    body ─▶ its pictures and files, each once ─▶ a place ─▶ fetched from the homeserver
               picture that Graph takes, and room in the request ─▶ hostedContents, <img>
               anything else ─▶ drives.put ─▶ attachment `reference`, <attachment>
               not to be had ─┬─ the message is that file ─▶ NotCopied: its sender is told
                              └─ among words ─────────────▶ its name, counted as a loss
    refused as a whole ─▶ files that were put for it are taken out again

A picture counts by its first bytes. Nothing is said before everything is there, and what is there
already is found by its name: all of this may be done again.

Source: learn.microsoft.com graph/api chatmessage-post (hosted contents, attachments).
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import field, replace
from typing import Final

from bridge.convert.losses import FILE_NOT_SHARED, FILE_UNREADABLE, MORE_MEDIA
from bridge.convert.teams import HOSTED_MAX, hosted_url, reference_url
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Image,
    Inline,
    MediaKind,
    Paragraph,
    Text,
    normalise,
    walk,
    with_media,
)
from bridge.domain.ids import Side, digest
from bridge.domain.values import dataclass
from bridge.errors import NotCopied, Refused, Rejected
from bridge.ports import Delivery, Fetched, Journal, Loss, RoomMedia
from bridge.teams.drives import Drives
from bridge.teams.graph import Json
from bridge.teams.items import Stored
from bridge.telemetry import LOSSES, UPLOADS, log

HOSTED: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Kinds that every client of Teams shows in a text."""
HOSTED_BYTES_MAX = 2_800_000
"""Of all pictures in a message. A request has 4 MB at most with them in base64; with more, pictures
are lost without a word, or the answer is 400 (microsoftgraph/microsoft-graph-docs#15594, #19264)."""
FILES_MAX = 10
"""Attachments of one message (learn.microsoft.com limits-specifications-teams)."""
FETCH_ATTEMPTS_MAX = 5
"""Half a minute: what another homeserver does not give by then holds up nobody any longer."""
MARK_CHARS = 8
EMOTICON_PIXELS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """A body that shows what goes along with it."""

    body: Body
    hosted: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()


@dataclass(slots=True)
class _Enclosing:
    """What one message has so far; `urls` says what became of each address, "" for its name."""

    urls: dict[str, str] = field(default_factory=dict)
    hosted: list[Json] = field(default_factory=list)
    hosted_bytes: int = 0
    files: dict[str, Stored] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def has_room_for(self, file: Fetched) -> bool:
        return (
            file.mimetype in HOSTED
            and self.hosted_bytes + file.size <= HOSTED_BYTES_MAX
            and len(self.hosted) < HOSTED_MAX
        )

    def host(self, url: str, mimetype: str, data: bytes) -> None:
        number = len(self.hosted) + 1
        self.hosted_bytes += len(data)
        self.hosted.append(
            {
                "@microsoft.graph.temporaryId": str(number),
                "contentBytes": base64.b64encode(data).decode(),
                "contentType": mimetype,
            }
        )
        self.urls[url] = hosted_url(number)

    def attach(self, url: str, stored: Stored, name: str) -> None:
        self.files[url] = stored
        self.names[url] = name
        self.urls[url] = reference_url(stored.guid)

    def around(self, body: Body) -> Enclosed:
        return Enclosed(
            body=_shown(body, self.urls),
            hosted=tuple(self.hosted),
            attachments=tuple(
                _attachment(stored, self.names[url]) for url, stored in self.files.items()
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Encloser:
    """Brings along what messages refer to; keeps nothing between two calls."""

    media: RoomMedia
    drives: Drives
    journal: Journal

    @asynccontextmanager
    async def enclosed(self, delivery: Delivery, body: Body) -> AsyncIterator[Enclosed]:
        """Yield a body with all that goes along; what is rejected within leaves no file behind.

        Raises:
            NotCopied: The message is a file that cannot be had, or not be put anywhere.
            Refused: Not now; nothing was said.
            StoreUnavailable: Postgres is away.
        """
        wanted = wanted_of(body)
        if not wanted:
            yield Enclosed(body=body)
            return
        async with self.media.place():
            found = _Enclosing()
            try:
                for node in wanted:
                    await self._bring_or_name(delivery, node, body, found)
                yield found.around(body)
            except Rejected:
                for stored in found.files.values():
                    await self.drives.withdraw(delivery, stored)
                raise

    async def _bring_or_name(
        self, delivery: Delivery, node: Attachment | Image, body: Body, found: _Enclosing
    ) -> None:
        try:
            await self._bring(delivery, node, found)
        except NotCopied as error:
            if node in _itself(body):
                raise
            log.info("not brought along", delivery=delivery.id, reason=error.loss, error=str(error))
            found.urls[node.url] = ""
            await self.lose(delivery, error.loss)

    async def _bring(self, delivery: Delivery, node: Attachment | Image, found: _Enclosing) -> None:
        name = node.name if isinstance(node, Attachment) else node.alt
        async with AsyncExitStack() as stack:
            try:
                file = await stack.enter_async_context(self.media.open(node.url, name))
            except Refused as error:
                raise _given_up(delivery, error) from error
            if isinstance(node, Image) and found.has_room_for(file):
                found.host(node.url, file.mimetype, await file.read(0, file.size))
                UPLOADS.labels("inline").inc()
            else:
                await self._store(delivery, node, file, found)

    async def _store(
        self, delivery: Delivery, node: Attachment | Image, file: Fetched, found: _Enclosing
    ) -> None:
        if len(found.files) >= FILES_MAX:
            text = f"more than {FILES_MAX} files in a message"
            raise NotCopied(text, loss=MORE_MEDIA)
        mark = digest("file", delivery.source, node.url)[:MARK_CHARS]
        stored, is_for_all = await self.drives.put(delivery, file, mark)
        found.attach(node.url, stored, file.name)
        if not is_for_all:
            await self.lose(delivery, FILE_NOT_SHARED)

    async def lose(self, delivery: Delivery, loss: str) -> None:
        """Note that something of a message has not come along.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        portal = delivery.portal.id
        async with self.journal.unit() as unit:
            await unit.lose((Loss(portal=portal, ref=delivery.source, name=loss),))
        LOSSES.labels(Side.MATRIX, loss).inc()


def wanted_of(body: Body) -> tuple[Attachment | Image, ...]:
    """Return what a body needs the bytes of, each once."""
    found = (node for node in walk(body) if isinstance(node, Attachment | Image) and node.url)
    return tuple({node.url: node for node in found}.values())


def _itself(body: Body) -> tuple[Attachment | Image, ...]:
    """The files that a message is, and not what stands among its words."""
    found: list[Attachment | Image] = []
    for block in body.blocks:
        match block:
            case Attachment():
                found.append(block)
            case Paragraph(content=(Image(is_emoticon=False) as image,)):
                found.append(image)
            case _:
                break  # What follows is a caption.
    return tuple(found)


def _given_up(delivery: Delivery, error: Refused) -> Refused:
    """What nobody promises for later is not waited for as long as a message's own are."""
    if type(error) is not Refused or delivery.attempts < FETCH_ATTEMPTS_MAX:
        return error
    text = f"the file cannot be had, tried {delivery.attempts} times ({error})"
    return NotCopied(text, loss=FILE_UNREADABLE)


def _shown(body: Body, urls: Mapping[str, str]) -> Body:
    """Put everything where Teams shows it: a picture that became a file stands below its words."""
    below: list[Block] = []

    def image(node: Image) -> Inline:
        url = urls.get(node.url, "")
        if url.startswith(_REFERENCE):
            below.append(_as_file(node, url))
            return replace(node, url="")
        if node.is_emoticon and url:
            return Image(alt=node.alt, url=url, width=EMOTICON_PIXELS, height=EMOTICON_PIXELS)
        return replace(node, url=url)

    blocks = tuple(_alone(block, urls) for block in body.blocks)
    shown = with_media(
        Body(blocks=blocks),
        image=image,
        attachment=lambda node: replace(node, url=urls.get(node.url, node.url)),
    )
    return normalise(Body(blocks=(*shown.blocks, *below))) if below else shown


_REFERENCE = reference_url("")


def _alone(block: Block, urls: Mapping[str, str]) -> Block:
    match block:
        case Paragraph(content=(Image() as image,)) if urls.get(image.url, "").startswith(
            _REFERENCE
        ):
            return _as_file(image, urls[image.url])
        case _:
            return block


def _as_file(image: Image, url: str) -> Attachment:
    return Attachment(name=image.alt, url=url, kind=MediaKind.IMAGE)


def _attachment(stored: Stored, name: str) -> Json:
    return {
        "id": stored.guid,
        "contentType": "reference",
        "contentUrl": stored.address,
        "name": name,
    }


def kept(body: Body, pictures: Iterable[str], *, files: int) -> tuple[Body, int]:
    """Return an edited body with the pictures that its message has, and how many more it would need.

    The message's own files stay where they are, at its end: none of them is shown twice.
    """
    own = iter(pictures)
    left, lacking = files, 0

    def is_there(*, as_file: bool = True) -> bool:
        nonlocal left, lacking
        found = as_file and left > 0
        left -= found
        lacking += not found
        return found

    def image(node: Image) -> Inline:
        url = next(own, "") if node.url else ""
        if node.url and not url and is_there(as_file=not node.is_emoticon):
            return Text(text="")  # Too large for the text, it became a file.
        return replace(node, url=url, is_emoticon=node.is_emoticon and not url)

    def attachment(node: Attachment) -> Block:
        return Paragraph(content=()) if is_there() else replace(node, url="")

    return with_media(body, image=image, attachment=attachment), lacking
