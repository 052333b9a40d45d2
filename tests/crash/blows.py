"""Taking away and giving back: SIGKILL for processes, weather for the tenant."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bridge.app.clock import SystemClock
from bridge.errors import ConfigError
from bridge.sandbox.installation import Bridge
from bridge.sandbox.tenant.client_weather import end_storms, storm
from tests.crash.plan import Absence, Blow, Part, Phase
from tests.crash.stage import Stage, Tell, start_postgres

STORM_PROBABILITY = 0.5
STORM = [
    {"kind": "answer", "status": 503},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "answer_after", "status": 504},
]
LOOK_EVERY = timedelta(milliseconds=250)
RESTARTS_MAX = 20
RESTART_AFTER = timedelta(seconds=1)


class Hammer:
    """Strikes; remembers what it has struck, and which bridge ended although nobody struck it."""

    def __init__(self, stage: Stage, tell: Tell) -> None:
        self.stage = stage
        self.struck: Counter[Part] = Counter()
        self.ended: list[str] = []
        self._tell = tell
        self._clock = SystemClock()
        # One hand at a time on each process.
        self._hands = [asyncio.Lock() for _ in stage.bridges]
        self._blows: dict[Part, Callable[[Blow], Awaitable[None]]] = {
            Part.BRIDGE: self._bridge,
            Part.HOMESERVER: self._homeserver,
            Part.POSTGRES: self._postgres,
            Part.TENANT: self._tenant,
        }

    async def play(self, phase: Phase) -> None:
        """Deal the blows of a phase, and return when all is up again and the phase is over."""
        began = self._clock.now()
        async with asyncio.TaskGroup() as parts:
            for timeline in phase.timelines:
                parts.create_task(self._timeline(timeline, began))
            parts.create_task(self._until(began + phase.length))

    async def keep_up(self) -> None:
        """Start every bridge again that ends by itself, as its service manager would; never ends."""
        while True:
            for number, bridge in enumerate(self.stage.bridges):
                async with self._hands[number]:
                    if self._has_ended(number):
                        await _start(bridge)
            await self._clock.sleep(LOOK_EVERY)

    def _has_ended(self, number: int) -> bool:
        """Whether the process ended although nobody struck it; nothing of this may go unseen."""
        code = self.stage.bridges[number].process.exit_code
        if code is None:
            return False
        now = self._clock.now().isoformat()
        self.ended.append(f"process {number + 1} ended by itself with code {code}, at {now}")
        self._tell(self.ended[-1])
        return True

    async def _timeline(self, timeline: tuple[Blow, ...], began: datetime) -> None:
        for blow in timeline:
            await self._until(began + blow.at)
            await self._blows[blow.part](blow)
            self.struck[blow.part] += 1

    async def _until(self, instant: datetime) -> None:
        await self._clock.sleep(max(instant - self._clock.now(), timedelta(0)))

    async def _sleep(self, blow: Blow) -> None:
        await self._clock.sleep(blow.down)

    async def _bridge(self, blow: Blow) -> None:
        bridge = self.stage.bridges[blow.process]
        async with self._hands[blow.process]:
            self._has_ended(blow.process)
            await asyncio.to_thread(bridge.kill)
            await self._sleep(blow)
            await _start(bridge)

    async def _homeserver(self, blow: Blow) -> None:
        homeserver = self.stage.homeserver
        await asyncio.to_thread(homeserver.kill)
        await self._sleep(blow)
        await self._until_started(lambda: asyncio.to_thread(homeserver.restart))

    async def _postgres(self, blow: Blow) -> None:
        postgres = self.stage.postgres
        await asyncio.to_thread(postgres.kill)
        await self._sleep(blow)
        await self._until_started(lambda: start_postgres(postgres, self.stage.folder))

    async def _tenant(self, blow: Blow) -> None:
        tenant = self.stage.world.tenant
        if blow.absence is Absence.STORM:
            await storm(tenant, STORM_PROBABILITY, faults=STORM)
            await self._sleep(blow)
            await end_storms(tenant)
        else:
            await tenant.set_weather(away=blow.absence.value)
            await self._sleep(blow)
            await tenant.set_weather(away="no")

    async def _until_started(self, start: Callable[[], Awaitable[None]]) -> None:
        """Start as a service manager does: a homeserver without its Postgres ends at once.

        Raises:
            ConfigError: It did not start, however often it was tried.
        """
        for _ in range(RESTARTS_MAX):
            try:
                return await start()
            except ConfigError:
                await self._clock.sleep(RESTART_AFTER)
        return await start()


async def _start(bridge: Bridge) -> None:
    """Start it and wait for nothing: the next blow may fall while it starts."""
    await asyncio.to_thread(bridge.start, wait=False)
