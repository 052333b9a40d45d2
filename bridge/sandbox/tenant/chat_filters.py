"""`$filter` of the list of chats: comparisons joined by `and` and `or`, no parentheses.

Sources: learn.microsoft.com graph/api/chat-list ("Filters results", with
`members/any(o: o/displayname eq '…')` as the example); which other properties it takes is not
documented, so these are the ones that chats are shown with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne

from bridge.sandbox.tenant import identities, wire
from bridge.sandbox.tenant.clock import from_milliseconds
from bridge.sandbox.tenant.errors import GraphError, bad_request
from bridge.sandbox.tenant.world import Chat, User, Viewpoint

Test = Callable[[Chat], bool]

CLAUSES_MAX = 20
"""Comparisons in one filter."""
_TEXT = r"'((?:[^']|'')*)'"
_ANY = re.compile(
    rf"members/any\((\w+):\s*(\w+)/(?:microsoft\.graph\.aadUserConversationMember/)?"
    rf"(displayName|userId|email)\s+eq\s+{_TEXT}\)",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"(chatType|topic)\s+(eq|ne)\s+(?:{_TEXT}|null)", re.IGNORECASE)
_FLAG = re.compile(r"viewpoint/isHidden\s+eq\s+(true|false)", re.IGNORECASE)
_DATE = re.compile(
    r"(createdDateTime|lastUpdatedDateTime|viewpoint/lastMessageReadDateTime|"
    r"lastMessagePreview/createdDateTime)\s+(eq|gt|ge|lt|le)\s+([^\s']+)",
    re.IGNORECASE,
)
_JOINT = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "eq": eq,
    "gt": gt,
    "ge": ge,
    "lt": lt,
    "le": le,
}
_SAME: dict[str, Callable[[object, object], bool]] = {"eq": eq, "ne": ne}


def parse(text: str | None, reader: User | None) -> Test:
    """What the filter lets through; `reader` is whose viewpoint counts.

    Raises:
        GraphError: 400, it is not understood.
    """
    if text is None:
        return lambda _: True
    anyone: list[list[Test]] = [[]]
    at, rest = 0, text.strip()
    for _ in range(CLAUSES_MAX):
        test, at = _clause(rest, at, reader)
        anyone[-1].append(test)
        if at == len(rest):
            return lambda chat: any(all(test(chat) for test in every) for every in anyone)
        joint = _JOINT.match(rest, at)
        if joint is None:
            break
        at = joint.end()
        if joint[1].casefold() == "or":
            anyone.append([])
    raise _refused()


def _clause(text: str, at: int, reader: User | None) -> tuple[Test, int]:
    if (found := _ANY.match(text, at)) and found[1] == found[2]:
        return _some_member(found[3].casefold(), _unquoted(found[4])), found.end()
    if found := _NAMED.match(text, at):
        value = None if found[3] is None else _unquoted(found[3])
        return _named(found[1].casefold(), found[2].casefold(), value), found.end()
    if found := _DATE.match(text, at):
        instant = wire.parse_instant(found[3], found[1])
        return _dated(found[1].casefold(), found[2].casefold(), instant, reader), found.end()
    if found := _FLAG.match(text, at):
        wanted = found[1].casefold() == "true"
        return (lambda chat: _view(chat, reader).hidden is wanted), found.end()
    raise _refused()


def _some_member(name: str, value: str) -> Test:
    def has(user: User) -> bool:
        if name == "displayname":
            return (identities.shown_name(user) or "").casefold() == value.casefold()
        return (user.id if name == "userid" else user.upn).casefold() == value.casefold()

    return lambda chat: any(has(member.user) for member in chat.members.values())


def _named(name: str, operator: str, value: str | None) -> Test:
    same = _SAME[operator]
    if name == "topic":
        return lambda chat: same(chat.topic, value)
    return lambda chat: same(chat.kind.value, value)


def _dated(name: str, operator: str, wanted: datetime, reader: User | None) -> Test:
    compare = _COMPARE[operator]

    def when(chat: Chat) -> datetime | None:
        match name:
            case "createddatetime":
                return chat.created
            case "lastupdateddatetime":
                return chat.updated
            case "viewpoint/lastmessagereaddatetime":
                return _view(chat, reader).read or chat.created
            case _:
                return _last_said(chat)

    def test(chat: Chat) -> bool:
        found = when(chat)
        return found is not None and compare(found, wanted)

    return test


def _last_said(chat: Chat) -> datetime | None:
    newest = next(reversed(chat.messages.values()), None)
    return None if newest is None else from_milliseconds(newest.id)


def _view(chat: Chat, reader: User | None) -> Viewpoint:
    return Viewpoint() if reader is None else chat.viewpoints.get(reader.id, Viewpoint())


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def _refused() -> GraphError:
    return bad_request("Filter condition is not supported.")
