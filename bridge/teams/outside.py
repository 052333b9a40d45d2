"""What a message shows that is not where we fetch from: it becomes a link, and is counted. Pure.

picture on another host (GIF services, other websites) ─▶ a link      external_image
file on another host ──────────────────────────────────▶ its page    external_file
more pictures and files than a message may have ───────▶ their names  more_media
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bridge.convert.losses import EXTERNAL_FILE, EXTERNAL_IMAGE, MORE_MEDIA
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Image,
    Inline,
    Link,
    Text,
    label,
    safe_href,
    walk,
    with_media,
)
from bridge.teams.hosts import Hosts

MEDIA_MAX: Final = 50
"""Pictures and files of one message; Teams itself takes 10 files. Each becomes an event in Matrix."""


def settled(body: Body, hosts: Hosts) -> tuple[Body, tuple[str, ...]]:
    """Return a normal body that refers only to what may be fetched, and what it has lost."""
    if not any(isinstance(node, Image | Attachment) and node.url for node in walk(body)):
        return body, ()
    count = _Count()
    losses: dict[str, None] = {}

    def image(node: Image) -> Inline:
        if not node.url:
            return node
        if hosts.permitted(node.url) is None:
            losses[EXTERNAL_IMAGE] = None
            return _link(node)
        if not count.has_room():
            losses[MORE_MEDIA] = None
            return replace(node, url="")
        return node

    def attachment(node: Attachment) -> Block:
        if not node.url:
            return node
        if hosts.permitted(node.url) is None:
            losses[EXTERNAL_FILE] = None
        elif count.has_room():
            return node
        else:
            losses[MORE_MEDIA] = None
        return replace(node, url="", page=node.page or node.url)

    changed = with_media(body, image=image, attachment=attachment)
    return changed, tuple(losses)


class _Count:
    """Counts up to the most."""

    def __init__(self) -> None:
        self._left = MEDIA_MAX

    def has_room(self) -> bool:
        self._left -= 1
        return self._left >= 0


def _link(node: Image) -> Inline:
    """An emoticon is only its name: a link for every smile would hide the words between them."""
    href = None if node.is_emoticon else safe_href(node.url)
    bare = replace(node, url="")
    return Link(href=href, content=(Text(text=label(bare)),)) if href else bare
