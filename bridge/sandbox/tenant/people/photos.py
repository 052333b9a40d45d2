"""Photos of users and teams, in the sizes that Exchange has, and setting them.

A photo that follows from a seed is drawn in every size. Any other is kept as it came, and what is
asked for in a smaller size gets the same bytes: nothing here can scale a picture.

Sources: learn.microsoft.com graph/api profilephoto-get, profilephoto-update, profilephoto-delete,
team-get-photo; that the code of a missing one is `ImageNotFound`:
Azure-Samples/ms-identity-dotnetcore-b2c-account-management issue 23, before that
microsoftgraph/microsoft-graph-docs issue 2248.
"""

from __future__ import annotations

import hashlib
import random
import struct
import zlib

from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden
from bridge.sandbox.tenant.people import needs
from bridge.sandbox.tenant.people.directory import Photo
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.tenant import Tenant

SIZES = (48, 64, 96, 120, 240, 360, 432, 504, 648)
"""Pixels of each side."""
PHOTO_MAX = 4 * 1024 * 1024
"""Bytes of a photo that is set."""
DRAWN = 648
"""Pixels of the side of a photo that is drawn."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that tell its size."""


async def get_photo(call: Call) -> Reply:
    """The metadata of the largest one."""
    key = _subject(call)
    photo = call.tenant.directory.photos.get(key)
    if photo is None and call.tenant.settings.photo_placeholder:
        return _metadata(call, {"@odata.mediaContentType": "image/gif", **_sized(1, 1)})
    found = _found(call, key)
    return _metadata(call, _about(found, min(found.width, DRAWN)))


async def list_photos(call: Call) -> Reply:
    """Of every size that is not larger than what was set; the placeholder is none of them."""
    photo = _found(call, _subject(call))
    value = [_about(photo, size) for size in SIZES if size <= photo.width]
    return Reply(body={"@odata.context": call.context(f"{_place(call)}/photos"), "value": value})


async def get_size(call: Call) -> Reply:
    photo = _found(call, _subject(call))
    return _metadata(call, _about(photo, _nearest(photo, _asked(call))))


async def get_value(call: Call) -> Reply:
    photo = _found(call, _subject(call))
    size = _nearest(photo, _asked(call)) if "size" in call.ids else photo.width
    return Reply(
        raw=draw(photo.seed, size) if photo.seed is not None else photo.data,
        content_type=photo.content_type,
        headers={"ETag": _tag(photo, size)},
    )


async def put_value(call: Call) -> Reply:
    """A new photo, in whatever size it has."""
    key = _subject(call, writes=True)
    call.tenant.directory.photos[key] = read(call.raw)
    return Reply()


async def delete_photo(call: Call) -> Reply:
    key = _subject(call, writes=True)
    _found(call, key)
    del call.tenant.directory.photos[key]
    return Reply(status=204)


def read(data: bytes) -> Photo:
    """A photo from its bytes.

    Raises:
        GraphError: 400, it is no JPEG or PNG; 413, it is too large.
    """
    if len(data) > PHOTO_MAX:
        raise GraphError(413, "RequestEntityTooLarge", "The photo is too large.")
    size = _size(data)
    if size is None or not all(size):
        raise bad_request("The image is neither a JPEG nor a PNG.", "ErrorInvalidImage")
    kind = "image/png" if data.startswith(_PNG) else "image/jpeg"
    return Photo(content_type=kind, width=size[0], height=size[1], data=data)


def make(seed: int) -> Photo:
    """A photo that follows from a number."""
    return Photo(content_type="image/png", width=DRAWN, height=DRAWN, data=b"", seed=seed)


