"""Who is who on the homeserver: ghosts, the bot, aliases. Pure; nobody else takes these ids apart.

    Teams user id --ghost_localpart--> localpart --@…:domain--> ghost
    Teams user id <---person_of------- localpart

A localpart may hold a-z 0-9 . _ = - / + only (Matrix spec v1.19, appendices, "User identifiers").
We keep a-z 0-9 . - and write every other byte as `=` and two hex digits, as that page advises, so
a GUID stays as it is and nothing is lost of the odd forms that guests and phones have.
"""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from collections.abc import Callable
from typing import Self
from uuid import UUID

from bridge.config import Config
from bridge.domain.ids import Channel, ChannelId, Place, TeamId, TenantId, UserId, digest
from bridge.domain.permission import Permission, Permissions
from bridge.domain.values import dataclass
from bridge.errors import Rejected
from bridge.matrix.cleaning import clean as clean
from bridge.matrix.guises import Guises

USER_ID_BYTES_MAX = 255
"""Matrix spec v1.19, appendices, "User identifiers"."""
ALIAS_DIGEST_CHARS = 24
TITLE_CHARS_MAX = 200
"""Synapse refuses display names above 256 and room names above 255 characters."""
TOPIC_CHARS_MAX = 2_000
"""A description in Teams has up to 1,024 characters, the link to a meeting some hundreds."""

PERSON_SLOT = "{user}"
PLACE_SLOT = "{chat}"

_UNPLAIN = re.compile(rb"[^a-z0-9.-]")
_ENCODED = re.compile(r"(?:[a-z0-9.-]|=[0-9a-f]{2})+")
_CHANNEL = re.compile(r"19:[A-Za-z0-9_-]+@thread\.(?:tacv2|skype)")
"""The forms of a channel's id (learn.microsoft.com graph/api resources/channel, samples)."""
_GUID_BYTES = 16
_ESCAPE = re.compile(rb"=([0-9a-f]{2})")


def ghost_localpart(template: str, person: str) -> str:
    """Put a Teams user id into the template, in the alphabet of localparts; reversible."""
    encoded = _UNPLAIN.sub(lambda found: b"=%02x" % found[0][0], person.encode())
    return template.replace(PERSON_SLOT, encoded.decode())


def person_of(template: str, localpart: str) -> str | None:
    """Return the Teams user id that `ghost_localpart` made this of; None if it did not."""
    before, _, after = template.partition(PERSON_SLOT)
    if not (localpart.startswith(before) and localpart.endswith(after)):
        return None
    encoded = localpart[len(before) : len(localpart) - len(after)]
    if not _ENCODED.fullmatch(encoded):
        return None
    raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), encoded.encode())
    try:
        person = raw.decode()
    except UnicodeDecodeError:
        return None
    return person if ghost_localpart(template, person) == localpart else None


def localpart_of(user: str) -> str:
    """Return what stands between @ and the first colon."""
    return user.removeprefix("@").partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The part of the homeserver's namespace that is ours; `icon` is the picture beside our name."""

    domain: str
    bot_localpart: str
    ghost_template: str
    guises: Guises
    alias_template: str
    icon: str | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """Read them from the configuration."""
        appservice = config.appservice
        return cls(
            domain=config.homeserver.domain,
            bot_localpart=appservice.bot_localpart,
            ghost_template=appservice.ghost_localpart,
            guises=Guises(
                template=appservice.ghost_name,
                words=appservice.ghost_words,
                bot_name=appservice.bot_name,
            ),
            alias_template=appservice.alias_localpart,
            icon=appservice.bot_avatar,
        )

    @property
    def bot(self) -> UserId:
        """The bot, an ordinary user of our namespace."""
        return UserId(f"@{self.bot_localpart}:{self.domain}")

    @property
    def sender_localpart(self) -> str:
        """The user that the as_token stands for when no other is named.

        It is not the bot: Synapse 1.163.2 answers `/sync` of this user with 500.
        """
        return f"{self.bot_localpart}-appservice"

    def ghost(self, person: str) -> UserId:
        """Name the ghost of a Teams user.

        Raises:
            Rejected: The id is empty or too long for a Matrix user.
        """
        user = f"@{ghost_localpart(self.ghost_template, person)}:{self.domain}"
        if not person or len(user) > USER_ID_BYTES_MAX:
            problem = f"a Teams user id of {len(person)} characters fits no Matrix user id"
            raise Rejected(problem)
        return UserId(user)

    def person(self, user: str) -> str | None:
        """Return the Teams user that a ghost stands for; None for whoever is no ghost."""
        if not (user.startswith("@") and user.endswith(f":{self.domain}")):
            return None
        return person_of(self.ghost_template, user[1 : -len(self.domain) - 1])

    def is_ghost(self, user: str) -> bool:
        """Tell whether a user stands for a Teams user."""
        return self.person(user) is not None

    def is_ours(self, user: str) -> bool:
        """Tell whether we speak as this user: what it says came from us."""
        return user == self.bot or self.is_ghost(user)

    def is_local(self, user: str) -> bool:
        """Tell whether a user is a person of our homeserver."""
        return user.startswith("@") and user.endswith(f":{self.domain}") and not self.is_ours(user)

    def permissions_by(self, rules: Permissions) -> Callable[[UserId], Permission]:
        """Return what says what users may do; those of our own namespace may nothing."""
        return lambda user: Permission.NONE if self.is_ours(user) else rules.of(user)

    def portal_alias(self, place: Place) -> str:
        """Name the one room that a conversation may have, as an alias' localpart."""
        return self._alias("portal", place.tenant, place.conversation)

    def channel_alias(self, channel: Channel) -> str | None:
        """Name a channel so that its room can be made when somebody asks for it, as a localpart.

        It holds the ids of team and channel themselves, which nobody can guess; None where they are of
        no form that is known, or too long.
        """
        try:
            raw = UUID(channel.team).bytes + channel.channel.encode()
        except ValueError:
            return None
        encoded = b32encode(raw).decode().rstrip("=").lower()
        alias = self.alias_template.replace(PLACE_SLOT, encoded)
        fits = len(self.alias(alias)) <= USER_ID_BYTES_MAX and _CHANNEL.fullmatch(channel.channel)
        return alias if fits else None

    def channel_of_alias(self, alias: str) -> Channel | None:
        """Return the channel that `channel_alias` made this full alias of; None if it did not."""
        before, _, after = self.alias_template.partition(PLACE_SLOT)
        start, end = f"#{before}", f"{after}:{self.domain}"
        if not (alias.startswith(start) and alias.endswith(end)):
            return None
        encoded = alias[len(start) : len(alias) - len(end)].upper()
        try:
            raw = b32decode(encoded + "=" * (-len(encoded) % 8))
            found = Channel(
                team=TeamId(str(UUID(bytes=raw[:_GUID_BYTES]))),
                channel=ChannelId(raw[_GUID_BYTES:].decode()),
            )
        except ValueError:
            return None
        made = self.channel_alias(found)
        return found if made is not None and self.alias(made) == alias else None

    def space_alias(self, tenant: TenantId, team: TeamId) -> str:
        """Name the one space that a team may have, as an alias' localpart."""
        return self._alias("space", tenant, team)

    def desk_alias(self, user: UserId) -> str:
        """Name the one room that the bot may open with a user, as an alias' localpart."""
        return self._alias("desk", user)

    def _alias(self, *facts: str) -> str:
        return self.alias_template.replace(PLACE_SLOT, digest(*facts)[:ALIAS_DIGEST_CHARS])

    def alias(self, localpart: str) -> str:
        """Return the full alias."""
        return f"#{localpart}:{self.domain}"
