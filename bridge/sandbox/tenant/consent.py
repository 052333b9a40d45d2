"""Delegated scopes: how they are written, who may agree to them, who did.

A bare name means Graph (learn.microsoft.com entra scopes-oidc). Which scopes a user may agree to
alone follows the "Admin consent required" column of graph/permissions-reference and Microsoft's
default consent policy, which keeps chats and files for administrators. An organisation may also
leave all or nothing to its users (entra configure-user-consent).
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.tenant.aadsts import refusal
from bridge.sandbox.tenant.signin_state import UserConsent
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.tokens import GRAPH_APP
from bridge.sandbox.tenant.world import App, User

OPENID = frozenset({"openid", "profile", "email", "offline_access"})
USER_CONSENTABLE = frozenset(
    {
        "User.Read",
        "User.ReadBasic.All",
        "Chat.ReadBasic",
        "Chat.Create",
        "ChatMessage.Send",
        "ChannelMessage.Send",
        "Team.ReadBasic.All",
        "Channel.ReadBasic.All",
        "Presence.Read",
        "Presence.Read.All",
        "Presence.ReadWrite",
    }
)
ADMIN_ONLY = frozenset(
    {
        "ChannelMember.Read.All",
        "ChannelMember.ReadWrite.All",
        "ChannelMessage.Read.All",
        "ChannelMessage.ReadWrite",
        "ChatMember.Read",
        "ChatMember.ReadWrite",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
        "TeamMember.Read.All",
        "TeamMember.ReadWrite.All",
        "TeamSettings.Read.All",
        "TeamSettings.ReadWrite.All",
        "TeamworkTag.ReadWrite",
        "User.Read.All",
        "User.ReadWrite.All",
    }
)
"""Whatever the organisation allows its users."""
DEFAULT = ".default"
"""Everything that is granted already, or that the registration lists."""
SCOPES_MAX = 100
_GRAPH_NAMES = ("https://graph.microsoft.com", GRAPH_APP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """A scope parameter, taken apart."""

    names: tuple[str, ...]
    """Permissions of Graph, without the resource; `.default` stands for all that is granted."""
    openid: frozenset[str]
    prefix: str
    """How the client wrote the resource, so that the answer is written alike."""

    def answered(self, granted: set[str]) -> str:
        """The `scope` of the answer: everything granted, in the client's own way of writing."""
        named = [name for name in self.names if name != DEFAULT]
        rest = sorted(granted - set(named))
        shown = [f"{self.prefix}{name}" for name in [*named, *rest]]
        return " ".join([*shown, *sorted(self.openid - {"offline_access"})])


def read_scopes(tenant: Tenant, text: str) -> Scopes:
    """Take a scope parameter apart.

    Raises:
        SigninError: A scope of another resource than Graph, or of none that exists.
    """
    names: list[str] = []
    openid: set[str] = set()
    prefix = ""
    items = text.split()
    if not items or len(items) > SCOPES_MAX:
        raise refusal(70011, given=text)
    for item in items:
        if item in OPENID:
            openid.add(item)
            continue
        resource, slash, name = item.rpartition("/")
        if slash:
            if resource.rstrip("/") not in (tenant.site.base, *_GRAPH_NAMES):
                raise refusal(500011, given=resource, tenant=tenant.name)
            prefix = resource + slash
        names.append(name)
    if any(not name for name in names) or (DEFAULT in names and len(set(names)) > 1):
        raise refusal(70011, given=text)
    return Scopes(names=tuple(dict.fromkeys(names)), openid=frozenset(openid), prefix=prefix)


def granted(app: App, user: User) -> set[str]:
    """What the app may do on behalf of the user: all consents, the administrator's included."""
    return app.scopes | user.consents.get(app.id, set())


def missing(tenant: Tenant, app: App, user: User, names: tuple[str, ...]) -> set[str]:
    """What of it nobody has agreed to; `.default` stands for all that the registration lists."""
    wanted = set(names)
    if DEFAULT in wanted:
        wanted |= tenant.signin.registration(app.id).required_scopes
    return wanted - granted(app, user) - {DEFAULT}


def agree(tenant: Tenant, app: App, user: User, names: set[str], *, everyone: bool = False) -> None:
    """The user agrees; an administrator may do so for `everyone`.

    Raises:
        SigninError: 90094, only an administrator can agree to one of these.
    """
    beyond = sorted(names - _allowed(tenant, names))
    if beyond and not user.admin:
        raise refusal(90094, scopes=", ".join(beyond), app=app.id)
    if everyone and user.admin:
        app.scopes |= names
    else:
        user.consents.setdefault(app.id, set()).update(names)


def revoke(tenant: Tenant, app: App, names: set[str] | None = None) -> None:
    """Take delegated permissions away from everyone, all of them by default.

    Tokens that were given out work on until they end, as Microsoft's do.
    """
    for held in (app.scopes, *(user.consents.get(app.id) for user in tenant.users.values())):
        if held is not None:
            held.difference_update(held.copy() if names is None else names)


def _allowed(tenant: Tenant, names: set[str]) -> set[str]:
    """What of it the organisation leaves to its users."""
    match tenant.signin.user_consent:
        case UserConsent.MICROSOFT:
            return names & USER_CONSENTABLE
        case UserConsent.ALL:
            return names - ADMIN_ONLY
        case UserConsent.NONE:
            return set()
