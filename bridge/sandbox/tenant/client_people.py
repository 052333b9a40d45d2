"""The directory of a simulated tenant, from a test or a demo.

people = PeopleClient(tenant)
await people.set_profile(alice.id, jobTitle="Hatter", department="Tea")
await people.set_presence(alice.id, "Busy", "InACall")
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from bridge.sandbox.tenant.client import ControlledTenant, Person
from bridge.sandbox.tenant.errors import Json


class PeopleClient:
    """What administrators do with accounts, and people with their own pictures and presence."""

    def __init__(self, tenant: ControlledTenant) -> None:
        self._tenant = tenant

    async def set_profile(self, user: str, **properties: object) -> None:
        """Set properties by Graph's names, such as `jobTitle`; `manager` is a user's id.

        None makes a property null, `displayName` too.
        """
        await self._tenant.call("PATCH", f"/users/{_enc(user)}/profile", dict(properties))

    async def rename(self, user: str, display_name: str) -> None:
        await self._tenant.change_user(user, display_name=display_name)

    async def enable(self, user: str, *, enabled: bool = True) -> None:
        await self._tenant.change_user(user, enabled=enabled)

    async def delete(self, user: str) -> None:
        """The account goes; for 30 days it can be restored."""
        await self._tenant.call("DELETE", f"/people/{_enc(user)}")

    async def restore(self, user: str) -> None:
        await self._tenant.call("POST", f"/users/{_enc(user)}/restore")

    async def invite(self, display_name: str, email: str) -> Person:
        """A guest with an address of another organisation."""
        body: Json = {"display_name": display_name, "email": email}
        made = await self._tenant.call("POST", "/guests", body)
        return Person(id=str(made["id"]), upn=str(made["upn"]), display_name=display_name)

    async def set_time_zone(self, user: str, time_zone: str) -> None:
        """The time zone of the mailbox, by the name of Windows or of the IANA."""
        await self._tenant.call("PUT", f"/users/{_enc(user)}/time-zone", {"time_zone": time_zone})

    async def set_photo(
        self, owner: str, content: bytes | None = None, *, seed: int | None = None
    ) -> None:
        """The photo of a user or a team: a JPEG or PNG, or drawn by a seed; neither for none."""
        body: Json = {} if seed is None else {"seed": seed}
        if content is not None:
            body["content"] = base64.b64encode(content).decode()
        await self._tenant.call("PUT", f"/photos/{_enc(owner)}", body)

    async def set_presence(
        self, user: str, availability: str | None, activity: str | None = None
    ) -> None:
        """What the user's Teams client says; None when it is closed."""
        body: Json = {"availability": availability, "activity": activity}
        await self._tenant.call("POST", f"/users/{_enc(user)}/presence", body)

    async def set_status(self, user: str, text: str | None, expiry: Json | None = None) -> None:
        """The status message, which may end at a `{dateTime, timeZone}`."""
        body: Json = {"status": text, "expiry": expiry}
        await self._tenant.call("POST", f"/users/{_enc(user)}/presence", body)

    async def set_out_of_office(self, user: str, message: str | None) -> None:
        await self._tenant.call("POST", f"/users/{_enc(user)}/presence", {"out_of_office": message})


def _enc(key: str) -> str:
    return quote(key, safe="")
