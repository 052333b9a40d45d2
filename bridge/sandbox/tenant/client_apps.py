"""Teams apps, imports, deleted things and delta tokens, from the control interface's client.

apps = AppsControl(tenant)
app = await apps.publish(client_id=client, permissions=["ChatMessage.Read.Chat"])
await apps.install(app, chat)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json


class AppsControl:
    """What can be done to one tenant; everything raises ControlError where it makes no sense."""

    def __init__(self, tenant: ControlledTenant) -> None:
        self._tenant = tenant

    async def publish(
        self,
        *,
        client_id: str | None = None,
        permissions: Sequence[str] = (),
        delegated_permissions: Sequence[str] = (),
        **more: str,
    ) -> str:
        """Put a Teams app into the catalogue and return its id there.

        `client_id` is the registration that calls Graph; the permissions are resource-specific.
        Further: `id` (to replace an app), `external_id`, `name`, `version`.
        """
        body: Json = {
            "client_id": client_id,
            "permissions": list(permissions),
            "delegated_permissions": list(delegated_permissions),
            **more,
        }
        return str((await self._tenant.call("POST", "/teams-apps", body))["id"])

    async def install(self, app: str, place: str, *, by: str | None = None) -> str:
        """Install in a chat, a team or for a user (by id), with consent to what it asks for."""
        body: Json = {"place": place, "by": by}
        answer = await self._tenant.call("POST", f"/teams-apps/{app}/install", body)
        return str(answer["id"])

    async def uninstall(self, app: str, place: str, *, by: str | None = None) -> None:
        body: Json = {"place": place, "by": by}
        await self._tenant.call("POST", f"/teams-apps/{app}/uninstall", body)

    async def enable(self, app: str, team: str, channel: str, *, enabled: bool = True) -> None:
        """Add an app of the team to a private or shared channel, or take it out of it."""
        body: Json = {"team": team, "channel": channel, "enabled": enabled}
        await self._tenant.call("POST", f"/teams-apps/{app}/channels", body)

    async def approve(self, client_id: str, *, approved: bool = True) -> None:
        """Microsoft's approval for its protected APIs (`Settings.protected_apis_form`)."""
        path = f"/apps/{client_id}/protected-apis"
        await self._tenant.call("POST", path, {"approved": approved})

    async def start_migration(
        self, client_id: str, *, created: datetime | None = None, **place: str
    ) -> None:
        """Begin an import as this app into `chat`, into `team` and `channel`, or into `team`."""
        text = None if created is None else created.isoformat()
        body: Json = {"client": client_id, "created": text, **place}
        await self._tenant.call("POST", "/migrations/start", body)

    async def complete_migration(self, **place: str) -> None:
        """End an import, whoever began it."""
        await self._tenant.call("POST", "/migrations/complete", dict(place))

    async def delete_chat(self, chat: str) -> None:
        await self._tenant.call("POST", f"/chats/{quote(chat, safe='')}/delete")

    async def restore_chat(self, chat: str) -> None:
        await self._tenant.call("POST", f"/deleted-chats/{quote(chat, safe='')}/restore")

    async def restore_team(self, team: str) -> None:
        await self._tenant.call("POST", f"/deleted-teams/{team}/restore")

    async def reset_delta(self) -> None:
        """Every delta token of before is answered with 410 from now on."""
        await self._tenant.call("POST", "/delta/reset")
