"""The real things the tests run on: a Postgres, a Synapse, a place in memory for their files.

One of each for a test process (an xdist worker has its own), started when the first test asks:

    scratch ---- Databases: an embedded Postgres; every test a fresh copy of one migrated template
       `-------- Slots: a Synapse that knows SLOTS_PER_HOMESERVER application services at its start;
                 a test that needs a bridge takes a slot that nobody has used, whether its bridge
                 runs in this process or in another
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.postgres import THROWAWAY, EmbeddedPostgres
from bridge.sandbox.processes import reserve_port
from bridge.store.database import Database
from bridge.store.schema import upgrade
from bridge.telemetry import Watch

SERVER_NAME = "matrix.test"
PASSWORD = "a password of the tests"  # noqa: S105 -- of a homeserver that lives for minutes
UPLOADS_MAX = "100M"
"""What the bridge copies by default; Synapse alone takes half of it."""
CALM: Mapping[str, object] = {
    "max_upload_size": UPLOADS_MAX,
    # It talks with no other homeserver, and lives too short for garbage to matter.
    "send_federation": False,
    "gc_min_interval": ["10s", "2m", "10m"],
}
"""What spares a homeserver work that no test looks at."""
SLOTS_PER_HOMESERVER = 16
"""A start costs two seconds, and every event a look at every application service."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- the files are behind a folder of ours
SCRATCH_FREE_BYTES_MIN = 2 * 1024**3
SCRATCH_PREFIX = "teams-bridge-tests-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder in memory where there is room, that everybody may enter and nobody may list."""
    place = _roomy_place()
    _sweep(place)
    made = Path(tempfile.mkdtemp(prefix=f"new-{SCRATCH_PREFIX}", dir=place))
    made.chmod(0o711)
    lock = os.open(made, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Only now under the name that `_sweep` of another worker looks for.
    folder = made.rename(made.with_name(made.name.removeprefix("new-")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _roomy_place() -> Path:
    with suppress(OSError):
        free = shutil.disk_usage(SHARED_MEMORY).free
        if free >= SCRATCH_FREE_BYTES_MIN and os.access(SHARED_MEMORY, os.W_OK):
            return SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _sweep(place: Path) -> None:
    """Remove what a killed run has left: nobody holds the lock of its folder any more."""
    for folder in place.glob(f"{SCRATCH_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


class Databases:
    """One Postgres and as many fresh databases of it as there are tests."""

    TEMPLATE = "migrated"

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres()
        self._server.start(folder, tuning=THROWAWAY)
        self._made = 0
        self._migrated = False

    @property
    def server(self) -> EmbeddedPostgres:
        return self._server

    def close(self) -> None:
        self._server.stop()

    @contextmanager
    def fresh(self, *, migrated: bool) -> Iterator[str]:
        """A database of its own for the length of a test, as DSN."""
        self._made += 1
        name = f"test_{self._made}"
        template = self._template() if migrated else None
        yield self._server.create_database(name, template=template)
        self._server.drop_database(name)

    def _template(self) -> str:
        if not self._migrated:
            apply_schema(self._server.create_database(self.TEMPLATE))
            self._migrated = True
        return self.TEMPLATE


def apply_schema(dsn: str) -> None:
    """Bring an empty database to the newest schema, as the product does it."""

    async def apply() -> None:
        database = await Database.open(dsn, connections_max=1, watch=Watch())
        try:
            await upgrade(database)
        finally:
            await database.close()

    # In a thread of its own: it must not touch the event loop that a test is about to use.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, apply()).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixUser:
    """A person on the homeserver, signed in."""

    id: str
    access_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An application service that the homeserver knows and no other test uses.

    `port` is kept free for whoever listens for the homeserver's transactions; it must set
    SO_REUSEADDR, as asyncio's servers do.
    """

    homeserver: Homeserver
    registration: Path
    id: str
    as_token: str
    hs_token: str
    sender_localpart: str
    bot_localpart: str
    ghost_prefix: str
    alias_prefix: str
    port: int
    people_token: str
    """The as_token of a second registration, by which this slot's people can be acted as; or none."""

    @property
    def bot(self) -> str:
        return f"@{self.bot_localpart}:{self.homeserver.server_name}"

    def ghost(self, name: str) -> str:
        return f"@{self.ghost_prefix}{name}:{self.homeserver.server_name}"

    def register(self, name: str) -> MatrixUser:
        """A person whom only this slot's test knows."""
        localpart = f"{name}-{self.id}"
        token = self.homeserver.register_user(localpart, PASSWORD)
        return MatrixUser(
            id=f"@{localpart}:{self.homeserver.server_name}",
            access_token=token,
        )


class Slots:
    """Unused application services; when all are used, a new homeserver brings new ones.

    `settings` are what its configuration says otherwise than that of all tests; `people` gives every
    slot a second registration, for double puppets.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, object] | None = None,
        people: bool = False,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._people = people
        self._generation = 0
        self._running: list[_Generation] = []

    def close(self) -> None:
        while self._running:
            self._running.pop().close()

    @contextmanager
    def take(self) -> Iterator[Slot]:
        generation = self._with_room()
        slot = generation.unused.pop()
        generation.in_use += 1
        try:
            yield slot
        finally:
            generation.in_use -= 1

    def _with_room(self) -> _Generation:
        for spent in [g for g in self._running if not g.unused and not g.in_use]:
            self._running.remove(spent)
            spent.close()
        if not self._running or not self._running[-1].unused:
            folder = self._folder / f"homeserver-{self._generation}"
            self._running.append(_Generation(folder, self._settings, people=self._people))
            self._generation += 1
        return self._running[-1]


class _Generation:
    """One homeserver with its application services."""

    def __init__(
        self, folder: Path, settings: Mapping[str, object] | None, *, people: bool
    ) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._people = people
        self._registrations: list[Path] = []
        self._homeserver = Homeserver()
        self._ports = [reserve_port() for _ in range(SLOTS_PER_HOMESERVER)]
        self.in_use = 0
        self.unused = [self._slot(index, port) for index, port in enumerate(self._ports)]
        self._homeserver.start(
            folder / "synapse",
            server_name=SERVER_NAME,
            registrations=self._registrations,
            settings={**CALM, **(settings or {})},
        )

    def close(self) -> None:
        self._homeserver.kill()
        self._homeserver.stop()
        for port in self._ports:
            port.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _slot(self, index: int, port: socket.socket) -> Slot:
        number = f"{index:02}"
        slot = Slot(
            homeserver=self._homeserver,
            registration=self._folder / f"registration-{number}.yaml",
            id=f"slot{number}",
            as_token=f"as-token-{number}-{'a' * 32}",
            hs_token=f"hs-token-{number}-{'h' * 32}",
            sender_localpart=f"sender{number}",
            bot_localpart=f"teamsbot{number}",
            ghost_prefix=f"teams{number}_",
            alias_prefix=f"teams{number}_",
            port=port.getsockname()[1],
            people_token=f"people-token-{number}-{'p' * 32}" if self._people else "",
        )
        self._tell(slot.registration, registration_of(slot))
        if self._people:
            second = slot.registration.with_name(f"{slot.id}-people.yaml")
            self._tell(second, second_registration_of(slot))
        return slot

    def _tell(self, file: Path, registration: Mapping[str, object]) -> None:
        file.write_text(json.dumps(registration))
        self._registrations.append(file)


def registration_of(slot: Slot) -> dict[str, object]:
    """What the homeserver is told, in the form of the product's own registration."""
    server = re.escape(SERVER_NAME)
    users = (f"@{slot.ghost_prefix}.*:{server}", f"@{slot.bot_localpart}:{server}")
    aliases = (f"#{slot.alias_prefix}.*:{server}",)
    return {
        "id": slot.id,
        "url": f"http://127.0.0.1:{slot.port}",
        "as_token": slot.as_token,
        "hs_token": slot.hs_token,
        # Not the bot: Synapse answers 500 to a /sync of the sender.
        "sender_localpart": slot.sender_localpart,
        "rate_limited": False,
        "receive_ephemeral": True,
        "de.sorunome.msc2409.push_ephemeral": True,
        "io.element.msc4190": True,
        "protocols": ["msteams"],
        "namespaces": {
            "users": [{"exclusive": True, "regex": regex} for regex in users],
            "aliases": [{"exclusive": True, "regex": regex} for regex in aliases],
            "rooms": [],
        },
    }


def second_registration_of(slot: Slot) -> dict[str, object]:
    """The same of the second registration, for double puppets; of this slot's people alone.

    The homeserver writes a transaction for each that is interested in an event.
    """
    return {
        "id": f"{slot.id}-people",
        "url": None,
        "as_token": slot.people_token,
        "hs_token": f"{slot.hs_token}-people",
        "sender_localpart": f"{slot.sender_localpart}-people",
        "rate_limited": False,
        "receive_ephemeral": False,
        "namespaces": {
            "users": [{"exclusive": False, "regex": f"^@.*-{slot.id}:{re.escape(SERVER_NAME)}$"}],
            "aliases": [],
            "rooms": [],
        },
    }
