"""What a ghost is to show of the person whom it stands for, and who has a say in it. Pure.

    what a message says of its author ── heard ─┐
                                                ├─▶ Likeness ─▶ name, picture and profile as shown
    what the directory says of them ──── seen ──┘

The directory has the last word about its own people: an old message that is read later brings no old
name back. Everybody else is as their messages say. An application keeps the name that it was heard
under first: several webhooks speak through one application, each message under a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum

from bridge.domain.events import Person, PersonKind
from bridge.domain.ids import TenantId
from bridge.domain.values import dataclass

APPLICATIONS = frozenset({PersonKind.BOT, PersonKind.WEBHOOK})
_OF_THE_DIRECTORY = frozenset({PersonKind.USER, PersonKind.GUEST})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Standing(StrEnum):
    """What has become of an account."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class Facet(StrEnum):
    """What of a profile can be shown beside name and picture."""

    JOB_TITLE = "job_title"
    DEPARTMENT = "department"
    OFFICE = "office"
    MAIL = "mail"
    TIME_ZONE = "time_zone"


Facets = Mapping[Facet, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that was copied: Graph's name for it, a digest of its bytes, and where it lies now.

    `uri` is "" for one that cannot be shown.
    """

    tag: str
    digest: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Somebody as their ghost shows them; `standing` is None until the directory was seen to know them.

    `home` is the tenant of somebody of another organisation: Graph finds them by it alone.
    """

    name: str | None = None
    kind: PersonKind = PersonKind.USER
    organisation: str | None = None
    home: TenantId | None = None
    standing: Standing | None = None
    picture: Picture | None = None
    facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Somebody as the directory has them now; it keeps those who were deleted for a while."""

    name: str | None
    standing: Standing
    is_guest: bool = False
    facets: Facets = field(default_factory=dict)


def heard(known: Likeness | None, person: Person) -> Likeness:
    """Return what is known of somebody, now that a side has named them so."""
    if known is None:
        return Likeness(
            name=person.name,
            kind=person.kind,
            organisation=person.organisation,
            home=person.home,
        )
    if known.standing is not None:
        return known
    # Whoever only reacted is often named without their kind.
    kind = known.kind if person.kind is PersonKind.USER else person.kind
    name = _own_name(known, person, kind)
    organisation, home = person.organisation or known.organisation, person.home or known.home
    now = replace(known, name=name, kind=kind, organisation=organisation, home=home)
    return known if now == known else now


def _own_name(known: Likeness, person: Person, kind: PersonKind) -> str | None:
    if kind in APPLICATIONS:
        return known.name or person.name
    return person.name or known.name


def seen(known: Likeness, profile: Profile | None) -> Likeness:
    """Return what is known of somebody, now that the directory was asked; None: it has no such account.

    Whom it never had may be of elsewhere, whatever Graph calls them; whom it had and has no more was
    deleted.
    """
    if profile is None:
        gone = known.standing is not None
        return replace(known, standing=Standing.DELETED, facets={}) if gone else known
    return replace(
        known,
        name=profile.name or known.name,
        kind=PersonKind.GUEST if profile.is_guest else PersonKind.USER,
        standing=profile.standing,
        facets={} if profile.standing is Standing.DELETED else profile.facets,
    )


def is_account(person: str) -> bool:
    """Tell whether an id is one that accounts of a directory have, whichever."""
    return _GUID.fullmatch(person) is not None


def may_be_in_directory(person: str, known: Likeness) -> bool:
    """Tell whether the own directory can be asked about somebody."""
    return known.kind in _OF_THE_DIRECTORY and is_account(person)


def contradicts(known: Likeness, person: Person) -> bool:
    """Tell whether somebody is named otherwise than the directory had them: it may be out of date."""
    return known.standing is not None and person.name is not None and person.name != known.name


def alias(known: Likeness, person: Person) -> str | None:
    """Return the name that an application uses just now, if it is not its ghost's."""
    if known.kind not in APPLICATIONS or person.name is None or person.name == known.name:
        return None
    return person.name


class PictureStep(StrEnum):
    """What is to be done about a picture."""

    KEEP = "keep"
    FETCH = "fetch"
    REMOVE = "remove"


def about_picture(likeness: Likeness, tag: str | None) -> PictureStep:
    """Decide about a picture, of which `tag` is Graph's name; None: there is none."""
    if likeness.standing is Standing.DELETED:
        tag = None
    shown = likeness.picture
    if tag is None:
        return PictureStep.KEEP if shown is None else PictureStep.REMOVE
    return PictureStep.KEEP if shown is not None and shown.tag == tag else PictureStep.FETCH
