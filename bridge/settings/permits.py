"""How people talk to the bot, and what each may do: `bridge.command_prefix`, `bridge.permissions`."""

from __future__ import annotations

import re

from bridge.domain.permission import EVERYBODY, LEVELS, Permission, Permissions
from bridge.settings import fits
from bridge.settings.document import Section

COMMAND_PREFIX_DEFAULT = "!teams"
COMMAND_PREFIX_CHARS_MAX = 32

_HINT = 'write for example "*": relay, example.org: user, "@anna:example.org": admin'
_LOCALPART = re.compile(r"@[^\s:,]+")


def command_prefix(section: Section) -> str:
    """Read what a command in a bridged room begins with."""
    return section.optional(
        "command_prefix", _prefix, "for example !teams", default=COMMAND_PREFIX_DEFAULT
    )


def permissions(section: Section, domain: str) -> Permissions:
    """Read who may do what; `domain` is that of our own users."""
    return section.table("permissions", _rules, _HINT, default=Permissions.default(domain))


def _prefix(text: str) -> str:
    fits.printable(text)
    if not 1 < len(text) <= COMMAND_PREFIX_CHARS_MAX or " " in text or text[0].isalnum():
        problem = (
            f"is no single word of 2 to {COMMAND_PREFIX_CHARS_MAX} characters with a sign first"
        )
        raise fits.Unfit(problem)
    return text.casefold()


def _rules(text: str) -> Permissions:
    """Fit `whom=level, whom=level`, as a mapping is written on one line."""
    rules: dict[str, Permission] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        whom, _, level = (piece.strip() for piece in part.rpartition("="))
        _check_whom(whom)
        if level not in LEVELS:
            problem = f"names a level that is none of {', '.join(LEVELS)}"
            raise fits.Unfit(problem)
        if whom in rules:
            raise fits.Unfit("names somebody twice")
        rules[whom] = LEVELS[level]
    return Permissions(rules)


def _check_whom(whom: str) -> None:
    localpart, _, server = whom.partition(":")
    if whom == EVERYBODY:
        return
    if whom.startswith("@") and not (_LOCALPART.fullmatch(localpart) and server):
        raise fits.Unfit("names somebody by something that is no Matrix user")
    fits.server_name(server if whom.startswith("@") else whom)
