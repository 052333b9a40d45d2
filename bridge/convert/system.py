"""System messages of Teams in words: what happened, and who did it.

    Happening: kind, who, whom, details ──▶ Body: one paragraph

A sentence says who did it where that is told, and only what happened where it is not. Of many people
the first few are named and the others counted. Source: learn.microsoft.com graph/system-messages,
with a sample of each kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.convert.cards import dates
from bridge.convert.cards.blocks import link
from bridge.domain.content import Body, Inline, Paragraph, Text, normalise
from bridge.domain.values import dataclass

NAMED_MAX = 3
"""People who are named in a sentence; the others are counted."""
SOMEBODY = "somebody"
NAME_CHARS_MAX = 200
"""Of a name or a title within a sentence."""
DESCRIPTION_CHARS_MAX = 2_000

_DURATION = re.compile(
    r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:[.,]\d{1,9})?S)?)?"
)
_ALL_HISTORY = 1
"""The year from which on those see messages who see all of them."""


class Stage(StrEnum):
    """What has become of a recording (graph/api resources callRecordingStatus)."""

    INITIAL = "initial"
    SUCCESS = "success"
    FAILURE = "failure"
    CHUNK = "chunkfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One system message: `kind` as Graph calls it, without what all of them end in.

    `by` is the name of who did it, empty where nobody is named; `is_own`: it is the only one of
    `people` as well. `others` are the people whose names are not in `people`. `details` are the other
    fields by their names.
    """

    kind: str
    by: str = ""
    people: tuple[str, ...] = ()
    others: int = 0
    is_own: bool = False
    roles: tuple[str, ...] = ()
    details: Mapping[str, str]
    history_from: datetime | None = None
    in_channel: bool = False

    def detail(self, name: str, chars_max: int = NAME_CHARS_MAX) -> str:
        """A detail on one line, cut to size; empty where there is none."""
        words = " ".join(self.details.get(name, "").split())
        return words if len(words) <= chars_max else words[: chars_max - 1] + "…"


Sentence = Callable[[Happening], str]
Say = Callable[[Happening], Sequence[Inline] | str]


def is_known(kind: str) -> bool:
    """Whether there are words for a kind."""
    return kind.lower() in _WORDS


def words_for(happening: Happening) -> Body:
    """Say what happened."""
    say = _WORDS.get(happening.kind.lower(), _unknown)
    said = say(happening)
    content = (Text(text=said),) if isinstance(said, str) else tuple(said)
    return normalise(Body(blocks=(Paragraph(content=content),)))


def _unknown(happening: Happening) -> str:
    kind = " ".join(happening.kind.split())[:NAME_CHARS_MAX] or "without a name"
    return f"Something happened that the bridge does not know: {kind}"


def _done(active: str, passive: str) -> Sentence:
    """Somebody does something, or it was done."""

    def say(happening: Happening) -> str:
        return f"{happening.by} {active}" if happening.by else passive

    return say


def people_in(happening: Happening) -> str:
    """Name the people a sentence is about: "Ben, Cem and 3 others"."""
    named = [name for name in happening.people[:NAMED_MAX] if name]
    rest = happening.others + len(happening.people) - len(named)
    if not named:
        return SOMEBODY if rest <= 1 else f"{rest} people"
    if rest:
        named.append("1 other" if rest == 1 else f"{rest} others")
    return named[0] if len(named) == 1 else ", ".join(named[:-1]) + f" and {named[-1]}"


# --- people -------------------------------------------------------------------------------------


def _added(happening: Happening) -> str:
    who = people_in(happening)
    if happening.is_own:
        said = f"{happening.by} joined"
    else:
        said = (
            f"{happening.by} added {who}"
            if happening.by
            else f"{_start(who)} {_was(happening)} added"
        )
    return said + _history(happening)


def _history(happening: Happening) -> str:
    """What of the conversation the new ones may read; in channels everybody reads all of it."""
    since = happening.history_from
    if since is None or happening.in_channel:
        return ""
    shared = " and shared" if happening.by else ", with"
    if since.year == _ALL_HISTORY:
        return f"{shared} all chat history"
    return f"{shared} the chat history since {dates.moment(since)}"


def _removed(happening: Happening) -> str:
    who = people_in(happening)
    if happening.is_own:
        return f"{happening.by} left"
    return (
        f"{happening.by} removed {who}"
        if happening.by
        else f"{_start(who)} {_was(happening)} removed"
    )


def _joined(happening: Happening) -> str:
    return f"{_start(people_in(happening))} joined"


def _left(happening: Happening) -> str:
    return f"{_start(people_in(happening))} left"


def _role(happening: Happening) -> str:
    who = people_in(happening)
    roles = [role.lower() for role in happening.roles if role]
    role = roles[0][:NAME_CHARS_MAX] if roles else "member"
    an = _an(role)
    return (
        f"{happening.by} made {who} {an} {role}"
        if happening.by
        else f"{_start(who)} is now {an} {role}"
    )


