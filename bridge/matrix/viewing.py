"""What somebody has read or hidden in Teams, shown by their own account; `ports.Viewer`.

A receipt and the marker of what was read are set as the person; the homeserver moves neither of them
back. A hidden chat gets low priority: the tag says that it is ours, and one that a person or another
bridge has set is neither replaced nor taken away.
"""

from __future__ import annotations

from typing_extensions import override

from bridge import ports
from bridge.domain.events import Person
from bridge.domain.ids import MessageRef, RoomId, TeamsUserId, TenantId, UserId
from bridge.domain.viewpoints import Reads
from bridge.matrix.as_people import AsPeople
from bridge.matrix.puppets import Puppets


class Viewer(ports.Viewer):
    """Remembers nothing."""

    def __init__(
        self, puppets: Puppets, as_people: AsPeople, *, tenant: TenantId, reads: Reads
    ) -> None:
        self._puppets = puppets
        self._as_people = as_people
        self._tenant = tenant
        self._reads = reads

    async def is_own(self, tenant: TenantId, person: TeamsUserId) -> bool:
        """Tell whether somebody speaks as themselves.

        Raises:
            RemoteError: That cannot be decided now.
            StoreUnavailable: Postgres is away.
        """
        return await self._puppets.of(tenant, Person(id=person)) is not None

    @override
    async def show_read(self, person: TeamsUserId, room: RoomId, event: MessageRef) -> bool:
        user = await self._user(person)
        if user is None:
            return False
        is_public = self._reads is Reads.PUBLIC
        await self._as_people.mark_read(user, room, event, is_public=is_public)
        return True

    @override
    async def show_hidden(self, person: TeamsUserId, room: RoomId, *, hidden: bool) -> bool:
        user = await self._user(person)
        if user is None:
            return False
        if hidden:
            return await self._as_people.lower_priority(user, room)
        return await self._as_people.restore_priority(user, room)

    async def _user(self, person: TeamsUserId) -> UserId | None:
        identity = await self._puppets.of(self._tenant, Person(id=person))
        return None if identity is None else identity.user
