"""Control requests about files: what people put, share and lock, and transfers that break.

Who does something is named by id or sign-in name; a place is `{user, path}` for a OneDrive or
`{team, channel, path}` for a channel's folder.
"""

from __future__ import annotations

import hashlib

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.ask import Act, Ask, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.files import access, changes, names, owners, sharing, shown
from bridge.sandbox.tenant.files.access import Right
from bridge.sandbox.tenant.files.blobs import PIECE, Blob, Made
from bridge.sandbox.tenant.files.library import Author, Cut, Item, no_item, walk

LISTED_MAX = 1_000
"""Files of one answer."""
MADE_MAX = 250 * 1024**3
"""Bytes of a file that is made from a seed."""


async def put_file(ask: Ask) -> Reply:
    """A file as a person would upload it: `content` in base64, or `size` bytes from a `seed`.

    `facets` is what SharePoint finds out about it: `{image: {width, height}}` and others.
    `share_with` names people who may read it from then on, as Teams does for the members of a chat.
    """
    start, author = _start(ask)
    *folders, name = names.split(wire.required_text(ask.body, "path")) or [""]
    behavior = wire.optional_text(ask.body, "conflict") or changes.RENAME
    if behavior not in changes.BEHAVIORS:
        raise bad_request("The conflict behavior is fail, replace or rename.")
    blob, facets = _blob(ask), _facets(ask)
    parent = changes.folders(ask.tenant, start, folders, author)
    item, _ = changes.put(ask.tenant, parent, name, blob, author, behavior)
    item.facets = facets
    _share(ask, item)
    return Reply(status=201, body=_told(ask, item))


async def list_files(ask: Ask) -> Reply:
    """Every file with a digest of its bytes, its path, and who may `read` or `write` it."""
    items = [item for item in ask.tenant.files.by_guid.values() if item.blob is not None]
    return Reply(body={"value": [_seen_whole(ask, item) for item in items[:LISTED_MAX]]})


async def share_file(ask: Ask) -> Reply:
    """Let people in (`share_with`, `role`), or make a `link` of a scope; returns its address."""
    item = _item(ask)
    _share(ask, item)
    scope = wire.optional_text(ask.body, "link")
    if scope is None:
        return Reply(body=_told(ask, item))
    edits = wire.optional_text(ask.body, "role") == "write"
    grant = sharing.link(ask.tenant, item, owners.SYSTEM, edits=edits, scope=scope)
    url = None if grant.link is None else grant.link.url
    return Reply(body={**_told(ask, item), "link": url})


async def change_file(ask: Ask) -> Reply:
    """Set `locked`: whether somebody has the file open in Office."""
    item = _item(ask)
    item.locked = wire.optional_flag(ask.body, "locked")
    return Reply(body=_told(ask, item))


async def delete_file(ask: Ask) -> Reply:
    changes.remove(ask.tenant, _item(ask))
    return Reply(status=204)


async def change_drive(ask: Ask) -> Reply:
    """Set `licensed`: whether the person has a OneDrive at all."""
    user = ask.tenant.user(ask.ids["user"])
    without = ask.tenant.files.without_drive
    if wire.optional_flag(ask.body, "licensed"):
        without.discard(user.id)
    else:
        without.add(user.id)
    return Reply(status=204)


async def cut_transfers(ask: Ask) -> Reply:
    """The next `times` transfers break `after_bytes`; `direction` is upload or download."""
    direction = wire.required_text(ask.body, "direction")
    if direction not in ("upload", "download"):
        raise bad_request("The direction is upload or download.")
    after = int(number(ask.body.get("after_bytes", 0)))
    times = int(number(ask.body.get("times", 1)))
    ask.tenant.files.cuts.append(Cut(upload=direction == "upload", after=after, times=times))
    return Reply(status=204)


async def forget_uploads(ask: Ask) -> Reply:
    """All uploads that have begun are gone, as after a failure in the service."""
    for key in list(ask.tenant.files.sessions):
        ask.tenant.files.forget(key)
    return Reply(status=204)


