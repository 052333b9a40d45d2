"""Links to conversations of Teams, in the many forms that people copy."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TenantId,
    channel_place,
)
from bridge.domain.links import HOSTS, NoConversation, place_of

TENANT = TenantId("0f4ae3c2-91b2-4a4e-8a4c-5b1d2c3e4f50")
OTHER = "11111111-2222-3333-4444-555555555555"
TEAM = "fbe2bf47-16c8-47cf-b4a5-4b9b187c508b"
CHAT = "19:1c5b01696d2e4a179c292bc9cf04e63b@thread.v2"
PAIR = f"19:{OTHER}_{TEAM}@unq.gbl.spaces"
MEETING = "19:meeting_YzVhOGU1YjUtN2ZlNS00NGY3@thread.v2"
CHANNEL = "19:4a95f7d8db4c4e7fae857bcebe0623e6@thread.tacv2"
OLD_CHANNEL = "19:09fc54a3141a45d0bc769cf506d2e079@thread.skype"
BASE = "https://teams.microsoft.com/l"
CONTEXT = quote('{"contextType":"chat"}')


def chat(name: str) -> Place:
    return Place(tenant=TENANT, conversation=ConversationId(name))


def channel(name: str = CHANNEL) -> Place:
    return channel_place(TENANT, Channel(team=TeamId(TEAM), channel=ChannelId(name)))


@pytest.mark.parametrize(
    ("link", "place"),
    [
        (CHAT, chat(CHAT)),
        (f"  <{CHAT}> ", chat(CHAT)),
        (PAIR, chat(PAIR)),
        (f"{BASE}/chat/{CHAT}/0", chat(CHAT)),
        (f"{BASE}/chat/{quote(CHAT, safe='')}/0?tenantId={TENANT}", chat(CHAT)),
        (f"{BASE}/chat/{CHAT}/conversations?context={CONTEXT}", chat(CHAT)),
        (f"{BASE}/message/{quote(CHAT, safe='')}/1616964509832?context={CONTEXT}", chat(CHAT)),
        (f"{BASE}/message/{PAIR}/1616964509832", chat(PAIR)),
        (
            f"{BASE}/meetup-join/{quote(MEETING)}/0?context="
            + quote(f'{{"Tid":"{TENANT}","Oid":"{OTHER}"}}'),
            chat(MEETING),
        ),
        (f"{BASE}/channel/{CHANNEL}/General?groupId={TEAM}&tenantId={TENANT}", channel()),
        (f"{BASE}/channel/{quote(CHANNEL, safe='')}/A%2FB?groupId={TEAM.upper()}", channel()),
        (
            f"{BASE}/message/{CHANNEL}/1648741500652?tenantId={TENANT}&groupId={TEAM}"
            "&parentMessageId=1648741500652&teamName=Garden&channelName=Roses&createdTime=1",
            channel(),
        ),
        (f"{BASE}/team/{OLD_CHANNEL}/conversations?groupId={TEAM}", channel(OLD_CHANNEL)),
        (f"https://TEAMS.microsoft.com/L/chat/{CHAT}/0".replace("/L/", "/l/"), chat(CHAT)),
        (f"msteams:/l/chat/{CHAT}/0", chat(CHAT)),
        (f"msteams://teams.microsoft.com/l/chat/{CHAT}/0", chat(CHAT)),
        (f"https://teams.microsoft.com/_#/l/chat/{CHAT}/0?tenantId={TENANT}", chat(CHAT)),
        (f"https://teams.microsoft.com/_#/l/channel/{CHANNEL}/x?groupId={TEAM}", channel()),
    ],
)
def test_a_link_leads_to_its_conversation(link: str, place: Place) -> None:
    assert place_of(link, TENANT) == place


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_every_cloud_has_links(host: str) -> None:
    assert place_of(f"https://{host}/l/chat/{CHAT}/0", TENANT) == chat(CHAT)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("", NoConversation.NOT_A_LINK),
        ("bridge", NoConversation.NOT_A_LINK),
        ("https://example.org/l/chat/19:x@thread.v2/0", NoConversation.NOT_A_LINK),
        (f"http://teams.microsoft.com/l/chat/{CHAT}/0", NoConversation.NOT_A_LINK),
        (f"https://teams.microsoft.com.evil.test/l/chat/{CHAT}/0", NoConversation.NOT_A_LINK),
        (f"https://teams.microsoft.com@evil.test/l/chat/{CHAT}/0", NoConversation.NOT_A_LINK),
        (f"{BASE}/chat/19:..%2F..%2Fusers@thread.v2/0", NoConversation.NOT_A_LINK),
        (f"{BASE}/chat/{CHANNEL}/0", NoConversation.NOT_A_LINK),
        (f"{BASE}/entity/app/tab", NoConversation.NOT_A_LINK),
        ("https://[broken/l/chat/x/0", NoConversation.NOT_A_LINK),
        (f"{BASE}/chat/0/0?users=joe@contoso.com", NoConversation.NEW_CHAT),
        (CHANNEL, NoConversation.NO_TEAM),
        (f"{BASE}/channel/{CHANNEL}/General", NoConversation.NO_TEAM),
        (f"{BASE}/channel/{CHANNEL}/General?groupId=../me", NoConversation.NO_TEAM),
        ("https://teams.microsoft.com/meet/2345678901?p=abc", NoConversation.SHORT_MEETING),
        ("https://teams.live.com/l/invite/abc", NoConversation.PERSONAL),
        (f"{BASE}/chat/{CHAT}/0?tenantId={OTHER}", NoConversation.OTHER_TENANT),
        (
            f"{BASE}/meetup-join/{MEETING}/0?context=" + quote(f'{{"Tid":"{OTHER}"}}'),
            NoConversation.OTHER_TENANT,
        ),
        (f"{BASE}/chat/{CHAT}/0?context={'[' * 3000}", chat(CHAT)),
        ("x" * 10_000, NoConversation.NOT_A_LINK),
    ],
)
def test_what_leads_nowhere_says_why(link: str, why: NoConversation | Place) -> None:
    assert place_of(link, TENANT) == why


PIECES = [
    "https://",
    "teams.microsoft.com",
    "/l/",
    "chat/",
    CHAT,
    "?",
    "#",
    "%",
    "@",
    "[",
    "msteams:",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_has_an_answer(text: str) -> None:
    found = place_of(text, TENANT)
    assert isinstance(found, Place | NoConversation)
    if isinstance(found, Place):
        assert found.tenant == TENANT
