"""Uploads in pieces: beginning one; what each piece must be; what becomes of the whole.

    createUploadSession ─> uploadUrl ─ PUT piece ─ … ─ PUT last piece ─> driveItem
                                     └ GET where it stands, DELETE it, POST to complete it

`transfer.py` carries the bytes. What a piece whose size is no multiple of 320 KiB leads to is told
in two ways by Microsoft's page, and played either way (`Settings.fragments_refused_at_once`).

Source: learn.microsoft.com graph/api driveitem-createuploadsession; the inner codes are those of
onedrive/developer/rest-api/concepts/errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.files import changes, drives, names, needs, places, shown
from bridge.sandbox.tenant.files.library import Item, Session, no_item
from bridge.sandbox.tenant.files.places import Spot
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.tenant import Tenant

FRAGMENT = 320 * 1024
"""Every piece but the last is a multiple of so many bytes."""
FRAGMENT_MAX = 60 * 1024 * 1024
"""Bytes; a piece is smaller than that."""
FILE_MAX = 250 * 1024**3
"""Bytes of a whole file (support.microsoft.com, OneDrive restrictions)."""

_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_BEHAVIOR = "@microsoft.graph.conflictBehavior"
_ITEM = frozenset({"name", "description", "fileSize", "fileSystemInfo", "driveItemSource"})
_BODY = frozenset({"item", "deferCommit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A range of the whole file: `start` up to and without `end`."""

    start: int
    end: int
    total: int


async def create_session(call: Call) -> Reply:
    spot = places.spot(call)
    body = call.body() if call.raw else {}
    wire.only_known(body, _BODY, "driveItemUploadableProperties")
    about = wire.as_object(body.get("item") or {}, "item")
    wire.only_known(about, {*_ITEM, "mediaSource"}, "driveItemUploadableProperties")
    behavior = drives.conflict(wire.optional_text(about, _BEHAVIOR), changes.FAIL)
    if spot.item is not None and not spot.path:
        behavior = changes.REPLACE
    _check_begin(call, spot, about, behavior)
    parent, name = _destination(call, spot)
    session = Session(
        id=f"v1.{uuid4().hex}{uuid4().hex}",
        item=uuid4(),
        parent=parent,
        name=name,
        target=None if spot.path else spot.item,
        behavior=behavior,
        author=drives.author(call),
        defers=wire.optional_flag(body, "deferCommit"),
        expires=call.tenant.clock.now() + _lifetime(call.tenant),
        draft=call.tenant.files.spool.draft(),
    )
    call.tenant.files.remember(session)
    seen = shown.session(call.tenant, session, first=True)
    return Reply(body={"@odata.context": call.context("microsoft.graph.uploadSession"), **seen})


def find(tenant: Tenant, key: str) -> Session:
    """The session that an upload address is for.

    Raises:
        GraphError: 404, it is over or was never there.
    """
    session = tenant.files.sessions.get(key)
    if session is not None and session.expires <= tenant.clock.now():
        tenant.files.forget(key)
        session = None
    if session is None:
        error = GraphError(404, "itemNotFound", "The upload session was not found")
        error.inner = {"code": "uploadSessionNotFound"}
        raise error
    return session


def read_piece(header: str, length: int | None) -> Piece:
    """What a `Content-Range` and a `Content-Length` say.

    Raises:
        GraphError: 400, they make no sense; 411, there is no length; 413, it is too much.
    """
    if length is None:
        raise GraphError(411, "invalidRequest", "The Content-Length header is missing.")
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        raise names.invalid("The Content-Range header is missing or malformed.")
    start, last, total = (int(number) for number in found.groups())
    if not start <= last < total or total > FILE_MAX:
        raise names.invalid("The Content-Range header is malformed.")
    if last - start + 1 != length:
        raise _flawed(400, "fragmentLengthMismatch", "The Content-Range does not fit the length.")
    if length >= FRAGMENT_MAX:
        raise _flawed(413, "maxFragmentLengthExceeded", "The fragment is too large.")
    return Piece(start=start, end=last + 1, total=total)


