"""Worlds for end-to-end tests: real Synapse, real Postgres, the bridge as a process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from bridge.sandbox.tls import Certificates
from tests.kit.e2e_page import PageUnderTest, Stage, opened, running_browser, running_stage
from tests.kit.e2e_world import Ground, World, open_world, tenant_server
from tests.kit.nursery import running_nursery
from tests.kit.world import Slot


@pytest.fixture(scope="session")
def ground(scratch: Path, certificates: Certificates) -> Iterator[Ground]:
    with (
        tenant_server(scratch / "tenants", certificates) as ground,
        running_nursery(scratch / "nursery") as nursery,
    ):
        yield replace(ground, launch=nursery.launch)


@pytest.fixture
async def quiet_world(
    tmp_path: Path, ground: Ground, slot: Slot, database: str
) -> AsyncIterator[World]:
    """Everything but the bridge, which the test starts itself."""
    async with open_world(tmp_path / "bridge", ground, slot, database) as world:
        yield world


@pytest.fixture
async def world(quiet_world: World) -> AsyncIterator[World]:
    """A running bridge; it must end well, and its log must not tell of a fault."""
    await quiet_world.start()
    yield quiet_world
    await quiet_world.stop()
    quiet_world.check_log()


@contextmanager
def open_folder() -> Iterator[Path]:
    """Where a demo puts its files, as short as a real one: sockets have no long names."""
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def demo_folder() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    """One demo for all tests of the page; each makes rooms of its own."""
    with open_folder() as folder:
        async with running_stage(folder) as stage:
            yield stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def at(browser: Browser, stage: Stage) -> AsyncIterator[PageUnderTest]:
    """The demo's page: in Matrix Maria's, in Teams Aïcha's."""
    async with opened(browser, stage) as at:
        yield at
