"""What ghosts are called: the person's name, who they are to the organisation, what became of them.

    Likeness ─▶ name, disarmed ─┐
             └▶ marks ──────────┴─▶ template `{name} (Teams{kind})`

    Alex (Teams)                        a user
    Alex (Teams, guest)                 a guest; in the same way phone, e-mail, bot, webhook …
    Alex (Teams, fabrikam.example)      of another organisation; `external` where that is not known
    Alex (Teams, disabled)              what became of the account

Names are chosen by strangers. So that none looks like what we say ourselves, parentheses in the name
of anybody from outside, and those of everybody that hold one of our words or a domain, become
brackets; and nobody is called as the bot is.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping

from bridge.domain.events import PersonKind
from bridge.domain.likeness import Likeness, Standing
from bridge.domain.values import dataclass
from bridge.matrix.cleaning import NAME_CHARS_MAX, clean

NAME_SLOT = "{name}"
KIND_SLOT = "{kind}"
NAMELESS = "Unknown user"
"""Graph leaves names out often; the next message that brings one renames the ghost."""
ORGANISATION_CHARS_MAX = 60
SAID_AS_BYTES_MAX = 255
SAID_AS_CHARS = (NAME_CHARS_MAX, 50, 25, 12)
"""How much of a name is tried."""
PERSON = "person"
"""The word for who is called as the bot is."""

_STANDINGS = frozenset({Standing.DISABLED, Standing.DELETED})
_GROUP = re.compile(r"\(([^()]*)\)")
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)+")
_QUOTES = frozenset("\N{SINGLE LOW-9 QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}")
"""Unicode takes them for opening punctuation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guises:
    """How ghosts are called; `words` are those of `appservice.ghost_words`."""

    template: str
    words: Mapping[str, str]
    bot_name: str

    def shown(self, likeness: Likeness) -> str:
        """Return what the ghost of somebody like this is called."""
        name = self._own(likeness.name or "", likeness.kind)
        return self._dressed(name, self._marks(likeness))

    def bare_name(self, shown: str) -> str:
        """Return the person's own name within what their ghost is called."""
        before, _, after = self.template.partition(NAME_SLOT)
        tail = re.escape(after).replace(re.escape(KIND_SLOT), r"(?:, [^()]*)?")
        found = re.fullmatch(f"{re.escape(before)}(.+?){tail}", shown)
        return found[1] if found else shown

    def said_as(self, name: str, kind: PersonKind) -> str:
        """Return what one message is said under, where its application uses another name.

        MSC4144 takes 255 bytes; escaped, so that a message that just fits still does.
        """
        for chars_max in SAID_AS_CHARS:
            shown = self.shown(Likeness(name=name[:chars_max], kind=kind))
            if len(html.escape(shown).encode()) <= SAID_AS_BYTES_MAX:
                return shown
        return self.shown(Likeness(kind=kind))

    def _marks(self, likeness: Likeness) -> list[str]:
        marks: list[str] = []
        if likeness.kind is PersonKind.FEDERATED and likeness.organisation:
            marks.append(clean(likeness.organisation, chars_max=ORGANISATION_CHARS_MAX))
        elif likeness.kind is not PersonKind.USER:
            marks.append(self.words[likeness.kind])
        if likeness.standing in _STANDINGS:
            marks.append(self.words[likeness.standing])
        return marks

    def _dressed(self, name: str, marks: list[str]) -> str:
        if KIND_SLOT in self.template:
            kind = "".join(f", {mark}" for mark in marks)
            shown = self.template.replace(KIND_SLOT, kind).replace(NAME_SLOT, name)
        else:
            named = f"{name} ({', '.join(marks)})" if marks else name
            shown = self.template.replace(NAME_SLOT, named)
        is_as_the_bot = _bare(shown) == _bare(self.bot_name)
        return f"{shown} ({self.words[PERSON]})" if is_as_the_bot else shown

    def _own(self, name: str, kind: PersonKind) -> str:
        """Return a name without what could be taken for a mark of ours."""
        name = clean(name, chars_max=NAME_CHARS_MAX) or NAMELESS
        plain = "".join(map(_parenthesis, name))
        if kind is not PersonKind.USER:
            return plain.translate(_BRACKETS)
        disarmed = list(name)
        for group in _GROUP.finditer(plain):
            if self._tells(group[1]):
                disarmed[group.start()], disarmed[group.end() - 1] = "[]"
        return "".join(disarmed)

    def _tells(self, group: str) -> bool:
        """Whether what stands in parentheses could be ours."""
        frame = self.template.replace(NAME_SLOT, " ").replace(KIND_SLOT, " ")
        ours = {_bare(word) for word in (*self.words.values(), *frame.split())} - {""}
        parts = [unicodedata.normalize("NFKC", part).strip() for part in group.split(",")]
        return any(_bare(part) in ours or _DOMAIN.fullmatch(part) for part in parts)


_BRACKETS = str.maketrans("()", "[]")


def _parenthesis(character: str) -> str:
    """Return a parenthesis for whatever looks like one."""
    if character in _QUOTES or character in "[]":
        return character
    kind = unicodedata.category(character)
    return "(" if kind == "Ps" else ")" if kind == "Pe" else character


def _bare(text: str) -> str:
    """Return what is left of a text for the eye: neither case, marks nor spaces."""
    spread = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in spread if character.isalnum())
