"""The bytes of a file in one request: downloading it, which leads elsewhere, and uploading it.

Small uploads come through Graph itself, up to the limit that `Settings` has: Microsoft's page named
4 MB until 2023 and 250 MB since. Whatever their size, they are written away as they come in.

Sources: learn.microsoft.com graph/api driveitem-get-content, driveitem-put-content.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError
from bridge.sandbox.tenant.files import changes, drives, names, needs, places, tickets
from bridge.sandbox.tenant.files.access import Right
from bridge.sandbox.tenant.files.blobs import PIECE, Blob
from bridge.sandbox.tenant.files.library import Item
from bridge.sandbox.tenant.routes import Route, route


async def get_content(call: Call) -> Reply:
    return redirect(call, places.item(call, Right.READ))


async def put_content(call: Call) -> Reply:
    """A new file at the path, or new content for the one that is there."""
    spot = places.spot(call)
    if spot.item is not None:
        places.check_if_match(call, spot.item)
        changes.check_lock(spot.item)
    behavior = drives.conflict(call.query.get("@microsoft.graph.conflictBehavior"), changes.REPLACE)
    blob = await receive(call)
    try:
        if not spot.path:
            item = changes.replace(call.tenant, spot.start, blob, drives.author(call))
            return drives.entity(call, item)
        *folders, name = spot.path
        parent = changes.folders(call.tenant, spot.start, folders, drives.author(call))
        item, new = changes.put(call.tenant, parent, name, blob, drives.author(call), behavior)
    except GraphError:
        blob.drop()
        raise
    return drives.entity(call, item, status=201 if new else 200)


def redirect(call: Call, item: Item) -> Reply:
    """To where the bytes are; nothing for a client that has them already."""
    if item.is_folder:
        raise names.invalid("You cannot get content for a folder")
    if call.headers.get("if-none-match", "").strip() in (item.tag, item.content_tag):
        return Reply(status=304, headers={"ETag": item.tag})
    return Reply(status=302, headers={"Location": tickets.download_url(call.tenant, item)})


async def receive(call: Call) -> Blob:
    """The body of the request.

    Raises:
        GraphError: 413, it is larger than a simple upload may be.
    """
    most = call.tenant.settings.simple_upload_bytes_max
    draft = call.tenant.files.spool.draft()
    try:
        async for piece in _pieces(call):
            _check_size(draft.size + len(piece), most)
            draft.write(piece)
    except BaseException:
        draft.drop()
        raise
    return draft.finish()


def _check_size(size: int, most: int) -> None:
    if size > most:
        msg = f"The request is larger than {most} bytes."
        raise GraphError(413, "RequestEntityTooLarge", msg)


async def _pieces(call: Call) -> AsyncIterator[bytes]:
    if call.stream is None:
        yield call.raw
        return
    async for piece in call.stream.iter_chunked(PIECE):
        yield piece


def _routes() -> list[Route]:
    items = ("/root", "/items/{item}", "/root:/{path}:", "/items/{item}:/{path}:")
    places_of = [f"{drive}{item}/content" for drive in places.DRIVES for item in items]
    return [
        *(route(f"GET {place}", needs.READ, get_content) for place in places_of),
        *(route(f"PUT {place}", needs.WRITE, put_content) for place in places_of),
    ]


ROUTES = _routes()
