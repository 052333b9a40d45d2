"""Drives, files, permissions and sites in Graph's form, with what v1.0 declares and no more.

Sources: learn.microsoft.com graph/api/resources drive, driveitem, itemreference, permission,
sharinglink, site, shareddriveitem, uploadsession; answers of the real service in
OneDrive/onedrive-api-docs issue 1099 (a root has neither eTag nor name of its own).
"""

from __future__ import annotations

from urllib.parse import quote

from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.files import names, tickets
from bridge.sandbox.tenant.files.library import Author, Drive, Grant, Item, Session, Site
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User

DOWNLOAD_URL = "@microsoft.graph.downloadUrl"


def item(tenant: Tenant, seen: Item, select: str | None = None) -> Json:
    """A driveItem: what Graph shows unasked, or what `$select` names."""
    found = _basic(seen)
    if seen.parent is not None:
        found |= {"eTag": seen.tag, "cTag": seen.content_tag}
    if seen.is_folder:
        found["folder"] = {"childCount": len(seen.children)}
    elif seen.blob is not None:
        found[DOWNLOAD_URL] = tickets.download_url(tenant, seen)
        found["file"] = _file(seen)
        found |= seen.facets
    if seen.parent is None:
        found["root"] = {}
    if any(above.grants for above in seen.above()):
        found["shared"] = {"scope": "users"}
    return found if select is None else _selected(found | _hidden(tenant, seen), select)


def drive(tenant: Tenant, seen: Drive) -> Json:
    root = seen.root
    most = tenant.settings.drive_quota_bytes
    return {
        "id": seen.id,
        "createdDateTime": stamp(root.created),
        "description": "",
        "lastModifiedDateTime": stamp(root.changed),
        "name": "OneDrive" if seen.owner is not None else "Documents",
        "webUrl": address(root),
        "driveType": _kind(seen),
        "createdBy": author(root.creator),
        "lastModifiedBy": author(root.changer),
        "owner": _owner(seen),
        "quota": {
            "deleted": 0,
            "remaining": max(0, most - root.size),
            "state": "normal" if root.size < most else "exceeded",
            "total": most,
            "used": root.size,
        },
    }


def permission(seen: Grant, owner: Item, asked: Item) -> Json:
    """A permission on `asked`, which may come from a folder above it."""
    found: Json = {"id": seen.id, "roles": [seen.role], "shareId": None}
    if owner is not asked:
        found["inheritedFrom"] = {"driveId": owner.drive.id, "id": owner.id}
    if seen.link is not None:
        found["link"] = {
            "type": "edit" if seen.link.edits else "view",
            "scope": seen.link.scope,
            "webUrl": seen.link.url,
            "preventsDownload": False,
            "application": {"id": seen.link.app.id, "displayName": seen.link.app.name},
        }
    if seen.user is not None:
        person = author(seen.user)
        found |= {"grantedTo": person, "grantedToV2": person}
    if seen.email is not None:
        found["invitation"] = {"email": seen.email, "signInRequired": True}
    if seen.expires is not None:
        found["expirationDateTime"] = stamp(seen.expires)
    return found


def site(seen: Site) -> Json:
    return {
        "id": seen.id,
        "createdDateTime": stamp(seen.created),
        "lastModifiedDateTime": stamp(seen.created),
        "name": seen.path.rpartition("/")[2],
        "displayName": seen.name,
        "webUrl": f"https://{seen.host}{quote(seen.path)}",
        "root": {},
        "siteCollection": {"hostname": seen.host},
    }


def shared(seen: Item, key: str) -> Json:
    """A sharedDriveItem."""
    return {"id": key, "name": seen.name, "owner": author(seen.creator), "webUrl": address(seen)}


def session(tenant: Tenant, seen: Session, *, first: bool) -> Json:
    """An uploadSession; its address is told once."""
    found: Json = {
        "expirationDateTime": stamp(seen.expires),
        "nextExpectedRanges": seen.missing,
    }
    return found | {"uploadUrl": tickets.upload_url(tenant, seen)} if first else found


def author(who: Author) -> Json:
    """An identitySet with one identity in it."""
    kind = "user" if isinstance(who, User) else "application"
    name = who.display_name if isinstance(who, User) else who.name
    return {kind: {"id": who.id, "displayName": name}}


def address(seen: Item) -> str:
    """`webUrl`: where a browser would open it; Office's files open in Office's own page."""
    if seen.is_folder or not names.opens_in_office(seen.name):
        return dav_address(seen)
    place = f"https://{seen.drive.site.host}{quote(seen.drive.site.path)}/_layouts/15/Doc.aspx"
    source = quote(names.guid(seen.guid), safe="")
    return (
        f"{place}?sourcedoc={source}&file={quote(seen.name, safe='')}"
        "&action=default&mobileredirect=true"
    )


def dav_address(seen: Item) -> str:
    """`webDavUrl`: the file under its own name."""
    drive = seen.drive
    path = "/".join([drive.site.path, drive.folder, *seen.path])
    return f"https://{drive.site.host}{quote(path)}"


def _basic(seen: Item) -> Json:
    created, changed = stamp(seen.created), stamp(seen.changed)
    return {
        "id": seen.id,
        "createdDateTime": created,
        "lastModifiedDateTime": changed,
        "name": seen.name,
        "webUrl": address(seen),
        "size": seen.size,
        "createdBy": author(seen.creator),
        "lastModifiedBy": author(seen.changer),
        "parentReference": _parent(seen),
        "fileSystemInfo": {"createdDateTime": created, "lastModifiedDateTime": changed},
    }


def _parent(seen: Item) -> Json:
    found: Json = {"driveType": _kind(seen.drive), "driveId": seen.drive.id}
    if seen.parent is not None:
        path = "".join(f"/{name}" for name in seen.parent.path)
        found |= {
            "id": seen.parent.id,
            "name": seen.parent.name,
            "path": f"/drives/{seen.drive.id}/root:{path}",
            "siteId": str(seen.drive.site.guid),
        }
    return found


def _file(seen: Item) -> Json:
    mixed = None if seen.blob is None else seen.blob.quick_hash
    found: Json = {"mimeType": names.mime_type(seen.name)}
    return found if mixed is None else found | {"hashes": {"quickXorHash": mixed}}


def _hidden(tenant: Tenant, seen: Item) -> Json:
    """What must be asked for."""
    site = seen.drive.site
    return {
        "webDavUrl": dav_address(seen),
        "description": None,
        "sharepointIds": {
            "listId": str(seen.drive.guid),
            "listItemUniqueId": str(seen.guid),
            "siteId": str(site.guid),
            "siteUrl": f"https://{site.host}{quote(site.path)}",
            "tenantId": tenant.id,
            "webId": str(site.web),
        },
    }


def _selected(every: Json, select: str) -> Json:
    by_name = {name.casefold(): name for name in every}
    asked = [name.strip().casefold() for name in select.split(",")]
    wanted = {by_name[name] for name in asked if name in by_name}
    return {name: value for name, value in every.items() if name in wanted}


def _kind(seen: Drive) -> str:
    return "business" if seen.owner is not None else "documentLibrary"


def _owner(seen: Drive) -> Json:
    if seen.owner is not None:
        return author(seen.owner)
    team = seen.team or (None if seen.channel is None else seen.channel.team)
    return {} if team is None else {"group": {"id": team.id, "displayName": team.name}}
