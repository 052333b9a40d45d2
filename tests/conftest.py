"""Profiles of Hypothesis, the guard against sockets to the world, and the real things to run on."""

from __future__ import annotations

import gc
import ipaddress
import os
import sys
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bridge.sandbox.homeserver import Homeserver
from bridge.sandbox.postgres import EmbeddedPostgres
from bridge.sandbox.processes import reserve_port
from bridge.sandbox.tls import Certificates, issue
from tests.kit.dealing import dealt
from tests.kit.world import Databases, Slot, Slots, scratch_folder

# No deadlines and no complaint about slow examples: a busy machine is not a bug.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _PATIENT, max_examples=50)
settings.register_profile("ci", _PATIENT, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("nightly", _PATIENT, max_examples=10_000, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev")
)


# Thousands of tests and all they import stay to the end: the cycle collector need not look at them,
# neither while they are collected nor later.
gc.disable()


@pytest.hookimpl(trylast=True)  # What is deselected is gone.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long ones."""
    items[:] = dealt(
        items,
        workers=getattr(config, "workerinput", {"workercount": 1})["workercount"],
        is_long=lambda item: item.get_closest_marker("long") is not None,
        home=_home,
    )


def _home(item: pytest.Item) -> Hashable:
    """What its mark says it shares with others; else its module."""
    mark = item.get_closest_marker("long")
    return mark.args if mark is not None and mark.args else item.path


def pytest_collection_finish() -> None:
    gc.enable()
    gc.collect()
    gc.freeze()


class _Guard:
    """Lets tests connect to this machine only; `live` tests open it."""

    world_allowed = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.connect" and not self.world_allowed:
            address = arguments[1]
            host = address[0] if isinstance(address, tuple) else "localhost"
            if not _is_local(host):
                problem = f"a test tried to reach {host}: only the loopback is allowed"
                raise RuntimeError(problem)


def _is_local(host: object) -> bool:
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return host == "localhost"


_GUARD = _Guard()
sys.addaudithook(_GUARD)


@pytest.fixture(autouse=True)
def _only_the_loopback(request: pytest.FixtureRequest) -> Iterator[None]:
    _GUARD.world_allowed = request.node.get_closest_marker("live") is not None
    yield
    _GUARD.world_allowed = False


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the files of long-lived servers, in memory where there is room."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def databases(scratch: Path) -> Iterator[Databases]:
    made = Databases(scratch / "postgres")
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres(databases: Databases) -> EmbeddedPostgres:
    """The server itself; a test that stops or kills one starts its own."""
    return databases.server


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """DSN of a database of this test's own, with the newest schema and no rows."""
    with databases.fresh(migrated=True) as dsn:
        yield dsn


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    """DSN of a database of this test's own, without any table."""
    with databases.fresh(migrated=False) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def slots(scratch: Path) -> Iterator[Slots]:
    made = Slots(scratch)
    yield made
    made.close()


@pytest.fixture(scope="session")
def slots_with_people(scratch: Path) -> Iterator[Slots]:
    """As `slots`, each with a second registration by which its people can be acted as."""
    made = Slots(scratch / "with-people", people=True)
    yield made
    made.close()


@pytest.fixture
def slot(slots: Slots) -> Iterator[Slot]:
    """An application service on a running homeserver that no other test has used or will use."""
    with slots.take() as taken:
        yield taken


@pytest.fixture
def homeserver(slot: Slot) -> Homeserver:
    """The homeserver of this test's slot; a test that leaves one stopped starts its own."""
    return slot.homeserver


@pytest.fixture(scope="session")
def certificates(scratch: Path) -> Certificates:
    return issue(scratch / "tls", now=datetime.now(UTC))  # noqa: TID251 -- the handshake uses it


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port of the loopback where nobody listens, kept for whoever sets SO_REUSEADDR."""
    with reserve_port() as reservation:
        yield reservation.getsockname()[1]
