"""What we ask of Graph about messages."""

from __future__ import annotations

import pytest

from bridge.domain.content import Mention, Target, TargetKind
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    MessageRef,
    Place,
    TeamId,
    TenantId,
    channel_place,
)
from bridge.teams import outgoing
from bridge.teams.payloads import Json
from bridge.teams.speaking import fewer

TENANT = TenantId("t")
CHAT = Place(tenant=TENANT, conversation=ConversationId("19:c@thread.v2"))
CHANNEL = channel_place(
    TENANT, Channel(team=TeamId("team"), channel=ChannelId("19:c@thread.tacv2"))
)
BOB = Mention(target=Target(kind=TargetKind.TEAMS_USER, id="u"), text="Bob")
MENTIONED = {
    "id": 0,
    "mentionText": "Bob",
    "mentioned": {"user": {"id": "u", "displayName": "Bob", "userIdentityType": "aadUser"}},
}
QUOTE: Json = {"id": "1", "contentType": "messageReference", "content": '{"messageId":"1"}'}
CARD: Json = {"id": 'a"b', "contentType": "application/vnd.microsoft.card.thumbnail", "more": 1}


def test_a_message_is_written_with_its_mentions() -> None:
    assert outgoing.new_message("<p>x</p>", (), CHAT) == {
        "body": {"contentType": "html", "content": "<p>x</p>"}
    }
    written = outgoing.new_message('<at id="0">Bob</at>', (BOB,), CHAT)
    assert written["mentions"] == [MENTIONED]


EVERYONE = Mention(target=Target(kind=TargetKind.EVERYONE, id=""), text="Everyone")


@pytest.mark.parametrize(
    ("place", "key", "kind"),
    [(CHAT, "19:c@thread.v2", "chat"), (CHANNEL, "19:c@thread.tacv2", "channel")],
)
def test_everyone_is_the_chat_or_the_channel(place: Place, key: str, kind: str) -> None:
    written = outgoing.new_message('<at id="0">Everyone</at>', (EVERYONE,), place)

    named = {"id": key, "displayName": "Everyone", "conversationIdentityType": kind}
    assert written["mentions"] == [
        {"id": 0, "mentionText": "Everyone", "mentioned": {"conversation": named}}
    ]


def test_where_teams_refuses_a_call_fewer_are_called() -> None:
    assert fewer((BOB, EVERYONE)) == ((BOB, EVERYONE), (BOB,), ())
    assert fewer((BOB,)) == ((BOB,), ())
    assert fewer((EVERYONE,)) == ((EVERYONE,), ())
    assert fewer(()) == ((),)


def test_an_answer_holds_what_it_quotes() -> None:
    message = outgoing.new_message("x", (), CHAT)
    assert outgoing.answer_to(MessageRef("7"), message) == {
        "messageIds": ["7"],
        "replyMessage": message,
    }


def test_a_replacement_repeats_everything_but_the_words() -> None:
    reactions = [{"reactionType": "like", "user": {"user": {"id": "u"}}}]
    before: Json = {
        "id": "7",
        "subject": "Tea",
        "importance": "high",
        "body": {"contentType": "html", "content": "old"},
        "attachments": [CARD, QUOTE, "nonsense"],
        "mentions": [{"id": 5}],
        "reactions": reactions,
    }
    assert outgoing.replacement("new", (BOB,), before, CHAT) == {
        "subject": "Tea",
        "importance": "high",
        "body": {
            "contentType": "html",
            "content": '<attachment id="1"></attachment>new<attachment id="a&quot;b"></attachment>',
        },
        "mentions": [MENTIONED],
        "attachments": [_whole(CARD), _whole(QUOTE)],
        "reactions": reactions,
    }


def test_a_replacement_always_has_its_lists() -> None:
    assert outgoing.replacement("new", (), {}, CHAT) == {
        "body": {"contentType": "html", "content": "new"},
        "mentions": [],
        "attachments": [],
        "reactions": [],
    }


def test_a_reaction_is_written_as_a_picture() -> None:
    assert outgoing.reaction("❤") == {"reactionType": "❤️"}
    assert outgoing.reaction("👍") == {"reactionType": "👍"}


def _whole(item: Json) -> Json:
    names = ("id", "contentType", "contentUrl", "content", "name", "thumbnailUrl", "teamsAppId")
    return {name: item.get(name) for name in names}


def test_the_pictures_of_a_message_are_found_however_long_it_is() -> None:
    address = "https://graph.microsoft.com/v1.0/chats/c/messages/1/hostedContents/aWQ=/$value"
    html = f"<p>{'tea ' * 500}</p><img alt='a' src=\"{address}\">"
    assert outgoing.pictures_in({"body": {"content": html}}) == [address]
