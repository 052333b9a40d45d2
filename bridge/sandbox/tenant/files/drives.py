"""Drives, files and folders: what is there, new folders, renaming, moving, deleting.

Sources: learn.microsoft.com graph/api drive-get, driveitem-get, driveitem-list-children,
driveitem-post-children, driveitem-update, driveitem-move, driveitem-delete.
"""

from __future__ import annotations

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.files import access, changes, names, needs, places, shown
from bridge.sandbox.tenant.files.access import Right
from bridge.sandbox.tenant.files.library import Author, Item
from bridge.sandbox.tenant.routes import Route, route

PAGE_MAX = 999
PAGE_DEFAULT = 200
_BEHAVIOR = "@microsoft.graph.conflictBehavior"
_NEW = frozenset({"name", "folder", "description", "fileSystemInfo"})
_CHANGED = frozenset({"name", "parentReference", "description", "fileSystemInfo"})


async def get_drive(call: Call) -> Reply:
    found = access.check_drive(call, places.drive(call))
    return Reply(
        body={
            "@odata.context": call.context("drives/$entity"),
            **shown.drive(call.tenant, found),
        }
    )


async def list_drives(call: Call) -> Reply:
    """Of a person or a team: the one that there is."""
    found = access.check_drive(call, places.drive(call))
    value = [shown.drive(call.tenant, found)]
    return Reply(body={"@odata.context": call.context("drives"), "value": value})


async def get_item(call: Call) -> Reply:
    return entity(call, places.item(call, Right.READ))


async def list_children(call: Call) -> Reply:
    item = places.item(call, Right.READ)
    size = wire.page_size(call.query, default=PAGE_DEFAULT, most=PAGE_MAX)
    after = wire.parse_skip_token(call.query.get("$skiptoken"), 1) or [0]
    first = max(after[0], 0)
    every = _ordered(call, item)
    body: Json = {
        "@odata.context": call.context(f"drives('{item.drive.id}')/items('{item.id}')/children"),
        "value": [shown.item(call.tenant, i, _select(call)) for i in every[first : first + size]],
    }
    if first + size < len(every):
        body["@odata.nextLink"] = call.next_link([first + size])
    return Reply(body=body)


async def create_folder(call: Call) -> Reply:
    """`folder` has to be there: that is what tells a folder from a file."""
    parent = places.item(call, Right.WRITE)
    body = call.body()
    wire.only_known(body, _NEW, "driveItem")
    if body.get("folder") is None:
        raise names.invalid("A folder is needed: only folders can be created without content.")
    wire.as_object(body["folder"], "folder")
    name = wire.required_text(body, "name")
    behavior = conflict(wire.optional_text(body, _BEHAVIOR), changes.FAIL)
    made = changes.add_folder(call.tenant, parent, name, author(call), behavior)
    return entity(call, made, status=201)


async def change_item(call: Call) -> Reply:
    """Rename, or move within the drive."""
    item = places.item(call, Right.WRITE)
    places.check_if_match(call, item)
    body = call.body()
    wire.only_known(body, _CHANGED, "driveItem")
    name = wire.optional_text(body, "name") or item.name
    folder = _new_parent(call, item, body)
    if folder is None:
        raise names.invalid("The root of a drive cannot be changed.")
    changes.move(call.tenant, item, folder, name, author(call))
    return entity(call, item)


async def delete_item(call: Call) -> Reply:
    item = places.item(call, Right.WRITE)
    places.check_if_match(call, item)
    changes.remove(call.tenant, item)
    return Reply(status=204)


def entity(call: Call, item: Item, *, status: int = 200) -> Reply:
    """An item as the answer."""
    seen = shown.item(call.tenant, item, _select(call))
    if call.query.get("$expand", "").strip().casefold() == "children" and status == 200:  # noqa: PLR2004
        every = _ordered(call, item)[:PAGE_DEFAULT]
        seen["children"] = [shown.item(call.tenant, child) for child in every]
    context = call.context(f"drives('{item.drive.id}')/items/$entity")
    return Reply(status=status, body={"@odata.context": context, **seen})


def author(call: Call) -> Author:
    return call.user or call.app


def conflict(text: str | None, default: str) -> str:
    """What to do where the name is taken.

    Raises:
        GraphError: 400, this is none of the three.
    """
    wanted = default if text is None else text.casefold()
    if wanted not in changes.BEHAVIORS:
        msg = f"Invalid conflict behavior '{text}'."
        raise names.invalid(msg)
    return wanted


def _new_parent(call: Call, item: Item, body: Json) -> Item | None:
    given = body.get("parentReference")
    if given is None:
        return item.parent
    reference = wire.as_object(given, "parentReference")
    if wire.optional_text(reference, "driveId") not in (None, item.drive.id):
        # api/driveitem-move: not between drives with this request
        raise GraphError(400, "notSupported", "Items cannot be moved between drives.")
    key = wire.optional_text(reference, "id")
    if key is None:
        return item.parent
    folder = call.tenant.files.found(item.drive, key)
    return access.check(call, folder, Right.WRITE)


def _ordered(call: Call, item: Item) -> list[Item]:
    """By name, folders and files together; `$orderby=name desc` turns that round."""
    order = call.query.get("$orderby", "name").casefold().split()
    every = sorted(item.children.values(), key=lambda child: child.name.casefold())
    return every[::-1] if order[1:] == ["desc"] else every


def _select(call: Call) -> str | None:
    return call.query.get("$select", call.query.get("select"))


def _routes() -> list[Route]:
    found = [
        route("GET /users/{user}/drives", needs.READ, list_drives),
        route("GET /sites/{site}/drives", needs.READ, list_drives),
        route("GET /sites/{site}/drive", needs.READ, get_drive),
        route("GET /groups/{group}/drives", needs.READ, list_drives),
        route("GET /groups/{group}/drive", needs.READ, get_drive),
    ]
    for drive in places.DRIVES:
        found.append(route(f"GET {drive}", needs.READ, get_drive))
        for item in ("/root", "/items/{item}", "/root:/{path}", "/items/{item}:/{path}"):
            # The colon that ends a path is left out where nothing follows it.
            more = f"{drive}{item}:" if "{path}" in item else f"{drive}{item}"
            found += [
                route(f"GET {drive}{item}", needs.READ, get_item),
                route(f"PATCH {drive}{item}", needs.WRITE, change_item),
                route(f"DELETE {drive}{item}", needs.WRITE, delete_item),
                route(f"GET {more}/children", needs.READ, list_children),
                route(f"POST {more}/children", needs.WRITE, create_folder),
            ]
    return found


ROUTES = _routes()
