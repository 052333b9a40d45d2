"""Known state of a message and the version just seen -> the events that make them equal.

Whatever way a message came to be seen (letter, bell, history), and however often, it passes here:
doubled and reordered notifications change nothing.

    base (as last seen) + own (what we did to it since) = what the other side believes
                                                              │ compared with what is seen now
                                                              ▼
                                      nothing · events · "its echo is still to come": wait

What we do to a message of Teams in a person's name comes back as part of a newer version, and not
always at once. Until then it is kept as an `OwnChange`, so that neither its echo is taken for news,
nor a version from before it for its undoing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Image,
    Inline,
    Paragraph,
    Text,
    normalised,
    plain_text,
    with_media,
)
from bridge.domain.events import (
    Event,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    Reaction,
    ReactionAdded,
    ReactionRemoved,
    Sighting,
)
from bridge.domain.ids import Side, Version, digest, is_older
from bridge.domain.values import dataclass

ALREADY_KNOWN = "already_known"
ECHO = "echo"
STALE = "stale_version"
DELETED = "deleted"

ECHO_WITHIN = timedelta(minutes=1)
"""A version that is newer than our own change by this much shows it, or shows that it was undone;
in between, clocks differ."""
WORDS_CHARS = 24

Pair = tuple[str, str]
"""A person's id and the key of their reaction."""


class Own(StrEnum):
    """What we may have done to a message that is there already."""

    EDIT = "edit"
    DELETE = "delete"
    REACT = "react"
    UNREACT = "unreact"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChange:
    """Something we did to a message, whose echo has not been seen; `words` of an edit."""

    id: int
    kind: Own
    at: datetime
    person: str = ""
    key: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is held of a message: where it was first said, and as what its side showed it last.

    `words` are those of our own last edit, until somebody else's. `position` is its place in the
    stream while it has not crossed: what happens to it comes after it, whatever a clock says.
    """

    origin: Side
    version: Version
    author: str = ""
    edited: str = ""
    deleted: bool = False
    reactions: frozenset[Pair] = frozenset()
    words: str = ""
    own: tuple[OwnChange, ...] = ()
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the other side must learn; `known` is to be remembered if it is not None.

    `consumed` are the ids of own changes that need not be waited for any more.
    """

    events: tuple[Event, ...] = ()
    ignored: Ignored | None = None
    known: Known | None = None
    consumed: tuple[int, ...] = ()


def words_of(body: Body) -> str:
    """Return a short text that two bodies share if they say the same."""
    return digest(normalised(plain_text(body)))[:WORDS_CHARS]


def wording_of(body: Body) -> str:
    """The same, whatever pictures and files stand among the words; of those alone if there are none.

    By this an edit of ours is known again: it may have said the words of a message only, whose files
    stayed, and Teams has names of its own for them.
    """
    bare = with_media(body, image=_no_picture, attachment=_no_file)
    return words_of(bare if normalised(plain_text(bare)) else body)


def _no_picture(_: Image) -> Inline:
    return Text(text="")


def _no_file(_: Attachment) -> Block:
    return Paragraph(content=())


def changes(known: Known | None, seen: Sighting, *, side: Side) -> Outcome:
    """Decide what the other side must learn of a message that `side` shows."""
    if known is None:
        return _first_seen(seen, side)
    if is_older(seen.version, known.version):
        return Outcome(ignored=Ignored(reason=STALE))
    if side is Side.MATRIX and known.deleted:
        # There what was taken back stays so; an edit of it was found late, or is of no meaning.
        return Outcome(ignored=Ignored(reason=DELETED))
    events: list[Event] = []
    gone: set[int] = set()
    deleted = _deletion(known, seen, events, gone)
    words = known.words
    if not deleted and not seen.deleted:
        words = _edit(known, seen, events, gone)
    reactions = _reactions(known, seen, events, gone)
    now = replace(
        known,
        version=seen.version,
        edited=known.edited if seen.deleted else seen.edited,
        deleted=seen.deleted,
        reactions=reactions,
        words=words,
        own=tuple(own for own in known.own if own.id not in gone),
    )
    same = replace(now, version=known.version) == known
    reason = ALREADY_KNOWN if known.origin is side else ECHO
    return Outcome(
        events=tuple(events),
        ignored=None if events else Ignored(reason=reason),
        known=None if same else now,
        consumed=tuple(sorted(gone)),
    )


def _first_seen(seen: Sighting, side: Side) -> Outcome:
    if seen.deleted:
        return Outcome(ignored=Ignored(reason=DELETED))
    events: list[Event] = [_sent(seen)]
    reactions = seen.reactions or ()
    events += [_added(seen, reaction) for reaction in reactions]
    known = Known(
        origin=side,
        version=seen.version,
        author=seen.author.id,
        edited=seen.edited,
        reactions=_pairs(reactions),
    )
    return Outcome(events=tuple(events), known=None if seen.is_plain else known)


