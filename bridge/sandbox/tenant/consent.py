"""Delegated scopes: how they are written, who may agree to them, who did.

A bare name means Graph (learn.microsoft.com entra scopes-oidc). Which scopes a user may agree to
alone follows the "Admin consent required" column of graph/permissions-reference and Microsoft's
default consent policy, which keeps chats and files for administrators.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.tenant.errors import SigninError
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
        named = [name for name in self.names if name != ".default"]
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
        raise _bad_scope(text)
    for item in items:
        if item in OPENID:
            openid.add(item)
            continue
        resource, slash, name = item.rpartition("/")
        if slash:
            if resource.rstrip("/") not in (tenant.site.base, *_GRAPH_NAMES):
                raise _unknown_resource(resource)
            prefix = resource + slash
        names.append(name)
    if any(not name for name in names) or (".default" in names and len(set(names)) > 1):
        raise _bad_scope(text)
    return Scopes(names=tuple(dict.fromkeys(names)), openid=frozenset(openid), prefix=prefix)


def granted(app: App, user: User) -> set[str]:
    """What the app may do on behalf of the user: all consents, the administrator's included."""
    return app.scopes | user.consents.get(app.id, set())


def missing(app: App, user: User, names: tuple[str, ...]) -> set[str]:
    return set(names) - granted(app, user) - {".default"}


def agree(app: App, user: User, names: set[str]) -> None:
    """The user agrees.

    Raises:
        SigninError: Only an administrator can agree to one of these.
    """
    beyond = sorted(names - USER_CONSENTABLE)
    if beyond:
        raise SigninError(
            "access_denied",
            90094,
            f"An administrator of the organisation must grant {', '.join(beyond)} to "
            f"application '{app.id}'.",
        )
    user.consents.setdefault(app.id, set()).update(names)


def _bad_scope(text: str) -> SigninError:
    return SigninError(
        "invalid_scope",
        70011,
        "The provided request must include a 'scope' input "
        f"parameter. The provided value for the input parameter 'scope' is not "
        f"valid. The scope {text} is not valid.",
    )


def _unknown_resource(resource: str) -> SigninError:
    return SigninError(
        "invalid_resource",
        500011,
        f"The resource principal named {resource} was not found in the tenant.",
    )