def _start(ask: Ask) -> tuple[Item, Author]:
    """The folder that paths begin in, and who writes there."""
    key = wire.optional_text(ask.body, "user")
    user = None if key is None else ask.tenant.user(key)
    if "channel" in ask.body:
        team, channel = (wire.required_text(ask.body, name) for name in ("team", "channel"))
        return owners.folder_of(ask.tenant, ask.tenant.channel(team, channel)), (
            user or owners.SYSTEM
        )
    if user is None:
        raise bad_request("A file belongs to a user or a channel.")
    return owners.of_user(ask.tenant, user).root, user


def _item(ask: Ask) -> Item:
    start, _ = _start(ask)
    found = walk(start, wire.required_text(ask.body, "path"))
    if found is None:
        raise no_item()
    return found


_FACETS = {
    "image": frozenset({"width", "height"}),
    "video": frozenset({"width", "height", "duration", "bitrate"}),
    "audio": frozenset({"duration", "bitrate"}),
}
"""Of learn.microsoft.com graph/api/resources image, video, audio: the numbers."""


def _facets(ask: Ask) -> Json:
    given = wire.as_object(ask.body.get("facets", {}), "facets")
    for name, facet in given.items():
        values = wire.as_object(facet, name)
        if name not in _FACETS or not values.keys() <= _FACETS[name]:
            raise bad_request("There is no such facet of a file.")
        if not all(isinstance(value, int) for value in values.values()):
            raise bad_request("A facet is of whole numbers.")
    return given


def _blob(ask: Ask) -> Blob:
    if "size" in ask.body:
        # Not `number`, which has a limit that files exceed.
        size = ask.body["size"]
        if not isinstance(size, int) or not 0 <= size <= MADE_MAX:
            raise bad_request("The size of the file is out of bounds.")
        return Made(size, int(number(ask.body.get("seed", 0))))
    draft = ask.tenant.files.spool.draft()
    draft.write(wire.decode_base64(wire.as_text(ask.body.get("content"), "content"), "content"))
    return draft.finish()


def _share(ask: Ask, item: Item) -> None:
    role = wire.optional_text(ask.body, "role") or "read"
    if role not in ("read", "write"):
        raise bad_request("The role is read or write.")
    for key in wire.as_list(ask.body.get("share_with", []), "share_with"):
        sharing.let_in(item, ask.tenant.user(wire.as_text(key, "share_with")), role)


def _told(ask: Ask, item: Item) -> Json:
    """What a Teams client would need to send the file, and where Graph has it."""
    seen = shown.item(ask.tenant, item)
    return {
        "drive": item.drive.id,
        "item": item.id,
        "guid": str(item.guid),
        "name": item.name,
        "size": item.size,
        "web_url": seen["webUrl"],
        "dav_url": shown.dav_address(item),
    }


def _seen_whole(ask: Ask, item: Item) -> Json:
    rights = {user.id: access.of_user(ask.tenant, user, item) for user in ask.tenant.users.values()}
    return {
        **_told(ask, item),
        "path": "/".join(item.path),
        "sha256": _digest(item),
        "read": [user for user, right in rights.items() if right >= Right.READ],
        "write": [user for user, right in rights.items() if right >= Right.WRITE],
    }


def _digest(item: Item) -> str:
    digest = hashlib.sha256()
    for start in range(0, item.size, PIECE):
        if item.blob is not None:
            digest.update(item.blob.read(start, min(PIECE, item.size - start)))
    return digest.hexdigest()


ACTS: list[tuple[str, Act]] = [
    ("POST /files", put_file),
    ("GET /files", list_files),
    ("POST /files/share", share_file),
    ("PATCH /files", change_file),
    ("DELETE /files", delete_file),
    ("POST /files/cut", cut_transfers),
    ("DELETE /uploads", forget_uploads),
    ("PATCH /users/{user}/drive", change_drive),
]
