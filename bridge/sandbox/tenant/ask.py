"""One request to the control interface, and reading what it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.notify import Notifier
from bridge.sandbox.tenant.tenant import Tenant

NUMBER_MAX = 1e9

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A control request below a tenant."""

    tenant: Tenant
    notifier: Notifier
    ids: dict[str, str]
    query: dict[str, str]
    body: Json


Act = Callable[[Ask], Awaitable[Reply]]


def choice(kind: type[_Choice], text: str) -> _Choice:
    """The member of an enumeration that is written like this."""
    try:
        return kind(text)
    except ValueError:
        msg = f"{text!r} is none of {', '.join(kind)}."
        raise bad_request(msg) from None


def number(value: object) -> float:
    """A JSON number, or one in a query string."""
    try:
        found = float(value) if isinstance(value, int | float | str) else NUMBER_MAX
    except ValueError:
        found = NUMBER_MAX
    if not -NUMBER_MAX < found < NUMBER_MAX:
        msg = f"{value!r} is no usable number."
        raise bad_request(msg)
    return found
