"""Children on the leash: what they see, how they are stopped, and what is said when they fail."""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.sandbox import accounts
from bridge.sandbox.accounts import account_for
from bridge.sandbox.processes import LOG_BYTES_MAX, Command, reserve_port, run, spawn
from tests.integration.processes import CHILD_LIMIT, Child, ended

AT_ONCE = timedelta(milliseconds=1)


def python(program: str, log: Path) -> Command:
    return Command(name="the child", argv=(sys.executable, "-c", program), log=log)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


def test_what_a_child_says_is_in_its_log(log: Path) -> None:
    run(python("import sys; print('out'); print('err', file=sys.stderr)", log), CHILD_LIMIT)

    assert sorted(log.read_text().split()) == ["err", "out"]


def test_a_child_does_not_see_our_secrets(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAMS_BRIDGE_TEAMS_CLIENT_SECRET", "hidden")

    run(python("import os; print(sorted(os.environ))", log), CHILD_LIMIT)

    assert "PATH" in log.read_text()
    assert "SECRET" not in log.read_text()


def test_a_failing_child_is_quoted(log: Path) -> None:
    with pytest.raises(ConfigError, match=r"the child ended with code 3; .*\n.*not today"):
        run(python("import sys; print('not today'); sys.exit(3)", log), CHILD_LIMIT)


def test_a_child_that_takes_too_long_is_ended(log: Path) -> None:
    with pytest.raises(ConfigError, match="the child was not ready within"):
        run(python("import signal; signal.pause()", log), AT_ONCE)


def test_a_child_that_never_gets_ready_is_ended(log: Path) -> None:
    process = spawn(python("import signal; signal.pause()", log))

    with pytest.raises(ConfigError, match="the child was not ready within"):
        process.wait_until(lambda: False, AT_ONCE)

    assert process.exit_code == -9


def test_a_child_that_will_not_stop_is_killed(log: Path) -> None:
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)"
    process = spawn(python(f"{deaf}; signal.pause()", log))
    process.wait_until(lambda: "deaf" in log.read_text(), CHILD_LIMIT)

    process.stop(AT_ONCE)

    assert process.exit_code == -9
    process.stop(AT_ONCE)


def test_a_program_that_is_not_there_is_named(log: Path) -> None:
    with pytest.raises(ConfigError, match="cannot start /not/there: No such file or directory"):
        run(Command(name="the child", argv=("/not/there",), log=log), CHILD_LIMIT)


def test_a_log_is_kept_from_start_to_start_but_not_for_ever(log: Path) -> None:
    log.write_bytes(b"before\n")
    run(python("print('after')", log), CHILD_LIMIT)
    assert log.read_text() == "before\nafter\n"

    log.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
    run(python("print('anew')", log), CHILD_LIMIT)
    assert log.read_text() == "anew\n"


ORPHAN = """
import sys
from pathlib import Path
from threading import Thread
from bridge.sandbox.processes import Command, spawn
program = "import signal; signal.pause()"
command = Command(name="child", argv=(sys.executable, "-c", program), log=Path(sys.argv[1]))
found = []
thread = Thread(target=lambda: found.append(spawn(command)))
thread.start()
thread.join()
print(found[0].pid, found[0].exit_code, flush=True)
sys.stdin.read()
"""


def test_a_child_outlives_the_thread_that_asked_for_it_but_not_its_process(log: Path) -> None:
    with Child(ORPHAN, log) as owner:
        pid, code = owner.line().split()
        os.kill(int(pid), 0)
        owner.process.kill()

    assert code == "None"
    assert ended(int(pid))


def test_a_reserved_port_is_given_to_nobody_else_and_still_usable() -> None:
    with reserve_port() as reservation, socket.socket() as server:
        port = reservation.getsockname()[1]
        with socket.socket() as stranger, pytest.raises(OSError, match="Address already in use"):
            stranger.bind(("127.0.0.1", port))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        with socket.create_connection(("127.0.0.1", port)):
            pass
        with pytest.raises(ConfigError, match=f"port {port} of"):
            reserve_port(port)


def test_root_is_told_which_folder_keeps_its_database_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "_may_grant_reach", lambda: False)

    with pytest.raises(ConfigError, match=r"cannot run as root, and the account \w+ .* may not"):
        account_for(closed / "data", owner_of=closed / "none", programs=Path("/"))


def test_root_is_told_when_there_is_no_account_to_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "CANDIDATES", ("no-such-account",))

    with pytest.raises(ConfigError, match="has none of the accounts no-such-account"):
        account_for(tmp_path, owner_of=tmp_path / "none", programs=Path("/"))
