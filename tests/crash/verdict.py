"""What became of the messages of one chat and direction; decided from what both sides hold.

    sent    what its own side took, as its senders were told
    origin  everything that their side holds     ┐ in the order of that side,
    target  everything that the other side holds ┘ read when all had settled

Every text is said once, so a text is an identity. A message is *lost* if it was taken and is not on
the other side; *twice* for every copy that is too many, echoes on its own side included; *out of
order* if one that was said later stands before it. *Late* is what stands behind a later one because
the tenant may have told of it later: only where it reorders notifications, only if it was said less
than its reordering before the other, and only if it kept its original time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

TIME_KEPT_WITHIN_MS = 1
"""A message's time is in milliseconds on both sides."""


class Direction(StrEnum):
    """From which side to which."""

    TEAMS_TO_MATRIX = "teams_to_matrix"
    MATRIX_TO_TEAMS = "matrix_to_teams"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as its sender knows it; without an id if nobody ever told that it was taken."""

    text: str
    author: str
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as a side holds it."""

    text: str
    author: str
    id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The messages of one chat in one direction. `reordered_within` is zero if nothing is."""

    chat: str
    direction: Direction
    sent: Sequence[Sent]
    origin: Sequence[Seen]
    target: Sequence[Seen]
    reordered_within: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """One message that is not as it should be, with whatever helps to find out why."""

    chat: str
    direction: Direction
    text: str
    facts: str


@dataclass(slots=True)
class Findings:
    """What became of some messages; sums of them make sense as well."""

    sent: int = 0
    arrived: int = 0
    lost: list[Offence] = field(default_factory=list)
    twice: list[Offence] = field(default_factory=list)
    out_of_order: list[Offence] = field(default_factory=list)
    late: list[Offence] = field(default_factory=list)
    source: list[Offence] = field(default_factory=list)
    """What the sender's own side forgot or doubled: no fault of a bridge, but no proof either."""

    @property
    def all_well(self) -> bool:
        """Late messages are none of the bridge's doing."""
        return not (self.lost or self.twice or self.out_of_order or self.source)

    def add(self, other: Findings) -> None:
        self.sent += other.sent
        self.arrived += other.arrived
        self.lost += other.lost
        self.twice += other.twice
        self.out_of_order += other.out_of_order
        self.late += other.late
        self.source += other.source


def total(many: Iterable[Findings]) -> Findings:
    made = Findings()
    for findings in many:
        made.add(findings)
    return made


def judge(crossing: Crossing) -> Findings:
    """Compare what was sent with what is there."""
    originals, copies = _by_text(crossing.origin), _by_text(crossing.target)
    taken = [sent for sent in crossing.sent if sent.id is not None]
    findings = Findings(sent=len(taken), arrived=sum(sent.text in copies for sent in taken))
    for sent in crossing.sent:
        here, there = originals.get(sent.text, []), copies.get(sent.text, [])
        own = [seen for seen in here if seen.author == sent.author]
        echoes = [seen for seen in here if seen.author != sent.author]
        _judge_source(crossing, sent, own, findings)
        if sent.id is not None and not there:
            findings.lost.append(_offence(crossing, sent, "", own))
        for _ in there[max(1, len(own)) :] + echoes:
            findings.twice.append(_offence(crossing, sent, "", own, there + echoes))
    _judge_order(crossing, originals, findings)
    return findings


def missing(crossing: Crossing) -> int:
    """How many of the messages that were taken are not on the other side, yet."""
    there = {seen.text for seen in crossing.target}
    return sum(sent.id is not None and sent.text not in there for sent in crossing.sent)


def _by_text(many: Sequence[Seen]) -> Mapping[str, list[Seen]]:
    found: defaultdict[str, list[Seen]] = defaultdict(list)
    for seen in many:
        found[seen.text].append(seen)
    return dict(found)


def _judge_source(crossing: Crossing, sent: Sent, own: list[Seen], findings: Findings) -> None:
    if sent.id is not None and sent.id not in {seen.id for seen in own}:
        why = f"its own side took it as {sent.id} and does not hold it"
        findings.source.append(_offence(crossing, sent, why, own))
    elif len(own) > 1:
        findings.source.append(_offence(crossing, sent, "its own side holds it twice", own))


def _judge_order(
    crossing: Crossing, originals: Mapping[str, list[Seen]], findings: Findings
) -> None:
    """Look at the first copy of each: which of those before it was said last?"""
    authors = {sent.text: sent.author for sent in crossing.sent}
    said = [seen for seen in crossing.origin if authors.get(seen.text) == seen.author]
    place = {seen.text: number for number, seen in reversed(list(enumerate(said)))}
    judged: set[str] = set()
    latest: Seen | None = None
    for copy in crossing.target:
        if copy.text not in place or copy.text in judged:
            continue
        judged.add(copy.text)
        mine = said[place[copy.text]]
        if latest is None or place[latest.text] < place[copy.text]:
            latest = mine
            continue
        kind = findings.late if _is_late(crossing, mine, copy, latest) else findings.out_of_order
        kind.append(_behind(crossing, mine, copy, latest))


def _is_late(crossing: Crossing, mine: Seen, copy: Seen, latest: Seen) -> bool:
    """Whether the tenant may have told of `latest` first, and all else is right."""
    within_ms = crossing.reordered_within / timedelta(milliseconds=1)
    kept = abs(copy.at_ms - mine.at_ms) <= TIME_KEPT_WITHIN_MS
    return latest.at_ms - mine.at_ms < within_ms and kept


def _behind(crossing: Crossing, mine: Seen, copy: Seen, latest: Seen) -> Offence:
    facts = (
        f"said as {_shown(mine)}, stands as {_shown(copy)},"
        f" behind {latest.text!r}, said as {_shown(latest)}"
    )
    return Offence(chat=crossing.chat, direction=crossing.direction, text=mine.text, facts=facts)


def _offence(
    crossing: Crossing, sent: Sent, why: str, own: Sequence[Seen], copies: Sequence[Seen] = ()
) -> Offence:
    facts = [why] if why else []
    facts.append(f"by {sent.author}, taken as {sent.id}")
    facts += [f"original {_shown(seen)}" for seen in own]
    facts += [f"copy {_shown(seen)} by {seen.author}" for seen in copies]
    return Offence(
        chat=crossing.chat,
        direction=crossing.direction,
        text=sent.text,
        facts="; ".join(facts),
    )


def _shown(seen: Seen) -> str:
    return f"{seen.id} at {seen.at_ms} ms"
