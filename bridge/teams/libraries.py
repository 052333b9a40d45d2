"""Whose files may be read, and where they are: an address counts for nothing by itself.

    address ─▶ its site ─┬─ of the OneDrive of who said it ───────────┐
                         ├─ of the channel that it was said in ───────┼─▶ path in the library ─▶ item
                         ├─ of a team that who said it is a member of ┘   or a link ─▶ /shares
                         └─ anybody else's: a link remains

The bridge may read every file of the tenant, and who can write a message through Graph can name any
address in it: were it fetched, they would read in Matrix what they may not in SharePoint. So a file
is read only where whoever said the message has a right to by what they are: owner of the OneDrive,
in the channel, member of the team. That a file was shared with them alone cannot be seen without a
permission to write everywhere (`GET /shares/{id}/driveItem` takes Files.ReadWrite.All).

Forms of addresses: learn.microsoft.com graph/api driveitem-get, shares-get, site-getbypath; the
`contentUrl` of a file is its path (microsoftgraph/msgraph-sdk-javascript#200).
"""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from yarl import URL

from bridge.domain.events import Person
from bridge.domain.ids import Channel, channel_of
from bridge.domain.values import dataclass
from bridge.ports import Clock, Wanted
from bridge.teams import items
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.fields import Json, objects
from bridge.teams.graph import Credential, Graph, segment
from bridge.teams.items import Drive
from bridge.teams.quota import Priority
from bridge.telemetry import Watch

DRIVES_MAX = 4_096
"""Libraries remembered at once, some 300 bytes each."""
REFUSED_FOR = timedelta(minutes=10)
"""How long a permission that nobody has granted is not asked for again: each time takes a token."""
FILES = "files"
SITES = "files of other teams"
HINTS = {
    FILES: "only links are shown; to have files copied, grant Files.Read.All (application)",
    SITES: "only links are shown; to have them copied, grant Sites.Read.All (application)",
}

_PERSON = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LINK = re.compile(r"/:[a-z]:/[a-z]/")
"""How the path of a sharing link begins: what kind of file, and how it is opened."""
_SITE = re.compile(r"/(?:personal|sites|teams)/[^/]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an address leads: `path` of a site, empty for the first of a tenant; in small letters."""

    host: str
    path: str


def site_of(url: URL) -> Site:
    """Return the site of an address, whether it is a file's own, a page's, or a link."""
    path = _LINK.sub("/", url.path, count=1)
    found = _SITE.match(path)
    return Site(host=(url.host or "").lower(), path=found[0].lower() if found else "")


def path_within(url: URL, library: URL) -> str | None:
    """Return the path of a file in a library, percent-encoded; None if it is not simply in it."""
    names, above = (unquote(u.raw_path).strip("/").split("/") for u in (url, library))
    inside = [name.lower() for name in names[: len(above)]] == [name.lower() for name in above]
    rest = names[len(above) :]
    if not inside or not rest or any(name in {"", ".", ".."} for name in rest):
        return None
    return "/".join(quote(name, safe="") for name in rest)


def share_path(address: str) -> str:
    """Return the path of Graph that reads what an address was shared for."""
    token = base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")
    return f"/shares/u!{token}/driveItem/content"


class Libraries:
    """Finds the library that an address is in, if whoever said it has a right to that."""

    def __init__(self, *, graph: Graph, credential: Credential, clock: Clock, watch: Watch) -> None:
        self._graph = graph
        self._credential = credential
        self._clock = clock
        self._watch = watch
        self._refused: dict[str, datetime] = {}
        self._known: OrderedDict[tuple[str, ...], Drive] = OrderedDict()

    async def find(self, url: URL, wanted: Wanted) -> Drive | None:
        """Return the library; None if it is nobody's who may show it here.

        Raises:
            RemoteError: Graph could not be asked now.
        """
        site = site_of(url)
        for look in (self._own, self._of_channel, self._of_team):
            found = await look(site, wanted)
            if found is not None and site_of(URL(found.page)) == site:
                return found
        return None

    async def _own(self, site: Site, wanted: Wanted) -> Drive | None:
        person = wanted.author.id
        if not site.path.startswith("/personal/") or not _PERSON.fullmatch(person):
            return None
        path = f"/users/{segment(person)}/drive?$select=id,webUrl"
        return await self._drive(("person", person), lambda: self._ask(path))

    async def _of_channel(self, site: Site, wanted: Wanted) -> Drive | None:
        channel = channel_of(wanted.place)
        if channel is None or site.path.startswith("/personal/"):
            return None
        return await self._drive(
            ("channel", wanted.place.conversation), lambda: self._folder_drive(channel)
        )

    async def _folder_drive(self, channel: Channel) -> Json | None:
        team, key = segment(channel.team), segment(channel.channel)
        folder = await self._ask(f"/teams/{team}/channels/{key}/filesFolder")
        drive = None if folder is None else items.folder_drive(folder)
        return None if drive is None else await self._ask(f"/drives/{segment(drive)}")

    async def _of_team(self, site: Site, wanted: Wanted) -> Drive | None:
        """The library of a whole team: that of a private channel names its team as owner as well."""
        if not site.path or site.path.startswith("/personal/"):
            return None
        key = (site.host, site.path)
        drive = await self._drive(("site", *key), lambda: self._site_drive(site))
        if drive is None or drive.group is None:
            return None
        path = f"/groups/{segment(drive.group)}/drive"
        whole = await self._drive(("group", drive.group), lambda: self._ask(path))
        if whole is None or whole.id != drive.id:
            return None
        return drive if await self._is_member(drive.group, wanted.author) else None

    async def _site_drive(self, site: Site) -> Json | None:
        path = f"/sites/{segment(site.host)}:{quote(site.path)}"
        found = await self._ask(path, part=SITES)
        key = None if found is None else items.site_id(found)
        return None if key is None else await self._ask(f"/sites/{segment(key)}/drive", part=SITES)

    async def _is_member(self, team: str, author: Person) -> bool:
        """Ask for this one member: a team may have 25,000."""
        if not _PERSON.fullmatch(author.id):
            return False
        wanted = f"(microsoft.graph.aadUserConversationMember/userId eq '{author.id}')"
        path = f"/teams/{segment(team)}/members?$filter={quote(wanted, safe='')}"
        found = await self._ask(path)
        return found is not None and any(objects(found, "value", 1))

    async def _drive(
        self, key: tuple[str, ...], ask: Callable[[], Awaitable[Json | None]]
    ) -> Drive | None:
        known = self._known.get(key)
        if known is None:
            answer = await ask()
            known = None if answer is None else items.drive(answer)
            if known is None:
                return None
            self._known[key] = known
            if len(self._known) > DRIVES_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return known

    async def _ask(self, path: str, *, part: str = FILES) -> Json | None:
        """Ask Graph; what may not be known is as good as not there."""
        now = self._clock.now()
        if self._refused.get(part, now) > now:
            return None
        try:
            answer = await self._graph.request(
                "GET", path, credential=self._credential, priority=Priority.MEMBERS
            )
        except GraphRejected:
            return None
        except PermissionMissing as error:
            self._refused[part] = now + REFUSED_FOR
            self._watch.away(part, str(error), hint=HINTS[part])
            return None
        self._watch.back(part)
        return answer
