"""What went over the wire: for whoever wants to check every request to Graph and every answer.

The server shows each `Exchange` to an observer in its own process, or `recording` writes it to a
file, one JSON object a line.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from aiohttp import web

from bridge.sandbox.tenant.errors import Json

DROPPED = 499
"""Status of an answer that the weather kept from the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request to Graph and its answer; bodies as they were sent, empty if there was none."""

    method: str
    target: str
    """Path and query below `/v1.0`, percent-encoded."""
    request: bytes
    status: int
    headers: dict[str, str]
    """Of the answer, names in lower case."""
    response: bytes

    def as_json(self) -> Json:
        return {
            "method": self.method,
            "target": self.target,
            "request": base64.b64encode(self.request).decode(),
            "status": self.status,
            "headers": self.headers,
            "response": base64.b64encode(self.response).decode(),
        }


Observer = Callable[[Exchange], None]


async def exchanged(request: web.Request, response: web.StreamResponse) -> Exchange:
    """The exchange of this request and its answer, after the answer was made."""
    given = response.body if isinstance(response, web.Response) else None
    return Exchange(
        method=request.method,
        target=request.rel_url.raw_path_qs.removeprefix("/v1.0"),
        request=await _body(request),
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        response=given if isinstance(given, bytes) else b"",
    )


async def _body(request: web.Request) -> bytes:
    """What was read of the body; one that was refused unread stays so."""
    if not request.content.is_eof():
        return b""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return b""


@contextmanager
def recording(path: Path | None) -> Iterator[Observer | None]:
    """Write every exchange to a file, if there is to be one; it grows with the traffic."""
    if path is None:
        yield None
        return
    with path.open("wb", buffering=0) as out:
        yield lambda exchange: _write(out.write, exchange)


def _write(write: Callable[[bytes], object], exchange: Exchange) -> None:
    write(orjson.dumps(exchange.as_json(), option=orjson.OPT_APPEND_NEWLINE))
