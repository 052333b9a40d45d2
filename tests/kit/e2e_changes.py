"""What people do in Matrix to a message that is there."""

from __future__ import annotations

from urllib.parse import quote

from bridge.sandbox.people import MatrixPerson


async def edit(person: MatrixPerson, room: str, event: str, body: str) -> None:
    """Let a message say something else."""
    new = {"msgtype": "m.text", "body": body}
    relation = {"rel_type": "m.replace", "event_id": event}
    await person.say(room, f"* {body}", **{"m.new_content": new, "m.relates_to": relation})


async def react(person: MatrixPerson, room: str, event: str, key: str) -> None:
    """React to a message."""
    relation = {"rel_type": "m.annotation", "event_id": event, "key": key}
    path = f"rooms/{quote(room)}/send/m.reaction/{quote(event + key, safe='')}"
    await person.call("PUT", path, {"m.relates_to": relation})
