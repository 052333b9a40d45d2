"""Events as the bytes that lie in the journal, and back.

Fields that a newer version added are stepped over, so that a version can be gone back by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

import orjson

from bridge.domain.content import from_json, to_json
from bridge.domain.events import Event, MessageSent, Person
from bridge.domain.ids import Version
from bridge.errors import Unconvertible

_SENT = "message_sent"


def encode(event: Event) -> bytes:
    """Return an event as JSON, UTF-8."""
    match event:
        case MessageSent():
            return orjson.dumps(_sent(event))
        case _:
            assert_never(event)


def _sent(event: MessageSent) -> dict[str, object]:
    return {
        "kind": _SENT,
        "author": {"id": event.author.id, "name": event.author.name},
        "version": event.version,
        "sent_at": event.sent_at.isoformat(),
        "part": event.part,
        "parts": event.parts,
        "body": to_json(event.body),
    }


def decode(raw: bytes) -> Event:
    """Return the event that `encode` wrote.

    Raises:
        Unconvertible: These bytes hold no event that this version knows.
    """
    try:
        return _decode(orjson.loads(raw))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"a stored event cannot be read: {type(error).__name__} {error}"
        raise Unconvertible(msg) from error


def _decode(fields: Mapping[str, object]) -> Event:
    if fields["kind"] != _SENT:
        msg = f"a stored event is of unknown kind {fields['kind']!r:.40}"
        raise Unconvertible(msg)
    return MessageSent(
        author=_person(fields["author"]),
        version=Version(_text(fields["version"])),
        sent_at=datetime.fromisoformat(_text(fields["sent_at"])),
        part=_number(fields["part"]),
        parts=_number(fields["parts"]),
        body=from_json(fields["body"]),
    )


def _person(value: object) -> Person:
    if not isinstance(value, dict):
        raise TypeError("a person is an object")
    name = value["name"]
    return Person(id=_text(value["id"]), name=None if name is None else _text(name))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("expected a number")
    return value
