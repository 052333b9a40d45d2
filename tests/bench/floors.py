"""The floor beside the bridge: `floor` as a program, what it is told, and the loads that it carries.

open_floor      portals of the rig, a key of its own ─▶ the program ─▶ Floor
carry_in        notifications for its key ─▶ POST ─▶ the same rooms and ghosts as the bridge
open_outward    rooms that are no portals, tokens for Graph ─▶ the program
carry_out       people write there ─▶ Synapse ─▶ collector ─▶ PUT, as Synapse would ─▶ Graph
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from bridge.sandbox.installation import Bridge
from bridge.sandbox.tenant.seal import Seal
from bridge.teams.certificates import make_certificate
from tests.bench.floor import Plan
from tests.bench.mailer import Letter
from tests.bench.processes import cpu_ms, program
from tests.bench.rig import Portal, Rig, Writer
from tests.bench.writers import Pens

PATH = "/teams/notifications"
SCOPES = {"ChatMessage.Send", "Chat.ReadWrite"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The running program; `seal` makes notifications that it can open."""

    pid: int
    port: int
    seal: Seal

    @property
    def url(self) -> str:
        """Where it takes notifications."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    def cpu_ms(self) -> float:
        """CPU time so far."""
        return cpu_ms(self.pid)


@asynccontextmanager
async def open_floor(
    rig: Rig, chats: Mapping[str, tuple[str, str]] | None = None
) -> AsyncIterator[Floor]:
    """Run it for the rig's portals, and for rooms whose writers have tokens, while inside."""
    rooms = {portal.chat: (portal.room, portal.ghost) for portal in rig.portals}
    async with _running(rig.scene.bridge, rooms, chats or {}) as floor:
        yield floor


@asynccontextmanager
async def open_intake(bridge: Bridge) -> AsyncIterator[Floor]:
    """Run it so that it stores what it is given, and no more, on a bridge's database."""
    async with _running(bridge, {}, {}) as floor:
        yield floor


@asynccontextmanager
async def _running(
    bridge: Bridge, rooms: Mapping[str, tuple[str, str]], chats: Mapping[str, tuple[str, str]]
) -> AsyncIterator[Floor]:
    wiring, made = bridge.wiring, make_certificate(datetime.now(UTC))
    plan = Plan(
        database=wiring.database,
        homeserver=wiring.homeserver,
        as_token=wiring.as_token,
        certificate=made.id,
        private_key=made.private_key,
        graph=wiring.graph_url,
        authority=str(wiring.authority),
        rooms=rooms,
        chats=chats,
    )
    path = plan.write(bridge.config.with_name("floor.json"))
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    async with program("tests.bench.floor", str(path)) as (pid, port):
        yield Floor(pid=pid, port=int(port), seal=Seal(certificate, made.id))


def compose(rig: Rig, floor: Floor, letters: Sequence[Letter]) -> list[bytes]:
    """Return bodies of POSTs that the floor can read."""
    return rig.mailer.compose(letters, seal=floor.seal)


@asynccontextmanager
async def open_outward(
    rig: Rig, writers: Sequence[Writer]
) -> AsyncIterator[tuple[Floor, Pens, tuple[Portal, ...]]]:
    """Run it for rooms of its own, one for each portal: what is said there the bridge does not see."""
    chats: dict[str, tuple[str, str]] = {}
    tokens: dict[str, str] = {}
    app = rig.mailer.subscription.app
    places = []
    for writer in writers:
        bearer, _ = rig.tenant.issuer.for_user(app, writer.teams, SCOPES)
        for portal in writer.portals:
            made = await writer.person.call("POST", "createRoom", {})
            room = str(made["room_id"])
            chats[room] = (portal.chat, bearer)
            tokens[room] = writer.person.access_token
            places.append(
                Portal(chat=portal.chat, author=portal.author, room=room, ghost=portal.ghost)
            )
    pens = Pens(rig.scene.homeserver.url, tokens)
    try:
        async with open_floor(rig, chats) as floor:
            rig.collector.forward = f"http://127.0.0.1:{floor.port}/transactions"
            yield floor, pens, tuple(places)
    finally:
        rig.collector.forward = None
        await pens.close()
