"""What a person lets the bridge do in their name: the delegated permissions, each with its reason.

    begin a sign-in  ── asked_for(teams) ──▶ Entra asks the person, or an administrator has consented
    its answer       ── missing(…)  ──▶ one that is required lacks: refused
                     ── lacking(…)  ──▶ optional ones that lack: signed in, and told what will not work

Only what is required is asked for: Entra stops a sign-in that names what nobody has consented to
("Need admin approval"), and puts whatever was consented to into a token, asked for or not. So an
optional permission is there as soon as an administrator grants it, with the next token, and nobody
signs in again. Which permission is the least for each call: the tables of Graph's own permissions
file (github.com/microsoftgraph/msgraph-metadata, permissions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bridge.config import Teams
from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One permission; `reason` says what cannot be done without it, as README and people read it."""

    name: str
    reason: str
    when: str
    required: bool
    wanted: Callable[[Teams], bool] = lambda _: True


def _channels(teams: Teams) -> bool:
    return teams.channels


SCOPES = (
    Scope(
        name="ChatMessage.Send",
        reason="sending messages, quotes and reactions to chats",
        when="always",
        required=True,
    ),
    Scope(
        name="Chat.ReadWrite",
        reason="editing and taking back one's own messages in chats; starting and naming chats, "
        "adding people, marking as read; being told what one has read and hidden",
        when="always",
        required=True,
    ),
    Scope(
        name="ChannelMessage.Send",
        reason="sending messages, replies and reactions to channels",
        when="channels",
        required=True,
        wanted=_channels,
    ),
    Scope(
        name="ChannelMessage.ReadWrite",
        reason="editing and taking back one's own messages in channels",
        when="channels",
        required=True,
        wanted=_channels,
    ),
    Scope(
        name="ChatMember.ReadWrite",
        reason="removing people from group chats",
        when="always",
        required=False,
    ),
    Scope(
        name="ChannelSettings.ReadWrite.All",
        reason="naming and describing channels",
        when="channels",
        required=False,
        wanted=_channels,
    ),
    Scope(
        name="ChannelMember.ReadWrite.All",
        reason="adding people to private and shared channels, and removing them",
        when="channels",
        required=False,
        wanted=_channels,
    ),
    Scope(
        name="TeamMember.ReadWriteNonOwnerRole.All",
        reason="adding people to the team of a channel",
        when="channels",
        required=False,
        wanted=_channels,
    ),
    Scope(
        name="Files.ReadWrite",
        reason="putting files into one's own OneDrive, to show them in chats",
        when="files in chats",
        required=False,
    ),
    Scope(
        name="Files.ReadWrite.All",
        reason="putting files into the folders of channels",
        when="files in channels",
        required=False,
        wanted=_channels,
    ),
)


def asked_for(teams: Teams) -> tuple[str, ...]:
    """Return what a sign-in asks for."""
    return tuple(one.name for one in SCOPES if one.required and one.wanted(teams))


def needed_to_speak() -> tuple[str, ...]:
    """Return what every token must hold: who signed in before there were channels goes on in chats."""
    return tuple(one.name for one in SCOPES if one.required and one.when == "always")


def missing(granted: Iterable[str], teams: Teams) -> tuple[Scope, ...]:
    """Return what a sign-in cannot do without, and was not granted."""
    return _absent(granted, teams, required=True)


def lacking(granted: Iterable[str], teams: Teams) -> tuple[Scope, ...]:
    """Return what was not granted and can be done without."""
    return _absent(granted, teams, required=False)


def _absent(granted: Iterable[str], teams: Teams, *, required: bool) -> tuple[Scope, ...]:
    """Compare as Entra does: without the resource before the name, whatever the case."""
    there = {name.rpartition("/")[2].lower() for name in granted}
    return tuple(
        one
        for one in SCOPES
        if one.required is required and one.wanted(teams) and one.name.lower() not in there
    )
