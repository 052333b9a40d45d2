"""Commands about relay mode: whether the service account speaks in a room for those who cannot."""

from __future__ import annotations

from bridge.domain.permission import Permission
from bridge.domain.portal import Conversation, Portal
from bridge.errors import Gone
from bridge.matrix.client import Client
from bridge.matrix.commands.registry import Call, Command, Section, Where
from bridge.matrix.powers import may_set
from bridge.matrix.shaping import RoomState
from bridge.matrix.standing_in import Speakers
from bridge.matrix.states import States
from bridge.ports import Directory, PlumbingBook

MODE_EVENT = "io.github.matrix-teams-bridge.relay"
"""As what the room's power levels may name relay mode; else `state_default` decides."""

NOT_CONFIGURED = (
    "There is no service account: `bridge.relay_account` in the configuration names it."
)
NOT_SIGNED_IN = "The service account {user} is not signed in to Teams: let it write `login` to me."
NOT_IN = """\
The account of {user} is not in this conversation in Teams: add it there, then write this again."""
NO_POWER = "Only who may change this room may do that, or an administrator of the bridge."
ON = """\
From now on {user}'s account in Teams says there what people write here who are not signed in, and \
who they are."""
OFF = "From now on nobody in Teams hears people who write here and are not signed in."


class RelayCommands:
    """Obeys them."""

    def __init__(
        self, book: PlumbingBook, speakers: Speakers, client: Client, directory: Directory
    ) -> None:
        self._book = book
        self._speakers = speakers
        self._states = States(client)
        self._directory = directory

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="set-relay",
                section=Section.ROOMS,
                help="have the service account say in Teams what people write here who are not"
                " signed in",
                example="!teams set-relay",
                run=self._set,
                needs=Permission.USER,
                where=Where.PORTAL,
            ),
            Command(
                name="unset-relay",
                section=Section.ROOMS,
                help="have nobody speak for others here any more",
                example="!teams unset-relay",
                run=self._unset,
                needs=Permission.USER,
                where=Where.PORTAL,
            ),
        )

    async def _set(self, call: Call) -> str:
        portal = call.portal
        if portal is None or not await self._may(call):
            return NO_POWER
        user = self._speakers.service.user
        if user is None:
            return NOT_CONFIGURED
        speaker = await self._speakers.account()
        if speaker is None:
            return NOT_SIGNED_IN.format(user=user)
        if await self._lacks(portal, speaker):
            return NOT_IN.format(user=user)
        await self._book.relay(portal.id, on=True)
        return ON.format(user=user)

    async def _unset(self, call: Call) -> str:
        if call.portal is None or not await self._may(call):
            return NO_POWER
        await self._book.relay(call.portal.id, on=False)
        return OFF

    async def _may(self, call: Call) -> bool:
        if call.permission >= Permission.ADMIN:
            return True
        return may_set(call.user, MODE_EVENT, RoomState.of(await self._states.of(call.room)))

    async def _lacks(self, portal: Portal, speaker: str) -> bool:
        """Tell whether an account is certainly not in a conversation; where it is not, is Gone."""
        try:
            conversation = await self._directory.describe(portal.place)
        except Gone:
            return False
        return conversation.all_members and not _is_in(conversation, speaker)


def _is_in(conversation: Conversation, speaker: str) -> bool:
    people = (member.id for member in conversation.members if member.id is not None)
    return any(person.lower() == speaker.lower() for person in people)
