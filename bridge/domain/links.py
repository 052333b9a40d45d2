"""Links to conversations of Teams, as people copy them. Pure, and total: any text has an answer.

    https://teams.microsoft.com/l/chat/{chat}/…                       a chat
    https://teams.microsoft.com/l/message/{chat}/{message}?context=…  a message of a chat
    https://teams.microsoft.com/l/meetup-join/{chat}/…                the chat of a meeting
    https://teams.microsoft.com/l/channel/{channel}/{name}?groupId={team}
    https://teams.microsoft.com/l/message/{channel}/{message}?groupId={team}
    https://teams.microsoft.com/l/team/{channel}/conversations?groupId={team}
    19:…@thread.v2                                                    a chat by its id

learn.microsoft.com microsoftteams/platform/concepts/build-and-test/deep-link-teams; the hosts are
those of Microsoft's clouds (learn.microsoft.com microsoft-365/enterprise/urls-and-ip-address-ranges
and its pages for GCC High, DoD and 21Vianet). What is in a link is a claim: whether there is such a
conversation, and who may see it, Graph says.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TenantId,
    channel_place,
)
from bridge.domain.values import dataclass

LINK_CHARS_MAX = 4_096
"""A meeting's link has some 300."""
HOSTS = frozenset(
    {
        "teams.microsoft.com",
        "teams.cloud.microsoft",
        "gov.teams.microsoft.us",
        "dod.teams.microsoft.us",
        "teams.microsoftonline.cn",
    }
)
SCHEMES = frozenset({"https", "msteams"})

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CHAT = re.compile(r"19:[A-Za-z0-9_-]{1,200}@(?:thread\.v2|unq\.gbl\.spaces)")
_CHANNEL = re.compile(r"19:[A-Za-z0-9_-]{1,200}@thread\.(?:tacv2|skype)")
_CHAT_KINDS = frozenset({"chat", "message", "meetup-join"})
_CHANNEL_KINDS = frozenset({"channel", "message", "team"})


class NoConversation(StrEnum):
    """Why a text leads to no conversation, in words for whoever wrote it."""

    NOT_A_LINK = "this is no link to a conversation in Teams"
    NO_TEAM = "it does not say of which team the channel is (`groupId`)"
    NEW_CHAT = "it opens a new chat, and leads to none that there is"
    SHORT_MEETING = "it leads into a meeting, and does not say which chat that has"
    PERSONAL = "it leads to Teams for private use, which has no part in this"
    OTHER_TENANT = "it leads to another organisation"


def place_of(text: str, tenant: TenantId) -> Place | NoConversation:
    """Return the conversation of `tenant` that a link or an id leads to, or why there is none."""
    bare = text.strip().strip("<>")
    if len(bare) > LINK_CHARS_MAX:
        return NoConversation.NOT_A_LINK
    if _CHAT.fullmatch(bare):
        return Place(tenant=tenant, conversation=ConversationId(bare))
    if _CHANNEL.fullmatch(bare):
        return NoConversation.NO_TEAM
    link = _parsed(bare)
    return NoConversation.NOT_A_LINK if link is None else _followed(link, tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """What a link says: host, the words of its path, and its query."""

    host: str
    path: tuple[str, ...]
    query: dict[str, str]

    @property
    def tenant(self) -> str | None:
        """The organisation; links to chats and meetings have it in a JSON, some or none."""
        named = self.query.get("tenantId") or self._context.get("Tid")
        return named.lower() if isinstance(named, str) and named else None

    @property
    def _context(self) -> dict[str, object]:
        try:
            found = json.loads(self.query.get("context", "{}"))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _parsed(text: str) -> _Link | None:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme.lower() not in SCHEMES:
        return None
    if parts.scheme.lower() == "msteams" and host in {"", "l"}:  # msteams:/l/chat/…, msteams://l/…
        path = f"/l{parts.path}" if host else parts.path
        parts, host = parts._replace(path=path), "teams.microsoft.com"
    # A link of the web client has everything behind its hash.
    within = urlsplit(parts.fragment) if parts.fragment.startswith("/l/") else parts
    return _Link(host=host, path=_words(within), query=_query(within))


def _words(parts: SplitResult) -> tuple[str, ...]:
    return tuple(unquote(word) for word in parts.path.split("/") if word and word != "_")


def _query(parts: SplitResult) -> dict[str, str]:
    try:
        return dict(parse_qsl(parts.query, max_num_fields=100))
    except ValueError:
        return {}


def _followed(link: _Link, tenant: TenantId) -> Place | NoConversation:
    if link.host == "teams.live.com":
        return NoConversation.PERSONAL
    if link.host not in HOSTS:
        return NoConversation.NOT_A_LINK
    if link.path[:1] == ("meet",):
        return NoConversation.SHORT_MEETING
    if len(link.path) < 3 or link.path[0] != "l":  # noqa: PLR2004 -- l, kind, conversation
        return NoConversation.NOT_A_LINK
    if link.tenant is not None and link.tenant != tenant.lower():
        return NoConversation.OTHER_TENANT
    return _named(link.path[1].lower(), link.path[2], link.query.get("groupId"), tenant)


def _named(
    kind: str, conversation: str, team: str | None, tenant: TenantId
) -> Place | NoConversation:
    if kind == "chat" and conversation == "0":
        return NoConversation.NEW_CHAT
    if kind in _CHAT_KINDS and _CHAT.fullmatch(conversation):
        return Place(tenant=tenant, conversation=ConversationId(conversation))
    if kind not in _CHANNEL_KINDS or not _CHANNEL.fullmatch(conversation):
        return NoConversation.NOT_A_LINK
    if team is None or not _GUID.fullmatch(team.lower()):
        return NoConversation.NO_TEAM
    channel = Channel(team=TeamId(team.lower()), channel=ChannelId(conversation))
    return channel_place(tenant, channel)