def draw(seed: int, size: int) -> bytes:
    """A square PNG with a shade of one colour, by a number."""
    colour = random.Random(seed).randbytes(3)  # noqa: S311 - the same every time
    rows = bytearray()
    for row in range(size):
        shade = bytes(value * (size - row) // size for value in colour)
        rows += b"\x00" + shade * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 1)), (b"IEND", b""))
    return _PNG + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _subject(call: Call, *, writes: bool = False) -> str:
    """Whose photo it is: the id of a user or of a team.

    Raises:
        GraphError: 404, there is nobody; 403, the caller may not.
    """
    if "team" in call.ids:
        team = call.tenant.team(call.ids["team"])
        if call.user is not None and call.user.id not in team.members:
            raise forbidden()
        return team.id
    user = call.tenant.user(call.ids["user"])
    wide = {"ProfilePhoto.ReadWrite.All"} if writes else needs.PHOTO_OF_OTHERS
    if call.user not in (None, user) and wide.isdisjoint(call.bearer.granted):
        raise GraphError(
            403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."
        )
    return user.id


def _found(call: Call, key: str) -> Photo:
    photo = call.tenant.directory.photos.get(key)
    if photo is None:
        raise GraphError(
            404,
            call.tenant.settings.photo_missing_code,
            "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' "
            "was thrown.",
        )
    return photo


def _asked(call: Call) -> int:
    """The side of the size in the path.

    Raises:
        GraphError: 404, there is no such size.
    """
    names = {f"{size}x{size}": size for size in SIZES}
    size = names.get(call.ids["size"].casefold())
    if size is None:
        raise GraphError(404, call.tenant.settings.photo_missing_code, "The photo wasn't found.")
    return size


def _nearest(photo: Photo, size: int) -> int:
    """That size, or the largest smaller one that there is."""
    there = [one for one in SIZES if one <= min(size, photo.width)]
    return max(there, default=photo.width)


def _metadata(call: Call, about: Json) -> Reply:
    context = call.context(f"{_place(call)}/photo/$entity")
    return Reply(body={"@odata.context": context, **about})


def _about(photo: Photo, size: int) -> Json:
    scaled = max(1, photo.height * size // photo.width)
    return {
        "@odata.mediaContentType": photo.content_type,
        "@odata.mediaEtag": _tag(photo, size),
        **_sized(size, scaled),
    }


def _sized(width: int, height: int) -> Json:
    return {"id": f"{width}x{height}", "height": height, "width": width}


def _place(call: Call) -> str:
    owner = "teams" if "team" in call.ids else "users"
    return f"{owner}('{call.ids.get('team') or call.ids['user']}')"


def _tag(photo: Photo, size: int) -> str:
    seed = str(photo.seed).encode()
    return (
        '"' + hashlib.sha256(photo.data + seed + bytes([size % 256])).hexdigest()[:8].upper() + '"'
    )


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, as the file has them."""
    if data.startswith(_PNG) and len(data) >= 24:  # noqa: PLR2004 - signature and IHDR
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    at = 2
    while data.startswith(_JPEG) and at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None


def set_photo(tenant: Tenant, key: str, photo: Photo | None) -> None:
    """Set or take away the photo of a user or a team."""
    if photo is None:
        tenant.directory.photos.pop(key, None)
    else:
        tenant.directory.photos[key] = photo


def _routes() -> list[Route]:
    user = "/users/{user}"
    return [
        route(f"GET {user}/photo", needs.GET_PHOTO, get_photo),
        route(f"DELETE {user}/photo", needs.WRITE_PHOTO, delete_photo),
        route(f"GET {user}/photo/$value", needs.GET_PHOTO, get_value),
        route(f"PUT {user}/photo/$value", needs.WRITE_PHOTO, put_value),
        route(f"GET {user}/photos", needs.READ_PHOTO, list_photos),
        route(f"GET {user}/photos/{{size}}", needs.READ_PHOTO, get_size),
        route(f"GET {user}/photos/{{size}}/$value", needs.READ_PHOTO, get_value),
        route("GET /teams/{team}/photo", needs.TEAM_PHOTO, get_photo),
        route("GET /teams/{team}/photo/$value", needs.TEAM_PHOTO, get_value),
    ]


ROUTES = _routes()
