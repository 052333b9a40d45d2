"""From a stored notification to the message it is about.

    letter (content, tokens) ─ verify ─ decrypt ─┐
      └─ no token, an expired one, unknown key ──┤ becomes a bell
    bell (no content) ─ GET the message ─────────┴─▶ ChatMessage, or None if it is gone

A bell needs no proof: whoever rang it, what is read comes from Graph itself. So it is with the letter
of a deletion whose message is not deleted: it may be there again by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import orjson

from bridge.domain.ids import Place, TenantId
from bridge.domain.values import dataclass
from bridge.domain.viewpoints import Viewpoint
from bridge.errors import Unconvertible
from bridge.ports import Entry, News, ViewNews
from bridge.teams import payloads, viewpoints
from bridge.teams.addresses import Address, Some, in_tenant, tenant_of
from bridge.teams.answers import GraphRejected
from bridge.teams.certificates import Keyring
from bridge.teams.graph import Credential, Graph
from bridge.teams.notifications import (
    Glimpse,
    Keys,
    Notice,
    UnknownKey,
    Untrusted,
    decrypt,
    read_entry,
)
from bridge.teams.paths import message_path
from bridge.teams.payloads import ChatMessage, Json
from bridge.teams.tokens import EXPIRED, TokenChecker
from bridge.telemetry import REFUSED, Watch

WRONG_TENANT = "wrong_tenant"
OTHER_MESSAGE = "other_message"
OTHER_CHAT = "other_chat"
DELETED = "deleted"
"""The `changeType` of a deletion."""
HOOK = "teams"
PART = "validation tokens"

OPENED_AHEAD_MIN = 3
"""Letters."""

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads letters and follows bells."""

    tenant: TenantId
    graph: Graph
    credential: Credential
    keyring: Keyring
    checker: TokenChecker
    watch: Watch

    async def open_ahead(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries, those opened whose content can be.

        A thread is worth its 0.1 ms from a few letters on, at 0.3 ms each for RSA, which lets go of
        the interpreter (measured with cryptography 50.0).
        """
        if len(entries) < OPENED_AHEAD_MIN:
            return entries
        return await asyncio.to_thread(_opened, entries, self.keyring.keys)

    def notice_of(self, entry: Entry) -> Notice | Glimpse | News:
        """Read what the hook stored.

        Raises:
            Unconvertible: It is malformed, or of another tenant.
        """
        found = read_entry(entry.raw)
        if isinstance(found, Glimpse):
            news = ViewNews(place=found.place, person=found.person, view=None)
            return replace(found, place=self._ours(news).place)
        if not isinstance(found, Notice):
            return self._ours(found)
        address = self._ours(found.address)
        return found if address is found.address else replace(found, address=address)

    def _ours(self, subject: Some) -> Some:
        if tenant_of(subject).lower() != self.tenant.lower():
            raise _counted(Untrusted("a notification of another tenant", reason=WRONG_TENANT))
        return in_tenant(subject, self.tenant)

    async def message_of(self, notice: Notice, entry: Entry) -> ChatMessage | None:
        """Return the message, None if it no longer exists.

        Raises:
            RemoteError: Graph, or Microsoft's keys, could not be read now.
            Unconvertible: It is malformed, or not proven to come from Graph.
            StoreUnavailable: An unknown certificate could not be looked for.
        """
        message = await self._letter(notice, entry)
        if message is None or (notice.change == DELETED and not message.deleted):
            return await self._fetch(notice.address)
        return message

    async def view_of(self, glimpse: Glimpse, entry: Entry) -> ViewNews | None:
        """Say what is told of somebody's view of a chat; None if it is of the chat alone.

        Where nothing is told that is proven, it must be asked for.

        Raises:
            RemoteError: Microsoft's keys could not be read now.
            Unconvertible: It is malformed, or not proven to come from Graph.
            StoreUnavailable: An unknown certificate could not be looked for.
        """
        asks = ViewNews(place=glimpse.place, person=glimpse.person, view=None)
        if glimpse.sealed is None or not await self._is_proven(glimpse.tokens, entry):
            return asks
        content = entry.opened or await self._open(glimpse.sealed)
        if content is None:
            return asks
        view = _view_in(_parsed(content), glimpse.place)
        return None if view is None else replace(asks, view=view)

    async def _letter(self, notice: Notice, entry: Entry) -> ChatMessage | None:
        """Return what a notification holds; None where it is a bell, or to be treated as one."""
        sealed = notice.sealed
        if sealed is None or not await self._is_proven(notice.tokens, entry):
            return None
        content = entry.opened or await self._open(sealed)
        if content is None:
            return None
        message = payloads.chat_message(_parsed(content))
        if message.ref != notice.address.ref:
            text = "a notification whose content is of another message"
            raise _counted(Untrusted(text, reason=OTHER_MESSAGE))
        return message

    async def _is_proven(self, tokens: tuple[str, ...], entry: Entry) -> bool:
        """Verify; False where it is to be treated as a bell.

        A token that was too old when it came is no forgery: Graph repeats for hours what it could
        not deliver.
        """
        if not tokens:
            self.watch.away(PART, "notifications come without validation tokens", hint=_NO_TOKENS)
            return False
        self.watch.back(PART)
        try:
            await self.checker.check(tokens, at=entry.received_at)
        except Untrusted as error:
            _counted(error)
            if error.reason == EXPIRED:
                return False
            raise
        return True

    async def _open(self, sealed: Json) -> bytes | None:
        try:
            return self._decrypted(sealed)
        except UnknownKey:
            # Another process of ours may have made the certificate.
            await self.keyring.load()
        try:
            return self._decrypted(sealed)
        except UnknownKey:
            return None

    def _decrypted(self, sealed: Json) -> bytes:
        try:
            return decrypt(sealed, self.keyring.keys)
        except Untrusted as error:
            _counted(error)
            raise

    async def _fetch(self, address: Address) -> ChatMessage | None:
        path = message_path(address.place, address.ref)
        try:
            answer = await self.graph.request("GET", path, credential=self.credential)
        except GraphRejected as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return payloads.chat_message(answer)


_NO_TOKENS = (
    "every message must be read from Graph; in Entra > Enterprise applications > Properties set "
    "'Assignment required' to No, or assign Microsoft Graph Change Tracking to the app"
)


def _opened(entries: Sequence[Entry], keys: Keys) -> Sequence[Entry]:
    return [replace(entry, opened=_content_of(entry, keys)) for entry in entries]


def _content_of(entry: Entry, keys: Keys) -> bytes | None:
    """Whatever cannot be opened is looked at again, and judged, when it is read."""
    if entry.found:
        return None
    try:
        found = read_entry(entry.raw)
        if not isinstance(found, Notice | Glimpse) or found.sealed is None:
            return None
        return decrypt(found.sealed, keys)
    except (Unconvertible, UnknownKey):
        return None


def _view_in(chat: object, place: Place) -> Viewpoint | None:
    key, view = viewpoints.of_chat(chat)
    if key != place.conversation:
        text = "a notification whose content is of another chat"
        raise _counted(Untrusted(text, reason=OTHER_CHAT))
    return view


def _parsed(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unconvertible("a notification whose content is no JSON") from error


def _counted(error: Untrusted) -> Untrusted:
    REFUSED.labels(HOOK, error.reason).inc()
    return error
