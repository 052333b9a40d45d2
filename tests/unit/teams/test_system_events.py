"""Each of the thirty system messages: what it is told as, by whom, and what must be looked at since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.convert.system import duration, words_for
from bridge.domain.content import Link, plain_text, walk
from bridge.domain.events import Person, Sighting
from bridge.domain.granted import Did, Granted
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TeamsUserId,
    TenantId,
    channel_place,
)
from bridge.ports import ConversationNews, Reading, TeamNews
from bridge.sandbox.tenant.event_details import KINDS
from bridge.teams import payloads
from bridge.teams.happenings import Teller
from bridge.teams.system_events import PEOPLE_MAX, Event, granted_in
from tests.kit.fake_granted import FakeGrantedBook
from tests.unit.teams.test_payloads import HOSTILE, MESSAGE

Json = dict[str, Any]

TENANT = TenantId("t")
CHAT = Place(tenant=TENANT, conversation=ConversationId("19:c@thread.v2"))
GENERAL = channel_place(
    TENANT, Channel(team=TeamId("team"), channel=ChannelId("19:g@thread.tacv2"))
)
OF_CHAT = ConversationNews(place=CHAT, is_told=True)
OF_CHANNEL = ConversationNews(place=GENERAL, is_told=True)
OF_TEAM = TeamNews(tenant=TENANT, team=TeamId("team"))

NAMES = {"anna": "Anna", "ben": "Ben", "cem": "Cem", "dora": "Dora", "eve": "Eve"}


async def naming(_: Place, person: Person) -> Person:
    """A directory that knows some people."""
    known = NAMES.get(person.id)
    return Person(id=person.id, name=person.name or known, kind=person.kind)


def user(key: str, name: str | None = None) -> Json:
    return {"id": key, "displayName": name, "userIdentityType": "aadUser"}


def who(key: str) -> Json:
    return {"application": None, "device": None, "user": user(key)}


def event(kind: str, **fields: object) -> Json:
    detail = {"@odata.type": f"#microsoft.graph.{kind}EventMessageDetail", **fields}
    return {
        **MESSAGE, "messageType": "systemEventMessage", "from": None,
        "body": {"contentType": "html", "content": "<systemEventMessage/>"}, "eventDetail": detail,
    }  # fmt: skip


async def told(message: Json, place: Place = CHAT) -> tuple[Sighting, Reading]:
    read = payloads.chat_message(message)
    assert read.tells
    reading = await Teller(naming=naming, granted=FakeGrantedBook()).tell(place, read)
    (sighting,) = reading.sightings
    assert isinstance(sighting, Sighting)
    assert sighting.is_notice
    return sighting, reading


RECORDING = {
    "callId": "c86c6052", "callRecordingDisplayName": "Meeting Recording.mp4",
    "callRecordingDuration": "PT40M19.26S", "callRecordingStatus": "success",
    "callRecordingUrl": "https://t.sharepoint.com/Recordings/Meeting%20Recording.mp4?web=1",
    "meetingOrganizer": who("anna"),
}  # fmt: skip
CALL = {
    "callId": "9c848c0e", "callDuration": "PT12M", "callEventType": "call",
    "callParticipants": [{"participant": who(key)} for key in ("anna", "ben", "cem", "dora", "eve")],
}  # fmt: skip
THREE = [user("ben"), user("cem"), user("dora"), user("eve")]
ALL_HISTORY = "0001-01-01T00:00:00Z"

Case = tuple[str, Json, Place, str, str, tuple[object, ...]]
CASES: list[Case] = [
    ("callStarted", {"callEventType": "call"}, CHAT, "Anna started a call", "The call started", ()),
    ("callStarted", {"callEventType": "meeting"}, CHAT, "Anna started a meeting", "The meeting started", ()),
    ("callStarted", {"callEventType": "screenShare"}, CHAT, "Anna started sharing a screen",
     "The screen sharing started", ()),
    ("callEnded", CALL, CHAT, "The call ended after 12 min; participants: Anna, Ben, Cem and 2 others",
     "The call ended after 12 min; participants: Anna, Ben, Cem and 2 others", ()),
    ("callEnded", {"callEventType": "meeting"}, CHAT, "The meeting ended", "The meeting ended", ()),
    ("callRecording", RECORDING, CHAT, "The recording is there: Meeting Recording.mp4 (40 min 19 s)",
     "The recording is there: Meeting Recording.mp4 (40 min 19 s)", ()),
    ("callRecording", {"callRecordingStatus": "initial"}, CHAT, "Anna started recording",
     "The recording started", ()),
    ("callRecording", {"callRecordingStatus": "failure"}, CHAT, "The recording failed",
     "The recording failed", ()),
    ("callRecording", {**RECORDING, "callRecordingStatus": "chunkFinished"}, CHAT,
     "A part of the recording is there: Meeting Recording.mp4 (40 min 19 s)",
     "A part of the recording is there: Meeting Recording.mp4 (40 min 19 s)", ()),
    ("callTranscript", {"callTranscriptICalUid": "04"}, CHAT, "The transcript of Anna's meeting is there, in Teams",
     "The transcript of the meeting is there, in Teams", ()),
    ("channelAdded", {"channelDisplayName": "Tea"}, GENERAL, "Anna created the channel “Tea”",
     "The channel “Tea” was created", (OF_TEAM,)),
    ("channelDeleted", {"channelDisplayName": "Tea"}, GENERAL, "Anna deleted the channel “Tea”",
     "The channel “Tea” was deleted", (OF_TEAM,)),
    ("channelDescriptionUpdated", {"channelDescription": "All of it"}, GENERAL,
     "Anna changed the description of the channel: All of it",
     "The channel is now described as: All of it", (OF_CHANNEL,)),
    ("channelDescriptionUpdated", {"channelDescription": None}, GENERAL,
     "Anna removed the description of the channel", "The channel has no description any more", (OF_CHANNEL,)),
    ("channelRenamed", {"channelDisplayName": "Coffee"}, GENERAL, "Anna renamed the channel to “Coffee”",
     "The channel is now called “Coffee”", (OF_CHANNEL, OF_TEAM)),
    ("channelSetAsFavoriteByDefault", {}, GENERAL, "Anna has the channel shown to everybody",
     "The channel is now shown to everybody", ()),
    ("channelUnsetAsFavoriteByDefault", {}, GENERAL, "Anna no longer has the channel shown to everybody",
     "The channel is no longer shown to everybody", ()),
    ("channelSharingUpdated", {}, GENERAL, "Anna changed with whom the channel is shared",
     "The channel is now shared with others than before", (OF_CHANNEL,)),
    ("chatRenamed", {"chatDisplayName": "Tea  makers"}, CHAT, "Anna renamed the chat to “Tea makers”",
     "The chat is now called “Tea makers”", (OF_CHAT,)),
    ("chatRenamed", {"chatDisplayName": None}, CHAT, "Anna removed the name of the chat",
     "The chat has no name any more", (OF_CHAT,)),
    ("conversationMemberRoleUpdated",
     {"conversationMemberRoles": ["Owner"], "conversationMemberUser": user("ben")}, GENERAL,
     "Anna made Ben an owner", "Ben is now an owner", (OF_CHANNEL, OF_TEAM)),
    ("conversationMemberRoleUpdated",
     {"conversationMemberRoles": [], "conversationMemberUser": user("ben")}, GENERAL,
     "Anna made Ben a member", "Ben is now a member", (OF_CHANNEL, OF_TEAM)),
    ("meetingPolicyUpdated", {"meetingChatEnabled": False}, CHAT, "Anna turned the meeting chat off",
     "The meeting chat is turned off", (OF_CHAT,)),
    ("meetingPolicyUpdated", {"meetingChatEnabled": True}, CHAT, "Anna allowed the meeting chat",
     "The meeting chat is allowed", (OF_CHAT,)),
    ("membersAdded", {"members": THREE, "visibleHistoryStartDateTime": ALL_HISTORY}, CHAT,
     "Anna added Ben, Cem, Dora and 1 other and shared all chat history",
     "Ben, Cem, Dora and 1 other were added, with all chat history", (OF_CHAT,)),
    ("membersAdded", {"members": [user("ben")], "visibleHistoryStartDateTime": "2026-03-02T08:00:00Z"}, CHAT,
     "Anna added Ben and shared the chat history since Mon, 2 Mar 2026, 08:00 UTC",
     "Ben was added, with the chat history since Mon, 2 Mar 2026, 08:00 UTC", (OF_CHAT,)),
    ("membersAdded", {"members": [user("ben"), user("who")], "visibleHistoryStartDateTime": ALL_HISTORY},
     GENERAL, "Anna added Ben and 1 other", "Ben and 1 other were added", (OF_CHANNEL, OF_TEAM)),
    ("membersAdded", {"members": [user("who")]}, CHAT, "Anna added somebody", "Somebody was added", (OF_CHAT,)),
    ("membersDeleted", {"members": [user("ben"), user("cem")]}, CHAT, "Anna removed Ben and Cem",
     "Ben and Cem were removed", (OF_CHAT,)),
    ("membersJoined", {"members": [user("x", "Alex (Guest)")]}, CHAT, "Alex (Guest) joined",
     "Alex (Guest) joined", (OF_CHAT,)),
    ("membersLeft", {"members": [user("ben")]}, CHAT, "Ben left", "Ben left", (OF_CHAT,)),
    ("messagePinned", {"eventDateTime": "2026-03-02T08:00:00Z"}, CHAT, "Anna pinned a message",
     "A message was pinned", (OF_CHAT,)),
    ("messageUnpinned", {}, CHAT, "Anna unpinned a message", "A message was unpinned", (OF_CHAT,)),
    ("tabUpdated", {"tabId": "tab::1"}, CHAT, "Anna changed a tab", "A tab was changed", ()),
    ("teamArchived", {"teamId": "x"}, GENERAL, "Anna archived the team", "The team was archived", (OF_TEAM,)),
    ("teamUnarchived", {}, GENERAL, "Anna restored the team", "The team was restored", (OF_TEAM,)),
    ("teamCreated", {"teamDisplayName": "Tea", "teamDescription": "All of it"}, GENERAL,
     "Anna created the team “Tea”: All of it", "The team “Tea” was created: All of it", (OF_TEAM,)),
    ("teamDescriptionUpdated", {"teamDescription": "More"}, GENERAL,
     "Anna changed the description of the team: More", "The team is now described as: More", (OF_TEAM,)),
    ("teamRenamed", {"teamDisplayName": "Coffee"}, GENERAL, "Anna renamed the team to “Coffee”",
     "The team is now called “Coffee”", (OF_TEAM,)),
    ("teamJoiningEnabled", {}, GENERAL, "Anna lets people join the team", "The team now lets people join", ()),
    ("teamJoiningDisabled", {}, GENERAL, "Anna no longer lets people join the team",
     "The team no longer lets people join", ()),
    ("teamsAppInstalled", {"teamsAppDisplayName": "Flipgrid"}, CHAT, "Anna added the app “Flipgrid”",
     "The app “Flipgrid” was added", ()),
    ("teamsAppRemoved", {"teamsAppDisplayName": None}, CHAT, "Anna removed an app",
     "An app was removed", ()),
    ("teamsAppUpgraded", {"teamsAppDisplayName": "Flipgrid"}, CHAT, "Anna updated the app “Flipgrid”",
     "The app “Flipgrid” was updated", ()),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "place", "active", "passive", "news"), CASES)
async def test_an_event_is_told_in_words(
    kind: str, fields: Json, place: Place, active: str, passive: str, news: tuple[object, ...]
) -> None:
    organizer = {"meetingOrganizer": who("anna")} if kind == "callTranscript" else {}
    sighting, reading = await told(event(kind, **fields, initiator=who("anna"), **organizer), place)
    assert plain_text(sighting.body) == active
    assert sighting.losses == ()
    assert reading.news == news
    nobody = {**fields, "initiator": None}
    nobody.pop("meetingOrganizer", None)
    sighting, _ = await told(event(kind, **nobody), place)
    assert plain_text(sighting.body) == passive
    assert sighting.author == Person(id="")


def test_the_table_knows_every_kind_that_graph_has() -> None:
    assert {kind for kind, *_ in CASES} >= KINDS.keys()


async def test_who_did_it_tells_of_it() -> None:
    sighting, _ = await told(event("chatRenamed", chatDisplayName="x", initiator=who("anna")))
    assert sighting.author == Person(id="anna", name="Anna")


@pytest.mark.parametrize("kind", ["membersLeft", "membersDeleted"])
async def test_who_has_left_is_not_brought_back_to_tell_of_it(kind: str) -> None:
    sighting, _ = await told(event(kind, members=[user("ben")], initiator=who("ben")))
    assert (sighting.author.id, plain_text(sighting.body)) == ("", "Ben left")


async def test_who_came_by_themselves_joined() -> None:
    sighting, _ = await told(event("membersAdded", members=[user("ben")], initiator=who("ben")))
    assert (sighting.author.id, plain_text(sighting.body)) == ("ben", "Ben joined")


async def test_a_recording_is_linked() -> None:
    sighting, _ = await told(event("callRecording", **RECORDING))
    (link,) = (node for node in walk(sighting.body) if isinstance(node, Link))
    assert link.href == RECORDING["callRecordingUrl"]


async def test_a_recording_that_has_come_is_another_wording_of_the_same_message() -> None:
    begun, _ = await told(event("callRecording", callRecordingStatus="initial"))
    there, _ = await told(event("callRecording", **RECORDING))
    assert begun.edited == ""
    assert there.edited != begun.edited


@pytest.mark.parametrize("kind", ["holographShared", "", "\u202eevil"])
async def test_what_nobody_knows_is_told_as_such_and_counted(kind: str) -> None:
    sighting, reading = await told(event(kind))
    assert plain_text(sighting.body).startswith(
        "Something happened that the bridge does not know: "
    )
    assert sighting.losses == ("unknown_system_event",)
    assert reading.news == ()


async def test_a_system_message_without_its_detail_is_told_too() -> None:
    sighting, _ = await told({**event("x"), "eventDetail": None})
    assert sighting.losses == ("unknown_system_event",)


async def test_an_event_is_one_whatever_graph_calls_its_message() -> None:
    message = {**event("messagePinned"), "messageType": "unknownFutureValue"}
    assert plain_text((await told(message))[0].body) == "A message was pinned"


async def test_many_people_are_counted() -> None:
    members = [user(f"u{number}") for number in range(PEOPLE_MAX + 1)]
    sighting, _ = await told(event("membersAdded", members=[user("ben"), *members]))
    assert plain_text(sighting.body) == f"Ben and {PEOPLE_MAX - 1} others were added"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("PT59S", "59 s"), ("PT12M", "12 min"), ("PT12M5S", "12 min 5 s"), ("PT40M19.26S", "40 min 19 s"),
        ("PT1H", "1 h"), ("PT1H5M9S", "1 h 5 min"), ("P1DT1H", "25 h"), ("PT0S", "0 s"), ("PT90S", "1 min 30 s"),
        ("", ""), ("soon", ""), ("PT9999999999999S", ""), ("-PT5M", ""),
    ],
)  # fmt: skip
def test_a_duration_is_said_as_people_say_it(written: str, said: str) -> None:
    assert duration(written) == said


@given(st.sampled_from([*KINDS, "x"]), st.dictionaries(st.sampled_from(sorted({
    name for kind in KINDS.values() for name in kind.fields})), HOSTILE, max_size=8))  # fmt: skip
def test_whatever_an_event_says_it_is_told(kind: str, fields: Json) -> None:
    read = payloads.chat_message(event(kind, **fields))
    assert read.event is not None
    for person in (None, Person(id="x", name="X")):
        body = words_for(read.event.told(person, read.event.to_name, in_channel=False))
        assert plain_text(body).strip()
        assert len(plain_text(body)) < 6_000


def deed(kind: str, **fields: object) -> Granted | None:
    read = payloads.chat_message(event(kind, initiator=who("anna"), **fields))
    assert read.event is not None
    return granted_in(CHAT, read.event)


async def test_what_somebody_did_in_matrix_is_not_told_there_again() -> None:
    book = FakeGrantedBook()
    renamed = event("chatRenamed", initiator=who("anna"), chatDisplayName="Tea")
    read = payloads.chat_message(renamed)
    done = deed("chatRenamed", chatDisplayName="Tea")
    assert done is not None
    await book.note(done, read.created_at)

    reading = await Teller(naming=naming, granted=book).tell(CHAT, read)

    assert [one.reason for one in reading.ignored] == ["done_in_matrix"]
    assert (reading.sightings, reading.news) == ((), (OF_CHAT,))


def test_what_may_have_been_done_in_matrix_is_one_thing_by_one_person() -> None:
    named = {"channelDisplayName": "Tea"}
    ben = Granted(place=CHAT, by=TeamsUserId("anna"), did=Did.ADDED, value="ben")
    assert deed("membersAdded", members=[user("ben")]) == ben
    assert deed("membersDeleted", members=[user("ben")]) == replace(ben, did=Did.REMOVED)
    assert deed("membersLeft", members=[user("anna")]) == replace(
        ben, did=Did.REMOVED, value="anna"
    )
    assert deed("channelRenamed", **named) == replace(ben, did=Did.NAMED, value="Tea")
    assert deed("membersAdded", members=THREE) is None
    assert deed("chatRenamed") == replace(ben, did=Did.NAMED, value="")
    assert deed("teamRenamed", teamDisplayName="Tea") is None
    assert granted_in(CHAT, Event(kind="chatRenamed", details={"chatDisplayName": "Tea"})) is None
