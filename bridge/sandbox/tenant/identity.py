"""Who can say something in Teams besides the people of this tenant: values only.

A `Face` says how Graph shows a person who is not plainly a user of this tenant; a `Robot` is an
application or a device. `people_kinds.py` brings them in, `render.py` gives them Graph's form.

Sources: learn.microsoft.com graph/api/resources teamworkuseridentity,
teamworkapplicationidentity, conversationmember and the types derived from it; that the display
name, the tenant's id and the address are often missing is in graph/known-issues.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class PersonKind(StrEnum):
    """Microsoft's `userIdentityType`; the last two are kinds of member without one in v1.0."""

    AAD = "aadUser"
    ON_PREMISE = "onPremiseAadUser"
    ANONYMOUS = "anonymousGuest"
    FEDERATED = "federatedUser"
    PERSONAL = "personalMicrosoftAccountUser"
    SKYPE = "skypeUser"
    PHONE = "phoneUser"
    EMAIL = "emailUser"
    SKYPE_FOR_BUSINESS = "skypeForBusinessUser"
    COMMUNICATION_SERVICES = "azureCommunicationServicesUser"


class NameForm(StrEnum):
    """What stands in `displayName`."""

    SHOWN = "shown"
    NULL = "null"
    EMPTY = "empty"


class RobotKind(StrEnum):
    """Microsoft's `applicationIdentityType`, and a device, which is an identity of its own."""

    APPLICATION = "aadApplication"
    BOT = "bot"
    TENANT_BOT = "tenantBot"
    CONNECTOR = "office365Connector"
    WEBHOOK = "outgoingWebhook"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How Graph shows a person; `tenant_id` None is a null `tenantId`."""

    kind: PersonKind = PersonKind.AAD
    tenant_id: str | None = None
    name: NameForm = NameForm.SHOWN
    null: frozenset[str] = field(default=frozenset())
    """Properties of the person's membership that are null."""
    absent: frozenset[str] = field(default=frozenset())
    """Properties of the person's membership that are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """A sender that is no person."""

    id: str
    display_name: str | None
    kind: RobotKind
