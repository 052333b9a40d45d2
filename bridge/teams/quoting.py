"""Messages that another message shows: quoted in an answer, or forwarded from somewhere else. Pure.

    messageReference            who · the beginning of what they said
    forwardedMessageReference   who, when · all that they said, with what was attached to it

Who it was is often not named (`displayName` is null): it is then named by `named`, once somebody has
looked the name up. Sources: learn.microsoft.com graph/api chatmessage-replywithquote,
chatmessage-get example 6, graph/teams-messaging-overview.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bridge.convert.cards import dates
from bridge.convert.teams import parse_teams
from bridge.domain.content import Block, Bold, Inline, Paragraph, Quote, Text, from_text
from bridge.errors import Unconvertible
from bridge.teams.fields import Json, child, instant, long_text, text

QUOTE = "messagereference"
FORWARD = "forwardedmessagereference"

Html = Callable[[str], str]

_ORIGINAL = "originalMessageContent"
_NOTHING = from_text("…").blocks
_MORE = from_text("[there is more in this message]").blocks


def quoted(content: Json, html: Html) -> Quote:
    """Show the message that an answer quotes; `html` says how much of a text may be read."""
    quote = Quote(blocks=_said(content, "messagePreview", html, {}))
    return named(quote, speaker(child(content, "messageSender")))


def forwarded(content: Json, html: Html, attachments: Mapping[str, Block | None]) -> Quote:
    """Show a message that was forwarded, with those of the attachments that stand in it."""
    head = Paragraph(content=_head(instant(text(content, "originalSentDateTime"))))
    quote = Quote(blocks=(head, *_said(content, _ORIGINAL, html, attachments)))
    return named(quote, speaker(child(content, "originalMessageSender")), is_forward=True)


def placed_in(content: Json) -> str:
    """Return the markup of a forwarded message, in which its attachments have their places."""
    return long_text(content, _ORIGINAL)


def named(quote: Quote, name: str, *, is_forward: bool = False) -> Quote:
    """Say whose words a quotation shows; an empty name changes nothing."""
    if not name:
        return quote
    who = Bold(content=(Text(text=name),))
    if not is_forward:
        return Quote(blocks=(Paragraph(content=(who,)), *quote.blocks))
    match quote.blocks:
        case (Paragraph(content=(Text() as lead, *rest)), *said):
            start: tuple[Inline, ...] = (Text(text=f"{lead.text} from "), who, *rest)
            return Quote(blocks=(Paragraph(content=start), *said))
        case _:
            return quote


def speaker(identity: Json) -> str:
    """Return the name of a user or an application, empty where it is not said."""
    for kind in ("user", "application"):
        name = text(child(identity, kind), "displayName")
        if name:
            return " ".join(name.split())
    return ""


def speaker_id(identity: Json) -> str:
    """Return the id of a user whose name can be looked up, empty where there is none."""
    return text(child(identity, "user"), "id") or ""


def _head(sent_at: datetime | None) -> tuple[Inline, ...]:
    """Two texts, between which the name comes."""
    lead = Text(text="↪ Forwarded")
    return (lead,) if sent_at is None else (lead, Text(text=", " + dates.moment(sent_at)))


def _said(
    content: Json, name: str, html: Html, attachments: Mapping[str, Block | None]
) -> tuple[Block, ...]:
    whole = long_text(content, name)
    read = html(whole)
    more = _MORE if len(read) < len(whole) else ()
    try:
        return (*parse_teams(read, attachments=attachments).blocks, *more) or _NOTHING
    except Unconvertible:
        return _NOTHING
