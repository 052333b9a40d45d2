"""The rooms that somebody's conversations in Teams have in Matrix, as the bot lists them.

list ─▶ Graph: their chats, their channels ─▶ PortalBook: which of them have rooms ─▶ names with links
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.ids import Place, channel_place
from bridge.domain.permission import Permission
from bridge.domain.portal import Account
from bridge.domain.values import dataclass
from bridge.errors import Rejected
from bridge.matrix.commands.chats import SIGN_IN_FIRST, paged, plain_of
from bridge.matrix.commands.registry import Call, Command, Misused, Section
from bridge.matrix.words import begins_with, link_to
from bridge.ports import AccountBook, Directory, NamedRoom, PortalBook
from bridge.ports.starting import ChannelList

SHOWN_MAX = 20
"""Rooms in one answer."""
UNNAMED = "a chat of two"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCommand:
    """Obeys it; whoever is not in a conversation does not learn that it is there."""

    accounts: AccountBook
    directory: Directory
    channels: ChannelList
    portals: PortalBook
    server: str

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            Command(
                name="list",
                section=Section.CHATS,
                usage="[NAME] [page N]",
                help="your chats and channels that have a room here, with links",
                example="list budget",
                run=self._list,
                needs=Permission.USER,
                aliases=("rooms",),
                is_private=True,
            ),
        )

    async def _list(self, call: Call) -> str:
        account = await self.accounts.account_of(call.user)
        if account is None:
            return SIGN_IN_FIRST
        try:
            places = await self._places_of(account)
        except Rejected as error:
            return f"Teams does not say which conversations you are in: {error}"
        name, page = paged(call.words)
        rooms = [one for one in await self.portals.named_rooms(places) if is_meant(name, one)]
        return page_of(rooms, name, page, server=self.server)

    async def _places_of(self, account: Account) -> tuple[Place, ...]:
        everything = begins_with("")
        person = account.teams_user
        found = await self.channels.channels_for(person, everything, everything)
        channels = (channel_place(account.tenant, one.channel) for one in found)
        return (*await self.directory.conversations_of(person), *channels)


def is_meant(name: str, room: NamedRoom) -> bool:
    """Tell whether a room is one of those that are asked for by a part of their name."""
    return name.casefold() in (room.name or UNNAMED).casefold()


def page_of(rooms: Sequence[NamedRoom], name: str, number: int, *, server: str) -> str:
    """Write a page of those rooms, and how to get to the next.

    Raises:
        Misused: There is no such page.
    """
    shown = rooms[(number - 1) * SHOWN_MAX : number * SHOWN_MAX]
    if not shown and number > 1:
        raise Misused("There are no more.")
    if not shown:
        return "None of your conversations has such a room yet: one is made when something is said."
    lines = [f"{plain_of(one.name or UNNAMED)}: {link_to(one.room, server)}" for one in shown]
    left = len(rooms) - number * SHOWN_MAX
    if left > 0:
        again = " ".join(("list", *name.split(), "page", str(number + 1)))
        lines.append(f"There are {left} more: `{again}`")
    return "\n".join(lines)
