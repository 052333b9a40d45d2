"""Teams apps come and go, through Graph or in the Teams client; a system message tells of it.

Nobody is asked for permission here (learn.microsoft.com graph/system-messages: `teamsAppInstalled`,
`teamsAppUpgraded`, `teamsAppRemoved`, in chats and in a team's General channel).
"""

from __future__ import annotations

from bridge.sandbox.tenant import system_events
from bridge.sandbox.tenant.catalog import Consent, Installation, TeamsApp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User

Doer = User | Robot | None


def install(
    tenant: Tenant, app: TeamsApp, place: str, consents: tuple[Consent, ...], by: Doer = None
) -> Installation:
    """Put the app there or, where it is already, bring it up to date."""
    known = app.id in tenant.catalog.at(place)
    made = tenant.catalog.install(app, place, consents)
    _tell(tenant, made, "teamsAppUpgraded" if known else "teamsAppInstalled", by)
    return made


def uninstall(tenant: Tenant, found: Installation, by: Doer = None) -> None:
    """Take the app away, with everything that it was granted there."""
    tenant.catalog.uninstall(found)
    _tell(tenant, found, "teamsAppRemoved", by)


def _tell(tenant: Tenant, item: Installation, kind: str, by: Doer) -> None:
    given: Json = {"teamsAppId": item.app.id, "teamsAppDisplayName": item.app.name}
    chat = tenant.chats.get(item.place)
    team = tenant.teams.get(item.place)
    if chat is not None:
        system_events.tell(tenant, chat, kind, by, (), given)
    elif team is not None:
        system_events.tell_team(tenant, team, kind, by, (), given)
