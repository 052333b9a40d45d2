"""Bytes that belong to a message: where they come from, and what is remembered of copies.

    Wanted ─▶ MediaSource.look_up ─▶ Found ─▶ MediaSource.open ─▶ Stream ─▶ the other side's media
                                       └ version: copied already? MediaBook

A side reads what its own messages refer to (`MediaSource`), and keeps what the other side's do.
Teams wants to know all of a file before it takes the first byte, and any piece of it again if one
is lost: so what Matrix' messages refer to comes as a whole, on disk (`RoomMedia`).

    place ─▶ RoomMedia.open ─▶ Fetched: its size and kind, and its bytes from anywhere on
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bridge.domain.events import Person
from bridge.domain.ids import MediaUri, Place
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Bytes that a message refers to by `url`; who said it, and in which conversation of Teams."""

    url: str
    place: Place
    author: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a side knows of bytes before they are read; empty or 0 is what it does not know.

    `version` is another one when the bytes are others; none where that cannot be told. `handle` is
    the source's own, and good for some minutes.
    """

    handle: str
    version: str = ""
    name: str = ""
    size: int | None = None
    mimetype: str = ""
    width: int = 0
    height: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Bytes as they come in. If there is a `size`, so many come, or `pieces` raises."""

    pieces: AsyncIterator[bytes]
    size: int | None = None
    mimetype: str = ""
    name: str = ""


class MediaSource(Protocol):
    """Reads the bytes that messages of one side refer to."""

    async def look_up(self, wanted: Wanted) -> Found:
        """Find out what is known of the bytes.

        Raises:
            NotCopied: They are not there, or not to be read.
            RemoteError: Not now.
        """
        ...

    def open(self, found: Found) -> AbstractAsyncContextManager[Stream]:
        """Read the bytes; entering it, and its pieces, raise.

        Raises:
            NotCopied: They are not there, or not to be read.
            RemoteError: Not now, or not to their end.
        """
        ...


class Fetched(Protocol):
    """A file of Matrix, as a whole; what it is was seen by its bytes, whatever was said of it.

    `size` in bytes; `name` is fit to be shown, and its end fits `mimetype`.
    """

    @property
    def size(self) -> int: ...

    @property
    def mimetype(self) -> str: ...

    @property
    def name(self) -> str: ...

    async def read(self, start: int, count: int) -> bytes:
        """Return so many bytes from there on; fewer at its end.

        Raises:
            Refused: The disk is broken.
        """
        ...


class RoomMedia(Protocol):
    """Fetches the bytes that messages of Matrix refer to."""

    def place(self) -> AbstractAsyncContextManager[None]:
        """Take one of few places: who has files to carry holds it until they are said.

        Raises:
            Throttled: There is none soon.
        """
        ...

    def open(self, uri: str, name: str) -> AbstractAsyncContextManager[Fetched]:
        """Fetch a file; nothing is left of it afterwards. `name` is what its sender calls it.

        Raises:
            NotCopied: It is not there, not to be read, or too large.
            RemoteError: Not now, or not to its end; of another homeserver's perhaps never.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture of a large one; `size` in bytes, the others in pixels."""

    uri: MediaUri
    mimetype: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Bytes that were copied, and what is known of them by having looked.

    `animated` is None where nobody has looked. Empty or 0 is what is not known.
    """

    uri: MediaUri
    mimetype: str
    size: int
    name: str = ""
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    animated: bool | None = None
    thumbnail: Thumbnail | None = None


class MediaBook(Protocol):
    """Which bytes were copied, by any of the names that they go by; raises `StoreUnavailable`."""

    async def copy_of(self, source: str) -> Copy | None: ...

    async def remember_copy(self, copy: Copy, *sources: str) -> None: ...
