"""Cases: what happens to messages and conversations."""

from __future__ import annotations

from tests.docs.gallery.building import ADA, BEN, CEM, NAMES, Case, event, said, user

CHANGED = {"etag": "1763719500000", "lastModifiedDateTime": "2025-11-21T10:05:00.000Z"}
FIRST = said("<p>Tea at for.</p>")


def _members(*people: str) -> list[dict[str, object]]:
    return [
        {"id": person, "displayName": NAMES[person], "userIdentityType": "aadUser"}
        for person in people
    ]


CASES = (
    Case(
        name="edited",
        title="An edit",
        before=(FIRST,),
        message=said("<p>Tea at four.</p>")
        | CHANGED
        | {"lastEditedDateTime": "2025-11-21T10:05:00Z"},
    ),
    Case(
        name="deleted",
        title="A deletion",
        before=(FIRST,),
        message=said("", deletedDateTime="2025-11-21T10:05:00Z") | CHANGED,
    ),
    Case(
        name="policy",
        title="A message that a policy hides after it was sent",
        before=(FIRST,),
        message=said(
            "<p>Tea at for.</p>",
            policyViolation={"dlpAction": "blockAccess", "verdictDetails": "none"},
        )
        | CHANGED,
    ),
    Case(
        name="members-added",
        title="Somebody adds members",
        message=event("membersAdded", members=_members(BEN, CEM)),
    ),
    Case(
        name="members-left",
        title="Somebody leaves",
        message=event("membersLeft", initiator=None, members=_members(BEN)),
    ),
    Case(
        name="renamed",
        title="A chat gets another name",
        message=event("chatRenamed", chatDisplayName="Tea makers"),
    ),
    Case(
        name="call-ended",
        title="A call ends",
        message=event(
            "callEnded",
            callId="c1",
            callDuration="PT12M30S",
            callEventType="call",
            callParticipants=[{"participant": {"user": user(one)}} for one in (ADA, BEN)],
        ),
    ),
    Case(
        name="recording",
        title="A recording",
        message=event(
            "callRecording",
            callId="c1",
            callRecordingDisplayName="Tea party.mp4",
            callRecordingDuration="PT12M",
            callRecordingStatus="success",
            callRecordingUrl="https://contoso-my.sharepoint.com/personal/ada/Tea%20party.mp4",
        ),
    ),
    Case(name="pinned", title="A message is pinned", message=event("messagePinned")),
    Case(
        name="app",
        title="An app is installed",
        message=event("teamsAppInstalled", teamsAppDisplayName="Polls", teamsAppId="a1"),
    ),
    Case(
        name="unknown-event",
        title="Something happens that the bridge does not know",
        message=event("teaSpilled", where="on the carpet"),
    ),
)
