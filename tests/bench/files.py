"""B17: a file of a gigabyte through the bridge, and text beside a hundred pictures.

    tenant (made from a seed, held nowhere) ─▶ bridge ─▶ Synapse, which takes 2 GB
    100 pictures in one chat ─▶ bridge ─▶ Synapse        text in other chats meanwhile
    pictures and thumbnails ──── bare uploads ──▶ Synapse        text in the same chats meanwhile

A homeserver is slower for everybody while it takes pictures, for it makes thumbnails of each. So text
beside the bridge's pictures is held against text beside bare uploads of the same, one at a time.
What arrives is read back from Synapse and compared by its hash. The memory of the bridge is looked at
twenty times a second; what counts is the most that it grew by since it was warm.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import aiohttp
from PIL import Image

from bridge.sandbox.people import MatrixPerson, Said
from bridge.sandbox.scene import Chat, Scene, open_scene
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client_files import CHAT_FILES, FilesClient, OneDrive
from bridge.sandbox.tenant.files.blobs import PIECE, Made
from tests.bench.figures import percentile
from tests.bench.measures import Result
from tests.bench.processes import Others, cpu_ms, rss_bytes
from tests.bench.rig import UNLIMITED_PERCENT, Tell, restart

MB = 1_000_000
FILE_BYTES = 1024**3
WARM_BYTES = 20 * 1024**2
SEED = 7
LIMIT_MB = 2_000
PICTURES = 100
PICTURE_SIZE = (1_600, 1_200)
TEXTS = 40
TEXT_EVERY_S = 0.25
LOOK_EVERY_S = 0.05
ARRIVAL_LIMIT_S = 600.0
SYNC_S = 1.0


@dataclass(slots=True)
class Memory:
    """The most that a process has had in memory since it was looked at first."""

    pid: int
    first: int = 0
    most: int = 0

    def begin(self) -> None:
        self.first = self.most = rss_bytes(self.pid)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        async def look() -> None:
            while True:
                self.most = max(self.most, rss_bytes(self.pid))
                await asyncio.sleep(LOOK_EVERY_S)

        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(look())
            yield
            looking.cancel()

    @property
    def growth_mb(self) -> float:
        return round((self.most - self.first) / MB, 1)


@dataclass(slots=True, kw_only=True)
class _Ward:
    """Somebody who sees everything that is said in some chats."""

    scene: Scene
    reader: MatrixPerson
    files: FilesClient
    seen: dict[str, tuple[Said, float]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def arrived(self, body: str) -> tuple[Said, float]:
        """Return a message, and when it was seen."""
        while body not in self.seen:
            self.news.clear()
            await self.news.wait()
        return self.seen[body]

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Sync all the time, while inside."""

        async def sync() -> None:
            while True:
                await self.reader.sync(timedelta(seconds=SYNC_S))
                now = time.perf_counter()
                for said in (s for room in self.reader.rooms.values() for s in room):
                    self.seen.setdefault(said.body, (said, now))
                self.news.set()

        async with asyncio.timeout(ARRIVAL_LIMIT_S), asyncio.TaskGroup() as tasks:
            syncing = tasks.create_task(sync())
            yield
            syncing.cancel()


