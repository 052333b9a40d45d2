"""From the path of a request to the drive and the item that it means.

    /drives/{id}  /users/{id}/drive  /groups/{id}/drive  /sites/{id}/drive      the drive
    …/root  …/items/{id}  …/root:/{path}  …/items/{id}:/{path}                  the item

Source: learn.microsoft.com graph/onedrive-addressing-driveitems.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.files import access, names, owners
from bridge.sandbox.tenant.files.access import Right
from bridge.sandbox.tenant.files.library import Drive, Item, Site, no_item, walk

DRIVES = ("/drives/{drive}", "/users/{user}/drive")
"""Where every operation is; the drives of groups and sites can be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a file is to be: below `start`, at `path`; `item` is what is there already."""

    start: Item
    path: list[str]
    item: Item | None


def drive(call: Call) -> Drive:
    """The drive in the path, whoever may see it.

    Raises:
        GraphError: 400 for an id that is none, 404 for an unknown drive.
    """
    ids, tenant = call.ids, call.tenant
    if "drive" in ids:
        if not ids["drive"].startswith("b!"):
            # As in OneDrive/onedrive-api-docs issue 1416.
            raise names.invalid(
                "The provided drive id appears to be malformed, or does not represent a valid drive."
            )
        found = tenant.files.drives.get(ids["drive"])
        if found is None:
            raise no_item()
        return found
    if "user" in ids:
        return owners.of_user(tenant, tenant.user(ids["user"]))
    if "group" in ids:
        return owners.of_team(tenant, tenant.team(ids["group"]))
    return drive_of(call, site(call))


def site(call: Call) -> Site:
    """The site in the path: by its three-part id, its host and path, or `root`.

    Raises:
        GraphError: 404, there is none.
    """
    key, path = call.ids["site"].casefold(), call.ids.get("path", "").strip("/")
    for found in call.tenant.files.sites.values():
        place = (found.host, found.path.strip("/").casefold())
        if found.id == key or ("path" in call.ids and place == (key, path.casefold())):
            return found
    raise no_item()


def drive_of(call: Call, seen: Site) -> Drive:
    found = next((d for d in call.tenant.files.drives.values() if d.site is seen), None)
    if found is None:
        raise no_item()
    return found


def item(call: Call, right: Right) -> Item:
    """The item in the path, if the caller may do that with it.

    Raises:
        GraphError: 404, there is none; 403, the caller may not.
    """
    spot = _spot(call)
    if spot.item is None:
        # Who may not see the folder is not told what is missing in it.
        access.check(call, spot.start, Right.READ)
        raise no_item()
    return access.check(call, spot.item, right)


def spot(call: Call) -> Spot:
    """Where the caller wants to write.

    Raises:
        GraphError: 403, the caller may not; 400, that is no name.
    """
    found = _spot(call)
    if found.item is not None:
        access.check(call, found.item, Right.WRITE)
        return found
    for name in found.path:
        names.check(name)
    deepest = found.start
    for name in found.path:
        deepest = deepest.children.get(name.casefold(), deepest)
    access.check(call, deepest, Right.WRITE)
    return found


def channel_folder(call: Call) -> Item:
    """The folder of the channel in the path.

    Raises:
        GraphError: 404 for an unknown channel, 403 for one of other people.
    """
    return owners.folder_of(call.tenant, call.channel())


def check_if_match(call: Call, seen: Item) -> None:
    """Refuse a change of something that is no more as the client knows it.

    Raises:
        GraphError: 412 resourceModified.
    """
    wanted = call.headers.get("if-match")
    if wanted is not None and wanted.strip() not in ("*", seen.tag, seen.content_tag):
        raise modified()
    unwanted = call.headers.get("if-none-match")
    if unwanted is not None and unwanted.strip() in ("*", seen.tag, seen.content_tag):
        raise modified()


def modified() -> GraphError:
    error = GraphError(412, "resourceModified", "ETag does not match current item's value")
    error.inner = {"code": "entityTagDoesNotMatch"}
    return error


def _spot(call: Call) -> Spot:
    found = drive(call)
    start = call.tenant.files.found(found, call.ids.get("item", "root"))
    path = call.ids.get("path")
    if path is None:
        return Spot(start=start, path=[], item=start)
    return Spot(start=start, path=names.split(path), item=walk(start, path))
