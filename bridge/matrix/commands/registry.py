"""The registry of commands: what there is, who may, where, and the help made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import Flag, StrEnum, auto

from bridge.domain.ids import MessageRef, RoomId, UserId
from bridge.domain.permission import Permission
from bridge.domain.portal import Portal
from bridge.domain.values import dataclass

ECHOED_CHARS_MAX = 40
"""Of what somebody wrote, in our answer."""


class Misused(Exception):
    """A command was written in a way that it cannot be obeyed; the message says what is wrong."""


class Section(StrEnum):
    """The sections of `help`, in their order."""

    GENERAL = "General"
    ACCOUNT = "Your Teams account"
    CHATS = "Chats and people"
    ROOMS = "This room"
    ADMIN = "For administrators"


class Where(Flag):
    """Where a command is obeyed: with the bot alone, in a portal, in another room with its prefix."""

    DESK = auto()
    PORTAL = auto()
    ROOM = auto()
    ANYWHERE = DESK | PORTAL | ROOM


_PLACES = {
    Where.DESK: "in our direct chat",
    Where.PORTAL: "in a room that is bridged",
    Where.ROOM: "in a room that is not bridged yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One command as somebody gave it: the name it was called by, `words`, and `rest`, the same unparted.

    `ref` is the message, which may come twice; `portal` is None outside of portals.
    """

    user: UserId
    room: RoomId
    ref: MessageRef
    name: str
    words: tuple[str, ...]
    rest: str
    permission: Permission
    where: Where
    portal: Portal | None


Run = Callable[[Call], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command. `usage` is its arguments as people write them, "" where it has none.

    `help` is one clause for the list, `example` a whole line. `is_private`: its answer is for the
    asker alone, and given in their direct chat wherever they asked. `run` returns the answer, "" for
    none. It raises `Misused` where the words make no sense, RemoteError or StoreUnavailable where
    it is to be tried again: it may be called twice for one message.
    """

    name: str
    section: Section
    help: str
    example: str
    run: Run
    needs: Permission
    usage: str = ""
    where: Where = Where.ANYWHERE
    aliases: tuple[str, ...] = ()
    is_private: bool = False

    @property
    def synopsis(self) -> str:
        """The command and its arguments."""
        return f"{self.name} {self.usage}".strip()


class Registry:
    """All commands, by name and alias; `help` is its own."""

    def __init__(self, commands: Iterable[Command] = (), *, prefix: str) -> None:
        self.prefix = prefix
        self._commands: dict[str, Command] = {}
        self._by_word: dict[str, Command] = {}
        self.add(self._help_command(), *commands)

    def add(self, *commands: Command) -> None:
        """Take commands in.

        Raises:
            ValueError: Two have one name.
        """
        for command in commands:
            self._commands[command.name] = command
            for word in (command.name, *command.aliases):
                if self._by_word.setdefault(word, command) is not command:
                    problem = f"two commands are called {word}"
                    raise ValueError(problem)

    def find(self, word: str) -> Command | None:
        """Return the command of that name or alias."""
        return self._by_word.get(word)

    def obeys_in(self, where: Where) -> bool:
        """Tell whether any command but those for everywhere is meant for such a room."""
        others = (one for one in self._commands.values() if one.where != Where.ANYWHERE)
        return any(where in command.where for command in others)

    def all(self) -> tuple[Command, ...]:
        """Return every command, in the order of `help`."""
        order = {section: place for place, section in enumerate(Section)}
        return tuple(sorted(self._commands.values(), key=lambda one: order[one.section]))

    def overview(self, permission: Permission) -> str:
        """Return the list of what somebody may do, by sections."""
        sections: dict[Section, list[str]] = {}
        for command in self.all():
            if command.needs <= permission:
                line = f"`{command.synopsis}`: {command.help}"
                sections.setdefault(command.section, []).append(line)
        blocks = ["\n".join([f"{section}:", *lines]) for section, lines in sections.items()]
        return "\n\n".join([*blocks, self._how_to_write()])

    def _how_to_write(self) -> str:
        return (
            f"In other rooms write `{self.prefix}` before a command, as in `{self.prefix} help`; "
            'what has blanks in it stands in "quotes". `help COMMAND` says more.'
        )

    def details(self, command: Command) -> str:
        """Return all there is to say of a command."""
        places = [text for place, text in _PLACES.items() if place in command.where]
        also = f" It is also called {_listed(command.aliases)}." if command.aliases else ""
        where = "anywhere" if len(places) == len(_PLACES) else " or ".join(places)
        return (
            f"`{command.synopsis}`: {command.help}.{also}\n"
            f"Write it {where}; it needs the permission `{command.needs.name.lower()}`.\n"
            f"For example: `{command.example}`"
        )

    def why_not(self, command: Command, call: Call) -> str | None:
        """Return why somebody may not give a command, there or at all; None if they may."""
        if command.needs > call.permission:
            return (
                f"`{command.name}` needs the permission `{command.needs.name.lower()}` and you have "
                f"`{call.permission.name.lower()}`. Whoever runs this bridge gives permissions."
            )
        if call.where not in command.where:
            places = [text for place, text in _PLACES.items() if place in command.where]
            return f"Write `{command.name}` {' or '.join(places)}."
        return None

    def unknown(self, word: str) -> str:
        """Say that a word is no command, and what to do."""
        shown = word[:ECHOED_CHARS_MAX].replace("`", "")
        start = f"I do not know `{shown}`. " if shown else ""
        return f"{start}Write `help` to see what I can do."

    def _help_command(self) -> Command:
        return Command(
            name="help",
            section=Section.GENERAL,
            usage="[COMMAND]",
            help="this list, or all about one command",
            example="help login",
            run=self._help,
            needs=Permission.RELAY,
            aliases=("?",),
        )

    async def _help(self, call: Call) -> str:
        if not call.words:
            return self.overview(call.permission)
        word = call.words[0].casefold()
        command = self.find(word)
        return self.unknown(word) if command is None else self.details(command)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
