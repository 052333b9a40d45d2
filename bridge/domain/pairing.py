"""Which Matrix account is a person's own, so that what they do in Teams appears under it. Pure.

    sign-in ─────────────────────────────────▶ Claim ┐
    list: user id or principal name ─────────▶ Claim ┼─ rivals for the same account ─▶ Verdict
    rule: `@{upn_localpart}:example.org` ────▶ Claim ┘   (the stronger source wins; of two equals neither)

Checked, never guessed: a rule speaks of members of the own directory alone, and of what only
administrators write there; where anything is missing, or makes no name that a Matrix user can have,
there is no claim. Whether there is such an account only the homeserver can say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import field
from enum import IntEnum, StrEnum

from bridge.domain.ids import TeamsUserId, UserId
from bridge.domain.values import dataclass

USER_ID_BYTES_MAX = 255
"""Matrix spec v1.19, appendices, "User identifiers"."""
EXTENSIONS = tuple(f"extension_attribute_{number}" for number in range(1, 16))
"""`onPremisesExtensionAttributes` has fifteen (learn.microsoft.com graph/api/resources)."""
SLOTS = ("user_id", "upn", "upn_localpart", "mail", "mail_localpart", "employee_id", *EXTENSIONS)
"""What may stand in braces in a rule."""

_SLOT = re.compile(r"\{([^{}]*)\}")
_LOCALPART = re.compile(r"[a-z0-9._=/+-]+")


class Source(IntEnum):
    """Who says that an account is somebody's; the smaller is the stronger."""

    SIGN_IN = 1
    LIST = 2
    RULE = 3


class Why(StrEnum):
    """Why somebody is heard by their ghost."""

    NONE = "none"
    """Nobody says which account is theirs."""
    TAKEN = "taken"
    """Somebody else has it by a stronger source."""
    AMBIGUOUS = "ambiguous"
    """Somebody else has it by a source that is as strong."""
    NOT_LOCAL = "not_local"
    """It is of another homeserver, or one of the bridge's own."""
    NO_ACCOUNT = "no_account"
    """The homeserver has none of that name that may be used, or it was deactivated."""
    LOCKED = "locked"
    """An administrator of the homeserver has locked it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What the directory says of somebody; `others` by the names of SLOTS."""

    upn: str | None = None
    is_guest: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That a Matrix account is a person's."""

    person: TeamsUserId
    user: UserId
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a claim does not count, None if it does; `losers` are those whose own ends with it."""

    why: Why | None = None
    losers: Mapping[TeamsUserId, Why] = field(default_factory=dict)


def verdict(claim: Claim, rivals: Collection[Claim]) -> Verdict:
    """Decide between claims for one account: two people never share one.

    Whoever comes first is no better for it: the result is the same in whatever order they come.
    """
    others = [one for one in rivals if one.user == claim.user and one.person != claim.person]
    if any(one.source < claim.source for one in others):
        return Verdict(why=Why.TAKEN)
    equals = {one.person for one in others if one.source == claim.source}
    losers = {one.person: Why.TAKEN for one in others if one.source > claim.source}
    if equals:
        return Verdict(why=Why.AMBIGUOUS, losers=losers | dict.fromkeys(equals, Why.AMBIGUOUS))
    return Verdict(losers=losers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator says: `pairs` by user id or principal name in small letters, then `rule`."""

    pairs: Mapping[str, UserId] = field(default_factory=dict)
    rule: str | None = None

    @property
    def asks(self) -> bool:
        """Whether the directory must be asked about whoever is not listed by their id."""
        return self.rule is not None or any("@" in key for key in self.pairs)

    def listed(self, person: TeamsUserId) -> Claim | None:
        """Return what the list says of a user id."""
        user = self.pairs.get(person.lower())
        return None if user is None else Claim(person=person, user=user, source=Source.LIST)

    def claim(self, person: TeamsUserId, known: Attributes | None) -> Claim | None:
        """Return what list and rule say of somebody whom the directory was asked about."""
        if (listed := self.listed(person)) is not None or known is None:
            return listed
        named = self.pairs.get((known.upn or "").lower())
        if named is not None:
            return Claim(person=person, user=named, source=Source.LIST)
        if self.rule is None or known.is_guest:
            return None
        user = filled(self.rule, values_of(person, known))
        return None if user is None else Claim(person=person, user=user, source=Source.RULE)


def values_of(person: TeamsUserId, known: Attributes) -> Mapping[str, str]:
    """Return what can stand in the slots of a rule."""
    found = dict(known.others) | {"user_id": person}
    found |= {"upn": known.upn} if known.upn else {}
    for name in ("upn", "mail"):
        localpart, at, _ = found.get(name, "").partition("@")
        found |= {f"{name}_localpart": localpart} if at else {}
    return found


def filled(rule: str, values: Mapping[str, str]) -> UserId | None:
    """Fill a rule; None where a value is missing or the result is no user id.

    In small letters, as Matrix has them: principal names and addresses do not differ by case.
    """
    wanted = slots_of(rule)
    given = {name: values.get(name, "").strip().lower() for name in wanted}
    if not all(_LOCALPART.fullmatch(value) for value in given.values()):
        return None  # Nothing, or what could say where the account is.
    user = _SLOT.sub(lambda match: given[match[1]], rule)
    return UserId(user) if is_user_id(user) else None


def slots_of(rule: str) -> list[str]:
    """Return the names in braces."""
    return [match[1] for match in _SLOT.finditer(rule)]


def is_user_id(text: str) -> bool:
    """Tell whether this can be the id of a user who signs up today."""
    localpart, colon, domain = text[1:].partition(":")
    return (
        text.startswith("@")
        and bool(colon and domain)
        and not any(character.isspace() or character == "@" for character in domain)
        and _LOCALPART.fullmatch(localpart) is not None
        and len(text.encode()) <= USER_ID_BYTES_MAX
    )