def check(tenant: Tenant, session: Session, piece: Piece) -> None:
    """Let a piece in.

    Raises:
        GraphError: 416 for another piece than the next, 400 for another total or an odd size, 409
            while another piece is coming in, 507 for too little room.
    """
    if session.busy:
        raise _flawed(409, "uploadSessionFailed", "Another fragment is being uploaded.")
    if session.total not in (None, piece.total):
        raise names.invalid("The declared size of the file differs from that of the session.")
    if piece.start != session.draft.size:
        overlaps = piece.start < session.draft.size
        raise GraphError(
            416,
            "invalidRange",
            "The uploaded fragment overlaps with data that has already been received."
            if overlaps
            else "The uploaded fragment is not the next one that is expected.",
        )
    if tenant.settings.fragments_refused_at_once and _is_odd(piece):
        raise names.invalid("The fragment size is no multiple of 320 KiB.")
    changes.check_room(tenant, session.parent.drive, piece.total)
    session.total = piece.total


def received(tenant: Tenant, session: Session, piece: Piece) -> tuple[Item, bool] | None:
    """A piece is there as a whole; once it was the last, the file, and whether it is new.

    Raises:
        GraphError: The file cannot be made; the session stays.
    """
    session.expires = tenant.clock.now() + _lifetime(tenant)
    if _is_odd(piece):
        session.spoilt = True
    if piece.end < piece.total or session.defers:
        return None
    return complete(tenant, session)


def complete(tenant: Tenant, session: Session) -> tuple[Item, bool]:
    """Make the file, and say whether it is new.

    Raises:
        GraphError: 400, bytes are missing; 409, the name is taken by now; 404, the folder is gone.
    """
    if session.total is None or session.draft.size < session.total:
        raise _flawed(400, "uploadSessionIncomplete", "Parts of the file are missing.")
    if session.spoilt:
        # "can result in large file transfers failing after the last byte range is uploaded"
        raise _flawed(400, "uploadSessionFailed", "The upload could not be committed.")
    if session.parent.gone or (session.target is not None and session.target.gone):
        raise no_item()
    blob = session.draft.finish()
    target, author = session.target, session.author
    if target is not None:
        made, new = changes.replace(tenant, target, blob, author), False
    else:
        made, new = changes.put(
            tenant, session.parent, session.name, blob, author, session.behavior
        )
    del tenant.files.sessions[session.id]
    return made, new


def _check_begin(call: Call, spot: Spot, about: Json, behavior: str) -> None:
    size = about.get("fileSize")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise names.invalid("Invalid value specified for property 'fileSize'.")
    name = wire.optional_text(about, "name")
    if name is not None and spot.path and name.casefold() != spot.path[-1].casefold():
        raise names.invalid("The name of the item differs from the one in the address.")
    if spot.item is not None:
        places.check_if_match(call, spot.item)
        changes.check_lock(spot.item)
        if spot.item.is_folder:
            raise changes.taken() if spot.path else names.invalid("This is a folder.")
        if behavior == changes.FAIL:
            raise changes.taken()
    changes.check_room(call.tenant, spot.start.drive, size or 0)


def _destination(call: Call, spot: Spot) -> tuple[Item, str]:
    if not spot.path:
        return spot.start.parent or spot.start, spot.start.name
    *folders, name = spot.path
    return changes.folders(call.tenant, spot.start, folders, drives.author(call)), name


def _lifetime(tenant: Tenant) -> timedelta:
    return timedelta(minutes=tenant.settings.upload_session_minutes)


def _is_odd(piece: Piece) -> bool:
    return piece.end < piece.total and (piece.end - piece.start) % FRAGMENT != 0


def _flawed(status: int, inner: str, message: str) -> GraphError:
    error = GraphError(status, "invalidRequest", message)
    error.inner = {"code": inner}
    return error


def _routes() -> list[Route]:
    items = ("/items/{item}", "/root:/{path}:", "/items/{item}:/{path}:")
    return [
        route(f"POST {drive}{item}/createUploadSession", needs.UPLOAD, create_session)
        for drive in places.DRIVES
        for item in items
    ]


ROUTES = _routes()
