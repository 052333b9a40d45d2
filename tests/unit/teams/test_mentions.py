"""Whom Graph says that a message mentions."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridge.domain.content import Target, TargetKind
from bridge.teams.mentions import MENTIONS_MAX, mentions
from tests.unit.teams.test_payloads import HOSTILE

EVERYONE = {
    "id": "19:x@thread.v2",
    "displayName": "Everyone",
    "conversationIdentityType": "chat",
}
MENTIONED = [
    ({"user": {"id": "jane", "displayName": "J"}}, (TargetKind.TEAMS_USER, "jane")),
    (
        {"user": {"id": "8EA0E38B-EFB3-4757-924A-5F94061CF8C2"}},
        (TargetKind.TEAMS_USER, "8ea0e38b-efb3-4757-924a-5f94061cf8c2"),
    ),
    ({"application": {"id": "bot", "displayName": "B"}}, (TargetKind.TEAMS_APP, "app:bot")),
    ({"conversation": EVERYONE}, (TargetKind.EVERYONE, "19:x@thread.v2")),
    (
        {"conversation": {**EVERYONE, "conversationIdentityType": "channel"}},
        (TargetKind.CHANNEL, "19:x@thread.v2"),
    ),
    (
        {"user": None, "conversation": {**EVERYONE, "conversationIdentityType": "Team"}},
        (TargetKind.TEAM, "19:x@thread.v2"),
    ),
    ({"tag": {"id": "MjQz", "displayName": "Leads"}}, (TargetKind.TEAMS_TAG, "MjQz")),
    ({"conversation": {**EVERYONE, "conversationIdentityType": "unknownFutureValue"}}, None),
    ({"conversation": {"displayName": "x", "conversationIdentityType": "chat"}}, None),
    ({"user": {"displayName": "nobody"}}, None),
    ({"device": {"id": "d"}}, None),
    ({"user": "jane"}, None),
    ({}, None),
    (None, None),
]


@pytest.mark.parametrize(("mentioned", "meant"), MENTIONED)
def test_everything_that_can_be_mentioned_is_told_apart(
    mentioned: object, meant: tuple[TargetKind, str] | None
) -> None:
    found = dict(mentions({"mentions": [{"id": 3, "mentionText": "x", "mentioned": mentioned}]}))

    assert found == ({} if meant is None else {3: Target(kind=meant[0], id=meant[1])})


@pytest.mark.parametrize("number", [True, "0", None, 1.0, [1]])
def test_a_mention_without_a_number_has_no_place(number: object) -> None:
    assert dict(mentions({"mentions": [{"id": number, "mentioned": {"user": {"id": "x"}}}]})) == {}


def test_more_mentions_than_anybody_reads_stay_text() -> None:
    many = [{"id": n, "mentioned": {"user": {"id": f"u{n}"}}} for n in range(MENTIONS_MAX + 9)]

    assert len(dict(mentions({"mentions": many}))) == MENTIONS_MAX


@given(HOSTILE)
def test_any_json_mentions_somebody_or_nobody(value: object) -> None:
    dict(mentions({"mentions": value}))
    dict(mentions({"mentions": [{"id": 0, "mentioned": value}]}))
    dict(mentions({"mentions": [{"id": 0, "mentioned": {"user": value, "tag": value}}]}))
