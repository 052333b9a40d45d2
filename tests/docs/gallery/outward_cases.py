"""Matrix events as clients send them, one of each kind that reaches Teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.docs.gallery.building import BEN, Json

CEM_USER = "@cem:example.org"
BEN_GHOST = f"@teams_{BEN}:example.org"
FIRST = "$said1"
"""What the first of the events before is called."""
POLL = "org.matrix.msc3381.poll"
WORDS_OF_A_LONG_ONE = 6_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A matrix event of Cem, who is signed in; `before` was sent by him before it."""

    title: str
    content: Json
    kind: str = "m.room.message"
    before: tuple[Saying, ...] = ()
    facts: Mapping[str, object] | None = None


def text(body: str, html: str | None = None, more: Json | None = None) -> Json:
    """Return the content of a text."""
    said: Json = {"msgtype": "m.text", "body": body}
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html} if html else {}
    return {**said, **formatted, **(more or {})}


def file(kind: str, name: str, mimetype: str, **more: object) -> Json:
    """Return the content of a file."""
    info = {"mimetype": mimetype, "size": 6, **more.pop("info", {})}  # type: ignore[dict-item]
    return {"msgtype": kind, "body": name, "url": "mxc://example.org/1", "info": info, **more}


def _about(kind: str, **more: object) -> Json:
    return {"m.relates_to": {"rel_type": kind, "event_id": FIRST} | more}


_TEA = Saying(title="", content=text("Tea?"))
_ANSWERS = [
    {"id": "g", "org.matrix.msc1767.text": "Green"},
    {"id": "b", "org.matrix.msc1767.text": "Black"},
]
_ASKED: Json = {
    f"{POLL}.start": {
        "kind": f"{POLL}.disclosed",
        "max_selections": 1,
        "question": {"org.matrix.msc1767.text": "Which tea?"},
        "answers": _ANSWERS,
    },
    "org.matrix.msc1767.text": "Which tea?",
}
_VOTE = Saying(
    title="",
    kind=f"{POLL}.response",
    content={**_about("m.reference"), f"{POLL}.response": {"answers": ["g"]}},
)
_POLL = Saying(title="", kind=f"{POLL}.start", content=_ASKED)

SAYINGS: tuple[Saying, ...] = (
    Saying(
        title="Text with formatting",
        content=text(
            "Tea is *hot*",
            "<p>Tea is <em>hot</em>, <del>cold</del>, <code>x</code></p><ul><li>green</li></ul>"
            '<blockquote>black</blockquote><pre><code class="language-py">a = 1</code></pre>',
        ),
    ),
    Saying(title="An emote", content=text("pours tea", more={"msgtype": "m.emote"})),
    Saying(title="A notice", content=text("The kettle is on.", more={"msgtype": "m.notice"})),
    Saying(
        title="A reply",
        before=(_TEA,),
        content=text("Yes", more={"m.relates_to": {"m.in_reply_to": {"event_id": FIRST}}}),
    ),
    Saying(
        title="A message in a thread",
        before=(_TEA,),
        content=text(
            "With milk",
            more=_about("m.thread", is_falling_back=True, **{"m.in_reply_to": {"event_id": FIRST}}),
        ),
    ),
    Saying(
        title="A mention of a person, and of the room",
        content=text(
            "Ben, @room: tea",
            f'<a href="https://matrix.to/#/{BEN_GHOST}">Ben</a>, @room: tea',
            more={"m.mentions": {"user_ids": [BEN_GHOST], "room": True}},
        ),
    ),
    Saying(
        title="An edit in Matrix",
        before=(_TEA,),
        content=text("* Coffee?", more={"m.new_content": text("Coffee?"), **_about("m.replace")}),
    ),
    Saying(
        title="A reaction",
        before=(_TEA,),
        kind="m.reaction",
        content=_about("m.annotation", key="👍️"),
    ),
    Saying(
        title="A redaction",
        before=(_TEA,),
        kind="m.room.redaction",
        content={"redacts": FIRST},
        facts={"redacts": FIRST},
    ),
    Saying(
        title="A picture with a caption",
        content=file("m.image", "My *cup*", "image/png", filename="cup.png"),
    ),
    Saying(title="A file of Matrix", content=file("m.file", "tea.pdf", "application/pdf")),
    Saying(
        title="A voice message",
        content=file("m.audio", "Voice message", "audio/ogg", **{"org.matrix.msc3245.voice": {}}),
    ),
    Saying(title="A video", content=file("m.video", "kettle.mp4", "video/mp4")),
    Saying(
        title="A sticker",
        kind="m.sticker",
        content={"body": "A cup", "url": "mxc://example.org/1", "info": {"mimetype": "image/png"}},
    ),
    Saying(
        title="A place",
        content=text("Tea house", more={"msgtype": "m.location", "geo_uri": "geo:52.52,13.405"}),
    ),
    Saying(title="A poll of Matrix", kind=f"{POLL}.start", content=_ASKED),
    Saying(
        title="The result of a poll",
        before=(_POLL, _VOTE),
        kind=f"{POLL}.end",
        content={
            **_about("m.reference"),
            f"{POLL}.end": {},
            "org.matrix.msc1767.text": "The poll has ended.",
        },
    ),
    Saying(
        title="A spoiler",
        content=text(
            "[spoiler: film] tea", 'It is <span data-mx-spoiler="film">tea</span> in the end'
        ),
    ),
    Saying(
        title="A formula",
        content=text("$E=mc^2$", '<span data-mx-maths="E=mc^2"><code>E=mc^2</code></span>'),
    ),
    Saying(
        title="A message that is too long for one",
        content=text("tea " * WORDS_OF_A_LONG_ONE + "x" * 9_000),
    ),
)
