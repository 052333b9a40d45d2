"""Code snippets: fetched from this very conversation's content, in bounds, or named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.convert.losses import FILE_UNREADABLE
from bridge.domain.content import Body, Card, CodeBlock, normalise, plain_text
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TenantId,
    channel_place,
)
from bridge.errors import NotCopied, RemoteError, Throttled, Unavailable
from bridge.ports import Stream
from bridge.teams import payloads
from bridge.teams.hosts import Hosts
from bridge.teams.payloads import ChatMessage
from bridge.teams.snippets import SNIPPET_BYTES_MAX, SNIPPETS_MAX, TRIES_MAX, Snippets
from bridge.teams.trace import body_of
from tests.unit.teams.memory import teams_config
from tests.unit.teams.test_payloads import MESSAGE

CHAT = Place(tenant=TenantId("t"), conversation=ConversationId("19:c@thread.v2"))
TEAM = channel_place(
    TenantId("t"), Channel(team=TeamId("a-team"), channel=ChannelId("19:b@thread.tacv2"))
)
HOSTS = Hosts.of(teams_config())
GRAPH = str(HOSTS.graph)
OWN = f"{GRAPH}/v1.0/chats/19:c@thread.v2/messages/1616990032035/hostedContents/aWQ9/$value"
PATH = "/chats/19%3Ac%40thread.v2/messages/1616990032035/hostedContents/aWQ9/$value"
CODE = b"def tea() -> int:\n    return 4\n"
MISSING = NotCopied("gone", loss=FILE_UNREADABLE)


@dataclass
class Files:
    """What lies in Graph, by path; an error is raised instead."""

    there: dict[str, bytes | RemoteError] = field(default_factory=lambda: {PATH: CODE})
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[Stream]:
        self.asked.append(path)
        found = self.there.get(path, MISSING)
        if isinstance(found, RemoteError):
            raise found
        yield Stream(pieces=_pieces(found))


async def _pieces(whole: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(whole), 1000):
        yield whole[at : at + 1000]


def message(*urls: str, name: str = "tea.py") -> ChatMessage:
    items: list[dict[str, Any]] = [
        {
            "id": str(number),
            "contentType": "application/vnd.microsoft.card.codesnippet",
            "content": orjson.dumps(
                {"name": name, "language": "Python", "codeSnippetUrl": url}
            ).decode(),
        }
        for number, url in enumerate(urls)
    ]
    return payloads.chat_message({**MESSAGE, "attachments": items, "body": {"content": ""}})


async def fetched(
    files: Files, said: ChatMessage, *, place: Place = CHAT, attempts: int = 1
) -> ChatMessage:
    return await Snippets(hosts=HOSTS, open=files.open).fetch(place, said, attempts=attempts)


async def test_a_snippet_is_shown_as_code_under_its_name() -> None:
    files = Files()
    found = await fetched(files, message(OWN))
    (card,) = body_of(found).blocks
    assert isinstance(card, Card)
    assert card.blocks[1] == CodeBlock(text=CODE.decode().strip("\n"), language="python")
    assert plain_text(Body(blocks=(card,))).startswith("tea.py\ndef tea()")
    assert (files.asked, found.losses) == ([PATH], ())


async def test_a_snippet_without_a_name_is_its_code() -> None:
    found = await fetched(Files(), message(OWN, name=""))
    assert isinstance(body_of(found).blocks[0], CodeBlock)


async def test_a_snippet_of_a_channel_is_fetched_from_there() -> None:
    beta = f"{GRAPH}/beta/teams/a-team/channels/19:b@thread.tacv2/messages/1/replies/2"
    path = (
        "/teams/a-team/channels/19%3Ab%40thread.tacv2/messages/1/replies/2/hostedContents/x/$value"
    )
    files = Files({path: CODE})
    found = await fetched(files, message(f"{beta}/hostedContents/x/$value"), place=TEAM)
    assert not found.losses
    assert files.asked == [path]


@pytest.mark.parametrize(
    "url",
    [
        OWN.replace("19:c", "19:other"),
        OWN.replace(GRAPH, "https://graph.evil.example"),
        OWN.replace("https://", "https://evil@"),
        f"{GRAPH}/v1.0/users",
        f"{GRAPH}/v1.0/chats/19:c@thread.v2/messages",
        OWN.replace("aWQ9", ".."),
        f"{OWN}?$select=x",
        "javascript:alert(1)",
        "https://contoso.sharepoint.com/x.py",
        "\x00",
    ],
)
async def test_our_token_opens_nothing_but_content_of_the_conversation(url: str) -> None:
    files = Files()
    found = await fetched(files, message(url))
    assert files.asked == []
    assert plain_text(body_of(found)) == "[code snippet: tea.py]"
    assert found.losses == ("code_snippet_text",)


@pytest.mark.parametrize(
    "there",
    [MISSING, b"", b" \n ", b"x" * (SNIPPET_BYTES_MAX + 1)],
    ids=["gone", "0", "blank", "large"],
)
async def test_what_cannot_be_had_is_named(there: bytes | RemoteError) -> None:
    found = await fetched(Files({PATH: there}), message(OWN))
    assert plain_text(body_of(found)) == "[code snippet: tea.py]"
    assert found.losses == ("code_snippet_text",)


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Throttled("later", retry_after=timedelta(seconds=1))]
)
async def test_what_cannot_be_had_now_is_waited_for_a_few_times(error: RemoteError) -> None:
    files = Files({PATH: error})
    for attempts in range(1, TRIES_MAX):
        with pytest.raises(type(error)):
            await fetched(files, message(OWN), attempts=attempts)
    found = await fetched(files, message(OWN), attempts=TRIES_MAX)
    assert found.losses == ("code_snippet_text",)


async def test_of_many_snippets_the_first_are_fetched() -> None:
    files = Files()
    found = await fetched(files, message(*[OWN] * (SNIPPETS_MAX + 1)))
    assert len(files.asked) == SNIPPETS_MAX
    assert found.losses == ("code_snippet_text",)


async def test_a_snippet_that_is_no_text_is_shown_as_far_as_it_is_one() -> None:
    found = await fetched(Files({PATH: b"\xff\x00a\xed\xa0\x80"}), message(OWN))
    body = normalise(body_of(found))
    assert "a" in plain_text(body)
    assert "\x00" not in plain_text(body)


async def test_a_message_without_snippets_asks_for_nothing() -> None:
    files, said = Files(), message()
    assert await fetched(files, said) is said
    assert files.asked == []
