"""What a chatMessage says around its words: a subject, how much it matters, whether it is blocked. Pure.

    subject                 ▶ a heading
    importance high, urgent ▶ a line above all else
    policyViolation         ▶ a message that nobody may read counts as deleted, until it may be read

Our own messages have none of these, so that finding them again compares bare words. Sources:
learn.microsoft.com graph/api resources/chatmessage, chatmessagepolicyviolation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.domain.content import Block, Body, Bold, Heading, Paragraph, Text, normalise
from bridge.domain.values import dataclass
from bridge.teams.fields import Json, child, text

SUBJECT_LEVEL = 3
IMPORTANCES: Mapping[str, str] = {"high": "❗ Important", "urgent": "🔔 Urgent"}
"""What is shown of an importance that is not normal."""

_BLOCKING = frozenset({"blockaccess", "blockaccessexternal"})
"""A room may have readers of any organisation: what strangers may not read, nobody reads there."""
_OVERRIDES = frozenset({"allowoverridewithoutjustification", "allowoverridewithjustification"})
_FALSE_ALARM = "allowfalsepositiveoverride"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is said around the words; `is_blocked`: a policy lets nobody read them."""

    subject: str = ""
    importance: str = ""
    is_blocked: bool = False

    def around(self, body: Body) -> Body:
        """Put subject and importance before the words."""
        before = tuple(self._before())
        return normalise(Body(blocks=(*before, *body.blocks))) if before else body

    def _before(self) -> Iterator[Block]:
        if shown := IMPORTANCES.get(self.importance):
            yield Paragraph(content=(Bold(content=(Text(text=shown),)),))
        if self.subject:
            yield Heading(level=SUBJECT_LEVEL, content=(Text(text=self.subject),))


PLAIN = Marks()


def read(message: Json) -> Marks:
    """Read what a message says around its words."""
    marks = Marks(
        subject=" ".join((text(message, "subject") or "").split()),
        importance=(text(message, "importance") or "").lower(),
        is_blocked=_is_blocked(child(message, "policyViolation")),
    )
    return PLAIN if marks == _NORMAL else marks


_NORMAL = Marks(importance="normal")


def _is_blocked(violation: Json) -> bool:
    """Whether readers are kept from reading, and the sender was not allowed to overrule that."""
    if not _flags(violation, "dlpAction") & _BLOCKING:
        return False
    allowed, done = _flags(violation, "verdictDetails"), _flags(violation, "userAction")
    overruled = "override" in done and bool(allowed & _OVERRIDES)
    return not (overruled or ("reportfalsepositive" in done and _FALSE_ALARM in allowed))


def _flags(violation: Json, name: str) -> frozenset[str]:
    """One flag or several, with commas, in any case."""
    found = (text(violation, name) or "").lower()
    return frozenset(part.strip() for part in found.split(","))
