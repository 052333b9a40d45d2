"""What happens to files and folders: they come, change, move and go.

Sources: learn.microsoft.com graph/api driveitem-post-children, -put-content, -update, -move,
-delete; what a file in use is refused with: OneDrive/onedrive-api-docs pull request 1199.
"""

from __future__ import annotations

from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.files import names
from bridge.sandbox.tenant.files.blobs import Blob
from bridge.sandbox.tenant.files.library import Author, Drive, Item, grow, new_item
from bridge.sandbox.tenant.tenant import Tenant

FAIL, REPLACE, RENAME = "fail", "replace", "rename"
BEHAVIORS = frozenset({FAIL, REPLACE, RENAME})


def add_folder(tenant: Tenant, parent: Item, name: str, author: Author, behavior: str) -> Item:
    """A new folder; with `replace`, the one that is there already.

    Raises:
        GraphError: 409 nameAlreadyExists.
    """
    _check_folder(parent)
    there = parent.children.get(names.check(name).casefold())
    if there is not None and behavior == REPLACE and there.is_folder:
        return there
    wanted = free_name(parent, name, behavior)
    _touch_folder(tenant, parent, author)
    drive = parent.drive
    return tenant.files.add(drive, new_item(drive, parent, wanted, author, tenant.clock.now()))


def folders(tenant: Tenant, start: Item, path: list[str], author: Author) -> Item:
    """The folder at this path below `start`; what is missing of it is made."""
    found = start
    for name in path:
        child = found.children.get(name.casefold())
        found = child or add_folder(tenant, found, name, author, FAIL)
        _check_folder(found)
    return found


def put(
    tenant: Tenant, parent: Item, name: str, blob: Blob, author: Author, behavior: str
) -> tuple[Item, bool]:
    """A file in a folder, and whether it is new.

    Raises:
        GraphError: 409 nameAlreadyExists, 423 for a file in use, 507 for too little room.
    """
    _check_folder(parent)
    there = parent.children.get(names.check(name).casefold())
    if there is not None and behavior == REPLACE:
        return replace(tenant, there, blob, author), False
    wanted = free_name(parent, name, behavior)
    check_room(tenant, parent.drive, blob.size)
    item = new_item(parent.drive, parent, wanted, author, tenant.clock.now())
    item.blob, item.size = blob, blob.size
    _touch_folder(tenant, parent, author)
    return tenant.files.add(parent.drive, item), True


def replace(tenant: Tenant, item: Item, blob: Blob, author: Author) -> Item:
    """New content for a file.

    Raises:
        GraphError: 423 for a file in use, 507 for too little room, 400 for a folder.
    """
    if item.blob is None:
        raise names.invalid("The content of a folder cannot be replaced.")
    check_lock(item)
    check_room(tenant, item.drive, blob.size - item.size)
    item.blob.drop()
    grow(item, blob.size - item.size)
    item.blob = blob
    item.content_version += 1
    touch(tenant, item, author)
    return item


def move(tenant: Tenant, item: Item, folder: Item, name: str, author: Author) -> None:
    """Rename an item, put it into another folder of the same drive, or both.

    Raises:
        GraphError: 400 for a place where it cannot be, 409 for a name that is taken.
    """
    check_lock(item)
    _check_folder(folder)
    old = item.parent
    if old is None or folder.drive is not item.drive or item in folder.above():
        raise names.invalid("The item cannot be moved there.")
    there = folder.children.get(names.check(name).casefold())
    if there is not None and there is not item:
        raise taken()
    del old.children[item.name.casefold()]
    grow(old, -item.size)
    item.name, item.parent = name, folder
    folder.children[name.casefold()] = item
    grow(folder, item.size)
    touch(tenant, item, author)


def remove(tenant: Tenant, item: Item) -> None:
    """Delete an item and everything in it.

    Raises:
        GraphError: 423 for a file in use, 400 for a root.
    """
    if item.parent is None:
        raise names.invalid("The root of a drive cannot be deleted.")
    for below in item.below():
        check_lock(below)
    tenant.files.remove(item)


def touch(tenant: Tenant, item: Item, author: Author) -> None:
    item.version += 1
    item.changed = tenant.clock.now()
    item.changer = author


def free_name(parent: Item, name: str, behavior: str) -> str:
    """The name that a new item gets.

    Raises:
        GraphError: 409 nameAlreadyExists.
    """
    if name.casefold() not in parent.children:
        return name
    if behavior == RENAME:
        for number in range(1, names.RENAMES_MAX):
            wanted = names.numbered(name, number)
            if wanted.casefold() not in parent.children:
                return wanted
    raise taken()


def check_lock(item: Item) -> None:
    if item.locked:
        raise GraphError(
            423,
            "accessDenied",
            "The file is currently checked out or locked for editing by another user.",
        )


def check_room(tenant: Tenant, drive: Drive, more: int) -> None:
    """Refuse what does not fit into the drive any more.

    Raises:
        GraphError: 507 quotaLimitReached.
    """
    if drive.root.size + more > tenant.settings.drive_quota_bytes:
        raise GraphError(507, "quotaLimitReached", "Insufficient Space Available")


def taken() -> GraphError:
    return GraphError(409, "nameAlreadyExists", "The specified item name already exists.")


def _check_folder(item: Item) -> None:
    if not item.is_folder:
        raise names.invalid("The parent of an item has to be a folder.")
    if sum(1 for _ in item.above()) > names.DEPTH_MAX:
        raise names.invalid("The path is too long.")


def _touch_folder(tenant: Tenant, folder: Item, author: Author) -> None:
    if folder.parent is not None:
        touch(tenant, folder, author)
