"""Relay mode: one account says in Teams, in the name of whoever cannot sign in, what they say. Pure.

said in Matrix ─ StandIn ─▶ said_for ─┬ words: the same, with who says so before them
                                      ├ a reaction: words that answer what it is about
                                      └ taken back: as it is

One account can react to a message once with an emoji, however many people do: so their reactions
are words, each its own, and each can be taken back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from typing import Self

from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Bold,
    Inline,
    Italic,
    Paragraph,
    Text,
    clean_name,
    normalise,
)
from bridge.domain.events import Reacted, Redacted, Seen, Sighting
from bridge.domain.ids import TeamsUserId, UserId, Version
from bridge.domain.portal import Portal
from bridge.domain.values import dataclass

NAME_SLOT, USER_SLOT, MESSAGE_SLOT = "{name}", "{user}", "{message}"
FORM_DEFAULT = "<b>{name}</b>: {message}"
NAME_CHARS_MAX = 100

_PIECE = re.compile(r"<b>([^<>]*)</b>|<i>([^<>]*)</i>|([^<>]+)")


@dataclass(frozen=True, slots=True)
class Form:
    """How words are said for somebody: what stands before them, in pieces with their look."""

    pieces: tuple[tuple[type[Bold | Italic] | None, str], ...]

    @classmethod
    def of(cls, template: str) -> Self:
        """Read a template: `{name}` or `{user}`, in <b> or <i> or plain, and `{message}` at its end.

        Raises:
            ValueError: It is none; the message completes "the template ...".
        """
        before, slot, after = template.partition(MESSAGE_SLOT)
        if not slot or after.strip():
            problem = f"does not end with {MESSAGE_SLOT}"
            raise ValueError(problem)
        if NAME_SLOT not in before and USER_SLOT not in before:
            problem = f"holds neither {NAME_SLOT} nor {USER_SLOT}"
            raise ValueError(problem)
        rest = before.replace(NAME_SLOT, "").replace(USER_SLOT, "")
        found = list(_PIECE.finditer(before))
        if "".join(match[0] for match in found) != before or set("{}") & set(rest):
            raise ValueError("holds something besides words, <b>…</b> and <i>…</i>")
        return cls(tuple(map(_piece, found)))

    def lead(self, name: str, user: str) -> tuple[Inline, ...]:
        """Return what stands before words; a name is text, whatever it holds."""
        given = {NAME_SLOT: name, USER_SLOT: user}
        slots = re.compile("|".join(map(re.escape, given)))
        found: list[Inline] = []
        for look, text in self.pieces:
            words = Text(text=slots.sub(lambda match: given[match[0]], text))
            found.append(words if look is None else look(content=(words,)))
        return tuple(found)


def _piece(match: re.Match[str]) -> tuple[type[Bold | Italic] | None, str]:
    if match[1] is not None:
        return Bold, match[1]
    return (Italic, match[2]) if match[2] is not None else (None, match[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Who says something in Teams for a Matrix user, where a portal lets it; and how."""

    speaker: TeamsUserId
    user: UserId
    name: str
    form: Form
    by_default: bool = False

    def speaks_in(self, portal: Portal) -> bool:
        """Tell whether a portal has it so: by its own decision, else by default."""
        return portal.is_relayed(by_default=self.by_default)


def said_for(seen: Seen, stand_in: StandIn) -> Sighting | Redacted:
    """Return what the account is to say, or to take back."""
    match seen:
        case Redacted():
            return seen
        case Reacted():
            return Sighting(
                origin=seen.origin,
                ref=seen.ref,
                version=Version(""),
                author=seen.author,
                sent_at=seen.sent_at,
                body=_led(_words_of(seen), stand_in),
                reactions=None,
                reply_to=seen.target,
            )
        case Sighting():
            return replace(seen, body=_led(seen.body, stand_in))


def _words_of(seen: Reacted) -> Body:
    return Body(blocks=(Paragraph(content=(Text(text=f"reacted with {seen.key}"),)),))


def _led(body: Body, stand_in: StandIn) -> Body:
    name = clean_name(stand_in.name)[:NAME_CHARS_MAX].strip() or stand_in.user
    lead = stand_in.form.lead(name, stand_in.user)
    # Teams shows files below the words, wherever they stand: their caption is what is said.
    files = tuple(takewhile(lambda block: isinstance(block, Attachment), body.blocks))
    said: tuple[Block, ...] = body.blocks[len(files) :]
    if said and isinstance(said[0], Paragraph):
        first = Paragraph(content=(*lead, *said[0].content))
        return normalise(Body(blocks=(*files, first, *said[1:])))
    return normalise(Body(blocks=(Paragraph(content=lead), *body.blocks)))
