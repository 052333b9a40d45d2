"""Putting bytes into the homeserver's media: as a stream, never whole in memory.

    upload ─ POST /_matrix/media/v3/upload, Content-Length ─▶ mxc: address
               └─ pieces of the source, each written before the next is asked for
    size_max ─ GET /_matrix/client/v1/media/config ─▶ what the homeserver takes, asked once an hour

An upload that nobody refers to does no harm: whatever goes wrong, the bytes were certainly not put
where a message could show them, and all of it may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from bridge.bodies import read_body
from bridge.convert.losses import FILE_REFUSED, FILE_TOO_LARGE
from bridge.domain.ids import MediaUri
from bridge.domain.values import dataclass
from bridge.errors import (
    BridgeError,
    NotCopied,
    Refused,
    Rejected,
    RemoteError,
    Unavailable,
    Uncertain,
)
from bridge.matrix.answers import RejectedByHomeserver, error_of
from bridge.matrix.connection import PART, Connections
from bridge.ports import Clock
from bridge.telemetry import Watch

UPLOAD = "/_matrix/media/v3/upload"
CONFIG = "/_matrix/client/v1/media/config"
CONFIG_BEFORE = "/_matrix/media/v3/config"
"""Until Matrix spec v1.11."""
SIZE_MAX_AGE = timedelta(hours=1)
STALLED_AFTER = timedelta(seconds=60)
"""The homeserver takes a piece, or answers, within this time; it makes thumbnails before it does."""
ANSWER_BYTES_MAX = 64 * 1024
TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
"""Also what a proxy says that takes less than the homeserver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Bytes to be put there, `size` of them exactly."""

    pieces: AsyncIterator[bytes]
    size: int
    mimetype: str
    name: str


class Uploader:
    """Uploads as the bot, so that no ghost need be there first, and one owner has all."""

    def __init__(
        self, connections: Connections, *, address: str, clock: Clock, watch: Watch
    ) -> None:
        self._session = connections.uploads
        self._asking = connections.asking
        self._address = address.rstrip("/")
        self._clock = clock
        self._watch = watch
        self._size_max: int | None = None
        self._known_until: datetime | None = None

    async def size_max(self) -> int | None:
        """Return how many bytes the homeserver takes at most, if it says so.

        Raises:
            RemoteError: The homeserver could not be asked now.
        """
        now = self._clock.now()
        if self._known_until is None or not now < self._known_until <= now + SIZE_MAX_AGE:
            self._size_max = await self._ask_size_max()
            self._known_until = now + SIZE_MAX_AGE
        return self._size_max

    async def _ask_size_max(self) -> int | None:
        for path in (CONFIG, CONFIG_BEFORE):
            try:
                answer = await self._asking.exchange("GET", path, None, what="media config")
            except RejectedByHomeserver:
                continue
            found = _object(answer).get("m.upload.size")
            return found if isinstance(found, int) and found >= 0 else None
        return None

    async def upload(self, upload: Upload) -> MediaUri:
        """Put bytes into the media, and return where they are.

        Raises:
            NotCopied: The homeserver does not take them, now or later.
            Refused: Not now.
            BridgeError: As the pieces.
        """
        feed = _Feed(upload)
        try:
            status, headers, body = await self._post(upload, feed)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._watch.away(PART, str(error), hint=f"is it running at {self._address}?")
            text = f"upload: {error}"
            raise Unavailable(text) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if feed.error is not None:
                raise feed.error from error
            text = f"upload was broken off ({type(error).__name__})"
            raise Refused(text) from error
        if status == HTTPStatus.OK:
            return _uri(body)
        refusal = error_of(status, headers, body, what="upload")
        raise self._refusal(refusal, upload.size, too_large=status == TOO_LARGE)

    async def _post(self, upload: Upload, feed: _Feed) -> tuple[int, Mapping[str, str], bytes]:
        target = f"{self._address}{UPLOAD}?filename={quote(upload.name, safe='')}"
        async with (
            asyncio.timeout(STALLED_AFTER.total_seconds()) as limit,
            self._session.post(
                URL(target, encoded=True),
                data=feed.pieces(limit),
                headers={"Content-Type": upload.mimetype, "Content-Length": str(upload.size)},
                allow_redirects=False,
            ) as response,
        ):
            body = await read_body(response, ANSWER_BYTES_MAX)
            return response.status, response.headers, body

    def _refusal(self, error: RemoteError, size: int, *, too_large: bool) -> RemoteError:
        if isinstance(error, Rejected):
            self._known_until = None
            loss = FILE_TOO_LARGE if too_large else FILE_REFUSED
            return NotCopied(str(error), loss=loss, size=size)
        return Refused(str(error)) if isinstance(error, Uncertain) else error


class _Feed:
    """The pieces on their way into a request; keeps what their source raised, as aiohttp does not."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.error: BridgeError | None = None

    async def pieces(self, limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        """Yield all of them; each gives the homeserver time for the next."""
        now = asyncio.get_running_loop().time
        sent = 0
        try:
            async for piece in self._upload.pieces:
                sent += len(piece)
                if sent > self._upload.size:
                    break
                yield piece
                limit.reschedule(now() + STALLED_AFTER.total_seconds())
            if sent != self._upload.size:
                text = f"a file of {self._upload.size} bytes came with {sent}"
                raise Refused(text)
        except BridgeError as error:
            self.error = error
            raise


def _uri(body: bytes) -> MediaUri:
    found = _object(body).get("content_uri")
    if not isinstance(found, str) or not found.startswith("mxc://"):
        raise Refused("upload: the answer of the homeserver names no media")
    return MediaUri(found)


def _object(body: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
