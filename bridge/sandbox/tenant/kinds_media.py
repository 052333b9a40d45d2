"""Kinds of message with pictures, emoji and files.

Sources: learn.microsoft.com graph/api chatmessage-get (custom emoji), chatmessage-list-
hostedcontents; the older form of an emoji, and that stickers and GIFs lie on other servers, was
seen in the field.
"""

from __future__ import annotations

import base64
import html
from uuid import uuid4

from bridge.sandbox.tenant import quotes
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.kind_parts import PIXEL, Maker, Wish
from bridge.sandbox.tenant.world import Content

SIDE_MAX = 10_000
"""Pixels of a side that an image is shown in; our own bound."""
_FILES = "https://contoso-my.sharepoint.example/personal/alice/Documents"


def inline_image(wish: Wish) -> Content:
    """`count` images with bytes `data` of type `content_type`, below a `text` and above `below`.

    They are shown in `width` and `height`, as the client writes them into the message.
    """
    images = "".join(_image(wish) for _ in range(wish.count("count", 1)))
    return Content(text=wish.text("text", "") + images + wish.text("below", ""))


def sticker(wish: Wish) -> Content:
    """A picture on another server, as stickers and GIFs are."""
    url = wish.text("url", "https://statics.teams.cdn.example/evergreen-assets/sticker.png")
    style = 'width="250" height="250" style="width:250px; height:250px"'
    return Content(text=f'<p><img src="{html.escape(url)}" alt="Tea sticker" {style}></p>')


def gif(wish: Wish) -> Content:
    url = wish.text("url", "https://media.giphy.example/media/tea/giphy.gif")
    kind = 'itemscope itemtype="http://schema.skype.com/Giphy"'
    return Content(text=f'<p><img src="{html.escape(url)}" alt="tea (GIF)" {kind}></p>')


def emoji(wish: Wish) -> Content:
    char, key = wish.text("char", "👀"), wish.text("id", "1f440_eyes")
    title = html.escape(wish.text("title", "Eyes"))
    return Content(text=f'<p><emoji id="{key}" alt="{char}" title="{title}"></emoji></p>')


def emoji_old(wish: Wish) -> Content:
    """As older clients write it."""
    char = wish.text("char", "🙂")
    source = "https://statics.teams.cdn.example/evergreen-assets/skype/v2/smile/50.png"
    image = f'<img itemtype="http://schema.skype.com/Emoji" alt="{char}" src="{source}">'
    return Content(text=f"<p><span>{image}</span></p>")


def custom_emoji(wish: Wish) -> Content:
    name = html.escape(wish.text("name", "partyparrot"))
    key = base64.b64encode(f"{name};0-wus-d1-{uuid4().hex}".encode()).decode()
    source = wish.host(wish.data(PIXEL), "image/png")
    return Content(
        text=f'<p><customemoji id="{key}" alt="{name}" source="{source}"></customemoji></p>'
    )


def file(wish: Wish) -> Content:
    """`count` files called `name` in the sender's OneDrive; `url` replaces the address."""
    found = [_file(wish, n) for n in range(wish.count("count", 1))]
    return Content(text=wish.text("text", "") + quotes.markers(found), attachments=found)


def voice(wish: Wish) -> Content:
    """A voice message: a file, and nothing else that Graph shows."""
    return _recorded(wish, "Voice message.m4a")


def video(wish: Wish) -> Content:
    return _recorded(wish, "Video clip.mp4")


def hosted_video(wish: Wish) -> Content:
    """A clip that lives in the message itself, larger than a request may be."""
    source = wish.host(wish.data(b"\x00\x00\x00\x18ftypmp42" * wish.count("size", 8)), "video/mp4")
    kind = 'itemscope itemtype="http://schema.skype.com/AMSVideo"'
    return Content(text=f'<p><img src="{source}" alt="video" {kind}></p>')


def _image(wish: Wish) -> str:
    kind = wish.text("content_type", "image/png")
    source = wish.host(wish.data(PIXEL), kind)
    width, height = (wish.count(*side, SIDE_MAX) for side in (("width", 67), ("height", 63)))
    style = f"vertical-align:bottom; width:{width}px; height:{height}px"
    size = f'width="{width}" height="{height}" style="{style}"'
    return f'<p><img alt="image" src="{source}" {size} itemid="{wish.hosted[-1].id}"></p>'


def _recorded(wish: Wish, name: str) -> Content:
    found = _reference(wish.text("name", name), wish)
    return Content(text=quotes.markers([found]), attachments=[found])


def _file(wish: Wish, number: int) -> Json:
    name = wish.text("name", "Tea list.docx")
    return _reference(name if number == 0 else f"{number} {name}", wish)


def _reference(name: str, wish: Wish) -> Json:
    """The id is the GUID in the file's eTag."""
    url = wish.text("url", f"{_FILES}/Microsoft Teams Chat Files/{name}")
    return quotes.of_kind("reference", str(uuid4()).upper(), contentUrl=url, name=name)


MAKERS: dict[str, Maker] = {
    "inline_image": inline_image,
    "sticker": sticker,
    "gif": gif,
    "emoji": emoji,
    "emoji_old": emoji_old,
    "custom_emoji": custom_emoji,
    "file": file,
    "voice": voice,
    "video": video,
    "hosted_video": hosted_video,
}
