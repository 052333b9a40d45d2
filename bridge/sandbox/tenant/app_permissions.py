"""Who may see, install and remove Teams apps, in chats, in teams and of users.

The lists follow the permission tables of learn.microsoft.com graph/api (August 2026); the grants of
a place that count as well are in `rsc.py`. A permission with `Self` in its name is good for the
caller's own Teams app only, and only those with `AndConsent` allow to consent to resource-specific
permissions (graph/api chat-post-installedapps, note 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.sandbox.tenant.call import Call
from bridge.sandbox.tenant.errors import forbidden
from bridge.sandbox.tenant.permissions import Needs

_PREFIX = "TeamsAppInstallation."
_WRITES = ("ManageSelected", "ReadWrite", "ReadWriteSelf")
_CONSENTS = ("ReadWriteAndConsent", "ReadWriteAndConsentSelf")
_CONSENTERS = (*_CONSENTS, "ManageSelected")
_DIRECTORY_READ = (
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
)
_DIRECTORY_WRITE = ("Directory.ReadWrite.All", "Group.ReadWrite.All")

LIST_APPS = Needs(
    delegated=(
        "AppCatalog.Submit",
        "AppCatalog.Read.All",
        "AppCatalog.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
    application=("AppCatalog.Read.All", "AppCatalog.ReadWrite.All"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of place for apps, with what each operation there takes."""

    scope: Literal["Chat", "Team", "User"]
    collection: str
    list: str
    reads: Needs
    gets: Needs
    installs: Needs
    upgrades: Needs
    removes: Needs

    @property
    def consents(self) -> tuple[str, ...]:
        """Permissions of both kinds that allow to consent to what an app asks for there."""
        return tuple(
            f"{_PREFIX}{stem}For{self.scope}{end}" for stem in _CONSENTERS for end in ("", ".All")
        )


def check_own(call: Call, needs: Needs, client_id: str | None) -> None:
    """Let the caller touch this app, knowing that it has one of the permissions.

    Raises:
        GraphError: 403, its permissions are good for its own app only.
    """
    accepted = needs.application if call.user is None else needs.delegated
    held = call.bearer.granted.intersection(accepted)
    if held and all("Self" in name for name in held) and client_id != call.app.id:
        raise forbidden("The caller may manage its own app only.")


def consents_allowed(call: Call, kind: Kind) -> bool:
    return not call.bearer.granted.isdisjoint(kind.consents)


def _needs(
    scope: str,
    stems: tuple[str, ...],
    more: tuple[str, ...] = (),
    app_more: tuple[str, ...] = (),
) -> Needs:
    names = tuple(f"{_PREFIX}{stem}For{scope}" for stem in stems)
    return Needs(
        delegated=(*names, *more),
        application=(*(f"{name}.All" for name in names), *more, *app_more),
    )


_READ_ALL = (f"{_PREFIX}Read.All",)
CHAT = Kind(
    scope="Chat",
    collection="chats",
    list="installedApps",
    reads=_needs("Chat", ("Read", *_CONSENTS, *_WRITES), app_more=_READ_ALL),
    gets=_needs("Chat", ("Read", *_WRITES), app_more=_READ_ALL),
    installs=_needs("Chat", (*_CONSENTS, *_WRITES)),
    upgrades=_needs("Chat", (*_CONSENTS, *_WRITES)),
    removes=_needs("Chat", _WRITES),
)
TEAM = Kind(
    scope="Team",
    collection="teams",
    list="installedApps",
    reads=_needs("Team", ("Read", *_CONSENTS, *_WRITES), _DIRECTORY_READ, _READ_ALL),
    gets=_needs("Team", ("Read", *_CONSENTS, *_WRITES), _DIRECTORY_READ, _READ_ALL),
    installs=Needs(
        # Of the two that consent, a user's token may have the one for the app itself only.
        delegated=_needs("Team", (_CONSENTS[1], *_WRITES), _DIRECTORY_WRITE).delegated,
        application=_needs("Team", (*_CONSENTS, *_WRITES), _DIRECTORY_WRITE).application,
    ),
    upgrades=_needs("Team", (*_CONSENTS, *_WRITES), _DIRECTORY_WRITE),
    removes=_needs("Team", _WRITES, _DIRECTORY_WRITE),
)
_USER_WRITES = (*_CONSENTS, *_WRITES, "ReadWriteSelected")
USER = Kind(
    scope="User",
    collection="users",
    list="teamwork/installedApps",
    reads=_needs("User", ("Read", *_USER_WRITES), app_more=_READ_ALL),
    gets=_needs("User", ("Read", *_USER_WRITES), app_more=_READ_ALL),
    installs=_needs("User", _USER_WRITES),
    upgrades=_needs("User", _USER_WRITES),
    removes=_needs("User", _USER_WRITES),
)
READ_ENABLED = _needs("Team", ("Read", "ManageSelected", "ReadWrite"), app_more=_READ_ALL)
ENABLE = _needs("Team", ("ManageSelected", "ReadWrite"))
