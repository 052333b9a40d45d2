"""A team in the tenant of `place.py`, and an app that may do everything with teams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_teams import Place as Channel, TeamHandle, TeamsClient
from tests.unit.sandbox.tenant.place import Answer, Place, enc

APPLICATION = [
    "Team.ReadBasic.All",
    "Team.Create",
    "TeamSettings.ReadWrite.All",
    "TeamMember.ReadWrite.All",
    "Channel.ReadBasic.All",
    "Channel.Create",
    "Channel.Delete.All",
    "ChannelSettings.ReadWrite.All",
    "ChannelMember.ReadWrite.All",
    "ChannelMessage.Read.All",
    "TeamworkTag.ReadWrite.All",
    "Group.ReadWrite.All",
    "Chat.Read.All",
]
DELEGATED = [
    *APPLICATION[:9],
    "ChannelMessage.Read.All",
    "ChannelMessage.Send",
    "ChannelMessage.ReadWrite",
    "TeamworkTag.ReadWrite",
    "Group.ReadWrite.All",
    "User.Read",
    "Chat.ReadWrite",
]


@dataclass
class Campus:
    """Alice owns the team, Bob is in it, Carol is not."""

    place: Place
    teams: TeamsClient
    team: TeamHandle

    @property
    def alice(self) -> Person:
        return self.place.alice

    @property
    def bob(self) -> Person:
        return self.place.bob

    @property
    def carol(self) -> Person:
        return self.place.carol

    async def graph(
        self, who: Person | None, method: str, path: str, body: Any = None, **options: Any
    ) -> Answer:
        return await self.place.graph(who, method, path, body, **options)

    async def say(self, who: Person, channel: Channel, text: str, **more: Any) -> Answer:
        below = more.pop("reply_to", None)
        path = f"{channel.path}/messages"
        path = path if below is None else f"{path}/{below}/replies"
        return await self.graph(
            who, "POST", path, {"body": {"contentType": "html", "content": text}, **more}
        )

    def member(self, person: Person | str, *roles: str) -> dict[str, Any]:
        key = person if isinstance(person, str) else person.id
        return {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "roles": list(roles),
            "user@odata.bind": f"{self.place.server.base}/v1.0/users('{key}')",
        }

    async def guest(self, name: str = "Gina Guest") -> Person:
        person = await self.place.tenant.add_user(name)
        found = next(t for t in self.place.server.realm.tenants.values())
        found.users[person.id].guest = True
        return person


@pytest.fixture
async def campus(place: Place) -> Campus:
    await place.tenant.change_app(
        place.app, application_permissions=APPLICATION, delegated_scopes=DELEGATED
    )
    await place.tenant.change_settings(system_messages=False)
    teams = TeamsClient(place.tenant)
    team = await teams.create_team(
        "Tea party", owners=[place.alice.id], members=[place.bob.id], channels=["Cakes"]
    )
    return Campus(place=place, teams=teams, team=team)


def names(answer: Answer) -> list[str]:
    return [str(item["displayName"]) for item in answer.body["value"]]


def ids(answer: Answer) -> list[str]:
    return [str(item["id"]) for item in answer.body["value"]]


__all__ = ["Campus", "Channel", "campus", "enc", "ids", "names"]
