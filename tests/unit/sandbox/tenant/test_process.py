"""The tenant as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import orjson
import pytest

from bridge.sandbox.tenant.client import TenantControl
from tests.kit.witness import Recorded
from tests.unit.sandbox.tenant.place import Papers

PATIENCE = 60
"""Seconds for a new process on a busy machine; it takes one or two."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_and_ends_when_told(
    papers: Papers, number: signal.Signals
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge.sandbox.tenant",
        "--port",
        "0",
        "--cert",
        str(papers.ca),
        "--key",
        str(papers.key),
        "--ca",
        str(papers.ca),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            base = orjson.loads(await process.stdout.readline())["base"]
            async with TenantControl(base, ssl=papers.client()) as control:
                tenant = await control.create_tenant()
                people = await tenant.add_users("Alice", "Bob")
            process.send_signal(number)
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert len(people) == 2
    assert (process.returncode, errors) == (0, b"")


async def test_it_records_every_request_to_graph_with_its_answer(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "exchanges")
    argv = ("-m", "bridge.sandbox.tenant", "--exchanges", str(tmp_path / "exchanges"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *argv, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            base = orjson.loads(await process.stdout.readline())["base"]
            async with session.post(f"{base}/v1.0/chats?a=b", data=b"hello") as answer:
                said = await answer.read()
            news = list(recorded.news())
    finally:
        process.terminate()
        await process.wait()

    assert [(e.method, e.target, e.status) for e in news] == [("POST", "/chats?a=b", 401)]
    assert (news[0].request, news[0].response) == (b"hello", said)
    assert "www-authenticate" in news[0].headers
    assert list(recorded.news()) == []
