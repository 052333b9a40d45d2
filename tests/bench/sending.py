"""B19: a file of 250 MB from Matrix to Teams, and text of others meanwhile.

    person ─▶ Synapse ─▶ bridge, on disk ─▶ upload session of the tenant, in pieces
    the same person's words in another chat, alone and meanwhile

What arrives is compared by its hash. The memory of the bridge is looked at twenty times a second; what
counts is the most that it grew by since it was warm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import aiohttp

from bridge.sandbox.people import MatrixPerson
from bridge.sandbox.scene import Chat, Scene, open_scene
from bridge.sandbox.script import text_of
from bridge.sandbox.tenant.client_files import FilesClient, Kept
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.files.blobs import PIECE, Made
from tests.bench.figures import percentile
from tests.bench.files import LIMIT_MB, MB, SEED, Memory, hash_of
from tests.bench.measures import Result
from tests.bench.processes import Others, cpu_ms
from tests.bench.rig import UNLIMITED_PERCENT, Tell, restart

FILE_BYTES = 250 * MB
WARM_BYTES = 20 * MB
TEXTS = 20
ARRIVAL_LIMIT_S = 300.0
LOOK_EVERY_S = 0.02


async def sent(folder: Path, tell: Tell) -> Result:
    """B19: growth of the bridge's memory by an upload; latency of text beside it."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    settings = {"max_upload_size": f"{LIMIT_MB}M"}
    async with open_scene(folder, tell=tell, homeserver_settings=settings) as scene:
        await scene.tenant.change_settings(throttling=False)
        await restart(scene.bridge, "teams", limits_percent=UNLIMITED_PERCENT)
        await restart(scene.bridge, "bridge", media_size_max_mb=LIMIT_MB)
        others = Others()
        others.begin()
        result = await _measured(scene, tell)
        return result | {"others_cpu_share": round(others.share(), 3)}


async def _measured(scene: Scene, tell: Tell) -> Result:
    person, chats = scene.matrix_people[0], scene.chats
    rooms = [await _room(scene, person, chat) for chat in chats[:2]]
    await _upload(scene, person, rooms[1], WARM_BYTES)
    alone = [await _word(scene, person, chats[0], rooms[0]) for _ in range(TEXTS)]
    memory = Memory(scene.bridge.process.pid)
    memory.begin()
    cpu = cpu_ms(memory.pid)
    async with memory.watched(), asyncio.TaskGroup() as tasks:
        upload = tasks.create_task(_upload(scene, person, rooms[1], FILE_BYTES))
        beside = [await _word(scene, person, chats[0], rooms[0]) for _ in range(TEXTS)]
        kept, seconds = await upload
    tell(f"  250 MB in {seconds:.1f} s, memory {memory.growth_mb:+} MB")
    return {
        "file_bytes": kept.size,
        "file_s": round(seconds, 1),
        "file_mb_per_s": round(FILE_BYTES / MB / seconds, 1),
        "file_bridge_cpu_s": round((cpu_ms(memory.pid) - cpu) / 1000, 2),
        "file_is_whole": kept.sha256 == hash_of(FILE_BYTES),
        "rss_mb_before": round(memory.first / MB, 1),
        "rss_growth_mb": memory.growth_mb,
        "text_p50_ms_alone": round(percentile(alone, 50), 1),
        "text_p50_ms_beside": round(percentile(beside, 50), 1),
        "text_max_ms_beside": round(max(beside), 1),
    }


async def _room(scene: Scene, person: MatrixPerson, chat: Chat) -> str:
    """Have a first word said in a chat; return the room that it opens."""
    word = f"opening {uuid4().hex}"
    await scene.tenant.type(chat.id, chat.members[-1].id, word, content_type="text")
    async with asyncio.timeout(ARRIVAL_LIMIT_S):
        while True:
            await person.sync()
            for room, said in person.rooms.items():
                if any(one.body == word for one in said):
                    return room
            await asyncio.sleep(LOOK_EVERY_S)


async def _upload(scene: Scene, person: MatrixPerson, room: str, size: int) -> tuple[Kept, float]:
    """Put a file on the homeserver, then say it; return what lies in Teams, and after how long."""
    url = f"{person.homeserver}/_matrix/media/v3/upload"
    headers = {
        "Authorization": f"Bearer {person.access_token}",
        "Content-Length": str(size),
        "Content-Type": "application/octet-stream",
    }
    async with aiohttp.ClientSession(headers=headers) as session:
        answer = await session.post(url, data=_pieces(size))
        uri = (await answer.json())["content_uri"]
    name, files = f"{uuid4().hex}.bin", FilesClient(scene.tenant)
    started = time.perf_counter()
    await person.say(room, name, msgtype="m.file", url=uri)
    await _until(lambda m: name in str(m["attachments"]), scene, scene.chats[1])
    seconds = time.perf_counter() - started
    (kept,) = [one for one in await files.kept() if one.name.startswith(name[:32])]
    return kept, seconds


async def _until(is_it: Callable[[Json], bool], scene: Scene, chat: Chat) -> None:
    """Look until a message of the last few in a chat is it."""
    async with asyncio.timeout(ARRIVAL_LIMIT_S):
        while True:
            if any(is_it(one) for one in (await scene.tenant.messages(chat.id))[-3:]):
                return
            await asyncio.sleep(LOOK_EVERY_S)


async def _word(scene: Scene, person: MatrixPerson, chat: Chat, room: str) -> float:
    """Say something; return after how many ms it is in Teams."""
    text = uuid4().hex
    started = time.perf_counter()
    await person.say(room, text)
    await _until(lambda m: text_of(m) == text, scene, chat)
    return (time.perf_counter() - started) * 1000


async def _pieces(size: int) -> AsyncIterator[bytes]:
    blob = Made(size, SEED)
    for start in range(0, size, PIECE):
        yield blob.read(start, min(PIECE, size - start))
