"""Where files that people send from Matrix lie in Microsoft 365, as Teams puts its own.

    chat      the sender's OneDrive, "Microsoft Teams Chat Files" ─▶ shared with exactly its members
    channel   the channel's folder, which its members can read anyhow

    put ─▶ folder ─▶ upload ─▶ look at what is there ─▶ share ─▶ Stored

Everything is done as the sender, and may be done again: the name is of the message that shows the
file (`file_names`), so an attempt after a crash, or one of another process, finds what is there.
People may read what they were sent and not change it: it was said by somebody.

Source: learn.microsoft.com graph/api channel-get-filesfolder, driveitem-get, driveitem-invite.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from bridge.convert.losses import FILE_REFUSED
from bridge.domain.events import PersonKind
from bridge.domain.ids import Channel, TeamsUserId, channel_of
from bridge.domain.portal import Member
from bridge.domain.values import dataclass
from bridge.errors import NotCopied, Refused, Rejected, Uncertain
from bridge.ports import Delivery, Fetched
from bridge.teams import items
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.auth import Auth
from bridge.teams.directory import Directory
from bridge.teams.file_names import marked
from bridge.teams.graph import Credential, Graph, Json, Method, segment
from bridge.teams.items import Stored
from bridge.teams.paths import conversation_path
from bridge.teams.quota import Priority
from bridge.teams.upload_sessions import Uploads
from bridge.telemetry import UPLOAD_BYTES, UPLOADS

CHAT_FILES: Final = "Microsoft Teams Chat Files"
"""What Teams calls the folder, in every language."""
INVITED_MAX = 50
"""People in one invitation."""
_SHOWN = "$select=id,name,eTag,size,webUrl,webDavUrl,parentReference"
_OF_ONES_OWN = "Files.ReadWrite"
_OF_CHANNELS = "Files.ReadWrite.All"
_FULL = frozenset({HTTPStatus.INSUFFICIENT_STORAGE})
_HERE = frozenset({PersonKind.USER, PersonKind.GUEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drives:
    """Puts files, and takes them out again; keeps nothing between two calls."""

    graph: Graph
    auth: Auth
    directory: Directory
    uploads: Uploads

    async def put(self, delivery: Delivery, file: Fetched, mark: str) -> tuple[Stored, bool]:
        """Put a file where the conversation has its own; return it, and whether all can open it.

        `mark` is of the message and the file, and of no others.

        Raises:
            NotCopied: It cannot be there, now or later.
            Refused: Not now.
        """
        channel = channel_of(delivery.portal.place)
        credential = self.auth.for_person(TeamsUserId(delivery.speaker))
        try:
            if channel is not None:
                path = await self._channel_folder(delivery, credential)
                return await self._put(f"{path}/{_encoded(file, mark)}", file, credential), True
            path = f"/users/{segment(delivery.speaker)}/drive/root:/{segment(CHAT_FILES)}"
            stored = await self._put(f"{path}/{_encoded(file, mark)}", file, credential)
            return stored, await self._share_or_withdraw(delivery, stored, credential)
        except PermissionMissing as error:
            raise _forbidden(channel, error) from error
        except GraphRejected as error:
            raise _refusal(channel, error) from error
        except Uncertain as error:
            raise Refused(str(error)) from error

    async def withdraw(self, delivery: Delivery, stored: Stored) -> None:
        """Take out a file whose message was refused; one that stays there is counted."""
        try:
            await self.graph.request(
                "DELETE",
                _item_path(stored),
                credential=self.auth.for_person(TeamsUserId(delivery.speaker)),
                priority=Priority.EDITS,
                repeatable=True,
            )
        except (Refused, Uncertain):
            UPLOADS.labels("orphaned").inc()
        else:
            UPLOADS.labels("withdrawn").inc()

    async def _put(self, path: str, file: Fetched, credential: Credential) -> Stored:
        is_new = await self.uploads.put(path, file, credential=credential)
        UPLOADS.labels("uploaded" if is_new else "known").inc()
        UPLOAD_BYTES.inc(file.size if is_new else 0)
        found = await self._ask("GET", f"{path}:?{_SHOWN}", credential)
        stored = items.stored(found)
        if stored is None:
            raise Refused("Graph shows no address of a file that was put there")
        return stored

    async def _channel_folder(self, delivery: Delivery, credential: Credential) -> str:
        path = f"{conversation_path(delivery.portal.place)}/filesFolder"
        folder = items.folder(await self._ask("GET", path, credential))
        if folder is None:
            raise Refused("Graph does not say where the files of a channel are")
        drive, key = folder
        return f"/drives/{segment(drive)}/items/{segment(key)}:"

    async def _share_or_withdraw(
        self, delivery: Delivery, stored: Stored, credential: Credential
    ) -> bool:
        try:
            return await self._share(delivery, stored, credential)
        except Rejected:  # Nobody will see it there.
            await self.withdraw(delivery, stored)
            raise

    async def _share(self, delivery: Delivery, stored: Stored, credential: Credential) -> bool:
        """Let the members of the chat read a file; return whether that is all of them."""
        described = await self.directory.describe(delivery.portal.place)
        speaker = delivery.speaker.lower()
        others = [one for one in described.members if (one.id or "").lower() != speaker]
        people = [str(one.id) for one in others if _can_be_invited(one)]
        refused = 0
        for first in range(0, len(people), INVITED_MAX):
            some = people[first : first + INVITED_MAX]
            refused += await self._invite(stored, some, credential)
        if people and refused == len(people):
            raise NotCopied("OneDrive does not let the file be shared", loss=FILE_REFUSED)
        return not refused and len(people) == len(others) and described.all_members

    async def _invite(self, stored: Stored, people: Sequence[str], credential: Credential) -> int:
        """Share with some; return how many of them may not be let in."""
        wish: Json = {
            "recipients": [{"objectId": one} for one in people],
            "requireSignIn": True,
            "sendInvitation": False,
            "roles": ["read"],
        }
        try:
            await self._ask("POST", f"{_item_path(stored)}/invite", credential, wish)
        except GraphRejected:
            if len(people) == 1:
                return 1
            # One of them may be the reason: a mailbox without a licence, say.
            return sum([await self._invite(stored, (one,), credential) for one in people])
        return 0

    async def _ask(
        self, method: Method, path: str, credential: Credential, body: Json | None = None
    ) -> Json:
        return await self.graph.request(
            method,
            path,
            credential=credential,
            body=body,
            priority=Priority.EDITS,
            repeatable=True,
        )


def _encoded(file: Fetched, mark: str) -> str:
    return segment(marked(file.name, mark))


def _item_path(stored: Stored) -> str:
    return f"/drives/{segment(stored.drive)}/items/{segment(stored.id)}"


def _can_be_invited(member: Member) -> bool:
    """By the id that the own organisation has of them."""
    return member.id is not None and member.kind in _HERE


def _forbidden(channel: Channel | None, error: PermissionMissing) -> Rejected:
    needed = _OF_ONES_OWN if channel is None else _OF_CHANNELS
    where = "OneDrive" if channel is None else "channels"
    text = (
        f"the bridge may not put files into {where} for this account: an administrator must "
        f"consent to the delegated permission {needed} ({error})"
    )
    return NotCopied(text, loss=FILE_REFUSED)


def _refusal(channel: Channel | None, error: GraphRejected) -> Rejected:
    if error.status in _FULL or (error.status == HTTPStatus.NOT_FOUND and channel is None):
        text = f"no place for the file: there is no OneDrive, or it is full ({error})"
    elif error.status == HTTPStatus.FORBIDDEN and channel is not None:
        text = (
            "Teams does not let this account put files into the channel, or nobody consented to "
            f"{_OF_CHANNELS} ({error})"
        )
    else:
        text = f"the file cannot be put into Microsoft 365 ({error})"
    return NotCopied(text, loss=FILE_REFUSED)
