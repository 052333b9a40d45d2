"""Teams apps: which there are, where they are installed, and what they were granted there.

A place is a chat, a team or a user, by its id. Whoever installs an app consents to the
resource-specific permissions of its manifest for that one place (learn.microsoft.com
microsoftteams/platform graph-api/rsc/resource-specific-consent).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

APPS_MAX = 1000
"""Teams apps in one catalogue."""
INSTALLED_MAX = 100
"""Teams apps in one chat, team or user."""
PERMISSIONS_MAX = 100
"""Resource-specific permissions of one app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One resource-specific permission; `kind` is `Application` or `Delegated`."""

    name: str
    kind: str = "Application"


@dataclass(slots=True, kw_only=True)
class TeamsApp:
    """An app of the organisation's catalogue."""

    id: str
    external_id: str
    """The id in the manifest that the developer wrote."""
    name: str
    client_id: str | None
    """The registration that calls Graph: `webApplicationInfo.id` of the manifest."""
    consents: tuple[Consent, ...] = ()
    version: str = "1.0.0"

    @property
    def definition_id(self) -> str:
        """Opaque to clients; Graph's is the base64 of these three parts."""
        return _encoded(f"{self.id}##{self.version}##Published")


@dataclass(slots=True, kw_only=True)
class Installation:
    """One app in one place; `channels` are those private and shared ones it was added to."""

    app: TeamsApp
    place: str
    consents: tuple[Consent, ...] = ()
    channels: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return installation_id(self.place, self.app.id)


@dataclass(slots=True)
class Catalog:
    """All Teams apps of a tenant, by id, and their installations, by place and app."""

    apps: dict[str, TeamsApp] = field(default_factory=dict)
    installed: dict[str, dict[str, Installation]] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    """Registered apps, by client id, that Microsoft approved for its protected APIs."""

    def at(self, place: str) -> dict[str, Installation]:
        """The installations in a place by Teams app id; empty where there are none."""
        return self.installed.get(place, {})

    def install(self, app: TeamsApp, place: str, consents: tuple[Consent, ...]) -> Installation:
        """Put the app there, in the place of an earlier installation of it if there is one."""
        made = Installation(app=app, place=place, consents=consents)
        earlier = self.at(place).get(app.id)
        if earlier is not None:
            made.channels = earlier.channels
        self.installed.setdefault(place, {})[app.id] = made
        return made

    def uninstall(self, found: Installation) -> None:
        here = self.installed.get(found.place, {})
        here.pop(found.app.id, None)
        if not here:
            self.installed.pop(found.place, None)

    def of_client(self, place: str, client_id: str) -> list[Installation]:
        """What is installed there of the apps that call Graph with this registration."""
        return [item for item in self.at(place).values() if item.app.client_id == client_id]


def installation_id(place: str, app_id: str) -> str:
    """Opaque to clients; Graph's is the base64 of these two parts."""
    return _encoded(f"{place}##{app_id}")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
