"""Who somebody is to the organisation: Graph's identities and members -> `Person`, `Member`. Total.

    user         userIdentityType ────────▶ <id>                 everybody who is human
    application  applicationIdentityType ─▶ app:<id>             bots, webhooks
    device ───────────────────────────────▶ device:<id>
    a name without an id ─────────────────▶ nameless:<digest>
    none of them ─────────────────────────▶ None

The ids name ghosts, and lie in databases: an id of one kind is never that of another, and one that
no Matrix user id can hold is replaced by a digest of it. Guests of the own directory are told as
such by their memberships and by the directory only: Graph calls them users here.
Sources: learn.microsoft.com graph/api resources teamworkuseridentity,
teamworkapplicationidentity, chatmessagefromidentityset, conversationmember and what derives from it.
"""

from __future__ import annotations

import re

from bridge.domain.events import Person, PersonKind
from bridge.domain.ids import TeamsUserId, TenantId, digest
from bridge.domain.portal import Member, Role
from bridge.teams.fields import Json, child, text

USER, APPLICATION, DEVICE, NAMELESS, LONG = "user:", "app:", "device:", "nameless:", "long:"
_RESERVED = (USER, APPLICATION, DEVICE, NAMELESS, LONG)
"""A user whose id begins so is named with `USER` before it: such ids are never another's."""
ID_ENCODED_MAX = 150
"""Characters that an id may take in a Matrix user id, of whose 255 the rest is the template's and
the homeserver's; every character but a-z 0-9 . - takes three for each of its bytes."""

UNKNOWN = Person(id=NAMELESS, kind=PersonKind.ANONYMOUS)
"""Whoever said what Graph gives no author of."""

_USER_KINDS = {
    "aaduser": PersonKind.USER,
    "onpremiseaaduser": PersonKind.USER,
    "anonymousguest": PersonKind.ANONYMOUS,
    "federateduser": PersonKind.FEDERATED,
    "personalmicrosoftaccountuser": PersonKind.CONSUMER,
    "skypeuser": PersonKind.CONSUMER,
    "phoneuser": PersonKind.PHONE,
    "emailuser": PersonKind.EMAIL,
    "azurecommunicationservicesuser": PersonKind.ANONYMOUS,
}
_APPLICATION_KINDS = {
    "office365connector": PersonKind.WEBHOOK,
    "outgoingwebhook": PersonKind.WEBHOOK,
}
_MEMBER_KINDS = {
    "microsoftaccountuser": (PersonKind.CONSUMER, "userId"),
    "anonymousguest": (PersonKind.ANONYMOUS, "anonymousGuestId"),
    "azurecommunicationservicesuser": (PersonKind.ANONYMOUS, "azureCommunicationServicesId"),
    "phoneuser": (PersonKind.PHONE, "phoneNumber"),
    "skypeuser": (PersonKind.CONSUMER, "skypeId"),
    "skypeforbusinessuser": (PersonKind.FEDERATED, "userId"),
}
"""By the name of the type: who is of it, and the property that holds the id."""
_MEMBER_TYPE = re.compile(r"#?(?:microsoft\.graph\.)?(\w+?)conversationmember", re.IGNORECASE)
_HAS_HOME = frozenset({PersonKind.USER, PersonKind.FEDERATED})
_PHONE = re.compile(r"(?:4:)?\+?\d{5,}")
_GUEST = re.compile(r"\s*\(guest\)\s*$", re.IGNORECASE)
"""What Teams itself puts behind the name of somebody who came by a link (graph/system-messages)."""
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_SPARE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.-")


def author(identity: Json) -> Person | None:
    """Read a chatMessageFromIdentitySet, or an identitySet: a user, else an application or device."""
    known: list[Person] = []
    for name, read in _KINDS:
        who = child(identity, name)
        person = read(who) if who else None
        if person is not None and not person.id.startswith(NAMELESS):
            return person
        if person is not None:
            known.append(person)
    return known[0] if known else None


def member(item: Json) -> Member:
    """Read a conversationMember of any kind."""
    kind, name = _member_kind(item)
    role, key = _role(item.get("roles")), text(item, name)
    if kind is PersonKind.USER and role is Role.GUEST:
        kind = PersonKind.GUEST
    return Member(
        id=None if key is None else TeamsUserId(id_of(key)),
        name=_name(item, kind, key),
        role=role,
        kind=kind,
        home=_home(item) if kind in _HAS_HOME else None,
        organisation=domain_of(text(item, "email")),
    )


