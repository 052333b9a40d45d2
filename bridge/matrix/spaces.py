"""Spaces: one for each team with its channels, and one for the organisation with its teams.

    make   createRoom of type m.space under its alias ─▶ ShapeBook: what is above and below is due
    shape  what the space of a team is to show, and who is to be in it

People with an account are invited; ghosts are in no space: nobody looks for them there, and a team of
thousands would have thousands of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.ids import RoomId, TenantId, UserId
from bridge.domain.portal import Account, Member, Role, Team
from bridge.domain.shape import MODERATE, SPEAK_NOBODY, Being, Rights, Shape
from bridge.errors import NotCopied
from bridge.matrix.client import NewRoom
from bridge.matrix.marks import BRIDGE_INFO, SPACE, space_key, space_marks
from bridge.matrix.names import TITLE_CHARS_MAX, TOPIC_CHARS_MAX, clean
from bridge.matrix.pictures import Pictures
from bridge.matrix.rooms import POWER_LEVELS, Rooms
from bridge.ports import DueSpace, Picture, ShapeBook, SpaceLook
from bridge.telemetry import log

ORGANISATION_TOPIC = "Teams of Microsoft Teams"


class Spaces:
    """Says what spaces are to show; `name` is that of the organisation's."""

    def __init__(self, rooms: Rooms, book: ShapeBook, *, pictures: Pictures, name: str) -> None:
        self._rooms = rooms
        self._book = book
        self._pictures = pictures
        self._name = name

    async def put_picture(self, picture: Picture) -> str | None:
        """Put a picture into the media; None if it cannot be shown.

        Raises:
            RemoteError: Not now.
        """
        try:
            return await self._pictures.upload(picture.content)
        except NotCopied as error:
            log.info("picture not shown", bytes=len(picture.content), error=str(error))
            return None

    async def make(self, due: DueSpace, look: SpaceLook) -> RoomId:
        """Create a space and remember it; one that was created before is taken.

        Raises:
            RemoteError: Not now.
            StoreUnavailable: Postgres is away.
        """
        shape = self.shape(due, look, ())
        wanted = NewRoom(
            alias=self._rooms.names.space_alias(due.tenant, due.team),
            name=shape.name,
            topic=shape.topic,
            creation={"type": SPACE},
            state=tuple(
                {"type": kind, "state_key": key, "content": content}
                for (kind, key), content in shape.marks.items()
            ),
            power_levels={**POWER_LEVELS, "events_default": SPEAK_NOBODY},
        )
        key = space_key(due.tenant, look.team.id if look.team else None)
        room = await self._rooms.create_or_take(wanted, proof=(BRIDGE_INFO[0], key))
        await self._book.remember_space(due, room, name=shape.name or "")
        log.info("space ready", room=room)
        return room

    async def everybody(self, tenant: TenantId) -> tuple[Account, ...]:
        """Return who is to be in the space of the organisation.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        return await self._book.accounts_of(tenant)

    def beings(self, team: Team | None, accounts: Sequence[Account]) -> Sequence[Being]:
        """Return whoever is to be in a space: accounts, without their ghosts."""
        roles = {member.id: member.role for member in team.members} if team else {}
        return [
            Being(
                member=Member(
                    id=account.teams_user,
                    name=account.name,
                    role=roles.get(account.teams_user, Role.MEMBER),
                ),
                ghost=None,
                account=account.user,
            )
            for account in accounts
        ]

    def shape(self, due: DueSpace, look: SpaceLook, beings: Sequence[Being]) -> Shape:
        """Say what a space is to show."""
        team = look.team
        name = self._name if team is None else team.name or "Team"
        title = clean(name, chars_max=TITLE_CHARS_MAX) or "Team"
        owners = [b.account for b in beings if b.member.role is Role.OWNER and b.account]
        accounts = tuple(being.account for being in beings if being.account is not None)
        topic = ORGANISATION_TOPIC if team is None else team.description or ""
        # Nobody leaves the organisation's space by losing a team.
        is_exact = team is not None and team.all_members
        return Shape(
            name=title,
            topic=clean(topic, chars_max=TOPIC_CHARS_MAX),
            picture=look.picture,
            rights=Rights(speak=SPEAK_NOBODY, levels=dict.fromkeys(owners, MODERATE)),
            marks=space_marks(
                due.tenant,
                team,
                self._rooms.names,
                name=title,
                children=look.children,
                parent=look.parent,
            ),
            invited=accounts,
            belong=frozenset(accounts) | _signed_out(due, team) if is_exact else None,
        )


def _signed_out(due: DueSpace, team: Team | None) -> frozenset[UserId]:
    """Whoever was let in as a member belongs as long as they are one, signed in or not."""
    people = {member.id for member in team.members} if team else set()
    return frozenset(user for user, person in due.memory.let_in.items() if person in people)
