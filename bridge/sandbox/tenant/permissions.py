"""Which permission each operation takes, per kind of token.

The lists follow the permission tables of learn.microsoft.com graph/api (August 2026), the least
privileged first. An empty list means that Graph refuses this kind of token whatever it carries.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.tenant.errors import GraphError, forbidden, not_application_only
from bridge.sandbox.tenant.tokens import Bearer


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Any one of these is enough."""

    delegated: tuple[str, ...] = ()
    application: tuple[str, ...] = ()


_USERS_WIDE = (
    "User.ReadBasic.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "AgentIdUser.ReadWrite.All",
    "AgentIdUser.ReadWrite.IdentityParentedBy",
)
_DEVICE_MANAGEMENT = tuple(
    f"DeviceManagement{part}.{way}.All"
    for part in ("Apps", "Configuration", "ManagedDevices", "ServiceConfig")
    for way in ("Read", "ReadWrite")
)
"""What Intune's administrators read users with."""

LIST_CHATS = Needs(
    delegated=("Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite"),
    application=("Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All"),
)
LIST_CHATS_OF_USER = Needs(
    delegated=("Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite"),
    application=("Chat.ReadBasic.All", "Chat.ReadWrite.All"),
)
CREATE_CHAT = Needs(delegated=("Chat.Create", "Chat.ReadWrite"), application=("Chat.Create",))
# Microsoft lists Chat.ReadWrite.All for one address of a chat or message and not for the other.
GET_CHAT = Needs(
    delegated=("Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite"),
    application=("Chat.ReadBasic.All", "Chat.Read.All"),
)
GET_CHAT_OF_USER = Needs(
    delegated=("Chat.ReadBasic", "Chat.Read", "Chat.ReadWrite"),
    application=("Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All"),
)
UPDATE_CHAT = Needs(delegated=("Chat.ReadWrite",), application=("Chat.ReadWrite.All",))
LIST_MEMBERS = Needs(
    delegated=(
        "Chat.ReadBasic",
        "ChatMember.Read",
        "ChatMember.ReadWrite",
        "Chat.Read",
        "Chat.ReadWrite",
    ),
    application=(
        "ChatMember.Read.All",
        "ChatMember.ReadWrite.All",
        "Chat.ReadBasic.All",
        "Chat.Read.All",
        "Chat.ReadWrite.All",
    ),
)
ADD_MEMBER = Needs(
    delegated=("ChatMember.ReadWrite", "Chat.ReadWrite"),
    application=("ChatMember.ReadWrite.All", "Chat.ReadWrite.All"),
)
REMOVE_MEMBER = Needs(
    delegated=("ChatMember.ReadWrite",), application=("ChatMember.ReadWrite.All",)
)
LIST_MESSAGES = Needs(
    delegated=("Chat.Read", "Chat.ReadWrite"), application=("Chat.Read.All", "Chat.ReadWrite.All")
)
GET_MESSAGE = Needs(
    delegated=("Chat.Read", "Chat.ReadWrite", "Group.Read.All", "Group.ReadWrite.All"),
    application=("Chat.Read.All", "Group.Read.All", "Group.ReadWrite.All"),
)
GET_MESSAGE_OF_USER = Needs(
    delegated=GET_MESSAGE.delegated, application=(*GET_MESSAGE.application, "Chat.ReadWrite.All")
)
SEND_MESSAGE = Needs(
    delegated=("ChatMessage.Send", "Chat.ReadWrite", "Group.ReadWrite.All"),
    application=("Teamwork.Migrate.All",),
)
UPDATE_MESSAGE = Needs(
    delegated=("Chat.ReadWrite", "Group.ReadWrite.All"),
    application=(
        "Chat.UpdatePolicyViolation.All",
        "Chat.ReadWrite.All",
        "Group.ReadWrite.All",
        "Teamwork.Migrate.All",
    ),
)
DELETE_MESSAGE = Needs(delegated=("Chat.ReadWrite",))
REACT = Needs(delegated=("ChatMessage.Send", "Chat.ReadWrite"))
EXPORT_MESSAGES = Needs(application=("Chat.Read.All", "Chat.ReadWrite.All"))
GET_HOSTED_CONTENT = Needs(
    delegated=("Chat.Read", "Chat.ReadWrite", "Group.Read.All", "Group.ReadWrite.All"),
    application=(
        "Chat.Read.All",
        "Chat.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
    ),
)
GET_MYSELF = Needs(delegated=("User.Read", "User.ReadWrite", *_USERS_WIDE))
LIST_USERS = Needs(
    delegated=(*_USERS_WIDE, *_DEVICE_MANAGEMENT),
    application=(*_USERS_WIDE, *_DEVICE_MANAGEMENT, "User.ReadWrite.CrossCloud"),
)
GET_ONESELF = Needs(delegated=("User.Read", "User.ReadWrite", *LIST_USERS.delegated))
"""A user, by the id of the one who is signed in."""
REVOKE_SESSIONS = Needs(
    delegated=("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    application=("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
)


def check(needs: Needs, bearer: Bearer) -> None:
    """Let the bearer pass.

    Raises:
        GraphError: 403 for a missing permission, 412 for the wrong kind of token.
    """
    accepted = needs.application if bearer.user is None else needs.delegated
    if not accepted:
        raise _wrong_kind(bearer)
    if bearer.granted.isdisjoint(accepted):
        raise _missing(accepted, bearer)


def check_directory(needs: Needs, bearer: Bearer) -> None:
    """The same for people and accounts, where another service of Microsoft's says no.

    Raises:
        GraphError: 403 Authorization_RequestDenied.
    """
    accepted = needs.application if bearer.user is None else needs.delegated
    if bearer.granted.isdisjoint(accepted):
        raise GraphError(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )


def _wrong_kind(bearer: Bearer) -> GraphError:
    if bearer.user is None:
        return not_application_only()
    return GraphError(
        412, "PreconditionFailed", "Requested API is not supported in delegated context"
    )


def _missing(accepted: tuple[str, ...], bearer: Bearer) -> GraphError:
    """The text as published in microsoft-graph-docs issue 13117 and others."""
    kind = "role" if bearer.user is None else "scope"
    has = ", ".join(sorted(bearer.granted))
    return forbidden(
        f"Missing {kind} permissions on the request. API requires one of '{', '.join(accepted)}'. "
        f"{kind.capitalize()}s on the request '{has}'."
    )
