"""What rules of pairing see of people: names of the directory that only administrators write.

GET /users?$filter=id in (…), fifteen at a time. `User.Read.All`, which the bridge has anyway, gives
them; with less Graph leaves them out, and then nobody is paired by them. Sources: learn.microsoft.com
graph/api user-list, resources/user, resources/onpremisesextensionattributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from typing_extensions import override

from bridge.domain.ids import TeamsUserId
from bridge.domain.pairing import EXTENSIONS, Attributes
from bridge.domain.values import dataclass
from bridge.ports.pairing import Directory
from bridge.teams.fields import Json, objects, text
from bridge.teams.graph import Credential, Graph
from bridge.teams.identities import id_of
from bridge.teams.people import GUEST_MARK, IDS_MAX
from bridge.teams.quota import Priority

_EXTENSIONS = "onPremisesExtensionAttributes"
_PROPERTIES = ("id", "userPrincipalName", "userType", "mail", "employeeId", _EXTENSIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSource(Directory):
    """Reads with the app's token; implements `ports.pairing.Directory`."""

    graph: Graph
    credential: Credential

    @override
    async def attributes_of(
        self, people: Sequence[TeamsUserId]
    ) -> Mapping[TeamsUserId, Attributes]:
        found: dict[TeamsUserId, Attributes] = {}
        for first in range(0, len(people), IDS_MAX):
            page = await self._page(people[first : first + IDS_MAX])
            for user in objects(page, "value", IDS_MAX):
                key = text(user, "id")
                if key is not None:
                    found[TeamsUserId(id_of(key))] = attributes_of(user)
        return found

    async def _page(self, people: Sequence[TeamsUserId]) -> Json:
        ids = ",".join(f"'{person}'" for person in people)  # GUIDs: nothing to be escaped.
        chosen = f"$select={','.join(_PROPERTIES)}&$top={IDS_MAX}"
        return await self.graph.request(
            "GET",
            f"/users?$filter={quote(f'id in ({ids})', safe='')}&{chosen}",
            credential=self.credential,
            priority=Priority.MEMBERS,
        )


def attributes_of(user: Json) -> Attributes:
    """Read a user."""
    upn, kind = text(user, "userPrincipalName"), text(user, "userType") or ""
    others = {"mail": text(user, "mail"), "employee_id": text(user, "employeeId")}
    extensions = user.get(_EXTENSIONS)
    if isinstance(extensions, dict):
        for number, name in enumerate(EXTENSIONS, start=1):
            others[name] = text(extensions, f"extensionAttribute{number}")
    return Attributes(
        upn=upn,
        is_guest=kind.lower() == "guest" or GUEST_MARK in (upn or ""),
        others={name: value for name, value in others.items() if value},
    )
