"""Reading the bytes of a file as they come in, from Microsoft's hosts alone.

    path of Graph ─ with our token ──▶ 200: the bytes · 302 ─┐
    address that Graph has given ─ without ──────────────────┴▶ permitted? ─▶ 200 · 302, a few times

Whatever a server does ends in a named error: what leads elsewhere is not followed, what comes
short, stands still or trickles is given up, what comes compressed although nobody asked is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from email.message import Message
from http import HTTPStatus

import aiohttp
from yarl import URL

from bridge.convert.losses import FILE_UNREADABLE
from bridge.domain.pace import Pace
from bridge.errors import NotCopied, Refused, RemoteError, Throttled, Unavailable
from bridge.http1 import Answer
from bridge.ports import Stream
from bridge.teams.answers import THROTTLED_WAIT, GraphRejected, PermissionMissing, retry_after
from bridge.teams.graph import Credential, Graph
from bridge.teams.hosts import Hosts
from bridge.teams.transport import USER_AGENT, proxy_for

REDIRECTS_MAX = 3
PIECE_BYTES = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_MORE = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)


class Downloads:
    """Opens streams."""

    def __init__(
        self,
        *,
        graph: Graph,
        credential: Credential,
        session: aiohttp.ClientSession,
        hosts: Hosts,
        pace: Pace | None = None,
    ) -> None:
        self._graph = graph
        self._credential = credential
        self._session = session
        self._hosts = hosts
        self._pace = pace or Pace()

    @asynccontextmanager
    async def open(self, handle: str) -> AsyncIterator[Stream]:
        """Read what is at a path of Graph, or at an address.

        Raises:
            NotCopied: It is not there, may not be read, or leads elsewhere.
            RemoteError: Not now; so do the pieces, if it breaks off or comes too slowly.
        """
        async with AsyncExitStack() as stack:
            response = await self._begun(stack, handle)
            for _ in range(REDIRECTS_MAX):
                if response.status not in _REDIRECTS:
                    break
                response = await self._ask(stack, _target(response))
            yield self._stream(_checked(response))

    async def _begun(self, stack: AsyncExitStack, handle: str) -> aiohttp.ClientResponse:
        if not handle.startswith("/"):
            return await self._ask(stack, handle)
        opening = self._graph.open(handle, credential=self._credential)
        try:
            return await stack.enter_async_context(opening)
        except (GraphRejected, PermissionMissing) as error:
            raise _unreadable(str(error)) from error

    async def _ask(self, stack: AsyncExitStack, address: str) -> aiohttp.ClientResponse:
        url = self._hosts.permitted(address)
        if url is None:
            raise _unreadable("a file leads to where none are fetched")
        request = self._session.get(
            url,
            headers={"User-Agent": USER_AGENT},
            allow_redirects=False,
            proxy=proxy_for(str(url)),
        )
        try:
            return await stack.enter_async_context(request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            text = f"{url.host} cannot be reached ({type(error).__name__})"
            raise Unavailable(text) from error
        except (aiohttp.ClientError, ValueError, TimeoutError) as error:
            raise _broken_off(error) from error

    def _stream(self, response: aiohttp.ClientResponse) -> Stream:
        size = response.content_length
        return Stream(
            pieces=self._pieces(response, size),
            size=size,
            mimetype=response.headers.get("Content-Type", ""),
            name=_name(response.headers.get("Content-Disposition", "")),
        )

    async def _pieces(
        self, response: aiohttp.ClientResponse, size: int | None
    ) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        received, waited = 0, 0.0
        while True:
            before = clock()
            try:
                piece = await response.content.read(PIECE_BYTES)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _broken_off(error) from error
            if not piece:
                break
            received, waited = received + len(piece), waited + clock() - before
            self._check_pace(received, waited)
            yield piece
        if size is not None and received != size:
            text = f"a file of {size} bytes ended after {received}"
            raise Refused(text)

    def _check_pace(self, received: int, waited: float) -> None:
        """Only the time counts that was spent waiting for bytes, not that of who takes them."""
        if self._pace.is_too_slow(received, waited):
            text = f"a file came too slowly: {received} bytes in {waited:.0f} s"
            raise Refused(text)


def _target(response: aiohttp.ClientResponse) -> str:
    location = response.headers.get("Location", "")
    try:
        return str(response.url.join(URL(location, encoded=True)))
    except ValueError:
        return ""


def _checked(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Return an answer that has the bytes; raise what any other means."""
    if response.status == HTTPStatus.OK:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused("a file came compressed, although that was not asked for")
        return response
    raise _refusal(response)


def _refusal(response: aiohttp.ClientResponse) -> RemoteError:
    status = response.status
    text = f"{response.url.host} answers {status} to the request for a file"
    wait = retry_after(Answer(status=status, headers=response.headers, body=b""))
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status in _NO_MORE and wait):
        return Throttled(text, retry_after=wait or THROTTLED_WAIT)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unavailable(text)
    # An address is good for some minutes only: the next attempt is given another.
    again = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT}
    if again or status < HTTPStatus.BAD_REQUEST or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(text)
    return _unreadable(text)


def _unreadable(text: str) -> NotCopied:
    return NotCopied(text, loss=FILE_UNREADABLE)


def _broken_off(error: Exception) -> Refused:
    return Refused(f"a file was broken off ({type(error).__name__})")


def _name(disposition: str) -> str:
    """Read the file name of a Content-Disposition (RFC 6266); empty where there is none."""
    message = Message()
    try:
        message["Content-Disposition"] = disposition
        return message.get_filename("") or ""
    except (ValueError, LookupError, UnicodeError):
        return ""
