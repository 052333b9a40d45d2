"""Users in Graph's form: the properties that come unasked, those that must be asked for.

Sources: learn.microsoft.com graph/api/resources user (which properties are returned by default);
graph/permissions-reference (`User.ReadBasic.All`: "display name, first and last name, email address,
open extensions, and photo"; "only basic profile properties are returned"); guests' sign-in names:
entra/external-id/user-properties.
"""

from __future__ import annotations

from datetime import datetime

from bridge.sandbox.tenant import identities
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User

DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
BASIC = frozenset({"displayName", "givenName", "surname", "mail", "userPrincipalName", "id"})
"""What `User.ReadBasic.All` lets see; anything else is null."""
TEXTS = frozenset(
    [
        "aboutMe",
        "city",
        "companyName",
        "country",
        "department",
        "employeeId",
        "employeeType",
        "faxNumber",
        "givenName",
        "jobTitle",
        "mail",
        "mailNickname",
        "mobilePhone",
        "officeLocation",
        "postalCode",
        "preferredLanguage",
        "state",
        "streetAddress",
        "surname",
        "usageLocation",
    ]
)
"""Properties that are a text or null, and can be set."""
LISTS = frozenset({"businessPhones", "imAddresses", "otherMails", "proxyAddresses"})
ATTRIBUTES = "onPremisesExtensionAttributes"
ATTRIBUTES_COUNT = 15
STORED_ELSEWHERE = frozenset(
    [
        "aboutMe",
        "birthday",
        "hireDate",
        "interests",
        "mySite",
        "pastProjects",
        "preferredName",
        "responsibilities",
        "schools",
        "skills",
    ]
)
"""In SharePoint: not for lists of users (graph/api/resources/user)."""


_UNPLAYED = (
    "ageGroup",
    "authorizationInfo",
    "birthday",
    "consentProvidedForMinor",
    "customSecurityAttributes",
    "deviceEnrollmentLimit",
    "employeeHireDate",
    "employeeLeaveDateTime",
    "employeeOrgData",
    "externalUserStateChangeDateTime",
    "hireDate",
    "identityParentId",
    "isManagementRestricted",
    "isResourceAccount",
    "lastPasswordChangeDateTime",
    "legalAgeGroupClassification",
    "mailboxSettings",
    "mySite",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesUserPrincipalName",
    "passwordPolicies",
    "passwordProfile",
    "preferredDataLocation",
    "preferredName",
    "print",
    "securityIdentifier",
    "showInAddressList",
    "signInActivity",
    "signInSessionsValidFromDateTime",
)
"""Properties that exist and are always null here."""
_UNPLAYED_LISTS = (
    "assignedLicenses",
    "assignedPlans",
    "identities",
    "interests",
    "licenseAssignmentStates",
    "onPremisesProvisioningErrors",
    "pastProjects",
    "provisionedPlans",
    "responsibilities",
    "schools",
    "serviceProvisioningErrors",
    "skills",
)


def every(tenant: Tenant, user: User) -> Json:
    """All properties of a user that are known here."""
    name = identities.shown_name(user)
    first, _, last = (name or "").partition(" ")
    local = user.upn.partition("@")[0]
    found: Json = {
        **dict.fromkeys((*sorted(TEXTS), *_UNPLAYED)),
        **{key: [] for key in (*sorted(LISTS), *_UNPLAYED_LISTS)},
        "id": user.id,
        "displayName": name,
        "givenName": first or None,
        "surname": last or None,
        "mail": _mail(user),
        "userPrincipalName": user.upn,
        "mailNickname": local.replace("#", ""),
        "accountEnabled": user.enabled,
        "userType": "Guest" if user.guest else "Member",
        "creationType": "Invitation" if user.guest else None,
        "externalUserState": "Accepted" if user.guest else None,
        "createdDateTime": stamp(_created(tenant, user)),
        "deletedDateTime": _deleted(tenant, user),
        "onPremisesSyncEnabled": None,
        ATTRIBUTES: {
            f"extensionAttribute{number}": None for number in range(1, ATTRIBUTES_COUNT + 1)
        },
    }
    return found | tenant.directory.profiles.get(user.id, {})


def selected(tenant: Tenant, user: User, names: list[str] | None, *, basic: bool = False) -> Json:
    """The properties that were asked for, or those that come unasked.

    `basic` hides what the caller's permissions do not let it see.
    """
    found = every(tenant, user)
    if basic:
        found |= {name: _hidden(value) for name, value in found.items() if name not in BASIC}
    wanted = DEFAULT if names is None else [canonical(name) for name in names]
    return {name: found[name] for name in wanted if name in found}


def canonical(name: str) -> str:
    """The property of this name in any case; unknown names stay as they are."""
    return _BY_NAME.get(name.strip().casefold(), name)


def _mail(user: User) -> str | None:
    """A guest's address is the one of home: `alice_home.example#EXT#@…` without its disguise."""
    local, mark, _ = user.upn.partition("#EXT#@")
    if not mark:
        return user.upn or None
    name, _, home = local.rpartition("_")
    return f"{name}@{home}"


def _created(tenant: Tenant, user: User) -> datetime:
    return tenant.directory.created.get(user.id, tenant.founded)


def _deleted(tenant: Tenant, user: User) -> str | None:
    gone = tenant.directory.deleted.get(user.id)
    return None if gone is None else stamp(gone.at)


def _hidden(value: object) -> object:
    return [] if isinstance(value, list) else None


_BY_NAME = {
    name.casefold(): name
    for name in (
        *TEXTS,
        *LISTS,
        *DEFAULT,
        *_UNPLAYED,
        *_UNPLAYED_LISTS,
        "accountEnabled",
        "userType",
        "creationType",
        "externalUserState",
        "createdDateTime",
        "deletedDateTime",
        "onPremisesSyncEnabled",
        ATTRIBUTES,
    )
}
KNOWN = frozenset(_BY_NAME.values())
"""Every property of a user."""
