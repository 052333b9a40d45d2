"""Bytes of the other side, and what is remembered of copies, as a test wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import cast

from typing_extensions import override

from bridge.convert.losses import FILE_UNREADABLE
from bridge.errors import BridgeError, NotCopied
from bridge.ports import (
    Copy,
    Fetched,
    Found,
    Journal,
    Loss,
    MediaBook,
    MediaSource,
    RoomMedia,
    Stream,
    Wanted,
)

PIECE = 64 * 1024


@dataclass(kw_only=True)
class File:
    """Bytes at an address.

    `size` is what is told of them before they come: None for nothing. `fails` is raised at `break_at`.
    """

    data: bytes = b""
    found: Found = field(default_factory=lambda: Found(handle=""))
    mimetype: str = "application/octet-stream"
    tells_size: bool = True
    fails: BridgeError | None = None
    break_at: int = 0


class FakeSource(MediaSource):
    """Has what a test has put there; counts what is read."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.looked_up: list[Wanted] = []
        self.opened: list[str] = []
        self.gate: FakeGate | None = None

    @override
    async def look_up(self, wanted: Wanted) -> Found:
        self.looked_up.append(wanted)
        file = self._file(wanted.url)
        return replace(file.found, handle=wanted.url)

    @override
    @asynccontextmanager
    async def open(self, found: Found) -> AsyncIterator[Stream]:
        self.opened.append(found.handle)
        file = self._file(found.handle)
        if self.gate is not None:
            await self.gate.pass_through()
        size = len(file.data) if file.tells_size else None
        yield Stream(pieces=_pieces(file), size=size, mimetype=file.mimetype, name="")

    def _file(self, url: str) -> File:
        if url not in self.files:
            raise NotCopied("there is no such file", loss=FILE_UNREADABLE)
        return self.files[url]


async def _pieces(file: File) -> AsyncIterator[bytes]:
    if file.fails is not None and file.break_at == 0:
        raise file.fails
    for start in range(0, len(file.data), PIECE):
        if file.fails is not None and start >= file.break_at:
            raise file.fails
        yield file.data[start : start + PIECE]


@dataclass(kw_only=True)
class RoomFile(Fetched):
    """A file of Matrix, by its bytes."""

    data: bytes
    kind: str = "application/octet-stream"
    called: str = "file"

    @property
    @override
    def size(self) -> int:
        return len(self.data)

    @property
    @override
    def mimetype(self) -> str:
        return self.kind

    @property
    @override
    def name(self) -> str:
        return self.called

    @override
    async def read(self, start: int, count: int) -> bytes:
        return self.data[start : start + count]


class FakeRoomMedia(RoomMedia):
    """Has what a test has put there; `fails` is raised for the others."""

    def __init__(self, **files: RoomFile) -> None:
        self.files: dict[str, RoomFile] = files
        self.fails: BridgeError = NotCopied(
            "the file is not on the homeserver", loss=FILE_UNREADABLE
        )
        self.opened: list[str] = []

    @override
    def place(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    @override
    @asynccontextmanager
    async def open(self, uri: str, name: str) -> AsyncIterator[Fetched]:
        self.opened.append(uri)
        if uri not in self.files:
            raise self.fails
        yield replace(self.files[uri], called=name or "file")


class FakeGate:
    """Lets nobody through until it is opened; knows how many stand before it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self.inside = 0
        self.most = 0

    async def pass_through(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self._open.wait()
        finally:
            self.inside -= 1

    def open(self) -> None:
        self._open.set()


class FakeMediaBook(MediaBook):
    """Remembers for one test."""

    def __init__(self) -> None:
        self.copies: dict[str, Copy] = {}

    @override
    async def copy_of(self, source: str) -> Copy | None:
        return self.copies.get(source)

    @override
    async def remember_copy(self, copy: Copy, *sources: str) -> None:
        self.copies |= dict.fromkeys(sources, copy)


@dataclass
class Losses:
    """As much of a journal as is needed to note what could not be carried over."""

    noted: list[Loss] = field(default_factory=list)

    def as_journal(self) -> Journal:
        return cast(Journal, self)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Losses]:
        yield self

    async def lose(self, losses: Sequence[Loss]) -> None:
        self.noted += losses

    @property
    def names(self) -> list[str]:
        return [loss.name for loss in self.noted]
