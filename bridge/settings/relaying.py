"""Relay mode: whose account speaks in Teams for those who cannot sign in, how, and where."""

from __future__ import annotations

import re
from dataclasses import field

from bridge.domain.ids import UserId
from bridge.domain.relaying import FORM_DEFAULT, Form
from bridge.domain.values import dataclass
from bridge.settings import fits
from bridge.settings.document import Section

_USER = re.compile(r"@[^\s:]+:\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """`relay_account` is the Matrix user whose sign-in is used; None: there is no relay mode.

    `relay_by_default`: in every room where nobody decided otherwise.
    """

    relay_account: UserId | None = None
    relay_format: Form = field(default_factory=lambda: Form.of(FORM_DEFAULT))
    relay_by_default: bool = False


def relay(section: Section) -> Relay:
    """Read the settings that begin with `relay_`."""
    found = Relay(
        relay_account=section.optional(
            "relay_account", _user, "for example @teams-service:example.org", default=None
        ),
        relay_format=section.optional(
            "relay_format", _form, f"for example {FORM_DEFAULT}", default=Form.of(FORM_DEFAULT)
        ),
        relay_by_default=section.flag("relay_by_default", default=False),
    )
    if found.relay_by_default and found.relay_account is None and section.sound("relay_account"):
        section.missing("relay_account", "name whose account speaks for the others")
    return found


def _user(text: str) -> UserId:
    if not _USER.fullmatch(text):
        raise fits.Unfit("is no Matrix user")
    fits.server_name(text.partition(":")[2])
    return UserId(text)


def _form(text: str) -> Form:
    try:
        return Form.of(fits.printable(text) if "\n" not in text else text)
    except fits.Unfit:
        raise
    except ValueError as problem:
        raise fits.Unfit(str(problem)) from None
