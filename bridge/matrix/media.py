"""Copying the bytes of a message of Teams into the homeserver's media, each once.

    part ─▶ wanted ─▶ copied for this message? ─▶ a place (transfers) ─▶ source.look_up ─▶ this
            version copied? ─▶ source.open ─▶ what is it, by its first bytes?
                 a picture, or of unknown size ─▶ spool on disk ─▶ looked at, same bytes known?
                 anything else ─────────────────▶ straight through
                                                       └─▶ uploader ─▶ mxc:, remembered

What is remembered goes by up to three names: the message with its address (a retry, or an edit of
its words, copies nothing, even where the file was deleted since), the version of the file, and, for
what was on disk, its digest. What cannot be copied is left where it is (`Left`) and counted as a
loss: the text of a message never waits for bytes that are known to be lost.

A process holds on disk at most `TRANSFERS_MAX` files of the permitted size, and in memory a few
pieces of each, and one decoded picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from typing import IO, TYPE_CHECKING

from bridge.convert.losses import FILE_TOO_LARGE
from bridge.domain.content import Attachment, Body, Image
from bridge.domain.ids import Side, digest
from bridge.domain.values import dataclass
from bridge.errors import NotCopied, Refused, Uncertain
from bridge.matrix.naming import file_name
from bridge.matrix.showing import NOTHING, Left, Media, wanted_of
from bridge.matrix.sniffing import HEAD_BYTES, PICTURES, kind_of
from bridge.matrix.spool import Spool, open_spool
from bridge.matrix.transfers import Places
from bridge.matrix.uploading import Upload, Uploader
from bridge.ports import (
    Copy,
    Delivery,
    Found,
    Journal,
    Loss,
    MediaBook,
    MediaSource,
    Stream,
    Thumbnail,
    Wanted,
)
from bridge.telemetry import LOSSES, MEDIA, MEDIA_BYTES, log

if TYPE_CHECKING:
    from bridge.matrix.thumbnails import Look, Small

LOOKED_AT_BYTES_MAX = 20 * 1024 * 1024
"""Of a picture that is looked at; a larger one is shown without a thumbnail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What is copied, under which name of its own."""

    found: Found
    name: str
    limit: int


class Copier:
    """Copies what messages refer to; keeps nothing but places between two calls."""

    def __init__(
        self,
        source: MediaSource,
        uploader: Uploader,
        book: MediaBook,
        *,
        size_max: int,
        journal: Journal,
        places: Places | None = None,
    ) -> None:
        self._source = source
        self._uploader = uploader
        self._book = book
        self._size_max = size_max
        self._journal = journal
        self._places = places or Places()
        self._eye = asyncio.Semaphore(1)

    async def gathered(self, delivery: Delivery, body: Body) -> Media:
        """Return what became of everything that a part refers to, copied if it was not.

        Raises:
            Refused: Not now; nothing was said.
            StoreUnavailable: Postgres is away.
        """
        wanted = wanted_of(body)
        if not wanted:
            return NOTHING
        try:
            return {node.url: await self._copied_or_left(delivery, node) for node in wanted}
        except Uncertain as error:
            # What is uncertain is whether bytes were copied that nobody has referred to yet.
            raise Refused(str(error)) from error

    async def _copied_or_left(self, delivery: Delivery, node: Attachment | Image) -> Copy | Left:
        try:
            return await self._copied(delivery, node)
        except NotCopied as error:
            log.info("not copied", delivery=delivery.id, reason=error.loss, error=str(error))
            await self._lose(delivery, error.loss)
            return Left(size=error.size)

    async def _lose(self, delivery: Delivery, loss: str) -> None:
        portal = delivery.portal.id
        async with self._journal.unit() as unit:
            await unit.lose((Loss(portal=portal, ref=delivery.source, name=loss),))
        LOSSES.labels(Side.TEAMS, loss).inc()
        MEDIA.labels("left").inc()

    async def _copied(self, delivery: Delivery, node: Attachment | Image) -> Copy:
        place = delivery.portal.place
        said = digest("said", place.tenant, place.conversation, delivery.source, node.url)
        known = await self._book.copy_of(said)
        if known is not None:
            return known
        limit = await self._limit()
        if not limit:
            raise NotCopied("nothing is copied", loss=FILE_TOO_LARGE)
        async with self._places.one():
            wanted = Wanted(url=node.url, place=place, author=delivery.event.author)
            found = await self._source.look_up(wanted)
            name = node.name if isinstance(node, Attachment) else node.alt
            copy, names = await self._of_version(_Named(found=found, name=name, limit=limit))
            await self._book.remember_copy(copy, said, *names)
            return copy

    async def _limit(self) -> int:
        theirs = await self._uploader.size_max()
        return self._size_max if theirs is None else min(self._size_max, theirs)

    async def _of_version(self, named: _Named) -> tuple[Copy, tuple[str, ...]]:
        """Return the copy of a file as it is now, and the names that it goes by from now on."""
        found = named.found
        if not found.version:
            return await self._transferred(named)
        version = digest("version", found.version)
        known = await self._book.copy_of(version)
        if known is not None:
            MEDIA.labels("known").inc()
            return known, ()
        copy, names = await self._transferred(named)
        return copy, (version, *names)

    async def _transferred(self, named: _Named) -> tuple[Copy, tuple[str, ...]]:
        _check(named.found.size, named.limit)
        async with self._source.open(named.found) as stream:
            _check(stream.size, named.limit)
            async with self._places.of_size(stream.size):
                copy, names = await self._passed_on(named, stream)
        MEDIA.labels("copied").inc()
        MEDIA_BYTES.inc(copy.size)
        return copy, names

    async def _passed_on(self, named: _Named, stream: Stream) -> tuple[Copy, tuple[str, ...]]:
        head, pieces = await _begun(stream.pieces)
        mimetype = kind_of(head, stream.mimetype or named.found.mimetype)
        looks = mimetype in PICTURES and (stream.size or 0) <= LOOKED_AT_BYTES_MAX
        if stream.size is not None and not looks:
            upload = self._upload(named, pieces, stream.size, mimetype)
            return await self._put(upload, named.found), ()
        async with open_spool() as spool:
            await spool.fill(pieces, size_max=named.limit)
            return await self._put_spooled(named, spool, mimetype)

    async def _put_spooled(
        self, named: _Named, spool: Spool, mimetype: str
    ) -> tuple[Copy, tuple[str, ...]]:
        same = digest("bytes", spool.digest)
        known = await self._book.copy_of(same)
        if known is not None:
            MEDIA.labels("known").inc()
            return known, ()
        look = await self._look(spool, mimetype)
        copy = await self._put(
            self._upload(named, spool.pieces(), spool.size, mimetype), named.found
        )
        if look is None:
            return copy, (same,)
        worth_it = look.small is not None and len(look.small.data) < spool.size
        small = await self._put_small(look.small) if look.small and worth_it else None
        seen = replace(
            copy, width=look.width, height=look.height, animated=look.animated, thumbnail=small
        )
        return seen, (same,)

    async def _look(self, spool: Spool, mimetype: str) -> Look | None:
        if mimetype not in PICTURES or spool.size > LOOKED_AT_BYTES_MAX:
            return None
        async with self._eye:
            spool.file.seek(0)
            return await asyncio.to_thread(_look_at, spool.file)

    async def _put_small(self, small: Small) -> Thumbnail | None:
        """A picture is shown without its thumbnail rather than not at all."""
        size = len(small.data)
        upload = Upload(
            pieces=_pieces_of(small.data),
            size=size,
            mimetype=small.mimetype,
            name=file_name("thumbnail", small.mimetype),
        )
        try:
            uri = await self._uploader.upload(upload)
        except NotCopied:
            return None
        return Thumbnail(
            uri=uri, mimetype=small.mimetype, size=size, width=small.width, height=small.height
        )

    def _upload(
        self, named: _Named, pieces: AsyncIterator[bytes], size: int, mimetype: str
    ) -> Upload:
        name = file_name(named.name or named.found.name, mimetype)
        return Upload(pieces=pieces, size=size, mimetype=mimetype, name=name)

    async def _put(self, upload: Upload, found: Found) -> Copy:
        uri = await self._uploader.upload(upload)
        return Copy(
            uri=uri,
            mimetype=upload.mimetype,
            size=upload.size,
            name=upload.name,
            width=found.width,
            height=found.height,
            duration_ms=found.duration_ms,
        )


def _check(size: int | None, limit: int) -> None:
    if size is not None and size > limit:
        text = f"a file of {size} bytes, where {limit} are permitted"
        raise NotCopied(text, loss=FILE_TOO_LARGE, size=size)


async def _begun(pieces: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Read the head of a stream; return it, and all of the stream."""
    head = bytearray()
    async for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    begun = bytes(head)

    async def whole() -> AsyncIterator[bytes]:
        if begun:
            yield begun
        async for piece in pieces:
            yield piece

    return begun, whole()


def _look_at(file: IO[bytes]) -> Look | None:
    """Look at a picture, in a thread: there Pillow is imported with the first, 20 ms and 2 MB."""
    from bridge.matrix.thumbnails import look_at

    return look_at(file)


async def _pieces_of(data: bytes) -> AsyncIterator[bytes]:
    file = BytesIO(data)
    while piece := file.read(64 * 1024):
        yield piece
