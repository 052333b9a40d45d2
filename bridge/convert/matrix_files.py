"""Pictures, films, sounds, files, stickers and galleries of Matrix' messages: which node each becomes.

    m.image, m.sticker          an Image, alone in its paragraph
    m.file, m.video, m.audio    an Attachment; a sound that says so is a voice message (MSC3245)
    dm.filament.gallery         one of these for each of its items (MSC4274)

Of what a sender says about a file, its name and its address are taken; size, kind and measures are
seen later, by its bytes. A file that was encrypted cannot be passed on from a room that is not: it
has no address of its own but `ENCRYPTED`, which nobody follows.

Source: Matrix spec v1.19, client-server § m.image and its neighbours, § media captions, § sticker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.domain.content import Attachment, Block, Image, MediaKind, Paragraph

ENCRYPTED = "encrypted:"
"""The address of what only its room can read."""
STICKER = "m.sticker"
GALLERY = "dm.filament.gallery"
ITEMS_MAX = 50
"""Of a gallery; those beyond are not carried."""

_KINDS: Mapping[str, MediaKind] = {
    "m.audio": MediaKind.AUDIO,
    "m.file": MediaKind.FILE,
    "m.video": MediaKind.VIDEO,
}
_VOICE = ("m.voice", "org.matrix.msc3245.voice", "org.matrix.msc3245.voice.v2")


def files_of(kind: str, content: Mapping[str, object]) -> tuple[Block, ...]:
    """The files that a message of this msgtype is; none for one that is words."""
    if kind == GALLERY:
        return tuple(_items(content.get("itemtypes")))
    if kind in {"m.image", STICKER}:
        return (Paragraph(content=(Image(alt=name_in(content), url=_address(content)),)),)
    known = _KINDS.get(kind)
    if known is None:
        return ()
    is_voice = known is MediaKind.AUDIO and any(mark in content for mark in _VOICE)
    return (
        Attachment(
            name=name_in(content),
            url=_address(content),
            kind=MediaKind.VOICE if is_voice else known,
        ),
    )


def name_in(content: Mapping[str, object]) -> str:
    """What its sender calls a file."""
    for name in ("filename", "body"):
        found = content.get(name)
        if isinstance(found, str) and found:
            return found
    return ""


def _items(found: object) -> Iterator[Block]:
    for item in found[:ITEMS_MAX] if isinstance(found, list) else ():
        if isinstance(item, Mapping) and item.get("itemtype") != GALLERY:
            yield from files_of(str(item.get("itemtype")), item)


def _address(content: Mapping[str, object]) -> str:
    if isinstance(content.get("file"), Mapping):
        return ENCRYPTED
    url = content.get("url")
    return url if isinstance(url, str) else ""