def id_of(key: str, prefix: str = "") -> str:
    """Return the id that stands for what Graph calls `key`; two of Graph's are never one of ours."""
    if _is_guid(key):  # Nearly everybody; none of the questions below can arise.
        return prefix + key.lower()
    whole = prefix + key
    if not prefix and whole.startswith(_RESERVED):
        whole = USER + whole
    raw = whole.encode(errors="surrogatepass")
    if sum(1 if byte in _SPARE else 3 for byte in raw) > ID_ENCODED_MAX or not _is_text(whole):
        return LONG + digest(raw.hex())
    return whole


def domain_of(address: str | None) -> str | None:
    """Return the domain of an e-mail address, None where that is none."""
    domain = (address or "").rpartition("@")[2].lower()
    return domain if _DOMAIN.fullmatch(domain) else None


def _user(who: Json) -> Person | None:
    key = text(who, "id")
    kind = _user_kind(text(who, "userIdentityType"), key or "")
    name = _name(who, kind, key)
    if key is None:
        return _nameless(name, kind)
    home = _home(who) if kind in _HAS_HOME else None
    return Person(id=id_of(key), name=name, kind=kind, home=home)


def _application(who: Json) -> Person | None:
    kind = (text(who, "applicationIdentityType") or "").lower()
    return _machine(who, APPLICATION, _APPLICATION_KINDS.get(kind, PersonKind.BOT))


def _device(who: Json) -> Person | None:
    return _machine(who, DEVICE, PersonKind.BOT)


def _machine(who: Json, prefix: str, kind: PersonKind) -> Person | None:
    key, name = text(who, "id"), _name(who, kind, None)
    if key is None:
        return _nameless(name, kind)
    return Person(id=id_of(key, prefix), name=name, kind=kind)


def _nameless(name: str | None, kind: PersonKind) -> Person | None:
    """Somebody of whom Graph gives no more than a name is one person by that name."""
    if name is None:
        return None
    key = NAMELESS + digest(kind, name.encode(errors="surrogatepass").hex())
    return Person(id=key, name=name, kind=kind)


def _user_kind(said: str | None, key: str) -> PersonKind:
    """Graph's word, else what the form of the id says: accounts of a directory have GUIDs."""
    known = _USER_KINDS.get((said or "").lower())
    if known is not None:
        return known
    if _is_guid(key):
        return PersonKind.USER
    if _PHONE.fullmatch(key):
        return PersonKind.PHONE
    if key.startswith("live:"):
        return PersonKind.CONSUMER
    return PersonKind.EMAIL if domain_of(key) and "@" in key else PersonKind.ANONYMOUS


def _member_kind(item: Json) -> tuple[PersonKind, str]:
    found = _MEMBER_TYPE.fullmatch(text(item, "@odata.type") or "")
    return _MEMBER_KINDS.get(found[1].lower() if found else "", (PersonKind.USER, "userId"))


def _name(who: Json, kind: PersonKind, key: str | None) -> str | None:
    """Phones and e-mail senders are called by their number or address where they have no name."""
    name = (text(who, "displayName") or "").strip()
    if kind is PersonKind.ANONYMOUS:
        name = _GUEST.sub("", name)
    if not name and kind in (PersonKind.PHONE, PersonKind.EMAIL):
        return key
    return name or None


def _home(who: Json) -> TenantId | None:
    tenant = text(who, "tenantId")
    return TenantId(tenant.lower()) if tenant is not None and _is_guid(tenant) else None


def _role(roles: object) -> Role:
    """Whoever is owner and guest is a guest: Graph calls people of other organisations owners."""
    given = (
        {role.lower() for role in roles if isinstance(role, str)}
        if isinstance(roles, list)
        else set()
    )
    return next((role for role in (Role.GUEST, Role.OWNER) if role.value in given), Role.MEMBER)


_KINDS = (("user", _user), ("application", _application), ("device", _device))


def _is_guid(key: str) -> bool:
    return _GUID.fullmatch(key) is not None


def _is_text(key: str) -> bool:
    """Whether Postgres and Matrix can hold it: no halves of surrogate pairs, no NUL."""
    return "\0" not in key and not any("\ud800" <= c <= "\udfff" for c in key)
