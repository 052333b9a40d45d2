"""A channel and its room: people who talk in it on both sides, and what they see of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson, Said
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client import Person
from bridge.sandbox.tenant.client_teams import Place, TeamHandle, TeamsClient
from tests.kit.e2e_world import World, eventually

Json = dict[str, Any]
RELATES_TO = "m.relates_to"


@dataclass(kw_only=True)
class Scene:
    """Maria, who is signed in, and Tom, who is in Teams alone, in a channel."""

    world: World
    teams: TeamsClient
    team: TeamHandle
    at: Place
    maria: Person
    tom: Person
    joined: MatrixPerson | None = None
    room: str = ""

    @property
    def person(self) -> MatrixPerson:
        """Maria at her Matrix client."""
        assert self.joined is not None, "the scene has not begun"
        return self.joined

    async def begin(self) -> None:
        """Have Maria sign in, and a first post made, which opens the room."""
        await self.world.listens_to_everything()
        self.joined = await self.world.signed_in("maria", self.maria)
        first = f"the first post of {self.at.channel}"
        await self.type(first)
        self.room, _ = await self.world.read(self.person, first)

    # --- Teams ---

    async def type(self, words: str, *, below: str | None = None) -> str:
        """Let Tom write; return the message's id."""
        more = {} if below is None else {"reply_to": below}
        return await self.teams.type(self.at, self.tom.id, words, content_type="text", **more)

    async def in_teams(self) -> list[Json]:
        """Return what people have said in the channel, oldest first."""
        found = await self.teams.messages(self.at)
        return [message for message in found if message["messageType"] == "message"]

    async def find_in_teams(self, words: str) -> Json:
        """Wait until somebody has said that."""
        found: list[Json] = []

        async def is_there() -> bool:
            found[:] = [one for one in await self.in_teams() if text_of(one) == words]
            return bool(found)

        await eventually(is_there, f"{words!r} in Teams")
        assert len(found) == 1, found
        return found[0]

    async def changed_in_teams(self, message: str, is_so: Callable[[Json], bool]) -> None:
        """Wait until a message is so."""

        async def is_changed() -> bool:
            return any(is_so(one) for one in await self.in_teams() if one["id"] == message)

        await eventually(is_changed, "the change in Teams")

    # --- Matrix ---

    async def find(self, words: str) -> Said:
        """Wait until Maria sees that."""
        room, said = await self.world.read(self.person, words)
        assert room == self.room
        return said

    async def say(self, words: str, *, root: str = "", last: str = "", quoting: str = "") -> str:
        """Write as Maria's client does: in a thread, or not; return the event."""
        relation: Json = {}
        if root:
            relation = {
                "rel_type": "m.thread",
                "event_id": root,
                "is_falling_back": not quoting,
                "m.in_reply_to": {"event_id": quoting or last or root},
            }
        elif quoting:
            relation = {"m.in_reply_to": {"event_id": quoting}}
        more = {RELATES_TO: relation} if relation else {}
        return await self.person.say(self.room, words, **more)

    async def replace(self, event: str, words: str) -> None:
        relation = {"rel_type": "m.replace", "event_id": event}
        new = {"msgtype": "m.text", "body": words}
        await self.person.say(
            self.room, f"* {words}", **{"m.new_content": new, RELATES_TO: relation}
        )

    async def react(self, event: str, key: str) -> str:
        relation = {"rel_type": "m.annotation", "event_id": event, "key": key}
        path = f"rooms/{quote(self.room)}/send/m.reaction/{quote(event + key, safe='')}"
        return str((await self.person.call("PUT", path, {RELATES_TO: relation}))["event_id"])

    async def redact(self, event: str) -> None:
        path = f"rooms/{quote(self.room)}/redact/{quote(event)}/{quote(event, safe='')}"
        await self.person.call("PUT", path, {})

    async def related(self, event: str, kind: str) -> list[Json]:
        """Return the events that relate to another, as the homeserver has them."""
        path = f"rooms/{quote(self.room)}/messages?dir=b&limit=1000"
        found = (await self.person.call("GET", path))["chunk"]
        return [one for one in found if _relates(one, event, kind)]

    async def shows(self, event: str, kind: str) -> None:
        """Wait until something relates to an event."""

        async def is_shown() -> bool:
            return bool(await self.related(event, kind))

        await eventually(is_shown, kind)

    async def is_gone(self, event: str) -> None:
        """Wait until an event is redacted."""

        async def is_redacted() -> bool:
            path = f"rooms/{quote(self.room)}/event/{quote(event)}"
            return "redacted_because" in (await self.person.call("GET", path))["unsigned"]

        await eventually(is_redacted, "the deletion")

    async def thread(self, root: str) -> list[Json]:
        """Return the thread of an event, oldest first, as the homeserver keeps it."""
        path = f"rooms/{quote(self.room)}/relations/{quote(root)}/m.thread?limit=100"
        found = await self.person.call("GET", f"../v1/{path}")
        return list(reversed(found["chunk"]))


def _relates(event: Json, to: str, kind: str) -> bool:
    relation = event["content"].get(RELATES_TO) or {}
    return (relation.get("rel_type"), relation.get("event_id")) == (kind, to)


async def scene_of(world: World, *, membership: str = "standard", layout: str = "post") -> Scene:
    """Return people in a channel, and the room that its first post has opened."""
    scene = await people_in(world, membership=membership, layout=layout)
    await scene.begin()
    return scene


async def people_in(
    world: World,
    *,
    membership: str = "standard",
    layout: str = "post",
    members: Sequence[str] = (),
    is_owner: bool = False,
) -> Scene:
    """Make a team with a channel and people; the bridge need not run.

    `members` are more of them; `is_owner`: so is Maria.
    """
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    teams = TeamsClient(world.tenant)
    owners = [tom.id, maria.id] if is_owner else [tom.id]
    members = [*members, *([] if is_owner else [maria.id])]
    team = await teams.create_team("Garden", owners=owners, members=members)
    at = team.general
    if layout != "post" or membership != "standard":
        more: Json = {} if membership == "standard" else {"owners": [tom.id], "members": [maria.id]}
        at = await teams.create_channel(
            team.id, "Roses", membership=membership, layout=layout, **more
        )
    return Scene(world=world, teams=teams, team=team, at=at, maria=maria, tom=tom)
