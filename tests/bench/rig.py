"""What is measured: a scene with portals that are in use already, and everything to load it with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bridge.sandbox.installation import Bridge
from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.processes import reserve_port
from bridge.sandbox.scene import Scene, open_scene
from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import ChatKind, User
from tests.bench.collector import Collector, registration
from tests.bench.mailer import Letter, Mailer
from tests.bench.processes import age_s, cpu_ms, until_idle
from tests.bench.raw import Raw
from tests.bench.stub import Stub, open_stub

PORTALS = 50
WARM_UP_LIMIT_S = 120.0

UNLIMITED_PERCENT = 100_000
"""Of Microsoft's limits, which the bridge keeps by itself: the tenant has none either."""
LIMITED_PERCENT = 100
STEADY_AFTER_S = 35.0
"""For 30 s after it has announced itself the bridge takes a gap in the numbers of transactions for
something missed, and lets what Matrix says wait until it has looked. Synapse numbers them for all
application services together, and the collector is a second one: there are gaps all the time."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A chat in use, its author, its room, and the author's ghost."""

    chat: str
    author: User
    room: str
    ghost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A Matrix user who is signed in to Teams, and the portals in which they write."""

    person: MatrixPerson
    teams: User
    portals: Sequence[Portal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Everything a measure needs. `writers` are there once a measure has asked for them."""

    scene: Scene
    collector: Collector
    mailer: Mailer
    raw: Raw
    portals: tuple[Portal, ...]
    stub: Stub
    """Answers bare sends at once, beside the real homeserver."""
    stack: AsyncExitStack
    """Closes whatever a measure opens that others may use after it."""
    writers: list[Writer] = field(default_factory=list)

    @property
    def tenant(self) -> Tenant:
        return self.mailer.tenant

    def bridge_cpu_ms(self) -> float:
        """CPU time of the bridge's process and its children so far."""
        return cpu_ms(self.scene.bridge.process.pid)


async def restart(bridge: Bridge, section: str, **options: object) -> None:
    """Start a bridge anew with other options in one section of its configuration."""
    await asyncio.to_thread(bridge.stop)
    document = json.loads(bridge.config.read_text())
    document[section] |= options
    bridge.config.write_text(json.dumps(document))
    await asyncio.to_thread(bridge.start)
    await until_idle([bridge.process.pid])


async def steady(bridge: Bridge) -> None:
    """Return when a bridge has run long enough to measure what comes from Matrix."""
    await asyncio.sleep(max(0.0, STEADY_AFTER_S - age_s(bridge.process.pid)))


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
        await restart(scene.bridge, "teams", limits_percent=UNLIMITED_PERCENT)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"http://127.0.0.1:{scene.bridge.wiring.listen_port}/teams/notifications"
        mailer = Mailer(tenant, url, session)
        raw = Raw(scene.homeserver.url, scene.bridge.wiring.as_token)
        stack.push_async_callback(raw.close)
        tell(f"{PORTALS} portals")
        portals = await _put_to_use(tenant, mailer, collector)
        yield Rig(
            scene=scene,
            collector=collector,
            mailer=mailer,
            raw=raw,
            portals=portals,
            stub=await stack.enter_async_context(open_stub(session)),
            stack=stack,
        )


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
