"""Putting a file into a drive in pieces: never whole in memory, a lost piece sent again.

    createUploadSession ─▶ uploadUrl ─ PUT piece, next piece, … ─▶ the file is there
             │                            └ lost: GET where it stands ─▶ go on from there
             └ 409: it is there already, from an attempt before this one

The address of a session needs no token and must not see ours: pieces go over a session without one,
and to Microsoft's hosts alone. A session that is left behind ends by itself and leaves no file.

Source: learn.microsoft.com graph/api driveitem-createuploadsession.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import field
from datetime import timedelta
from http import HTTPStatus
from typing import Literal

import aiohttp
import orjson
from yarl import URL

from bridge.bodies import read_body
from bridge.domain.pace import Pace
from bridge.domain.values import dataclass
from bridge.errors import Refused, RemoteError, Throttled, Unavailable, Uncertain
from bridge.http1 import Answer
from bridge.ports import Clock, Fetched
from bridge.teams.answers import GraphRejected, failure, retry_after
from bridge.teams.graph import Credential, Graph
from bridge.teams.hosts import Hosts
from bridge.teams.quota import Priority
from bridge.teams.transport import CONNECT_TIMEOUT, USER_AGENT, proxy_for

PIECE_BYTES = 16 * 320 * 1024
"""A multiple of 320 KiB, as Microsoft wants it, and less than 60 MiB; a lost one is sent again."""
READ_BYTES = 256 * 1024
"""Of a piece that are in memory at a time."""
FAILURES_MAX = 5
"""In a row, until the upload is given up for now."""
FAILURE_WAIT = timedelta(seconds=1)
WAIT_MAX = timedelta(seconds=10)
"""A session that asks for more patience is left."""
ANSWERED_WITHIN = timedelta(seconds=60)
"""Beside the time that its bytes may take: behind the last piece a file is put together."""
ANSWER_BYTES_MAX = 64 * 1024
BEHAVIOR = "@microsoft.graph.conflictBehavior"

_NEXT = re.compile(r"(\d{1,16})-")
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504, 509})
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT.total_seconds())
_OVER = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNAUTHORIZED})
"""The last where the address itself is no longer good: it is all that a session takes."""


class SessionOver(Refused):
    """The session is no more; the file must be begun anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    url: URL
    file: Fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Uploads; keeps nothing between two calls."""

    graph: Graph
    session: aiohttp.ClientSession
    hosts: Hosts
    clock: Clock
    pace: Pace = field(default_factory=lambda: Pace(grace=ANSWERED_WITHIN))

    async def put(self, path: str, file: Fetched, *, credential: Credential) -> bool:
        """Put a file at a path of Graph's; return False if there is one already.

        Raises:
            GraphRejected: Never there, or not that file.
            Refused: Not now.
        """
        try:
            if not file.size:
                return await self._put_empty(path, credential)
            try:
                return await self._put_in_pieces(path, file, credential)
            except SessionOver:  # As it is, too, when the answer to the last piece was lost.
                return await self._put_in_pieces(path, file, credential)
        except GraphRejected as error:
            if error.status == HTTPStatus.CONFLICT:
                return False
            raise
        except Uncertain as error:  # Looked for at the next attempt, by its name.
            raise Refused(str(error)) from error

    async def _put_empty(self, path: str, credential: Credential) -> bool:
        """A session has no piece for a file without bytes."""
        await self.graph.request(
            "PUT",
            f"{path}:/content?{BEHAVIOR}=fail",
            credential=credential,
            priority=Priority.EDITS,
            repeatable=True,
        )
        return True

    async def _put_in_pieces(self, path: str, file: Fetched, credential: Credential) -> bool:
        url = await self._begin(path, credential)
        await self._send_all(_Upload(url=url, file=file))
        return True

    async def _begin(self, path: str, credential: Credential) -> URL:
        answer = await self.graph.request(
            "POST",
            f"{path}:/createUploadSession",
            credential=credential,
            body={"item": {BEHAVIOR: "fail"}},
            priority=Priority.EDITS,
            repeatable=True,
        )
        url = self.hosts.permitted(str(answer.get("uploadUrl", "")))
        if url is None:
            raise Refused("Graph wants a file to be put where none is to be put")
        return url

    async def _send_all(self, upload: _Upload) -> None:
        start, failures = 0, 0
        try:
            while start < upload.file.size:
                try:
                    following = await self._piece(upload, start)
                except Unavailable:
                    await self.clock.sleep(FAILURE_WAIT)
                    following = await self._stands_at(upload)
                failures = 0 if following > start else failures + 1
                if failures >= FAILURES_MAX:
                    raise Refused("an upload does not get on")
                start = following
        except RemoteError:
            await self._leave(upload)
            raise

    async def _piece(self, upload: _Upload, start: int) -> int:
        """Send one piece; return where the next begins: at the end, once the file is there."""
        total = upload.file.size
        count = min(PIECE_BYTES, total - start)
        headers = {
            "Content-Length": str(count),
            "Content-Range": f"bytes {start}-{start + count - 1}/{total}",
        }
        answer = await self._ask(
            "PUT", upload.url, headers, data=_read(upload.file, start, count), size=count
        )
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return await self._stands_at(upload)
        _judge(answer)
        return _next_of(answer, total) if answer.status == HTTPStatus.ACCEPTED else total

    async def _stands_at(self, upload: _Upload) -> int:
        try:
            answer = await self._ask("GET", upload.url, {})
            _judge(answer)
        except Unavailable as error:
            text = f"an upload cannot be gone on with: {error}"
            raise Refused(text) from error
        return _next_of(answer, upload.file.size)

    async def _leave(self, upload: _Upload) -> None:
        with suppress(RemoteError):
            await self._ask("DELETE", upload.url, {})

    async def _ask(
        self,
        method: Literal["GET", "PUT", "DELETE"],
        url: URL,
        headers: Mapping[str, str],
        *,
        data: AsyncIterator[bytes] | None = None,
        size: int = 0,
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(self.pace.limit(size).total_seconds()),
                self.session.request(
                    method,
                    url,
                    data=data,
                    headers={"User-Agent": USER_AGENT, **headers},
                    allow_redirects=False,
                    timeout=_TIMEOUT,
                    proxy=proxy_for(str(url)),
                ) as response,
            ):
                body = await read_body(response, ANSWER_BYTES_MAX)
                return Answer(status=response.status, headers=response.headers, body=body)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            text = f"an upload to {url.host} was broken off ({type(error).__name__})"
            raise Unavailable(text) from error


async def _read(file: Fetched, start: int, count: int) -> AsyncIterator[bytes]:
    end = start + count
    while start < end:
        piece = await file.read(start, min(READ_BYTES, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _judge(answer: Answer) -> None:
    """Raise what an answer means: `Unavailable` for what may be tried again at once."""
    if answer.status in _OVER:
        raise SessionOver("an upload was forgotten by Microsoft before its end")
    if answer.status in _TRANSIENT:
        text = f"an upload: Graph answers {answer.status}"
        wait = retry_after(answer)
        if wait is not None and wait > WAIT_MAX:
            raise Throttled(text, retry_after=wait)
        raise Unavailable(text)
    if answer.status == HTTPStatus.INSUFFICIENT_STORAGE:
        raise GraphRejected("the drive is full", status=answer.status, code="quotaLimitReached")
    error = failure("an upload", answer, repeatable=True, everyone=False)
    if error is not None:
        raise error


def _next_of(answer: Answer, total: int) -> int:
    """Read where the next piece begins; a session that wants none has all of them."""
    try:
        said = orjson.loads(answer.body)
        ranges = said["nextExpectedRanges"]
        first = str(ranges[0]) if ranges else f"{total}-"
    except (orjson.JSONDecodeError, LookupError, TypeError) as error:
        raise Refused("an upload is answered with what tells no range") from error
    found = _NEXT.match(first)
    if found is None or int(found[1]) > total:
        raise Refused("an upload is answered with a range that makes no sense")
    return int(found[1])
