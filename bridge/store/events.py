"""Events as the bytes that lie in the journal, and back.

Fields that a newer version added are stepped over, so that a version can be gone back by one; those
that an older version did not know have a default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import assert_never

import orjson

from bridge.domain.content import from_json, to_json
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    PersonKind,
    ReactionAdded,
    ReactionRemoved,
)
from bridge.domain.ids import MessageRef, TenantId, Version
from bridge.errors import Unconvertible

Fields = Mapping[str, object]

_SENT = "message_sent"
_EDITED = "message_edited"
_DELETED = "message_deleted"
_ADDED = "reaction_added"
_REMOVED = "reaction_removed"


def encode(event: Event) -> bytes:
    """Return an event as JSON, UTF-8."""
    common = {
        "author": _who(event.author),
        "version": event.version,
        "sent_at": event.sent_at.isoformat(),
        "part": event.part,
    }
    return orjson.dumps(common | _own_fields(event))


def _who(person: Person) -> dict[str, object]:
    """What everybody is by default is left out: most people are users."""
    named: dict[str, object] = {"id": person.id, "name": person.name}
    if person.kind is not PersonKind.USER:
        named["kind"] = person.kind
    if person.organisation is not None:
        named["organisation"] = person.organisation
    if person.home is not None:
        named["home"] = person.home
    return named


def _own_fields(event: Event) -> dict[str, object]:
    match event:
        case MessageSent():
            return _said(event) | {
                "kind": _SENT,
                "reply_to": event.reply_to,
                "again": event.again,
                "thread": event.thread,
            }
        case MessageEdited():
            return _said(event) | {"kind": _EDITED, "target": event.target}
        case MessageDeleted():
            return {"kind": _DELETED, "target": event.target}
        case ReactionAdded():
            return {"kind": _ADDED, "target": event.target, "key": event.key}
        case ReactionRemoved():
            return {"kind": _REMOVED, "target": event.target, "key": event.key}
        case _:
            assert_never(event)


def _said(event: MessageSent | MessageEdited) -> dict[str, object]:
    return {"parts": event.parts, "body": to_json(event.body), "is_notice": event.is_notice}


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


def _decode(fields: Fields) -> Event:
    read = _READERS.get(_text(fields["kind"]))
    if read is None:
        msg = f"a stored event is of unknown kind {fields['kind']!r:.40}"
        raise Unconvertible(msg)
    return read(fields)


def _sent(fields: Fields) -> MessageSent:
    return MessageSent(
        author=_person(fields["author"]),
        version=Version(_text(fields["version"])),
        sent_at=_instant(fields["sent_at"]),
        part=_number(fields["part"]),
        parts=_number(fields["parts"]),
        body=from_json(fields["body"]),
        reply_to=_ref(fields.get("reply_to")),
        thread=_ref(fields.get("thread")),
        again=fields.get("again") is True,
        is_notice=fields.get("is_notice") is True,
    )


def _edited(fields: Fields) -> MessageEdited:
    return MessageEdited(
        target=MessageRef(_text(fields["target"])),
        author=_person(fields["author"]),
        version=Version(_text(fields["version"])),
        sent_at=_instant(fields["sent_at"]),
        part=_number(fields["part"]),
        parts=_number(fields["parts"]),
        body=from_json(fields["body"]),
        is_notice=fields.get("is_notice") is True,
    )


def _deleted(fields: Fields) -> MessageDeleted:
    return MessageDeleted(
        target=MessageRef(_text(fields["target"])),
        author=_person(fields["author"]),
        version=Version(_text(fields["version"])),
        sent_at=_instant(fields["sent_at"]),
    )


def _reaction(kind: type[ReactionAdded | ReactionRemoved]) -> Callable[[Fields], Event]:
    def read(fields: Fields) -> Event:
        return kind(
            target=MessageRef(_text(fields["target"])),
            author=_person(fields["author"]),
            key=_text(fields["key"]),
            version=Version(_text(fields["version"])),
            sent_at=_instant(fields["sent_at"]),
        )

    return read


_READERS: Mapping[str, Callable[[Fields], Event]] = {
    _SENT: _sent,
    _EDITED: _edited,
    _DELETED: _deleted,
    _ADDED: _reaction(ReactionAdded),
    _REMOVED: _reaction(ReactionRemoved),
}


def _person(value: object) -> Person:
    if not isinstance(value, dict):
        raise TypeError("a person is an object")
    name, organisation, home = value["name"], value.get("organisation"), value.get("home")
    return Person(
        id=_text(value["id"]),
        name=None if name is None else _text(name),
        kind=PersonKind(_text(value.get("kind", PersonKind.USER))),
        organisation=None if organisation is None else _text(organisation),
        home=None if home is None else TenantId(_text(home)),
    )


def _ref(value: object) -> MessageRef | None:
    return None if value is None else MessageRef(_text(value))


def _instant(value: object) -> datetime:
    return datetime.fromisoformat(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("expected a number")
    return value
