"""Whose drive is which: OneDrives, sites of teams and channels, folders of channels.

A drive is made when it is first asked for. Hosts look like Microsoft's; nothing answers there, and
Graph finds what such an address means (`sharing.py`).

Sources: those of `library.py`; the forms of addresses are those of the samples of graph/api
driveitem-get and site-get; `User's mysite not found.` is what Graph says of people without OneDrive
(microsoftgraph/msgraph-sdk-dotnet issue 579).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import uuid4

from bridge.sandbox.tenant.errors import GraphError, not_found
from bridge.sandbox.tenant.files import names
from bridge.sandbox.tenant.files.library import Author, Drive, Item, Site, new_item
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import App, Channel, Membership, Team, User

SYSTEM = App(id="00000003-0000-0ff1-ce00-000000000000", object_id="", name="SharePoint App")
"""Who made what nobody made: Office 365 SharePoint Online, by its well-known id."""

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    host: str
    path: str
    name: str
    folder: str


def host(tenant: Tenant, *, personal: bool = False) -> str:
    label = tenant.domain.partition(".")[0]
    return f"{label}-my.sharepoint.com" if personal else f"{label}.sharepoint.com"


def of_user(tenant: Tenant, user: User) -> Drive:
    """The user's OneDrive.

    Raises:
        GraphError: 404, guests and people without a licence have none.
    """
    if user.guest or user.id in tenant.files.without_drive:
        raise GraphError(404, "ResourceNotFound", "User's mysite not found.")
    found = tenant.files.by_owner.get(user.id)
    if found is not None:
        return found
    place = _Place(
        host=host(tenant, personal=True),
        path=f"/personal/{_UNSAFE.sub('_', user.upn.casefold())}",
        name=user.display_name,
        folder="Documents",
    )
    drive = _make(tenant, place, user)
    drive.owner = user
    tenant.files.by_owner[user.id] = drive
    return drive


def of_team(tenant: Tenant, team: Team) -> Drive:
    """The document library of the team's site."""
    found = tenant.files.by_owner.get(team.id)
    if found is None:
        found = _make(tenant, _site(tenant, team.name), SYSTEM)
        found.team = team
        tenant.files.by_owner[team.id] = found
    return found


def folder_of(tenant: Tenant, channel: Channel) -> Item:
    """The folder with the files of a channel.

    Raises:
        GraphError: 404, its site is still being made.
    """
    found = tenant.files.folders.get(channel.id)
    if found is not None and not found.gone:
        return found
    _check_ready(tenant, channel)
    if channel.membership is Membership.STANDARD:
        drive = of_team(tenant, channel.team)
    else:
        drive = _make(tenant, _site(tenant, f"{channel.team.name}-{channel.name}"), SYSTEM)
        drive.channel = channel
        tenant.files.by_owner[channel.id] = drive
    name = _folder_name(drive, channel)
    item = new_item(drive, drive.root, name, SYSTEM, tenant.clock.now())
    tenant.files.folders[channel.id] = tenant.files.add(drive, item)
    return item


def _check_ready(tenant: Tenant, channel: Channel) -> None:
    """The text is the one of microsoftgraph/msgraph-sdk-dotnet issue 967."""
    age = tenant.clock.now() - channel.created
    if age.total_seconds() < tenant.settings.files_folder_seconds:
        raise not_found(
            "Folder location for this channel is not ready yet, please try again later."
        )


def _folder_name(drive: Drive, channel: Channel) -> str:
    name = re.sub(r'["*:<>?/\\|]', "_", channel.name).strip() or "Channel"
    number = 0
    while (wanted := names.numbered(name, number) if number else name).casefold() in (
        drive.root.children
    ):
        number += 1
    return wanted


def _site(tenant: Tenant, name: str) -> _Place:
    """A place of its own for a new site: `TeaParty`, `TeaParty1` and so on."""
    alias = _UNSAFE.sub("", name) or "site"
    taken = {site.path.casefold() for site in tenant.files.sites.values()}
    number = 0
    while (path := f"/sites/{alias}{number or ''}").casefold() in taken:
        number += 1
    return _Place(host=host(tenant), path=path, name=name, folder="Shared Documents")


def _make(tenant: Tenant, place: _Place, author: Author) -> Drive:
    now = tenant.clock.now()
    site = Site(
        guid=uuid4(),
        web=uuid4(),
        host=place.host,
        path=place.path,
        name=place.name,
        created=now,
        personal=place.folder == "Documents",
    )
    library = uuid4()
    key = names.drive_id(site.guid, site.web, library)
    drive = Drive(id=key, guid=library, site=site, folder=place.folder)
    tenant.files.sites[site.id] = site
    tenant.files.drives[key] = drive
    tenant.files.add(drive, new_item(drive, None, "root", author, now))
    return drive
