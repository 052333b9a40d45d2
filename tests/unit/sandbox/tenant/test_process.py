"""The tenant as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys

import orjson
import pytest

from bridge.sandbox.tenant.client import TenantControl
from tests.unit.sandbox.tenant.place import Papers


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
        async with asyncio.timeout(20):
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
