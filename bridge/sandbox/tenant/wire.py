"""Reading what a client sent: JSON objects, instants, OData options. Every flaw is a 400."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

from bridge.sandbox.tenant.errors import GraphError, Json, bad_request

REQUEST_BYTES_MAX = 4 * 1024 * 1024
"""A whole Graph request, base64 included (learn.microsoft.com graph/api chatmessage-post)."""
PAGE_MAX = 50
"""Largest `$top` of chats and messages (learn.microsoft.com graph/api chat-list-messages)."""
PAGE_DEFAULT = 20

_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?"
)
_UNPARSABLE = (
    "Unable to read JSON request payload. Please ensure Content-Type header is set and payload "
    "is of valid JSON format."
)


def parse_object(raw: bytes) -> Json:
    """The request's body as a JSON object."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise bad_request(_UNPARSABLE) from None
    return as_object(value, "the request body")


def as_object(value: object, name: str) -> Json:
    if not isinstance(value, dict):
        msg = f"Invalid value specified for {name}: a JSON object is expected."
        raise bad_request(msg)
    return value


def as_list(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        msg = f"Invalid value specified for property '{name}': a list is expected."
        raise bad_request(msg)
    return value


def as_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        msg = f"Invalid value specified for property '{name}': a string is expected."
        raise bad_request(msg)
    return value


def objects(body: Json, name: str) -> list[Json]:
    """A list of objects; absent and null both mean none."""
    value = body.get(name)
    return [] if value is None else [as_object(item, name) for item in as_list(value, name)]


def required_text(body: Json, name: str) -> str:
    value = as_text(body.get(name), name)
    if not value:
        msg = f"Property '{name}' must not be empty."
        raise bad_request(msg)
    return value


def optional_text(body: Json, name: str) -> str | None:
    value = body.get(name)
    return None if value is None else as_text(value, name)


def optional_flag(body: Json, name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        msg = f"Invalid value specified for property '{name}': a boolean is expected."
        raise bad_request(msg)
    return value


def only_known(body: Json, known: Iterable[str], type_name: str) -> None:
    """Refuse a property that the type does not declare; annotations (`@`) are let through."""
    for name in body:
        if "@" not in name and name not in known:
            msg = (
                f"The property '{name}' does not exist on type 'microsoft.graph.{type_name}'. "
                "Make sure to only use property names that are defined by the type."
            )
            raise bad_request(msg)


def parse_instant(text: str, name: str) -> datetime:
    """An ISO 8601 instant with up to nine fractional digits; without an offset it is UTC."""
    found = _INSTANT.fullmatch(text)
    instant = None if found is None else _instant(*found.groups())
    if instant is None:
        msg = f"Cannot convert the literal '{text}' of '{name}' to a date."
        raise bad_request(msg)
    return instant


def _instant(day: str, clock: str, fraction: str | None, zone: str | None) -> datetime | None:
    micros = (fraction or "0").ljust(6, "0")[:6]
    seconds = "" if clock.count(":") == 2 else ":00"  # noqa: PLR2004 - hh:mm:ss
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock}{seconds}.{micros}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def page_size(query: dict[str, str], *, default: int = PAGE_DEFAULT, most: int = PAGE_MAX) -> int:
    text = query.get("$top")
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        msg = f"Invalid value '{text}' for $top query option found."
        raise bad_request(msg)
    if int(text) > most:
        msg = (
            f"The limit of '{most}' for Top query has been exceeded. "
            f"The value from the incoming request is '{text}'."
        )
        raise bad_request(msg)
    return int(text)


def skip_token(position: list[int]) -> str:
    """An opaque place in a listing."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def parse_skip_token(text: str | None, length: int) -> list[int] | None:
    """The place that a `$skiptoken` of ours stands for."""
    if text is None:
        return None
    try:
        value = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, orjson.JSONDecodeError):
        raise _bad_token() from None
    if (
        isinstance(value, list)
        and len(value) == length
        and all(type(item) is int for item in value)
    ):
        return value
    raise _bad_token()


def _bad_token() -> GraphError:
    return bad_request("Badly formed token in $skiptoken query option.")


def decode_base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        msg = f"Property '{name}' is not valid base64."
        raise bad_request(msg) from None
