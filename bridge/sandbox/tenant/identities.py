"""People, robots and memberships in Graph's form, whatever kind they are of.

Sources: learn.microsoft.com graph/api/resources teamworkuseridentity, identityset,
aaduserconversationmember, anonymousguestconversationmember, phoneuserconversationmember,
skypeuserconversationmember, skypeforbusinessuserconversationmember,
microsoftaccountuserconversationmember, azurecommunicationservicesuserconversationmember.
"""

from __future__ import annotations

from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.identity import Face, NameForm, PersonKind, Robot, RobotKind
from bridge.sandbox.tenant.world import Member, User

ALL_HISTORY = "0001-01-01T00:00:00Z"
_PLAIN = Face()
_WITHOUT_TYPE = {
    PersonKind.SKYPE_FOR_BUSINESS: "federatedUser",
    PersonKind.COMMUNICATION_SERVICES: "unknownFutureValue",
}
_MEMBER_TYPES = {
    PersonKind.ANONYMOUS: ("anonymousGuest", "anonymousGuestId"),
    PersonKind.PERSONAL: ("microsoftAccountUser", "userId"),
    PersonKind.PHONE: ("phoneUser", "phoneNumber"),
    PersonKind.SKYPE: ("skypeUser", "skypeId"),
    PersonKind.SKYPE_FOR_BUSINESS: ("skypeForBusinessUser", "userId"),
    PersonKind.COMMUNICATION_SERVICES: (
        "azureCommunicationServicesUser",
        "azureCommunicationServicesId",
    ),
}
"""The type's name, and its property that holds the person's id."""


def person(user: User, tenant_id: str) -> Json:
    """A teamworkUserIdentity."""
    kind = (user.face or _PLAIN).kind
    return {
        "@odata.type": "#microsoft.graph.teamworkUserIdentity",
        "id": user.id,
        "displayName": shown_name(user),
        "userIdentityType": _WITHOUT_TYPE.get(kind, kind.value),
        "tenantId": tenant_id if user.face is None else user.face.tenant_id,
    }


def robot(seen: Robot) -> Json:
    """A teamworkApplicationIdentity, or the plain identity of a device."""
    if seen.kind is RobotKind.DEVICE:
        return {"id": seen.id, "displayName": seen.display_name}
    return {
        "@odata.type": "#microsoft.graph.teamworkApplicationIdentity",
        "id": seen.id,
        "displayName": seen.display_name,
        "applicationIdentityType": seen.kind.value,
    }


def identity_set(who: User | Robot | None, tenant_id: str) -> Json:
    """An identitySet with at most one identity in it."""
    found: Json = {"application": None, "device": None, "user": None}
    if isinstance(who, User):
        found["user"] = person(who, tenant_id)
    elif who is not None:
        found["device" if who.kind is RobotKind.DEVICE else "application"] = robot(who)
    return found


def member(seen: Member, tenant_id: str) -> Json:
    """A conversationMember of the type that fits the person."""
    user, since = seen.user, seen.visible_from
    face = user.face or _PLAIN
    name, own_id = _MEMBER_TYPES.get(face.kind, ("aadUser", "userId"))
    shown: Json = {
        "@odata.type": f"#microsoft.graph.{name}ConversationMember",
        "id": seen.id,
        "roles": list(seen.roles),
        "displayName": shown_name(user),
        "visibleHistoryStartDateTime": ALL_HISTORY if since is None else stamp(since),
        own_id: user.id,
    }
    home = tenant_id if user.face is None else face.tenant_id
    if name == "aadUser":
        shown |= {"email": user.upn or None, "tenantId": home}
    elif name == "skypeForBusinessUser":
        shown["tenantId"] = home
    shown |= dict.fromkeys(face.null & shown.keys())
    return {key: value for key, value in shown.items() if key not in face.absent}


def shown_name(user: User) -> str | None:
    """The display name as this tenant may see it."""
    match (user.face or _PLAIN).name:
        case NameForm.SHOWN:
            return user.display_name
        case NameForm.EMPTY:
            return ""
        case NameForm.NULL:
            return None


def is_foreign(user: User) -> bool:
    """Whether the person belongs to another organisation, or to none."""
    return user.face is not None and user.face.kind not in (PersonKind.AAD, PersonKind.ON_PREMISE)
