"""What the kinds of message in `kinds.py` are made from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from bridge.sandbox.tenant import compose, people_kinds, wire
from bridge.sandbox.tenant.ask import number
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Chat, Content, HostedContent, User

MANY_MAX = 100
"""Images, files or messages in one message."""
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A message of some kind that is to be said: where, by whom, and what was asked for."""

    tenant: Tenant
    place: Chat | Channel
    sender: User | Robot | None
    number: int
    """The id that the message will have."""
    reply_to: int | None
    options: Json
    hosted: list[HostedContent] = field(default_factory=list)
    """Filled while the message is made."""

    def text(self, name: str, default: str) -> str:
        found = wire.optional_text(self.options, name)
        return default if found is None else found

    def count(self, name: str, default: int, most: int = MANY_MAX) -> int:
        """A number from 1 to `most`."""
        found = int(number(self.options.get(name, default)))
        if not 1 <= found <= most:
            msg = f"{name} lies between 1 and {most}."
            raise bad_request(msg)
        return found

    def person(self, name: str = "mentioned") -> User:
        """Somebody by id; without one, the first other person here."""
        key = wire.optional_text(self.options, name)
        if key is not None:
            return people_kinds.find_person(self.tenant, key)
        others = [m.user for m in self.place.people.values() if m.user is not self.sender]
        if not others:
            raise bad_request("There is nobody else here.")
        return others[0]

    def host(self, data: bytes, content_type: str) -> str:
        """Keep contents in the message; the address under which it shows them."""
        item = HostedContent(id=compose.hosted_id(), content_type=content_type, data=data)
        self.hosted.append(item)
        path = self.place.path_of(self.number, self.reply_to)
        return f"{self.tenant.site.base}/v1.0{path}/hostedContents/{item.id}/$value"

    def data(self, default: bytes) -> bytes:
        """The bytes that were given in base64 as `data`."""
        given = wire.optional_text(self.options, "data")
        return default if given is None else wire.decode_base64(given, "data")


Maker = Callable[[Wish], Content]


def attachment_id() -> str:
    return uuid4().hex
