"""Whether whoever edits an event has sent it: asked only where people have their own accounts.

    m.replace ─▶ may people be spoken for here? ─▶ GET what it replaces ─▶ same sender? ─▶ Sighting.is_own

What somebody writes in Teams stands in Matrix under their own account or under their ghost's name,
and links do not say which. Homeservers take an edit from anybody, clients only from the sender
(Matrix spec v1.19, client-server § validity of replacement events).
"""

from __future__ import annotations

from dataclasses import replace

from bridge.domain.events import Seen, Sighting
from bridge.domain.ids import RoomId
from bridge.errors import Rejected
from bridge.matrix.client import Client
from bridge.matrix.names import Names
from bridge.matrix.puppets import Puppets
from bridge.ports import Reading


class Authorship:
    """Looks who sent what is edited; remembers nothing."""

    def __init__(self, client: Client, names: Names, puppets: Puppets) -> None:
        self._client = client
        self._names = names
        self._puppets = puppets

    async def settled(self, read: Reading) -> Reading:
        """Return what was read, with whether edits are by who sent what they edit.

        Raises:
            RemoteError: The homeserver does not say now; may be repeated.
        """
        if self._puppets.sender is None:
            return read
        seen = [await self._looked_at(one) for one in read.sightings]
        return replace(read, sightings=tuple(seen))

    async def _looked_at(self, seen: Seen) -> Seen:
        if not isinstance(seen, Sighting) or not seen.edited:
            return seen
        if not self._names.is_local(seen.author.id):
            return seen
        try:
            original = await self._client.event(RoomId(str(seen.origin)), seen.ref)
        except Rejected:  # The bot sees no such event, so it is none of ours.
            return seen
        return replace(seen, is_own=(original or {}).get("sender") == seen.author.id)
