"""Implements `ports.MediaSource` for Teams: what a message may refer to, and where its bytes are.

    address ─┬─ Graph: hosted content of this very conversation ─▶ the same path
             ├─ SharePoint, OneDrive: `libraries` ─▶ driveItem ──▶ the address that Graph gives
             ├─ pictures that Teams shows to everybody ──────────▶ as it is
             └─ anything else ───────────────────────────────────▶ NotCopied

The app's token opens the whole of Graph, so a path is never taken from a message: it is put together
anew of the ids in it, and the conversation must be the one that the message was said in. Else who
writes `<img src="https://graph.microsoft.com/…">` would see what others wrote.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final
from urllib.parse import unquote

from typing_extensions import override
from yarl import URL

from bridge.convert.losses import FILE_UNREADABLE
from bridge.domain.ids import Place, channel_of
from bridge.errors import NotCopied
from bridge.ports import Found, MediaSource, Stream, Wanted
from bridge.teams import items
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.downloads import Downloads
from bridge.teams.graph import Credential, Graph, segment
from bridge.teams.hosts import Hosts
from bridge.teams.items import Drive
from bridge.teams.libraries import Libraries, path_within, share_path
from bridge.teams.quota import Priority

PICTURE_HOSTS: Final = frozenset({"statics.teams.cdn.office.net"})
"""Where the stickers are that Teams offers, for everybody and without a token."""
_VERSIONS = frozenset({"v1.0", "beta"})
_CHAT = ("chats", "messages", "hostedcontents")
_POST = ("teams", "channels", "messages", "hostedcontents")
_REPLY = ("teams", "channels", "messages", "replies", "hostedcontents")


class TeamsMedia(MediaSource):
    """Reads with the app's token."""

    def __init__(
        self,
        *,
        graph: Graph,
        credential: Credential,
        hosts: Hosts,
        libraries: Libraries,
        downloads: Downloads,
    ) -> None:
        self._graph = graph
        self._credential = credential
        self._hosts = hosts
        self._libraries = libraries
        self._downloads = downloads

    @override
    async def look_up(self, wanted: Wanted) -> Found:
        url = self._hosts.permitted(wanted.url)
        if url is None:
            raise _unreadable("a file is where none are fetched")
        if self._hosts.is_graph(url):
            path = hosted_path(url, wanted.place)
            if path is None:
                raise _unreadable("an address of Graph is no picture of this conversation")
            return Found(handle=path)
        if url.host in PICTURE_HOSTS:
            return Found(handle=str(url), version=str(url))
        return await self._in_library(url, wanted)

    async def _in_library(self, url: URL, wanted: Wanted) -> Found:
        drive = await self._libraries.find(url, wanted)
        if drive is None:
            raise _unreadable("a file is in no library of who showed it")
        path = path_within(url, URL(drive.page))
        return Found(handle=share_path(str(url))) if path is None else await self._item(drive, path)

    async def _item(self, drive: Drive, path: str) -> Found:
        try:
            answer = await self._graph.request(
                "GET",
                f"/drives/{segment(drive.id)}/root:/{path}",
                credential=self._credential,
                priority=Priority.EDITS,
            )
        except (GraphRejected, PermissionMissing) as error:
            raise _unreadable(str(error)) from error
        found = items.item(answer)
        if found is None:
            raise _unreadable("what was shown as a file is none")
        return found

    @override
    def open(self, found: Found) -> AbstractAsyncContextManager[Stream]:
        return self._downloads.open(found.handle)


def hosted_path(url: URL, place: Place) -> str | None:
    """Return the path of a message's own content in Graph; None for anything else.

    Source: learn.microsoft.com graph/api chatmessagehostedcontent-get.
    """
    version, *parts = [unquote(part) for part in url.raw_path.strip("/").split("/")]
    if version not in _VERSIONS or not parts or parts.pop() != "$value" or url.query_string:
        return None
    if parts[:1] == ["users"]:
        parts = parts[2:]
    kinds = tuple(kind.lower() for kind in parts[::2])
    ids = parts[1::2]
    if len(ids) != len(kinds) or any(one in {"", ".", ".."} for one in ids):
        return None
    if kinds not in {_CHAT, _POST, _REPLY} or not _is_of(kinds, ids, place):
        return None
    # In lower case Graph takes them as well, but its documents have them so.
    names = ["hostedContents" if kind == "hostedcontents" else kind for kind in kinds]
    path = "".join(f"/{name}/{segment(one)}" for name, one in zip(names, ids, strict=True))
    return f"{path}/$value"


def _is_of(kinds: tuple[str, ...], ids: list[str], place: Place) -> bool:
    channel = channel_of(place)
    if kinds == _CHAT:
        return channel is None and ids[0] == place.conversation
    return channel is not None and ids[:2] == [channel.team, channel.channel]


def _unreadable(text: str) -> NotCopied:
    return NotCopied(text, loss=FILE_UNREADABLE)
