"""System messages -> what happened, to whom, and which rooms and teams must be looked at. Pure.

    eventDetail ─▶ Event ─ names looked up ─▶ Happening ─ convert.system ─▶ words
                     └───────────────────────▶ news of the conversation, of the team

Graph names hardly anybody in an event (`displayName` is null), and nobody where nobody did it. Source:
learn.microsoft.com graph/system-messages, with a sample of each kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime

from bridge.convert.system import NAMED_MAX, Happening, Stage, is_known, stage_of
from bridge.domain.events import Person
from bridge.domain.granted import Did, Granted
from bridge.domain.ids import Place, TeamsUserId, channel_of
from bridge.domain.values import dataclass
from bridge.ports import ConversationNews, News, TeamNews
from bridge.teams.fields import Json, child, instant, long_text, objects, text
from bridge.teams.identities import author

PEOPLE_MAX = 1_000
"""Of one event; those beyond are not even counted."""
DETAIL_CHARS_MAX = 4_096

_KIND = re.compile(r"#?(?:microsoft\.graph\.)?(\w{1,100}?)(?:EventMessageDetail)?", re.IGNORECASE)
_WORDS = (
    "callDuration", "callEventType", "callRecordingDisplayName", "callRecordingDuration",
    "callRecordingStatus", "callRecordingUrl", "channelDescription", "channelDisplayName",
    "chatDisplayName", "teamDescription", "teamDisplayName", "teamsAppDisplayName",
)  # fmt: skip
_LEAVING = frozenset({"membersleft", "membersdeleted"})
_PEOPLE_OF = {
    "membersadded": Did.ADDED,
    "membersdeleted": Did.REMOVED,
    "membersleft": Did.REMOVED,
}
_WORDS_OF = {
    "channeldescriptionupdated": (Did.DESCRIBED, "channelDescription"),
    "channelrenamed": (Did.NAMED, "channelDisplayName"),
    "chatrenamed": (Did.NAMED, "chatDisplayName"),
}
_OF_CONVERSATION = frozenset(
    {
        "channeldescriptionupdated", "channelrenamed", "channelsharingupdated", "chatrenamed",
        "conversationmemberroleupdated", "meetingpolicyupdated", "membersadded", "membersdeleted",
        "membersjoined", "membersleft", "messagepinned", "messageunpinned",
    }
)  # fmt: skip
_OF_TEAM = frozenset(
    {
        "channeladded", "channeldeleted", "channelrenamed", "conversationmemberroleupdated",
        "membersadded", "membersdeleted", "teamarchived", "teamcreated", "teamdescriptionupdated",
        "teamrenamed", "teamunarchived",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An eventDetail; `by` is None where nobody did it, `people` are those it is about."""

    kind: str
    by: Person | None = None
    organizer: Person | None = None
    people: tuple[Person, ...] = ()
    roles: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    history_from: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether there are words for it."""
        return is_known(self.kind)

    @property
    def is_own(self) -> bool:
        """Whether who did it is just whom it is about."""
        return self.by is not None and [one.id for one in self.people] == [self.by.id]

    @property
    def teller(self) -> Person | None:
        """Who tells of it in Matrix: who did it, unless they have left and cannot speak there."""
        gone = {one.id for one in self.people} if self.kind.lower() in _LEAVING else set()
        return None if self.by is None or self.by.id in gone else self.by

    @property
    def stage(self) -> str:
        """What tells one state of the same event from another; empty for the first.

        A recording is begun, and is there later: the same message tells of both.
        """
        if self.kind.lower() == "callended":
            return "ended"
        stage = stage_of(self.details.get("callRecordingStatus", ""))
        return "" if stage in {None, Stage.INITIAL} else str(stage)

    @property
    def whose(self) -> Person | None:
        """Who is said to have done it, or whose it is."""
        return self.by or self.organizer

    @property
    def to_name(self) -> tuple[Person, ...]:
        """Whose names are needed to tell it."""
        return self.people[:NAMED_MAX]

    def told(self, by: Person | None, people: Sequence[Person], *, in_channel: bool) -> Happening:
        """Say it with the names that were found: of `whose`, and of `to_name`."""
        named = tuple(one.name for one in people if one.name)
        return Happening(
            kind=self.kind,
            by=(by and by.name) or "",
            people=named,
            others=len(self.people) - len(named),
            is_own=self.is_own,
            roles=self.roles,
            details=self.details,
            history_from=self.history_from,
            in_channel=in_channel,
        )


def read(message: Json) -> Event | None:
    """Read what a system message tells of; None for a message that is none."""
    detail = message.get("eventDetail")
    if not isinstance(detail, dict):
        return None
    match = _KIND.fullmatch(text(detail, "@odata.type") or "")
    return Event(
        kind=match[1] if match else "",
        by=author(child(detail, "initiator")),
        organizer=author(child(detail, "meetingOrganizer")),
        people=tuple(_people(detail)),
        roles=_roles(detail.get("conversationMemberRoles")),
        details=_details(detail),
        history_from=instant(text(detail, "visibleHistoryStartDateTime")),
    )


def news_of(place: Place, event: Event) -> tuple[News, ...]:
    """Say what must be looked at since it happened."""
    kind, channel = event.kind.lower(), channel_of(place)
    found: list[News] = []
    if kind in _OF_CONVERSATION:
        found.append(ConversationNews(place=place, is_told=True))
    if channel is not None and kind in _OF_TEAM:
        found.append(TeamNews(tenant=place.tenant, team=channel.team))
    return tuple(found)


def granted_in(place: Place, event: Event) -> Granted | None:
    """Say what one person did that may have been done from Matrix; None for anything else."""
    kind = event.kind.lower()
    if event.by is None or not event.by.id:
        return None
    by = TeamsUserId(event.by.id)
    if kind in _PEOPLE_OF:
        if len(event.people) != 1:
            return None
        return Granted(place=place, by=by, did=_PEOPLE_OF[kind], value=event.people[0].id)
    did, name = _WORDS_OF.get(kind, (None, ""))
    words = event.details.get(name, "")
    return Granted(place=place, by=by, did=did, value=words) if did else None


def _people(detail: Json) -> list[Person]:
    """Members, who took part in a call, whose role it is: whatever the kind has."""
    found = [_member(item) for item in objects(detail, "members", PEOPLE_MAX)]
    found += [
        author(child(item, "participant"))
        for item in objects(detail, "callParticipants", PEOPLE_MAX)
    ]
    found.append(_member(child(detail, "conversationMemberUser")))
    return [person for person in found if person is not None]


def _member(item: Json) -> Person | None:
    """A teamworkUserIdentity, which stands for itself here."""
    return author({"user": item}) if item else None


def _roles(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(role for role in found[:PEOPLE_MAX] if isinstance(role, str))


def _details(detail: Json) -> dict[str, str]:
    words = {name: long_text(detail, name)[:DETAIL_CHARS_MAX] for name in _WORDS}
    allowed = detail.get("meetingChatEnabled")
    if isinstance(allowed, bool):
        words["meetingChatEnabled"] = "true" if allowed else "false"
    return {name: value for name, value in words.items() if value}