async def files(folder: Path, tell: Tell) -> Result:
    """B17: growth of the bridge's memory by a gigabyte; latency of text beside pictures."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    settings = {"max_upload_size": f"{LIMIT_MB}M"}
    async with open_scene(folder, tell=tell, homeserver_settings=settings) as scene:
        await scene.tenant.change_settings(throttling=False)
        await restart(scene.bridge, "teams", limits_percent=UNLIMITED_PERCENT)
        await restart(scene.bridge, "bridge", media_size_max_mb=LIMIT_MB)
        ward = _Ward(scene=scene, reader=scene.matrix_people[0], files=FilesClient(scene.tenant))
        others = Others()
        others.begin()
        result = await _large(ward, tell) | await _beside(ward, tell)
        return result | {"others_cpu_share": round(others.share(), 3)}


async def _large(ward: _Ward, tell: Tell) -> Result:
    await _sent(ward, WARM_BYTES)
    memory = Memory(ward.scene.bridge.process.pid)
    memory.begin()
    cpu = cpu_ms(memory.pid)
    async with memory.watched():
        said, seconds = await _sent(ward, FILE_BYTES)
    cpu_s = (cpu_ms(memory.pid) - cpu) / 1000
    tell(f"  1 GB in {seconds:.1f} s, memory {memory.growth_mb:+} MB")
    return {
        "file_bytes": said.content["info"]["size"],
        "file_s": round(seconds, 1),
        "file_mb_per_s": round(FILE_BYTES / MB / seconds, 1),
        "file_bridge_cpu_s": round(cpu_s, 2),
        "file_is_whole": await _hash(ward.reader, said) == hash_of(FILE_BYTES),
        "rss_mb_before": round(memory.first / MB, 1),
        "rss_growth_mb": memory.growth_mb,
    }


async def _sent(ward: _Ward, size: int) -> tuple[Said, float]:
    """Have a person show a file of so many bytes; return what arrives, and after how long."""
    scene = ward.scene
    chat, name = scene.chats[1], f"{uuid4().hex}.bin"
    author = scene.teams_people[3]
    where = OneDrive(author.id)
    file = await ward.files.make(where, f"{CHAT_FILES}/{name}", size, seed=SEED)
    started = time.perf_counter()
    async with ward.reading():
        await scene.tenant.type(chat.id, author.id, file.mark, attachments=[file.attachment])
        said, at = await ward.arrived(name)
    return said, at - started


async def _hash(reader: MatrixPerson, said: Said) -> str:
    """Read a file back from the homeserver."""
    media = said.content["url"].removeprefix("mxc://")
    url = f"{reader.homeserver}/_matrix/client/v1/media/download/{media}"
    found = hashlib.sha256()
    headers = {"Authorization": f"Bearer {reader.access_token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        answer.raise_for_status()
        async for piece in answer.content.iter_any():
            found.update(piece)
    return found.hexdigest()


def hash_of(size: int) -> str:
    blob, found = Made(size, SEED), hashlib.sha256()
    for start in range(0, size, PIECE):
        found.update(blob.read(start, min(PIECE, size - start)))
    return found.hexdigest()


async def _beside(ward: _Ward, tell: Tell) -> Result:
    """Text in two chats, alone and beside a hundred pictures in a third."""
    chats = (ward.scene.chats[0], ward.scene.chats[2])
    memory = Memory(ward.scene.bridge.process.pid)
    async with ward.reading():
        await _texts(ward, chats, len(chats))
        idle = await _texts(ward, chats, TEXTS)
        bare = await _beside_bare(ward, chats)
        memory.begin()
        async with memory.watched(), asyncio.TaskGroup() as tasks:
            started = time.perf_counter()
            pictures = tasks.create_task(_pictures(ward))
            busy = await _texts(ward, chats, TEXTS)
            await pictures
            seconds = time.perf_counter() - started
    tell(
        f"  text: p50 {percentile(idle, 50):.0f} ms alone, {percentile(bare, 50):.0f} ms beside bare"
        f" uploads, {percentile(busy, 50):.0f} ms beside {PICTURES} pictures in {seconds:.0f} s"
    )
    return {
        "pictures": PICTURES,
        "pictures_s": round(seconds, 1),
        "pictures_rss_growth_mb": memory.growth_mb,
        "text_p50_ms_alone": round(percentile(idle, 50), 1),
        "text_p99_ms_alone": round(percentile(idle, 99), 1),
        "text_p50_ms_beside_uploads": round(percentile(bare, 50), 1),
        "text_p99_ms_beside_uploads": round(percentile(bare, 99), 1),
        "text_p50_ratio": round(percentile(busy, 50) / percentile(bare, 50), 3),
        "text_p99_ratio": round(percentile(busy, 99) / percentile(bare, 99), 3),
        "text_p50_ms_beside_pictures": round(percentile(busy, 50), 1),
        "text_p99_ms_beside_pictures": round(percentile(busy, 99), 1),
    }


async def _beside_bare(ward: _Ward, chats: Sequence[Chat]) -> list[float]:
    """Text beside the same uploads without a bridge, one after the other."""
    url = f"{ward.scene.homeserver.url}/_matrix/media/v3/upload"
    headers = {"Authorization": f"Bearer {ward.scene.bridge.wiring.as_token}"}

    async def upload() -> None:
        async with aiohttp.ClientSession(headers=headers) as session:
            for number in itertools.count():
                for data, kind in ((_picture(number + PICTURES), "png"), (_thumbnail(), "jpeg")):
                    answer = await session.post(
                        url, data=data, headers={"Content-Type": f"image/{kind}"}
                    )
                    answer.raise_for_status()

    async with asyncio.TaskGroup() as tasks:
        uploading = tasks.create_task(upload())
        found = await _texts(ward, chats, TEXTS)
        uploading.cancel()
    return found


def _picture(number: int) -> bytes:
    out = BytesIO()
    colour = (number % 256, 99, 200)
    Image.new("RGB", PICTURE_SIZE, colour).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _thumbnail() -> bytes:
    out = BytesIO()
    Image.new("RGB", (800, 600)).save(out, "JPEG")
    return out.getvalue()


async def _pictures(ward: _Ward) -> None:
    """Show a hundred different pictures in one chat, and wait for the word behind the last."""
    scene, author = ward.scene, ward.scene.teams_people[3]
    for number in range(PICTURES):
        data = base64.b64encode(_picture(number)).decode()
        await kinds.say(scene.tenant, scene.chats[1].id, "inline_image", user=author.id, data=data)
    last = f"behind the pictures {uuid4().hex}"
    await scene.tenant.type(scene.chats[1].id, author.id, last, content_type="text")
    await ward.arrived(last)


async def _texts(ward: _Ward, chats: Sequence[Chat], count: int) -> list[float]:
    """Say something in turn, now and then; return what each took, in ms."""
    sent: dict[str, float] = {}
    for number in range(count):
        chat = chats[number % len(chats)]
        text = f"{number} {uuid4().hex}"
        sent[text] = time.perf_counter()
        author = chat.members[-1]
        await ward.scene.tenant.type(chat.id, author.id, text, content_type="text")
        await asyncio.sleep(TEXT_EVERY_S)
    return [((await ward.arrived(text))[1] - at) * 1000 for text, at in sent.items()]
