"""Polls of Matrix -> bodies for Teams, where nobody can vote in them: question, answers, results. Total.

    m.poll.start    ──▶ poll_in ──▶ Poll ──▶ asked
    m.poll.response ──▶ votes ─┐      │
    m.poll.end      ──▶ until ─┴──▶ count ──▶ answered

MSC3381, in its stable form and in the one that clients send (`org.matrix.msc3381.poll.…`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.convert import losses
from bridge.convert.extensible import Json, object_in, text_in
from bridge.convert.reading import Parsed
from bridge.domain.content import (
    Block,
    Body,
    Bold,
    Inline,
    Italic,
    List,
    Paragraph,
    Text,
    from_text,
    normalise,
)
from bridge.domain.values import dataclass

UNSTABLE = "org.matrix.msc3381.poll"
ANSWERS_MAX = 20
"""MSC3381: "the array is truncated to 20 maximum options"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What is asked; answers by their ids, in order, none of them empty."""

    question: str
    answers: Mapping[str, str]
    selections_max: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """An answer of one voter at one time (ms since 1970, as their homeserver says); () takes it back."""

    voter: str
    at: int
    chosen: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Votes by answer, and how many people cast them; `is_whole` is false if there were too many."""

    votes: Mapping[str, int]
    voters: int
    is_whole: bool = True


def poll_in(content: Json) -> Poll | None:
    """The poll that an event starts, None if it makes no sense."""
    block = object_in(content, "m.poll", f"{UNSTABLE}.start", "m.poll.start")
    if block is None:
        return None
    question = _line(text_in(block.get("question")))
    answers = dict(_answers(block.get("answers")))
    if not question or not answers:
        return None
    most = block.get("max_selections")
    most = most if isinstance(most, int) and not isinstance(most, bool) else 1
    return Poll(question=question, answers=answers, selections_max=min(max(most, 1), len(answers)))


def _answers(answers: object) -> Iterable[tuple[str, str]]:
    """Each once: of two with one id, nobody could tell which was chosen."""
    seen = set()
    for answer in answers[:ANSWERS_MAX] if isinstance(answers, list) else ():
        if not isinstance(answer, Mapping):
            continue
        id_ = answer.get("m.id", answer.get("id"))
        text = _line(text_in(answer))
        if isinstance(id_, str) and id_ not in seen and text:
            seen.add(id_)
            yield id_, text


def _line(text: str) -> str:
    return " ".join(text.split())


def read_poll(content: Json) -> Parsed:
    """What the start of a poll says, or its text for clients that know none."""
    poll = poll_in(content)
    said = from_text(text_in(content)) if poll is None else asked(poll)
    return Parsed(body=said, losses=(losses.POLL,) if said.blocks else ())


def read_end(content: Json) -> Parsed:
    """What its author's client says of a poll that has ended."""
    return Parsed(body=from_text(text_in(content) or "The poll has ended."))


def selected(content: Json) -> tuple[str, ...]:
    """What a response chooses."""
    block = object_in(content, f"{UNSTABLE}.response", "m.poll.response") or {}
    given = content.get("m.selections", block.get("answers"))
    chosen = given[: ANSWERS_MAX + 1] if isinstance(given, list) else []
    return tuple(one if isinstance(one, str) else "" for one in chosen)


def count(poll: Poll, votes: Iterable[Vote], *, until: int, is_whole: bool = True) -> Result:
    """Of each voter the last vote until the end counts, even if it is spoilt and so chooses nothing."""
    last: dict[str, Vote] = {}
    for vote in sorted(votes, key=lambda vote: vote.at):
        if vote.at <= until:
            last[vote.voter] = vote
    valid = [chosen for vote in last.values() if (chosen := _valid(poll, vote.chosen))]
    found = {id_: sum(id_ in chosen for chosen in valid) for id_ in poll.answers}
    return Result(votes=found, voters=len(valid), is_whole=is_whole)


def _valid(poll: Poll, chosen: tuple[str, ...]) -> frozenset[str]:
    """MSC3381: cut to what may be selected; one unknown answer spoils the vote."""
    kept = frozenset(chosen[: poll.selections_max])
    return kept if kept <= poll.answers.keys() else frozenset()


def asked(poll: Poll) -> Body:
    """A poll, for those who cannot vote."""
    many = f"Up to {poll.selections_max} answers each. " if poll.selections_max > 1 else ""
    hint = Italic(content=(Text(text=f"{many}Votes are cast in Matrix."),))
    answers = ((_said(text),) for text in poll.answers.values())
    return _body("📊 Poll: ", poll, answers, hint)


def answered(poll: Poll, result: Result) -> Body:
    """What came of a poll; the answers with most votes are bold."""
    most = max(result.votes.values(), default=0)
    lines = (
        (_counted(text, result.votes.get(id_, 0), most),) for id_, text in poll.answers.items()
    )
    voters = f"{result.voters:,} {'person' if result.voters == 1 else 'people'} voted."
    if not result.is_whole:
        voters = f"Only the last votes were counted: {voters}"
    return _body(
        "📊 Poll ended: ", poll, lines, Text(text=voters if result.voters else "Nobody voted.")
    )


def _counted(text: str, votes: int, most: int) -> Block:
    line: Inline = Text(text=f"{text}: {votes:,} {'vote' if votes == 1 else 'votes'}")
    return Paragraph(content=(Bold(content=(line,)) if votes and votes == most else line,))


def _body(lead: str, poll: Poll, answers: Iterable[tuple[Block, ...]], end: Inline) -> Body:
    question = Bold(content=(Text(text=poll.question),))
    return normalise(
        Body(
            blocks=(
                Paragraph(content=(Text(text=lead), question)),
                List(items=tuple(answers), ordered=True),
                Paragraph(content=(end,)),
            )
        )
    )


def _said(text: str) -> Block:
    return Paragraph(content=(Text(text=text),))
