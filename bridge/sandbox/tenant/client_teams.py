"""Driving the teams and channels of a simulated tenant from a test or a demo.

teams = TeamsClient(tenant)
team = await teams.create_team("Tea party", owners=[alice.id], members=[bob.id])
root = await teams.type(team.general, alice.id, "<p>hello</p>", subject="Tea")
await teams.type(team.general, bob.id, "<p>hi</p>", reply_to=root)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A channel of a team, by their ids."""

    team: str
    channel: str

    @property
    def path(self) -> str:
        """The channel as a path of the control interface and of Graph, percent-encoded."""
        return f"/teams/{quote(self.team, safe='')}/channels/{quote(self.channel, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamHandle:
    """A team with its channels by name, the General channel among them."""

    id: str
    general: Place
    channels: Mapping[str, Place]

    @property
    def path(self) -> str:
        return f"/teams/{quote(self.id, safe='')}"


class TeamsClient:
    """What people do with teams and channels, as if they sat at the Teams client."""

    def __init__(self, tenant: ControlledTenant) -> None:
        self._tenant = tenant

    async def create_team(
        self,
        name: str,
        *,
        owners: Sequence[str],
        members: Sequence[str] = (),
        channels: Sequence[str] = (),
        **more: object,
    ) -> TeamHandle:
        """A team with standard `channels` by name.

        More: `description`, `visibility` (public, private, hiddenMembership), `first_channel`,
        `id`, `by`.
        """
        body: Json = {
            "name": name,
            "owners": list(owners),
            "members": list(members),
            "channels": list(channels),
            **more,
        }
        return _handle(await self._tenant.call("POST", "/teams", body))

    async def teams(self) -> list[TeamHandle]:
        found = (await self._tenant.call("GET", "/teams"))["teams"]
        return [_handle(item) for item in found] if isinstance(found, list) else []

    async def change_team(self, team: str, **changes: object) -> None:
        """Set `name`, `description`, `visibility`, `archived`.

        People by id: `add`, `remove`, `promote`, `demote`; `by` whom.
        """
        await self._tenant.call("PATCH", f"/teams/{quote(team, safe='')}", dict(changes))

    async def delete_team(self, team: str) -> None:
        await self._tenant.call("DELETE", f"/teams/{quote(team, safe='')}")

    async def create_channel(self, team: str, name: str, **more: object) -> Place:
        """A channel of the team.

        More: `membership` (standard, private, shared), `layout` (post, chat), `description`,
        `owners`, `members`, `share_with` (team ids), `id`, `by`.
        """
        path = f"/teams/{quote(team, safe='')}/channels"
        made = await self._tenant.call("POST", path, {"name": name, **more})
        return Place(team=team, channel=str(made["id"]))

    async def change_channel(self, place: Place, **changes: object) -> None:
        """Set `name`, `description`, `layout`, `archived`, `favourite`.

        People by id: `add`, `remove`, `promote`, `demote`; teams: `share_with`, `unshare`.
        """
        await self._tenant.call("PATCH", place.path, dict(changes))

    async def delete_channel(self, place: Place) -> None:
        await self._tenant.call("DELETE", place.path)

    async def create_tag(self, team: str, name: str, members: Sequence[str]) -> str:
        """A tag of these members of the team; returns its id."""
        path = f"/teams/{quote(team, safe='')}/tags"
        body: Json = {"name": name, "members": list(members)}
        return str((await self._tenant.call("POST", path, body))["id"])

    async def type(self, place: Place, user_id: str, content: str, **more: object) -> str:
        """Say something in a channel; returns the message's id.

        More: `reply_to` (a root's id), `subject`, `importance`, `content_type`, `mentions`,
        `attachments`.
        """
        return (await self.type_many(place, [{"user": user_id, "content": content, **more}]))[0]

    async def type_many(self, place: Place, messages: Sequence[Mapping[str, object]]) -> list[str]:
        """A burst: each message as `{user, content, reply_to, subject, …}`."""
        body: Json = {"messages": list(messages)}
        found = (await self._tenant.call("POST", f"{place.path}/messages", body))["ids"]
        return [str(item) for item in found] if isinstance(found, list) else []

    async def messages(self, place: Place) -> list[Json]:
        """All roots and replies as Graph shows them, oldest first."""
        return _objects((await self._tenant.call("GET", f"{place.path}/messages"))["messages"])

    async def edit(self, place: Place, message: str, content: str, **more: object) -> None:
        """Replace what a root or a reply says; `more` as for `type`."""
        body: Json = {"content": content, **more}
        await self._tenant.call("PATCH", f"{place.path}/messages/{message}", body)

    async def delete(self, place: Place, message: str) -> None:
        await self._tenant.call("DELETE", f"{place.path}/messages/{message}")

    async def undelete(self, place: Place, message: str) -> None:
        await self._tenant.call("POST", f"{place.path}/messages/{message}/undelete")

    async def react(
        self, place: Place, message: str, user_id: str, kind: str, *, remove: bool = False
    ) -> None:
        body: Json = {"user": user_id, "kind": kind, "remove": remove}
        await self._tenant.call("POST", f"{place.path}/messages/{message}/reactions", body)

    async def events(
        self, place: Place, *, since: int = 0, patience: timedelta = timedelta(0)
    ) -> list[Json]:
        """What happened after number `since`, as `{n, kind, message}`; may wait for it."""
        query = {"since": str(since), "patience": str(patience.total_seconds())}
        answer = await self._tenant.call("GET", f"{place.path}/events", None, query)
        return _objects(answer["events"])


def _handle(made: Json) -> TeamHandle:
    team = str(made["id"])
    channels = {
        str(item["name"]): Place(team=team, channel=str(item["id"]))
        for item in _objects(made["channels"])
    }
    general = Place(team=team, channel=str(made["general"]))
    return TeamHandle(id=team, general=general, channels=channels)


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
