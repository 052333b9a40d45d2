"""What the tests of files stand on: an app with permissions for them, and uploading in pieces."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from yarl import URL

from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_files import FilesClient
from bridge.sandbox.tenant.client_teams import TeamHandle, TeamsClient
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Answer, Place

KIB_320 = 320 * 1024
MIB = 1024 * 1024


@dataclass
class Office:
    """A place whose app may read and write files, with a team."""

    place: Place
    files: FilesClient
    teams: TeamsClient
    team: TeamHandle

    async def graph(
        self, who: Person | None, method: str, path: str, body: Any = None, **options: Any
    ) -> Answer:
        return await self.place.graph(who, method, path, body, **options)

    async def put(self, who: Person, path: str, content: bytes, **options: Any) -> Answer:
        place = f"/me/drive/root:/{quote(path)}:/content"
        return await self.graph(who, "PUT", place, content, **options)

    async def begin(self, who: Person, path: str, **item: Any) -> str:
        """The address for the pieces of a new upload."""
        place = f"/me/drive/root:/{quote(path)}:/createUploadSession"
        answer = await self.graph(who, "POST", place, {"item": item})
        assert answer.status == 200, answer.body
        return str(answer.body["uploadUrl"])

    async def piece(self, url: str, data: bytes, start: int, total: int, **headers: str) -> Answer:
        span = f"bytes {start}-{start + len(data) - 1}/{total}"
        headers = {"Content-Range": span, **headers}
        return await self.open("PUT", url, data=io.BytesIO(data), headers=headers)

    async def open(self, method: str, url: str, **options: Any) -> Answer:
        """A request without a token."""
        return await self.place.http(method, str(URL(url, encoded=True)), **options)

    async def download(self, who: Person | None, path: str) -> bytes:
        found = await self.graph(who, "GET", f"{path}/content", allow_redirects=False)
        assert found.status == 302, found.body
        answer = await self.open("GET", found.headers["Location"])
        assert answer.status == 200, answer.body
        return answer.raw


async def open_office(place: Place) -> Office:
    await place.tenant.change_app(
        place.app,
        application_permissions=[*APPLICATION, "Files.ReadWrite.All", "Sites.ReadWrite.All"],
        delegated_scopes=[*DELEGATED, "Files.ReadWrite.All", "Sites.Read.All"],
    )
    teams = TeamsClient(place.tenant)
    team = await teams.create_team(
        "Tea party", owners=[place.alice.id], members=[place.bob.id], channels=["Cakes & pies"]
    )
    return Office(place=place, files=FilesClient(place.tenant), teams=teams, team=team)


def refused(answer: Answer, status: int, code: str, inner: str | None = None) -> None:
    assert answer.status == status, (answer.status, answer.body)
    assert answer.code == code, answer.body
    assert inner is None or answer.body["error"]["innerError"]["code"] == inner
