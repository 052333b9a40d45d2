"""What is measured: a scene with portals that are in use already, and everything to load it with."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bridge.sandbox.processes import reserve_port
from bridge.sandbox.scene import Scene, open_scene
from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import ChatKind, User
from tests.bench.collector import Collector, registration
from tests.bench.mailer import Letter, Mailer
from tests.bench.raw import Raw

PORTALS = 50
WARM_UP_LIMIT_S = 120.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A chat in use, its author, its room, and the author's ghost."""

    chat: str
    author: User
    room: str
    ghost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Everything a measure needs."""

    scene: Scene
    collector: Collector
    mailer: Mailer
    raw: Raw
    portals: tuple[Portal, ...]

    def bridge_cpu_ms(self) -> float:
        """CPU time of the bridge's process and its children so far."""
        return cpu_ms(self.scene.bridge.process.pid)


def cpu_ms(pid: int) -> float:
    """User and system time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) * 1000 / TICKS_PER_SECOND


@asynccontextmanager
async def open_rig(folder: Path, *, tell: Tell) -> AsyncIterator[Rig]:
    """Start the scene, put 50 portals to use, and close everything at the end."""
    async with AsyncExitStack() as stack:
        port = stack.enter_context(closing(reserve_port())).getsockname()[1]
        collector = Collector()
        await collector.start(port)
        stack.push_async_callback(collector.stop)
        scene = await stack.enter_async_context(
            open_scene(folder, tell=tell, listeners=[registration(folder, port)])
        )
        tenant = scene.server.realm.tenants[scene.tenant.id]
        tenant.settings.throttling = False
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"http://127.0.0.1:{scene.bridge.wiring.listen_port}/teams/notifications"
        mailer = Mailer(tenant, url, session)
        raw = Raw(scene.homeserver.url, scene.bridge.wiring.as_token)
        stack.push_async_callback(raw.close)
        tell(f"{PORTALS} portals")
        portals = await _put_to_use(tenant, mailer, collector)
        yield Rig(scene=scene, collector=collector, mailer=mailer, raw=raw, portals=portals)


async def _put_to_use(tenant: Tenant, mailer: Mailer, collector: Collector) -> tuple[Portal, ...]:
    """Let the bridge make each room and let its ghost join, by a first message."""
    letters = []
    other = tenant.add_user("Reader of everything")
    for number in range(PORTALS):
        author = tenant.add_user(f"Author {number}")
        chat = conversation.create_chat(
            tenant, ChatKind.GROUP, [author, other], topic=f"B {number}"
        )
        letters.append(Letter(chat=chat.id, user=author, text=f"first message {number}"))
    await mailer.post_all(mailer.compose(letters))
    await collector.wait_for({letter.text for letter in letters}, WARM_UP_LIMIT_S)
    return tuple(
        Portal(
            chat=letter.chat,
            author=letter.user,
            room=collector.rooms_of_conversation[letter.chat],
            ghost=f"@teams_{letter.user.id}:demo.localhost",
        )
        for letter in letters
    )


@dataclass(slots=True)
class Others:
    """The share of the machine that neither the rig nor anything it started has used.

    What runs beside a benchmark spoils it: a round with more than a quarter is repeated.
    """

    started: float = 0.0
    busy: float = 0.0
    ours: float = 0.0

    def begin(self) -> None:
        self.started, self.busy, self.ours = time.perf_counter(), _busy_s(), _tree_s()

    def share(self) -> float:
        elapsed = (time.perf_counter() - self.started) * (os.cpu_count() or 1)
        others = (_busy_s() - self.busy) - (_tree_s() - self.ours)
        return max(0.0, others / elapsed)


def _busy_s() -> float:
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS_PER_SECOND


def _tree_s() -> float:
    """CPU seconds of this process and all that descend from it, those that have ended included."""
    parents: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            times[int(entry.name)] = sum(int(f) for f in fields[11:15]) / TICKS_PER_SECOND
    total, waiting = 0.0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        total += times.get(pid, 0.0)
        waiting += parents.get(pid, [])
    return total
