"""Files of a simulated tenant, from a test or a demo.

files = FilesClient(tenant)
file = await files.put(OneDrive(alice.id), f"{CHAT_FILES}/tea.txt", b"milk?")
await tenant.type(chat, alice.id, file.mark, attachments=[file.attachment])
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.client_teams import Place
from bridge.sandbox.tenant.errors import Json

CHAT_FILES = "Microsoft Teams Chat Files"
"""The folder of the sender's OneDrive for what is sent in chats."""


@dataclass(frozen=True, slots=True)
class OneDrive:
    """A person's own drive."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, and how a message refers to it; `size` in bytes."""

    drive: str
    item: str
    guid: str
    name: str
    size: int
    web_url: str
    dav_url: str

    @property
    def attachment(self) -> Json:
        """The chatMessageAttachment of a message with this file."""
        return {
            "id": self.guid,
            "contentType": "reference",
            "contentUrl": self.dav_url,
            "content": None,
            "name": self.name,
            "thumbnailUrl": None,
            "teamsAppId": None,
        }

    @property
    def mark(self) -> str:
        """What stands in the message's text for it."""
        return f'<attachment id="{self.guid}"></attachment>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file as it lies there: who may read and write it, by their ids."""

    guid: str
    name: str
    path: str
    size: int
    sha256: str
    web_url: str
    dav_url: str
    readers: frozenset[str]
    writers: frozenset[str]


class FilesClient:
    """What people do with files, as if they sat at the Teams client."""

    def __init__(self, tenant: ControlledTenant) -> None:
        self._tenant = tenant

    async def put(
        self,
        where: OneDrive | Place,
        path: str,
        content: bytes,
        *,
        share_with: Sequence[str] = (),
        conflict: str = "rename",
        facets: Json | None = None,
    ) -> File:
        """A file at a path below the OneDrive or the channel's folder; folders are made.

        `facets` is what SharePoint finds out about it, such as `{"image": {"width": 4, "height": 3}}`.
        """
        body: Json = {
            **_where(where, path),
            "content": base64.b64encode(content).decode(),
            "share_with": list(share_with),
            "conflict": conflict,
            "facets": facets or {},
        }
        return _file(await self._tenant.call("POST", "/files", body))

    async def make(
        self,
        where: OneDrive | Place,
        path: str,
        size: int,
        *,
        seed: int = 0,
        share_with: Sequence[str] = (),
    ) -> File:
        """A file of `size` bytes that follow from a seed; nothing holds it."""
        body: Json = {
            **_where(where, path),
            "size": size,
            "seed": seed,
            "share_with": list(share_with),
        }
        return _file(await self._tenant.call("POST", "/files", body))

    async def kept(self) -> list[Kept]:
        """All files of the tenant."""
        found = await self._tenant.call("GET", "/files")
        every = found["value"]
        return [_kept(one) for one in every] if isinstance(every, list) else []

    async def share(
        self, where: OneDrive | Place, path: str, people: Sequence[str], *, role: str = "read"
    ) -> None:
        """Let people read or write a file or a folder."""
        body: Json = {**_where(where, path), "share_with": list(people), "role": role}
        await self._tenant.call("POST", "/files/share", body)

    async def link(self, where: OneDrive | Place, path: str, *, scope: str = "organization") -> str:
        """A link that reads a file or a folder; scope is organization, anonymous or users."""
        body: Json = {**_where(where, path), "link": scope}
        return str((await self._tenant.call("POST", "/files/share", body))["link"])

    async def lock(self, where: OneDrive | Place, path: str, *, locked: bool = True) -> None:
        await self._tenant.call("PATCH", "/files", {**_where(where, path), "locked": locked})

    async def delete(self, where: OneDrive | Place, path: str) -> None:
        await self._tenant.call("DELETE", "/files", _where(where, path))

    async def cut(self, direction: str, *, after_bytes: int, times: int = 1) -> None:
        """Break the next transfers; direction is upload or download."""
        body: Json = {"direction": direction, "after_bytes": after_bytes, "times": times}
        await self._tenant.call("POST", "/files/cut", body)

    async def forget_uploads(self) -> None:
        await self._tenant.call("DELETE", "/uploads")

    async def license(self, user: str, *, licensed: bool) -> None:
        """Whether somebody has a OneDrive."""
        await self._tenant.call("PATCH", f"/users/{user}/drive", {"licensed": licensed})


def _where(where: OneDrive | Place, path: str) -> Json:
    if isinstance(where, OneDrive):
        return {"user": where.user, "path": path}
    return {"team": where.team, "channel": where.channel, "path": path}


def _kept(answer: Json) -> Kept:
    size, readers, writers = (answer[name] for name in ("size", "read", "write"))
    return Kept(
        size=size if isinstance(size, int) else 0,
        readers=frozenset(readers if isinstance(readers, list) else ()),
        writers=frozenset(writers if isinstance(writers, list) else ()),
        **{
            name: str(answer[name])
            for name in ("guid", "name", "path", "sha256", "web_url", "dav_url")
        },
    )


def _file(answer: Json) -> File:
    size = answer["size"]
    return File(
        size=size if isinstance(size, int) else 0,
        **{
            name: str(answer[name])
            for name in ("drive", "item", "guid", "name", "web_url", "dav_url")
        },
    )