def _an(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _start(words: str) -> str:
    return words[:1].upper() + words[1:]


def _was(happening: Happening) -> str:
    return "was" if len(happening.people) + happening.others == 1 else "were"


# --- calls --------------------------------------------------------------------------------------

_CALLS = {
    "meeting": ("a meeting", "meeting"),
    "screenshare": ("sharing a screen", "screen sharing"),
}


def _call(happening: Happening) -> tuple[str, str]:
    return _CALLS.get(happening.detail("callEventType").lower(), ("a call", "call"))


def _call_started(happening: Happening) -> str:
    object_, name = _call(happening)
    return f"{happening.by} started {object_}" if happening.by else f"The {name} started"


def _call_ended(happening: Happening) -> str:
    said = f"The {_call(happening)[1]} ended"
    if lasted := duration(happening.detail("callDuration")):
        said += f" after {lasted}"
    if happening.people or happening.others:
        said += f"; participants: {people_in(happening)}"
    return said


def _recording(happening: Happening) -> Sequence[Inline] | str:
    name, lead = happening.detail("callRecordingDisplayName"), "The recording"
    match stage_of(happening.detail("callRecordingStatus")):
        case Stage.INITIAL:
            return _done("started recording", "The recording started")(happening)
        case Stage.FAILURE:
            return "The recording failed"
        case Stage.CHUNK:
            lead = "A part of the recording is there"
        case Stage.SUCCESS:
            lead = "The recording is there"
        case _:
            pass
    shown = link(happening.details.get("callRecordingUrl", ""), name)
    lasted = duration(happening.detail("callRecordingDuration"))
    return (
        Text(text=lead),
        *((Text(text=": "), *shown) if shown else ()),
        *((Text(text=f" ({lasted})"),) if lasted else ()),
    )


def stage_of(status: str) -> Stage | None:
    """What a recording's status says, None where it is none that is known."""
    try:
        return Stage(status.lower())
    except ValueError:
        return None


def _transcript(happening: Happening) -> str:
    of = f"{happening.by}'s meeting" if happening.by else "the meeting"
    return f"The transcript of {of} is there, in Teams"


def duration(text: str) -> str:
    """An ISO 8601 duration as people say it: "1 h 5 min"; empty for none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return ""
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    minutes, seconds = divmod(int(whole.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    if not hours and not (minutes and not seconds):
        parts.append(f"{seconds} s")
    return " ".join(part for part in parts if part)


# --- names of things ----------------------------------------------------------------------------


def _renamed(what: str, field: str) -> Sentence:
    def say(happening: Happening) -> str:
        name = happening.detail(field)
        if not name:
            return _done(f"removed the name of the {what}", f"The {what} has no name any more")(
                happening
            )
        return _done(f"renamed the {what} to “{name}”", f"The {what} is now called “{name}”")(
            happening
        )

    return say


def _described(what: str, field: str) -> Sentence:
    def say(happening: Happening) -> str:
        words = happening.detail(field, DESCRIPTION_CHARS_MAX)
        if not words:
            return _done(
                f"removed the description of the {what}", f"The {what} has no description any more"
            )(happening)
        return _done(
            f"changed the description of the {what}: {words}",
            f"The {what} is now described as: {words}",
        )(happening)

    return say


def _about(what: str, field: str, active: str, passive: str) -> Sentence:
    """Something with a name was made, or is gone."""

    def say(happening: Happening) -> str:
        name = happening.detail(field)
        thing = f"the {what} “{name}”" if name else f"{_an(what)} {what}"
        return (
            f"{happening.by} {active} {thing}" if happening.by else f"{_start(thing)} was {passive}"
        )

    return say


def _team_created(happening: Happening) -> str:
    said = _about("team", "teamDisplayName", "created", "created")(happening)
    words = happening.detail("teamDescription", DESCRIPTION_CHARS_MAX)
    return f"{said}: {words}" if words else said


def _meeting_policy(happening: Happening) -> str:
    if happening.detail("meetingChatEnabled") == "true":
        return _done("allowed the meeting chat", "The meeting chat is allowed")(happening)
    return _done("turned the meeting chat off", "The meeting chat is turned off")(happening)


_WORDS: Mapping[str, Say] = {
    "callended": _call_ended,
    "callrecording": _recording,
    "callstarted": _call_started,
    "calltranscript": _transcript,
    "channeladded": _about("channel", "channelDisplayName", "created", "created"),
    "channeldeleted": _about("channel", "channelDisplayName", "deleted", "deleted"),
    "channeldescriptionupdated": _described("channel", "channelDescription"),
    "channelrenamed": _renamed("channel", "channelDisplayName"),
    "channelsetasfavoritebydefault": _done(
        "has the channel shown to everybody", "The channel is now shown to everybody"
    ),
    "channelsharingupdated": _done(
        "changed with whom the channel is shared",
        "The channel is now shared with others than before",
    ),
    "channelunsetasfavoritebydefault": _done(
        "no longer has the channel shown to everybody",
        "The channel is no longer shown to everybody",
    ),
    "chatrenamed": _renamed("chat", "chatDisplayName"),
    "conversationmemberroleupdated": _role,
    "meetingpolicyupdated": _meeting_policy,
    "membersadded": _added,
    "membersdeleted": _removed,
    "membersjoined": _joined,
    "membersleft": _left,
    "messagepinned": _done("pinned a message", "A message was pinned"),
    "messageunpinned": _done("unpinned a message", "A message was unpinned"),
    "tabupdated": _done("changed a tab", "A tab was changed"),
    "teamarchived": _done("archived the team", "The team was archived"),
    "teamcreated": _team_created,
    "teamdescriptionupdated": _described("team", "teamDescription"),
    "teamjoiningdisabled": _done(
        "no longer lets people join the team", "The team no longer lets people join"
    ),
    "teamjoiningenabled": _done("lets people join the team", "The team now lets people join"),
    "teamrenamed": _renamed("team", "teamDisplayName"),
    "teamsappinstalled": _about("app", "teamsAppDisplayName", "added", "added"),
    "teamsappremoved": _about("app", "teamsAppDisplayName", "removed", "removed"),
    "teamsappupgraded": _about("app", "teamsAppDisplayName", "updated", "updated"),
    "teamunarchived": _done("restored the team", "The team was restored"),
}
"""By the name of the kind in lower case: how it is said."""
