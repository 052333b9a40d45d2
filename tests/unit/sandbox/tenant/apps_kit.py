"""Apps with their own tokens, teams, and following links: for the tests of batches and exports."""

from __future__ import annotations

import io
from typing import Any

import orjson
from yarl import URL

from bridge.sandbox.tenant import team_life
from bridge.sandbox.tenant.team_life import ChannelPlan, TeamPlan
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Membership, Team
from tests.unit.sandbox.tenant.place import SECRET, Answer, Place

EVERYTHING = [
    "Chat.Read.All",
    "Chat.ReadBasic.All",
    "ChannelMessage.Read.All",
    "Chat.ManageDeletion.All",
    "Team.ReadBasic.All",
    "User.Read.All",
    "Teamwork.Migrate.All",
    "ChatMember.ReadWrite.All",
]


class Client:
    """A registered app that calls Graph by itself."""

    def __init__(self, place: Place, client_id: str) -> None:
        self.id = client_id
        self._place = place
        self._token = ""

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`path` is below `/v1.0`, or a whole address such as a next link."""
        if not self._token:
            self._token = await self._get_token()
        base = self._place.server.base
        url = URL(path if path.startswith("http") else f"{base}/v1.0{path}", encoded=True)
        given = {"Authorization": f"Bearer {self._token}", **headers}
        data = None if body is None else io.BytesIO(orjson.dumps(body))
        session = self._place.session
        async with session.request(method, url, data=data, headers=given) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            shown = orjson.loads(raw) if is_json else None
            return Answer(answer.status, shown, answer.headers, raw)

    async def pages(self, path: str) -> list[Answer]:
        """The first page and all that follow."""
        found = [await self.call("GET", path)]
        while "@odata.nextLink" in (found[-1].body or {}):
            found.append(await self.call("GET", found[-1].body["@odata.nextLink"]))
        return found

    async def _get_token(self) -> str:
        place = self._place
        scope = f"{place.server.base}/.default"
        answer = await place.token(
            grant_type="client_credentials", scope=scope, client_id=self.id, client_secret=SECRET
        )
        return str(answer.body["access_token"])


async def client(place: Place, roles: list[str] | None = None) -> Client:
    """A new app with these application permissions."""
    wanted = EVERYTHING if roles is None else roles
    made = await place.tenant.register_app(
        name="exporter", secret=SECRET, application_permissions=wanted
    )
    return Client(place, made)


def inside(place: Place) -> Tenant:
    """The tenant as the server holds it."""
    return place.server.realm.tenants[place.tenant.id]


def team(place: Place) -> Team:
    """A team of Alice (its owner) and Bob."""
    tenant = inside(place)
    people = [tenant.users[person.id] for person in (place.alice, place.bob)]
    return team_life.create_team(
        tenant, TeamPlan(name="Tea", owners=people[:1], members=people[1:])
    )


def channel(place: Place, of: Team, membership: Membership = Membership.STANDARD) -> Channel:
    tenant = inside(place)
    owners = [] if membership is Membership.STANDARD else [tenant.users[place.alice.id]]
    plan = ChannelPlan(name="Scones", membership=membership, owners=owners)
    return team_life.create_channel(tenant, of, plan)


async def said(place: Place, chat: str) -> list[Any]:
    """Every message of a chat as Graph shows it, oldest first."""
    return list(await place.tenant.messages(chat))
