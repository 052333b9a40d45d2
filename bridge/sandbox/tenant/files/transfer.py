"""Bytes on their way: files that are downloaded, pieces that are uploaded, without a token.

    GET  …/download.aspx?tempauth=…     the file or a range of it, piece by piece
    PUT  …/uploadSession?tempauth=…     one piece, written away as it comes in

Neither direction ever holds more than `PIECE` bytes. A piece counts once all of it is there; of one
whose connection broke nothing stays (learn.microsoft.com graph/api driveitem-createuploadsession).
"""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

from bridge.sandbox.tenant import answers
from bridge.sandbox.tenant.errors import GraphError, graph_error
from bridge.sandbox.tenant.files import names, shown, tickets, uploads
from bridge.sandbox.tenant.files.blobs import PIECE, Blob
from bridge.sandbox.tenant.files.library import Item, Session, no_item
from bridge.sandbox.tenant.files.uploads import Piece
from bridge.sandbox.tenant.tenant import Tenant

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


async def answer(tenant: Tenant, request: web.Request) -> web.StreamResponse:
    """Carry out a request to one of the two kinds of address."""
    try:
        if request.path.endswith(tickets.UPLOAD):
            return await _upload(tenant, request)
        return await _download(tenant, request)
    except GraphError as error:
        shown = graph_error(error, tenant.clock.now(), answers.client_id(request))
        return answers.graph_refusal(request, error, shown)


async def _download(tenant: Tenant, request: web.Request) -> web.StreamResponse:
    _check_bearer(request, refuses=tenant.settings.download_url_refuses_bearer)
    if not request.path.endswith(tickets.DOWNLOAD) or request.method not in ("GET", "HEAD"):
        raise no_item()
    item = tickets.opened(tenant, dict(request.query))
    if item.blob is None:
        raise names.invalid("You cannot get content for a folder")
    start, end = _wanted(request.headers.get("Range"), item.size)
    whole = end - start == item.size
    response = web.StreamResponse(status=200 if whole else 206, headers=_headers(item))
    response.content_length = end - start
    if not whole:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{item.size}"
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    return await _send(request, response, item.blob, (start, end), tenant.files.cut(upload=False))


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    blob: Blob,
    span: tuple[int, int],
    cut: int | None,
) -> web.StreamResponse:
    position, end = span
    stop = end if cut is None else min(end, position + cut)
    while position < stop:
        try:
            piece = blob.read(position, min(PIECE, stop - position))
        except OSError:
            # Deleted meanwhile: what was promised cannot be sent any more.
            return answers.dropped(request)
        try:
            await response.write(piece)
        except ConnectionError:  # Whoever asked wants no more of it.
            return response
        position += len(piece)
    if cut is not None and stop < end:
        return answers.dropped(request)
    await response.write_eof()
    return response


async def _upload(tenant: Tenant, request: web.Request) -> web.StreamResponse:
    _check_bearer(request, refuses=tenant.settings.upload_url_refuses_bearer)
    session = uploads.find(tenant, request.query.get("tempauth", ""))
    match request.method:
        case "GET":
            return answers.as_json(200, shown.session(tenant, session, first=False))
        case "DELETE":
            tenant.files.forget(session.id)
            return web.Response(status=204)
        case "POST":
            item, new = uploads.complete(tenant, session)
            return answers.as_json(201 if new else 200, shown.item(tenant, item))
        case "PUT":
            return await _piece(tenant, request, session)
        case _:
            raise GraphError(405, "MethodNotAllowed", "This method is not allowed here.")


async def _piece(tenant: Tenant, request: web.Request, session: Session) -> web.StreamResponse:
    piece = uploads.read_piece(request.headers.get("Content-Range", ""), request.content_length)
    uploads.check(tenant, session, piece)
    session.busy = True
    try:
        broken = not await _receive(request, session, piece, tenant.files.cut(upload=True))
    except BaseException:
        session.draft.rewind(piece.start)
        raise
    finally:
        session.busy = False
    if broken:
        session.draft.rewind(piece.start)
        return answers.dropped(request)
    made = uploads.received(tenant, session, piece)
    if made is None:
        return answers.as_json(202, shown.session(tenant, session, first=False))
    item, new = made
    return answers.as_json(201 if new else 200, shown.item(tenant, item))


async def _receive(request: web.Request, session: Session, piece: Piece, cut: int | None) -> bool:
    """Write the piece away; False if the connection is to break before its end."""
    async for data in request.content.iter_chunked(PIECE):
        session.draft.write(data)
        if cut is not None and session.draft.size - piece.start >= cut:
            return False
    if session.draft.size != piece.end:
        raise GraphError(400, "invalidRequest", "The fragment is shorter than it was declared.")
    return True


def _wanted(header: str | None, size: int) -> tuple[int, int]:
    """The first byte, and the one after the last; several ranges are taken for none.

    Raises:
        GraphError: 416, there is nothing in the range.
    """
    found = None if header is None else _RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return 0, size
    first, last = found[1], found[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if start >= end:
        error = GraphError(416, "invalidRange", "The specified byte range is invalid.")
        error.headers["Content-Range"] = f"bytes */{size}"
        raise error
    return start, end


def _headers(item: Item) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": names.mime_type(item.name),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(item.name, safe='')}",
        "ETag": item.tag,
    }


def _check_bearer(request: web.Request, *, refuses: bool) -> None:
    """An address that needs no token, with one: "may result in an HTTP 401 Unauthorized"."""
    if refuses and "Authorization" in request.headers:
        raise GraphError(401, "unauthenticated", "The caller is not authenticated.")
