"""One request to Graph after it was let in, and the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from aiohttp import StreamReader

from bridge.sandbox.tenant import conversation, render, wire
from bridge.sandbox.tenant.errors import Json, forbidden, not_a_member, not_found
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.tokens import Bearer
from bridge.sandbox.tenant.world import App, Channel, Chat, Message, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What Graph answers; `raw` takes the place of `body` for what is not JSON."""

    status: int = 200
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request with a good token; `user` is the one signed in, None for an app by itself."""

    tenant: Tenant
    bearer: Bearer
    app: App
    user: User | None
    path: str
    ids: dict[str, str]
    query: dict[str, str]
    raw: bytes
    prefer: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""
    stream: StreamReader | None = None
    """The body of an upload, in place of `raw`: it may be larger than memory."""

    @property
    def graph(self) -> str:
        return f"{self.tenant.site.base}/v1.0"

    @property
    def wants_unknown_enums(self) -> bool:
        return "include-unknown-enum-members" in self.prefer

    def body(self) -> Json:
        return wire.parse_object(self.raw)

    def signed_in(self) -> User:
        """The signed-in user of a call that the permission check lets users alone make."""
        if self.user is None:
            raise forbidden()
        return self.user

    def owner(self) -> User | None:
        """The user in the path, where there is one: nobody reads the chats of another."""
        key = self.ids.get("user")
        if key is None:
            return None
        owner = self.tenant.user(key)
        if self.user is not None and owner is not self.user:
            raise forbidden()
        return owner

    def chat(self) -> Chat:
        """The chat in the path, if the caller may see it.

        Raises:
            GraphError: 404 for an unknown chat, 403 for one of other people.
        """
        if self.ids["chat"] == conversation.NOTES:
            return conversation.notes(self.tenant, self.user)
        chat = self.tenant.chat(self.ids["chat"])
        for reader in (self.owner(), self.user):
            if reader is not None and reader.id not in chat.members:
                raise not_a_member()
        return chat

    def channel(self) -> Channel:
        """The channel in the path, if the caller may see it.

        Raises:
            GraphError: 404 for an unknown channel, 403 for one of other people.
        """
        channel = self.tenant.channel(self.ids["team"], self.ids["channel"])
        if self.user is not None and self.user.id not in channel.people:
            raise not_a_member()
        return channel

    def conversation(self) -> Chat | Channel:
        """The chat or channel in the path, if the caller may see it.

        Raises:
            GraphError: 404 for an unknown one, 403 for one of other people.
        """
        return self.channel() if "channel" in self.ids else self.chat()

    def message(self, conversation: Chat | Channel) -> Message:
        """The message in the path; a reply only below its own root, a root never as a reply.

        Raises:
            GraphError: 404, there is none.
        """
        root = self.tenant.message(conversation, self.ids["message"])
        reply = self.ids.get("reply")
        found = root if reply is None else self.tenant.message(conversation, reply)
        if found.reply_to != (None if reply is None else root.id):
            raise not_found()
        return found

    def show(self, message: Message) -> Json:
        """The message as this caller may see it."""
        seen = render.message(message, self.tenant.id)
        return seen if self.wants_unknown_enums else render.hide_unknown(seen)

    def context(self, fragment: str) -> str:
        return f"{self.graph}/$metadata#{fragment}"

    def next_link(self, position: list[int]) -> str:
        """The address of the next page: this request's own, from `position` on."""
        query = {name: value for name, value in self.query.items() if name != "$skiptoken"}
        query["$skiptoken"] = wire.skip_token(position)
        return f"{self.graph}{self.path}?{urlencode(query, safe='$', quote_via=quote)}"