def _deletion(known: Known, seen: Sighting, events: list[Event], gone: set[int]) -> bool:
    """Compare whether it is there; return whether that is all there is to say."""
    own = [change for change in known.own if change.kind is Own.DELETE]
    believed = known.deleted or bool(own)
    if seen.deleted == believed:
        if seen.deleted != known.deleted or _are_settled(own, seen):
            gone.update(change.id for change in own)
        return believed
    if own and not _are_settled(own, seen):
        return True
    gone.update(change.id for change in own)
    if seen.deleted:
        events.append(_taken_back(known, seen))
    else:
        events.append(replace(_sent(seen), again=True, sent_at=_time_of(seen)))
    return True


def _edit(known: Known, seen: Sighting, events: list[Event], gone: set[int]) -> str:
    """Compare the words; return those of our own edit, if that was the last."""
    own = [change for change in known.own if change.kind is Own.EDIT]
    if seen.edited == known.edited:
        if _are_settled(own, seen):
            gone.update(change.id for change in own)
        return known.words
    words = words_of(seen.body)
    said = {words, wording_of(seen.body)} if own else {words}
    ours = [n for n, change in enumerate(own) if change.words in said]
    if ours:
        gone.update(change.id for change in own[: ours[-1] + 1])
        return words
    if known.words == words and _is_soon_after(known, seen):
        return words  # A process that had been frozen made the edit that another one had made.
    events.append(
        MessageEdited(
            target=seen.ref,
            author=seen.author,
            version=seen.version,
            sent_at=_time_of(seen),
            body=seen.body,
            is_notice=seen.is_notice,
        )
    )
    return ""


def _reactions(
    known: Known, seen: Sighting, events: list[Event], gone: set[int]
) -> frozenset[Pair]:
    """Compare who reacted how, pair by pair; return what is to be remembered."""
    if seen.reactions is None:
        return known.reactions
    if seen.deleted:
        return frozenset()
    if any(isinstance(event, MessageSent) for event in events):
        return _reactions_anew(known, seen, events, gone)
    shown = {(one.person.id, one.key): one for one in seen.reactions}
    ours: dict[Pair, list[OwnChange]] = {}
    for change in known.own:
        if change.kind in {Own.REACT, Own.UNREACT}:
            ours.setdefault((change.person, change.key), []).append(change)
    for pair in sorted(shown.keys() | known.reactions | ours.keys()):
        own = ours.get(pair, [])
        before, now = pair in known.reactions, pair in shown
        believed = own[-1].kind is Own.REACT if own else before
        settled = _are_settled(own, seen)
        if now == believed:
            gone.update(change.id for change in own if now != before or settled)
        elif settled:
            gone.update(change.id for change in own)
            events.append(_added(seen, shown[pair]) if now else _removed(seen, pair))
    return frozenset(shown)


def _reactions_anew(
    known: Known, seen: Sighting, events: list[Event], gone: set[int]
) -> frozenset[Pair]:
    """A message that is there again is another one over there: nobody has reacted to that yet."""
    gone.update(change.id for change in known.own if change.kind in {Own.REACT, Own.UNREACT})
    events += [_added(seen, reaction) for reaction in seen.reactions or ()]
    return _pairs(seen.reactions or ())


def _are_settled(own: Sequence[OwnChange], seen: Sighting) -> bool:
    """Tell whether this version is so new that it shows everything that we did."""
    return all(change.at + ECHO_WITHIN < _time_of(seen) for change in own)


def _is_soon_after(known: Known, seen: Sighting) -> bool:
    before = _instant(known.version)
    return before is not None and _time_of(seen) <= before + ECHO_WITHIN


def _time_of(seen: Sighting) -> datetime:
    return _instant(seen.version) or seen.sent_at


def _instant(version: Version) -> datetime | None:
    """The time of a version; versions are ms since the epoch, "" is as it was sent."""
    if not version.isdecimal() or len(version) > _MS_DIGITS_MAX:
        return None
    return datetime.fromtimestamp(int(version) / 1000, UTC)


_MS_DIGITS_MAX = 14
"""Up to the year 5138."""


def _pairs(reactions: Iterable[Reaction]) -> frozenset[Pair]:
    return frozenset((one.person.id, one.key) for one in reactions)


def _sent(seen: Sighting) -> MessageSent:
    return MessageSent(
        author=seen.author,
        version=seen.version,
        sent_at=seen.sent_at,
        body=seen.body,
        reply_to=seen.reply_to,
        thread=seen.thread,
        is_notice=seen.is_notice,
    )


def _taken_back(known: Known, seen: Sighting) -> MessageDeleted:
    """Teams does not say who deleted a message; whoever wrote it may."""
    author = seen.author if seen.author.id else Person(id=known.author)
    return MessageDeleted(
        target=seen.ref, author=author, version=seen.version, sent_at=_time_of(seen)
    )


def _added(seen: Sighting, reaction: Reaction) -> ReactionAdded:
    return ReactionAdded(
        target=seen.ref,
        author=reaction.person,
        key=reaction.key,
        version=seen.version,
        sent_at=_time_of(seen),
    )


def _removed(seen: Sighting, pair: Pair) -> ReactionRemoved:
    person, key = pair
    return ReactionRemoved(
        target=seen.ref,
        author=Person(id=person),
        key=key,
        version=seen.version,
        sent_at=_time_of(seen),
    )
