"""Fetching files and pictures that people of Matrix refer to: authenticated media, as the bridge.

    mxc: ─ GET /_matrix/client/v1/media/download ─▶ announced size permitted? ─▶ a place ─▶ on disk
                    │                                                └ no larger than permitted ─▶ Fetched
                    └ 404: nobody has it · 5xx: of another homeserver perhaps never, else not now

Nothing of what a sender writes about a file is believed: neither its size nor its kind. What comes
too slowly, or does not end, is given up. Source: Matrix spec v1.19, client-server § content
repository.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Self

import aiohttp
from typing_extensions import override
from yarl import URL

from bridge import ports
from bridge.bodies import read_body
from bridge.config import Config
from bridge.convert.losses import FILE_REFUSED, FILE_TOO_LARGE, FILE_UNREADABLE
from bridge.convert.matrix_files import ENCRYPTED
from bridge.domain.pace import Pace
from bridge.domain.values import dataclass
from bridge.errors import NotCopied, Refused, Rejected, RemoteError, Unavailable
from bridge.matrix.answers import error_of
from bridge.matrix.connection import PART, Connections
from bridge.matrix.naming import file_name
from bridge.matrix.sniffing import HEAD_BYTES, kind_of
from bridge.matrix.spool import PIECE_BYTES, Spool, open_spool
from bridge.matrix.transfers import Places
from bridge.telemetry import Watch

DOWNLOAD = "/_matrix/client/v1/media/download"
REMOTE_WAIT_MS = 20_000
"""How long the homeserver may wait for a file that is still being uploaded there."""
ANSWER_BYTES_MAX = 64 * 1024
_MEDIA = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})")
"""Matrix spec v1.19, client-server § mxc URIs: what else an id might hold leads elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched(ports.Fetched):
    spool: Spool
    mimetype: str
    name: str

    @property
    @override
    def size(self) -> int:
        return self.spool.size

    @override
    async def read(self, start: int, count: int) -> bytes:
        return await self.spool.read(start, count)


class Downloader(ports.RoomMedia):
    """Implements `ports.RoomMedia`; `size_max` in bytes, `domain` is our own homeserver's name."""

    def __init__(
        self,
        connections: Connections,
        *,
        address: str,
        domain: str,
        size_max: int,
        watch: Watch,
    ) -> None:
        self._session = connections.uploads
        self._address = address.rstrip("/")
        self._domain = domain
        self._size_max = size_max
        self._watch = watch
        self.places = Places()
        self.pace = Pace()

    @classmethod
    def of(cls, config: Config, connections: Connections, watch: Watch) -> Self:
        return cls(
            connections,
            address=config.homeserver.address,
            domain=config.homeserver.domain,
            size_max=config.bridge.media_size_max,
            watch=watch,
        )

    @override
    def place(self) -> AbstractAsyncContextManager[None]:
        return self.places.one()

    @override
    @asynccontextmanager
    async def open(self, uri: str, name: str) -> AsyncIterator[ports.Fetched]:
        async with self._asked(*_parsed(uri)) as response:
            size = response.content_length
            self._check(size)
            async with self.places.of_size(size), open_spool() as spool:
                pieces = self._pieces(response, size)
                await spool.fill(pieces, size_max=self._size_max)
                response.release()
                head = await spool.read(0, HEAD_BYTES)
                kind = kind_of(head, response.headers.get("Content-Type", ""))
                yield _Fetched(spool=spool, mimetype=kind, name=file_name(name, kind))

    @asynccontextmanager
    async def _asked(self, server: str, key: str) -> AsyncIterator[aiohttp.ClientResponse]:
        path = f"{self._address}{DOWNLOAD}/{server}/{key}?timeout_ms={REMOTE_WAIT_MS}"
        request = self._session.get(
            URL(path, encoded=True),
            headers={"Accept-Encoding": "identity"},
            allow_redirects=False,
        )
        try:
            async with asyncio.timeout(self.pace.limit(0).total_seconds()):
                response = await request
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._watch.away(PART, str(error), hint=f"is it running at {self._address}?")
            text = f"media: {error}"
            raise Unavailable(text) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _broken_off(error) from error
        async with response:
            if response.status != HTTPStatus.OK:
                raise await self._refusal(response, server)
            yield response

    async def _refusal(self, response: aiohttp.ClientResponse, server: str) -> RemoteError:
        try:
            body = await read_body(response, ANSWER_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError):
            body = b""
        error = error_of(response.status, response.headers, body, what="media")
        if isinstance(error, Rejected):
            text = f"the file is not on the homeserver ({error})"
            return NotCopied(text, loss=FILE_UNREADABLE)
        if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return error
        # Our own homeserver is waited for; another one may be away for ever.
        is_ours = server == self._domain and isinstance(error, Unavailable)
        return error if is_ours else Refused(f"the file cannot be had from {server} ({error})")

    async def _pieces(
        self, response: aiohttp.ClientResponse, size: int | None
    ) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        received, waited = 0, 0.0
        while True:
            before = clock()
            try:
                async with asyncio.timeout(self.pace.limit(0).total_seconds()):
                    piece = await response.content.read(PIECE_BYTES)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _broken_off(error) from error
            if not piece:
                break
            received, waited = received + len(piece), waited + clock() - before
            if self.pace.is_too_slow(received, waited):
                text = f"a file came too slowly: {received} bytes in {waited:.0f} s"
                raise Refused(text)
            yield piece
        if size is not None and received != size:
            text = f"a file of {size} bytes ended after {received}"
            raise Refused(text)

    def _check(self, size: int | None) -> None:
        if not self._size_max:
            raise NotCopied("no files are copied, as configured", loss=FILE_TOO_LARGE)
        if size is not None and size > self._size_max:
            text = f"a file of {size} bytes is too large, where {self._size_max} are permitted"
            raise NotCopied(text, loss=FILE_TOO_LARGE, size=size)


def _parsed(uri: str) -> tuple[str, str]:
    """Return server and id of an address."""
    if uri == ENCRYPTED:
        raise NotCopied("the file is encrypted, and the room is not", loss=FILE_REFUSED)
    found = _MEDIA.fullmatch(uri)
    if found is None:
        raise NotCopied("the file is not on the homeserver: no mxc: address", loss=FILE_UNREADABLE)
    return found[1], found[2]


def _broken_off(error: Exception) -> Refused:
    return Refused(f"media was broken off ({type(error).__name__})")
